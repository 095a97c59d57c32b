"""Threshold: same or not, nothing like it here, how likely: what a deployment needs to know about scores."""

from __future__ import annotations

import streamlit as st

from core import wording
from core.setups import ThresholdSetup
from core.studies import leaderboard
from core.ui.app import cache, state, theme
from core.ui.app.error_boundary import guarded
from core.ui.views.threshold import answer, controls, cut, likely, pairs, strangers, threshold_view
from core.ui.widgets import first_step, sidebar, system_select

text = wording.page("threshold")
LOOKS = {"cut": cut.draw, "pairs": pairs.draw, "strangers": strangers.draw, "likely": likely.draw}


def page() -> None:
    """Draw the page."""
    theme.title(text("title.page"))
    selection = sidebar.selection()
    state.seed(ThresholdSetup)
    obstacle = leaderboard.obstacle(selection.dataset, cache.relevance_of(selection.dataset))
    if obstacle:
        state.read(ThresholdSetup)
        first_step.no_labels(selection.dataset, obstacle)
        return
    answer_slot = st.container()
    competitors = controls.choose(selection)
    setup = state.read(ThresholdSetup, in_link=system_select.in_link(competitors, ThresholdSetup))
    if not competitors:
        st.info(system_select.NO_SYSTEM, icon=":material/info:")
        return
    view = threshold_view.build(selection.dataset, competitors, setup)
    with theme.main_part():
        answer.draw(view, answer_slot)
    controls.choose_look(view)
    LOOKS[setup.look](view)


guarded(page)()
