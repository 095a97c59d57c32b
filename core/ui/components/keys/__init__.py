"""Keys that work on every page: what was pressed, once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import streamlit as st

from core.ui.app import state
from core.ui.components.registration import component

_FOLDER = Path(__file__).parent
_KEY = "keys"


def draw(actions: Mapping[str, Callable[[], None]]) -> str:
    """Listen on the whole page; returns the name of what was pressed, or "".

    Args:
        actions: called before the page runs again, by name.
    """

    def pressed() -> None:
        action = actions.get(str(state.widget(_KEY, {}).get("pressed")))
        if action:
            action()

    listen = component("fusionscope_keys", _FOLDER / "keys.js", html=_FOLDER / "keys.html")
    with st.container(key="listens"):
        result = listen(data={}, key=_KEY, height=1, on_pressed_change=pressed)
    return str(result.get("pressed") or "")
