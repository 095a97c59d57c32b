"""Leaderboard: every system on the same queries, with intervals, what it costs, and who cannot be told apart."""

from __future__ import annotations

import streamlit as st

from core import wording
from core.data.readers import revisited
from core.setups import LeaderboardSetup
from core.studies import leaderboard
from core.ui.app import cache, state, theme
from core.ui.app.error_boundary import guarded
from core.ui.views.leaderboard import closer_looks, controls, leaderboard_view, protocols, results_table, verdict
from core.ui.widgets import first_step, sidebar, system_select

text = wording.page("leaderboard")


def page() -> None:
    """Draw the page."""
    theme.title(text("title.leaderboard"))
    selection = sidebar.selection()
    state.seed(LeaderboardSetup)
    controls.reset_unknown()
    relevance = cache.relevance_of(selection.dataset)
    obstacle = leaderboard.obstacle(selection.dataset, relevance)
    if obstacle:
        state.read(LeaderboardSetup)
        first_step.no_labels(selection.dataset, obstacle)
        return
    stage = theme.stage("leaderboard")
    with stage.controls:
        competitors = controls.choose_systems(selection, relevance)
    setup = state.read(LeaderboardSetup, in_link=system_select.in_link(competitors, LeaderboardSetup))
    if not competitors:
        st.info(system_select.NO_SYSTEM, icon=":material/info:")
        return
    with stage.answer:
        view = leaderboard_view.build(selection.dataset, competitors, setup)
        verdict.draw(view)
    with stage.chart:
        closer_looks.draw(view)
    results_table.draw(view)
    leaderboard_view.warnings(view, relevance)
    if revisited.is_revisited(view.loaded):
        protocols.draw(view)


guarded(page)()
