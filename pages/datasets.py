"""Datasets: add images and vectors, and see what a dataset is made of before trusting a number."""

from __future__ import annotations

import streamlit as st

from core import paths, wording
from core.setups import DatasetsSetup, FrameSetup
from core.ui.app import cache, state, theme
from core.ui.app.error_boundary import guarded
from core.ui.views.datasets import add_dataset, attach_vectors, contents, sections
from core.ui.views.datasets.common import show_message
from core.ui.widgets import first_step

text = wording.page("datasets")


def page() -> None:
    """Draw the page."""
    theme.title(text("title.datasets"))
    st.html(paths.ASSETS / "datasets.css")
    state.seed(DatasetsSetup)
    ready = cache.ready_datasets()
    add_dataset.announce()
    show_message()
    attach_vectors.show_joined()
    name = state.get(FrameSetup, "dataset")
    if name not in ready:
        add_dataset.forms(expanded=True)
        first_step.draw_demo_button("open demo")
        return
    loaded = cache.dataset(name)
    contents.head(loaded)
    contents.good_to_know(loaded)
    add_dataset.forms(expanded=False)
    with theme.main_part():
        sections.tabs(loaded, state.get(DatasetsSetup, "look"))
    state.read(DatasetsSetup)


guarded(page)()
