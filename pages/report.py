"""Report: a whole comparison as one HTML file, to keep, to send or to print."""

from __future__ import annotations

import streamlit as st

from core.setups import ReportSetup
from core.ui.app import cache, state, theme
from core.ui.app.error_boundary import guarded
from core.ui.views.report import controls, report_job
from core.ui.widgets import sidebar


def page() -> None:
    """Draw the page."""
    theme.title(
        "Report",
        "The backbones of the sidebar, and fusions of them, as one file: every figure with its interval, curves, tests, "
        "best and worst queries with their images, and what the numbers rest on.",
    )
    selection = sidebar.selection()
    loaded = selection.dataset
    if not loaded.has_labels:
        st.info(
            f"{theme.plain(repr(loaded.name))} has no labels, so nothing can be compared in figures. The Retrieval page "
            "makes a report of one query.",
            icon=":material/info:",
        )
        return
    fusions = controls.choose_fusions(selection)
    titles = ", ".join(map(cache.backbone_title, selection.backbones))
    st.caption(f"Backbones: {theme.plain(titles)}. Change them in the sidebar.")
    state.seed(ReportSetup)
    controls.choose_figures()
    report_job.button(loaded, selection.backbones, fusions)
    report_job.draw_finished(loaded.name)


guarded(page)()
