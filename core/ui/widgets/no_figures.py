"""What stands on a page of figures while there can be none: why, and where one can go on without them."""

from __future__ import annotations

import streamlit as st

from core import wording
from core.ui.app import theme

text = wording.page("frame")
_WAYS = (
    ("pages/judge.py", text("button.to_judge"), ":material/gavel:"),
    ("pages/retrieval.py", text("button.to_retrieval"), ":material/image_search:"),
    ("pages/map.py", text("button.to_map"), ":material/scatter_plot:"),
    ("pages/datasets.py", text("button.to_datasets"), ":material/photo_library:"),
)


def draw(obstacle: str) -> None:
    """The sentence, and the ways.

    Args:
        obstacle: why there are no figures; may hold names that people gave.
    """
    theme.answer(theme.plain(obstacle))
    with st.container(horizontal=True, gap="medium"):
        for file, label, icon in _WAYS:
            if st.button(label, icon=icon, key=f"without figures {file}"):
                st.switch_page(file)
