"""Choosing a query among all images of a dataset: by class, by words in its name or title, page by page."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from core import wording
from core.studies import retrieval
from core.types import Dataset
from core.ui.components import gallery
from core.ui.widgets import image_cards
from core.wording import plural

text = wording.page("retrieval")

PER_PAGE = 60


def choose(loaded: Dataset, pick: Callable[[str], None]) -> None:
    """Open the browser over the page; a click on an image calls `pick` with its id and closes it."""
    _dialog(loaded, pick)


@st.dialog(text("heading.choose_query"), width="large", icon=":material/grid_view:")
def _dialog(loaded: Dataset, pick: Callable[[str], None]) -> None:
    left, right = st.columns(2)
    label = left.selectbox(
        text("label.class"),
        ["", *loaded.label_names],
        format_func=lambda name: name or "every class",
        key="browse class",
    )
    words = right.text_input(text("label.name"), key="browse words", placeholder=text("placeholder.find_image"))
    positions = retrieval.browse(loaded, label, words)
    if not len(positions):
        st.info(text("sentence.no_match"), icon=":material/search_off:")
        return
    pages = -(-len(positions) // PER_PAGE)
    # The number of pages is part of the key: a shorter list starts at its first page.
    page = st.pagination(pages, key=f"browse page of {pages}") if pages > 1 else 1
    shown = positions[(page - 1) * PER_PAGE : page * PER_PAGE]
    st.caption(
        f"{plural(len(positions), 'image')}"
        + (f" · {(page - 1) * PER_PAGE + 1:,} to {(page - 1) * PER_PAGE + len(shown):,}" if pages > 1 else "")
    )
    if gallery.grid(
        image_cards.cards(loaded, shown), key="browse", size=92, name=text("option.images_dataset"), on_pick=pick
    ):
        st.rerun()
