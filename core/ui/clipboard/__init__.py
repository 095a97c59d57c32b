"""The clipboard: a button that copies a link, and pictures that are pasted anywhere on the page."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st


_COPY = """
<button type="button" class="copy" aria-live="polite"></button>
<input class="fallback" readonly hidden aria-label="The link">
"""


@cache
def _component(name: str, html: str) -> Callable[..., Any]:
    here = Path(__file__).parent
    css = here / f"{name}.css"
    return st.components.v2.component(
        f"fusionscope_{name}",
        html=html,
        css=css.read_text(encoding="utf-8") if css.exists() else None,
        js=(here / f"{name}.js").read_text(encoding="utf-8"),
    )


def copy_link(query: str, *, key: str, label: str = "Copy link") -> None:
    """A button that copies the address of this page with another query string."""
    _component("copy", _COPY)(data={"query": query, "label": label}, key=key)


def paste_into_uploader(*, key: str, uploader: str) -> None:
    """Pictures pasted on the page go into the file uploader of that widget key, as if they were dropped there."""
    _component("paste", "<span></span>")(data={"uploader": "st-key-" + uploader}, key=key, height=1)
