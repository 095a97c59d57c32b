"""Retrieval: search with an image, look at what comes back and at what does not, beside another system."""

from __future__ import annotations

from functools import partial

import streamlit as st

from core import paths, wording
from core.setups import RetrievalSetup
from core.ui.app import state, theme
from core.ui.app.error_boundary import guarded
from core.ui.views.retrieval import controls, explorer, failure_analysis, page_view, query_state, search_mode
from core.ui.widgets import sidebar

text = wording.page("retrieval")


def page() -> None:
    """Draw the page."""
    theme.title(text("title.retrieval"))
    selection = sidebar.selection()
    state.seed(RetrievalSetup)
    query_state.forget_other_dataset(selection.dataset.name)
    st.html(paths.ASSETS / "retrieval.css")
    system, other = controls.choose_systems(selection)
    view = partial(page_view.build, selection, system, other)
    if search_mode.is_large(selection.dataset):
        with st.spinner(text("sentence.opening_vectors")):
            ways = view().ways
        search_mode.index_jobs(ways)
    explorer.draw(view)
    failure_analysis.draw(view(), query_state.set_query)


guarded(page)()
