"""The tables of a study: systems by datasets, what is missing before it runs, and everything as files."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from core import wording
from core.studies.study import study_check, study_tables, study_text
from core.ui.app import drawn, jobs, theme
from core.ui.views.studies.study_view import StudyView

text = wording.page("studies")


def draw(view: StudyView) -> None:
    """Systems by datasets in the metric that is chosen, what is left out, and the downloads."""
    result = view.result
    assert result is not None, "there is something to show"
    header, *rows = study_text.rows_of(result, view.metric)
    column = st.column_config.TextColumn
    config = {
        header[0]: column(text("column.system"), pinned=True, width=190),
        **{name: column(name) for name in header[1:-3]},
        "mean": column(text("column.mean"), help=text("help.mean")),
        "mean rank": column(text("column.rank"), help=text("help.rank"), width=90),
        "relative": column(text("column.relative"), help=text("help.relative"), width=90),
    }
    drawn.table(
        pd.DataFrame(rows, columns=header),
        hide_index=True,
        width="stretch",
        column_config=config,
        key=f"study table {view.metric}",
        alt=text("label.table"),
    )
    row = st.container(horizontal=True, gap="small", vertical_alignment="center")
    _downloads(view, row)
    _about(view, row)
    units = [part.comparison.unit for part in result.parts]
    if any(unit.dependent and unit.name == "queries" for unit in units):  # optimistic: never behind a mark alone
        row.caption(theme.plain(study_text.caution(result)))
    else:
        unit = " / ".join(dict.fromkeys(unit.name for unit in units))
        row.caption(text("sentence.intervals", unit=unit), help=study_text.caution(result))
    for reason, where in result.left_out.items():
        listed = ", ".join(where[:3]) + (f" (+{len(where) - 3})" if len(where) > 3 else "")
        st.caption(f":material/info: {theme.plain(text('sentence.left_out', where=listed, reason=reason))}")


def _downloads(view: StudyView, row: st.delta_generator.DeltaGenerator) -> None:
    result = view.result
    assert result is not None, "there is something to write"
    name = view.setup.study or "study"

    def report() -> str:
        from core.export.report import study_report

        return study_report.build(result)

    with row.popover(text("button.download"), icon=":material/download:"):
        for label, content, ending, kind in (
            (text("option.report"), report, "html", "text/html"),
            ("CSV", lambda: study_tables.as_csv(result), "csv", "text/csv"),
            ("JSON", lambda: study_tables.as_json(result), "json", "application/json"),
        ):
            st.download_button(
                label, content, f"{name}.{ending}", kind, key=f"take study {ending}", on_click="ignore", width="stretch"
            )


def draw_check(view: StudyView) -> None:
    """Before it ran: what is missing, how large it is, and what it is about."""
    datasets, names = study_check.rows(view.checked)
    columns = list(text.group("column.check").values())
    drawn.table(pd.DataFrame(datasets, columns=columns), hide_index=True, width="stretch", key="study check datasets")
    columns = list(text.group("column.weights_check").values())
    drawn.table(pd.DataFrame(names, columns=columns), hide_index=True, width="stretch", key="study check backbones")
    _about(view, st.container())
    if not view.checked.ready and not jobs.running():
        st.info(text("sentence.other_images"), icon=":material/content_copy:")


def _about(view: StudyView, row: st.delta_generator.DeltaGenerator) -> None:
    """What the study asks, and what its datasets stand in for."""
    reasons = dict.fromkeys(entry.why for entry in view.study.datasets if entry.why)
    if not view.study.text and not reasons:
        return
    with row.popover(text("button.about"), icon=":material/info:"):
        if view.study.text:
            st.markdown(theme.plain(view.study.text))
        for why in reasons:
            listed = ", ".join(entry.name for entry in view.study.datasets if entry.why == why)
            st.caption(theme.plain(f"{listed}: {why}"))
