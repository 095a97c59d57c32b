"""Curves: precision and recall of any systems together, over recall, over k, of one query, and over all queries."""

from __future__ import annotations

import streamlit as st

from core import wording
from core.setups import CurvesSetup
from core.studies import leaderboard
from core.ui.app import cache, state, theme
from core.ui.app.error_boundary import guarded
from core.ui.views.curves import controls, curves_view, one_query, over_k, precision_recall, spread
from core.ui.widgets import figure_definitions, first_step, sidebar, system_select

text = wording.page("curves")

DRAWINGS = {
    "levels": precision_recall.draw,
    "over_k": over_k.draw,
    "query": one_query.draw,
    "spread": spread.draw,
}


def page() -> None:
    """Draw the page."""
    theme.title(text("title.curves"))
    selection = sidebar.selection()
    state.seed(CurvesSetup)
    relevance = cache.relevance_of(selection.dataset)
    obstacle = leaderboard.obstacle(selection.dataset, relevance)
    if obstacle:
        state.read(CurvesSetup)
        first_step.no_labels(selection.dataset, obstacle)
        return
    stage = theme.stage("curves")
    with stage.controls:
        competitors = controls.choose_systems(selection)
    with stage.chart:
        controls.choose_curve()
    setup = state.read(CurvesSetup, in_link=system_select.in_link(competitors, CurvesSetup))
    if not competitors:
        st.info(system_select.NO_SYSTEM, icon=":material/info:")
        return
    with stage.answer:
        view = curves_view.build(selection.dataset, competitors, setup)
    if not view.n_queries:
        st.info(
            text("sentence.class_without_relevant", label=theme.plain(setup.label)),
            icon=":material/info:",
        )
        return
    with stage.chart:
        DRAWINGS[setup.look](view, stage.answer)
        figure_definitions.button(controls.FIGURES[setup.look], (2, 4, 7))
    for sentence in leaderboard.remarks(selection.dataset, relevance, 1):
        st.warning(theme.plain(sentence), icon=":material/warning:")


guarded(page)()
