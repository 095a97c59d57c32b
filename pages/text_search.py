"""Text search: find images by a typed line, label them by class names alone, describe a selection."""

from __future__ import annotations

import streamlit as st

from core import paths, wording
from core.errors import BadInput, NotComputed
from core.setups import FrameSetup, WordsSetup
from core.ui.app import cache, jobs, state, theme
from core.ui.app.error_boundary import guarded
from core.ui.views.text import controls, describe, search, text_cache, zero_shot_labels
from core.ui.widgets import embedding_job, sidebar

text = wording.page("text_search")


def page() -> None:
    """Draw the page."""
    st.html(paths.ASSETS / "text_search.css")
    theme.title(text("title.page"), text("lead.page"))
    state.seed(WordsSetup)
    try:
        selection = sidebar.selection()
    except NotComputed:
        name = state.get(FrameSetup, "dataset")
        if name not in cache.ready_datasets():
            raise
        controls.offer_reader(cache.dataset(name))
        return
    names = controls.readers(selection)
    if not names:
        controls.offer_reader(selection.dataset)
        return
    jobs.job_panel(embedding_job.JOB, text_cache.JOB)
    look = controls.choose_look()
    if look == "search":
        search.text_box(selection.dataset)
    readers, templates = controls.choose_reader(names, look)
    text_cache.warm(readers)
    try:
        with theme.main_part():
            if look == "labels":
                zero_shot_labels.draw(selection.dataset, readers[0], templates)
            elif look == "describe":
                describe.draw(selection.dataset, readers[0], templates)
            else:
                search.draw(selection, readers, templates)
    except BadInput as error:
        state.read(WordsSetup)
        st.warning(theme.plain(str(error)), icon=":material/info:")


guarded(page)()
