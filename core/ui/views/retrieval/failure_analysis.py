"""Below the results: all queries at once. Best and worst ones, where one system beats another, confusions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from core import wording
from core.errors import CoreError
from core.ui.app import state, theme
from core.ui.app.error_boundary import fragment

if TYPE_CHECKING:
    from core.ui.views.retrieval.retrieval_view import RetrievalView
from core.ui.views.retrieval import best_and_worst, confusions, largest_differences, query_cases, query_evaluation

strings = wording.page("retrieval")

TABS = {"worst": strings("option.best_worst"), "duel": "A against B", "confusions": strings("option.confusions")}
_PICKED = "picked below"


def draw(view: RetrievalView, pick: query_cases.Pick) -> None:
    """The tabs; only the open one is computed."""
    st.space("medium")
    st.subheader(strings("heading.all_queries"), anchor=False)
    if not view.loaded.has_labels:
        st.info(
            strings("sentence.needs_labels", name=repr(view.loaded.name)),
            icon=":material/info:",
        )
        return
    _tabs(view, pick)


@fragment
def _tabs(view: RetrievalView, pick: query_cases.Pick) -> None:
    if state.session_get(_PICKED, False):
        state.session_set(_PICKED, False)
        st.rerun(scope="app")
    if not query_evaluation.ready(view):
        return
    tabs = st.tabs(list(TABS.values()), key="retrieval tabs", on_change="rerun")
    for tab, part in zip(tabs, (best_and_worst.draw, largest_differences.draw, confusions.draw)):
        if tab.open:
            with tab:
                try:
                    part(view, _whole_page(pick))
                except CoreError as error:
                    st.error(theme.plain(str(error)), icon=":material/error:")


def _whole_page(pick: query_cases.Pick) -> query_cases.Pick:
    """A pick in the tables changes the query above, so the whole page runs again."""

    def picked(text: str) -> None:
        pick(text)
        state.session_set(_PICKED, True)
        state.session_set(query_cases.SEEK, state.session_get(query_cases.SEEK, 0) + 1)

    return picked
