"""Report: a whole comparison as one HTML file, to keep, to send or to print."""

from __future__ import annotations

import streamlit as st

from core import wording
from core.setups import ReportSetup
from core.ui.app import cache, state, theme
from core.ui.app.error_boundary import guarded
from core.ui.views.report import controls, report_job
from core.ui.widgets import first_step, save_study, sidebar

text = wording.page("report")


def page() -> None:
    """Draw the page."""
    theme.title(text("title.page"), text("lead.page"))
    selection = sidebar.selection()
    loaded = selection.dataset
    if not loaded.has_labels:
        first_step.no_labels(loaded)
        return
    state.seed(ReportSetup)
    fusions = controls.choose_fusions(selection)
    controls.choose_figures()
    titles = ", ".join(map(cache.backbone_title, selection.backbones))
    row = st.container(horizontal=True, gap="small", vertical_alignment="center")
    row.caption(text("sentence.backbones", titles=theme.plain(titles)))
    setup = state.read(ReportSetup)
    keys = ["map", *(f"{stem}@{k}" for stem in ("p", "hit") for k in setup.ks)]
    save_study.popover(
        loaded.name, selection.backbones, fusions, keys=keys, key="report", by_query=setup.by_query, container=row
    )
    if controls.say_extent(loaded, selection.backbones, fusions):
        with theme.main_part():
            report_job.draw(loaded, selection.backbones, fusions)


guarded(page)()
