"""Datasets: add pictures and vectors, and see what a dataset is made of before trusting a number."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from core import data
from core.setups import DatasetsSetup, FrameSetup
from core.types import Dataset
from core.ui.app import cache, state, theme
from core.ui.app.error_boundary import guarded
from core.ui.views.datasets import add_dataset, contents, duplicates, label_error_review, manage
from core.ui.views.datasets.common import say

# On a narrow page what stands side by side comes one below the other, before words are cut.
_STYLE = """
<style>
.st-key-figures { row-gap: 0.4rem !important; }
[class*="st-key-wrap-"] > [data-testid="stLayoutWrapper"] > [data-testid="stHorizontalBlock"] { flex-wrap: wrap; }
[class*="st-key-wrap-"] > [data-testid="stLayoutWrapper"] > [data-testid="stHorizontalBlock"] > [data-testid="stColumn"]
  { min-width: min(100%, 270px); }
.st-key-wrap-doubt > [data-testid="stLayoutWrapper"] > [data-testid="stHorizontalBlock"] > [data-testid="stColumn"]
  { min-width: min(100%, 190px); }
</style>
"""

SECTIONS: dict[str, tuple[str, Callable[[Dataset], None]]] = {
    "pictures": ("Pictures", contents.pictures),
    "classes": ("Classes and split", contents.classes),
    "sizes": ("Sizes", contents.sizes),
    "unread": ("Not read", contents.unread),
    "duplicates": ("Duplicates", duplicates.duplicates),
    "doubts": ("Label doubts", label_error_review.label_doubts),
    "manage": ("Manage", manage.manage),
}


def sections(loaded: Dataset, look: str) -> None:
    """One side of the dataset at a time: only the open one is computed."""
    wanted = SECTIONS.get(look, SECTIONS["pictures"])[0]
    tabs = st.tabs([title for title, _ in SECTIONS.values()], default=wanted, key="datasets tabs", on_change="rerun")
    for tab, (name, (_, draw)) in zip(tabs, SECTIONS.items()):
        if tab.open:
            state.set_field(DatasetsSetup, "look", "" if name == "pictures" else name)
            with tab:
                st.space("small")
                guarded(draw)(loaded)


def page() -> None:
    """Draw the page."""
    theme.title(
        "Datasets",
        "Add pictures of your own, and see what a dataset is made of before you trust a number: classes, copies, leaks, doubtful labels.",
    )
    st.html(_STYLE)
    state.seed(DatasetsSetup)
    ready = cache.ready_datasets()
    add_dataset.announce()
    say()
    add_dataset.panel(expanded=all(name in data.DATASETS for name in ready))
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
    sections(loaded, state.get(DatasetsSetup, "look"))
    state.read(DatasetsSetup)


guarded(page)()
