"""The sides of a dataset, one tab each; the names are those of links."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from core import wording
from core.setups import DatasetsSetup
from core.types import Dataset
from core.ui.app import state
from core.ui.app.error_boundary import guarded
from core.ui.views.datasets import contents, duplicates, label_error_review, manage, split_maker

text = wording.page("datasets")

SECTIONS: dict[str, tuple[str, Callable[[Dataset], None]]] = {
    "pictures": (text("option.images"), contents.browse),
    "classes": (text("option.classes_split"), split_maker.classes),
    "sizes": (text("option.sizes"), contents.sizes),
    "unread": (text("option.not_read"), contents.unread),
    "duplicates": (text("option.duplicates"), duplicates.duplicates),
    "doubts": (text("option.label_errors"), label_error_review.review),
    "manage": (text("option.manage"), manage.manage),
}


def tabs(loaded: Dataset, look: str) -> None:
    """One side of the dataset at a time: only the open one is computed."""
    first = next(iter(SECTIONS))
    wanted = SECTIONS.get(look, SECTIONS[first])[0]
    titles = [title for title, _ in SECTIONS.values()]
    for tab, (name, (_, draw)) in zip(
        st.tabs(titles, default=wanted, key="datasets tabs", on_change="rerun"), SECTIONS.items()
    ):
        if tab.open:
            state.set_field(DatasetsSetup, "look", "" if name == first else name)
            with tab:
                guarded(draw)(loaded)
