"""Our own Streamlit components: registered once for all sessions, anew when their files change."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

from core.javascript import bundle

_LOCK = threading.Lock()


@st.cache_resource(show_spinner=False)
def _registered(name: str, html: str, css: str, js: str) -> Callable[..., Any]:
    """The texts are the key: Streamlit keeps what was registered while this module may be loaded again."""
    more: dict[str, Any] = {part: text for part, text in (("html", html), ("css", css)) if text}
    return st.components.v2.component(name, js=js, **more)


LARGE_CARD = Path(__file__).parent / "shared" / "large_card.css"
"""The style of what `shared/large_card.js` draws."""


def component(name: str, js: Path, css: Path | tuple[Path, ...] = (), html: Path | None = None) -> Callable[..., Any]:
    """A component of our own, ready to be drawn.

    Args:
        name: unique in the app.
        js: its entry module, which may import others (`core.javascript.bundle`).
        css: its style, if it has one; several are put behind one another.
        html: what it starts with, if it starts with anything.
    Raises:
        UnsupportedModule: its modules cannot be bundled.
    """
    styles = css if isinstance(css, tuple) else (css,)
    style = "\n".join(file.read_text(encoding="utf-8") for file in styles)
    start = html.read_text(encoding="utf-8") if html else ""
    with _LOCK:
        return _registered(name, start, style, bundle(js))
