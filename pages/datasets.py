"""Datasets: add images and vectors, and see what a dataset is made of before trusting a number."""

from __future__ import annotations

import streamlit as st

from core import data, paths
from core.setups import DatasetsSetup, FrameSetup
from core.ui.app import cache, state, theme
from core.ui.app.error_boundary import guarded
from core.ui.views.datasets import add_dataset, contents, sections
from core.ui.views.datasets.common import show_message


def page() -> None:
    """Draw the page."""
    theme.title(
        "Datasets",
        "Add images of your own, and see what a dataset is made of before you trust a number: classes, copies, leaks, "
        "label errors.",
    )
    st.html(paths.ASSETS / "datasets.css")
    state.seed(DatasetsSetup)
    ready = cache.ready_datasets()
    add_dataset.announce()
    show_message()
    add_dataset.forms(expanded=all(name in data.DATASETS for name in ready))
    name = state.get(FrameSetup, "dataset")
    if name not in ready:
        st.info(
            "No dataset is here yet: add one above, or open the Overview, which builds the demo.",
            icon=":material/info:",
        )
        return
    loaded = cache.dataset(name)
    contents.head(loaded)
    contents.good_to_know(loaded)
    sections.tabs(loaded, state.get(DatasetsSetup, "look"))
    state.read(DatasetsSetup)


guarded(page)()
