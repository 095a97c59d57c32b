"""Pages where one goes on: named by what one does there, the same on every page that points to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import streamlit as st

from core import paths, wording

text = wording.page("frame")
_ICONS = {
    "datasets": ":material/filter_none:",
    "fusion_lab": ":material/tune:",
    "judge": ":material/gavel:",
    "leaderboard": ":material/leaderboard:",
    "map": ":material/scatter_plot:",
    "retrieval": ":material/image_search:",
}


def links(pages: Sequence[str]) -> None:
    """One link for each page.

    Args:
        pages: names of files in `pages`.
    """
    for page in pages:
        file = paths.REPOSITORY / "pages" / f"{page}.py"
        if file.is_file():
            st.page_link(file, label=text(f"button.to_{page}"), icon=_ICONS[page])


def buttons(pages: Sequence[str]) -> None:
    """The same as buttons; the first one, which is nearest, stands out."""
    for number, page in enumerate(pages):
        kind: Literal["primary", "tertiary"] = "tertiary" if number else "primary"
        if st.button(text(f"button.to_{page}"), icon=_ICONS[page], type=kind, key=f"next step {page}"):
            st.switch_page(f"pages/{page}.py")
