"""The clipboard: a button that copies a link, and images that are pasted anywhere on the page."""

from __future__ import annotations

from pathlib import Path

from core import wording
from core.ui.components.registration import component

shared = wording.page("shared")

_FOLDER = Path(__file__).parent


def copy_link(query: str, *, key: str, label: str = shared("button.copy_link")) -> None:
    """A button that copies the address of this page with another query string."""
    draw = component("fusionscope_copy", _FOLDER / "copy.js", _FOLDER / "copy.css", _FOLDER / "copy.html")
    draw(data={"query": query, "label": label}, key=key)


def paste_into_uploader(*, key: str, uploader: str) -> None:
    """Images pasted on the page go into the file uploader of that widget key, as if they were dropped there."""
    draw = component("fusionscope_paste", _FOLDER / "paste.js", html=_FOLDER / "paste.html")
    draw(data={"uploader": "st-key-" + uploader}, key=key, height=1)
