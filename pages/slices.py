"""Slices: where each system is weak, by any column; from domain to domain; when images are blurred, dark, cut."""

from __future__ import annotations

import streamlit as st

from core import wording
from core.setups import SlicesSetup
from core.studies import leaderboard
from core.ui.app import cache, state, theme
from core.ui.app.error_boundary import guarded
from core.ui.views.slices import by_column, controls, domain_matrix, robustness, slices_view, weak_slices
from core.ui.widgets import first_step, sidebar, system_select

text = wording.page("slices")
LOOKS = {
    "columns": by_column.draw,
    "weak": weak_slices.draw,
    "domains": domain_matrix.draw,
    "robustness": robustness.draw,
}


def page() -> None:
    """Draw the page."""
    theme.title(text("title.page"))
    selection = sidebar.selection()
    state.seed(SlicesSetup)
    obstacle = leaderboard.obstacle(selection.dataset, cache.relevance_of(selection.dataset))
    if obstacle:
        state.read(SlicesSetup)
        first_step.no_labels(selection.dataset, obstacle)
        return
    controls.choose_look()
    stage = theme.stage("slices")
    with stage.controls:
        competitors = controls.choose(selection)
    setup = state.read(SlicesSetup, in_link=system_select.in_link(competitors, SlicesSetup))
    if not competitors:
        st.info(system_select.NO_SYSTEM, icon=":material/info:")
        return
    view = slices_view.build(selection.dataset, competitors, setup)
    LOOKS[setup.look](view, stage)


guarded(page)()
