"""Nothing like it here: queries without an answer, and how many of them are refused."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from core import wording
from core.studies.open_set import FALSE_ALARMS
from core.ui.app import drawn, theme
from core.ui.views.threshold.threshold_view import ThresholdView, strangers_of
from core.wording import plural

text = wording.page("threshold")


def draw(view: ThresholdView) -> None:
    """Every rule of acceptance, of the system that is looked at closely."""
    answer = strangers_of(view.loaded, view.system.system, not view.setup.by_query)
    st.markdown(
        text(
            "sentence.strangers",
            queries=plural(answer.n_queries, "query"),
            right=wording.percent(answer.first_right, 1),
        )
    )
    rows = []
    for made in answer.by_rule:
        row = {"rule": made.title, "auroc": wording.figure(made.auc.mean, made.auc.low, made.auc.high)}
        for rate, figure in zip(FALSE_ALARMS, made.rates):
            row[f"{rate:g}"] = wording.figure(figure.mean, figure.low, figure.high)
        rows.append(row)
    column = st.column_config.TextColumn
    config = {
        "rule": column(text("column.rule"), width="medium"),
        "auroc": column(text("column.auroc")),
        **{
            f"{rate:g}": column(text("column.dir", rate=wording.percent(rate)), help=text("help.dir"))
            for rate in FALSE_ALARMS
        },
    }
    drawn.table(pd.DataFrame(rows), hide_index=True, width="stretch", column_config=config, key="strangers table")
    for note in dict.fromkeys(figure.note for made in answer.by_rule for figure in made.rates if figure.note):
        st.caption(f":material/info: {theme.plain(note)}")
