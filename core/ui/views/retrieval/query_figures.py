"""Figures and curve of one query, made when they are opened."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from core import charts, metrics, wording
from core.metrics.curves import RECALL_LEVELS
from core.studies import retrieval
from core.ui.app import drawn

text = wording.page("retrieval")

if TYPE_CHECKING:
    import pandas as pd

    from core.studies.system_spec_text import SystemRef
    from core.ui.views.retrieval.retrieval_view import RetrievalView


def draw(view: RetrievalView, answers: list[retrieval.QueryResult]) -> None:
    """Under the results: figures and curve of this query, made when they are opened."""
    with st.expander(
        text("heading.query_figures"), icon=":material/show_chart:", key="figures", on_change="rerun"
    ) as about:
        if about.open:
            _figures(view, answers)


def _figures(view: RetrievalView, answers: list[retrieval.QueryResult]) -> None:
    k = view.setup.k
    if not answers[0].has_relevance:
        st.info(text("sentence.no_figures"), icon=":material/info:")
        return
    if any(answer.approximate for answer in answers):
        st.info(
            text("sentence.index_is_partial"),
            icon=":material/info:",
        )
        return
    table = figures_table(view.systems, answers, k)
    names = ["value"] if len(answers) == 1 else [named.title for named in view.systems]
    letters = ("",) if len(answers) == 1 else ("A: ", "B: ")  # two long titles may begin alike
    lines = []
    for number, (letter, named, answer) in enumerate(zip(letters, view.systems, answers)):
        recall, precision, levels = retrieval.precision_recall(answer)
        colour = charts.backbone_colour(number)
        name = letter + _shortened(named.title)
        lines.append(charts.Line(name, RECALL_LEVELS, levels, colour, points=(recall, precision)))
    drawn.table(
        table,
        hide_index=True,
        width="stretch",
        column_config={
            "figure": st.column_config.TextColumn(text("column.figure"), width=170),
            **{named.title: st.column_config.TextColumn(name, width=110) for name, named in zip(names, view.systems)},
            "meaning": st.column_config.TextColumn(text("column.meaning"), width="large"),
        },
    )
    drawn.chart(
        charts.precision_recall(lines, height=300).figure(), key="query curve", config={"displayModeBar": False}
    )
    st.caption(text("sentence.curve_of_query", n_relevant=answers[0].n_relevant))


def _shortened(title: str, most: int = 56) -> str:
    return title if len(title) <= most else title[: most - 1].rstrip(" ,") + "…"


def figures_table(systems: Sequence[SystemRef], answers: list[retrieval.QueryResult], k: int) -> pd.DataFrame:
    """One row per figure of this query, one column per system, and what the figure means."""
    import pandas as pd

    figures = [retrieval.query_metrics(answer, k) for answer in answers]
    rows = []
    for key in figures[0]:
        name = text("option.first_relevant_rank") if key == "first" else metrics.label(key, answers[0].is_judged)
        meaning = text("sentence.first_rank_meaning") if key == "first" else metrics.sentence(key)
        values = {
            named.title: wording.number(values_of[key], 0 if key == "first" else 3)
            for named, values_of in zip(systems, figures)
        }
        rows.append({"figure": name, **values, "meaning": meaning})
    return pd.DataFrame(rows)
