"""The keys of every page, and the buttons in the sidebar that do the same."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from core import wording
from core.ui.app import history, state
from core.ui.components import keys
from core.ui.widgets import story_add

text = wording.page("frame")
_PROJECTOR, _SHEET = "projector", "key sheet"
SHEETS = ("everywhere", "map", "judge", "images", "lab")


def is_projector() -> bool:
    """Whether the pages are drawn for a projector: larger type, the sidebar folded away."""
    return bool(state.session_get(_PROJECTOR, False))


def _toggle_projector() -> None:
    state.session_set(_PROJECTOR, not is_projector())


def _open_sheet() -> None:
    state.session_set(_SHEET, True)


_ACTIONS = {
    "undo": history.undo,
    "redo": history.redo,
    "story": story_add.begin,
    "projector": _toggle_projector,
    "sheet": _open_sheet,
}
_ICONS = {
    "undo": ":material/undo:",
    "redo": ":material/redo:",
    "projector": ":material/present_to_all:",
    "sheet": ":material/keyboard:",
}


def draw(pages: Sequence[StreamlitPage], page: StreamlitPage) -> None:
    """Listen to the keys, do what they ask for, and say what was undone."""
    pressed = keys.draw(_ACTIONS)
    if pressed in ("next", "previous"):
        step = 1 if pressed == "next" else -1
        st.switch_page(pages[(list(pages).index(page) + step) % len(pages)])
    if (move := history.last_move()) is not None:
        back, what = move
        st.toast(text("state.undone" if back else "state.redone", what=what), icon=_ICONS["undo" if back else "redo"])
    if state.session_take(_SHEET, False):
        _sheet()
    else:
        story_add.draw()


def buttons() -> None:
    """A row of buttons for those who use no keys."""
    unavailable = {"undo": not history.can_undo(), "redo": not history.can_redo()}
    with st.container(horizontal=True, gap="xsmall", key="frame buttons"):
        for name, icon in _ICONS.items():
            st.button(
                text(f"button.{name}"),
                icon=icon,
                key=f"frame {name}",
                type="tertiary",
                help=text(f"help.{name}"),
                on_click=_ACTIONS[name],
                disabled=unavailable.get(name, False),
            )


@st.dialog(text("heading.keys"), width="medium", icon=":material/keyboard:")
def _sheet() -> None:
    for part in SHEETS:
        st.markdown(f"**{text(f'label.{part}')}**")
        st.markdown(text(f"about.{part}"))
