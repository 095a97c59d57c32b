"""Where errors become sentences: nothing that goes wrong on a page is shown as a traceback."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import Any

import streamlit as st

from core import access, wording
from core.errors import CoreError, NotComputed
from core.ui.app import history, session_memory, state, theme, turns

_log = logging.getLogger("fusionscope")
shared = wording.page("shared")


class NothingToDraw(NotComputed):
    """A page has nothing to draw yet; what stands there instead is drawn in its place."""

    def __init__(self, sentence: str, instead: Callable[[], None]) -> None:
        super().__init__(sentence)
        self.instead = instead


def guarded(draw: Callable[..., Any]) -> Callable[..., Any]:
    """`draw`, but what goes wrong in it becomes one sentence in its place."""

    @functools.wraps(draw)
    def drawn(*args: Any, **kwargs: Any) -> Any:
        """The drawing, with whatever goes wrong as a sentence in its place."""
        try:
            return draw(*args, **kwargs)
        except NothingToDraw as nothing:
            guarded(nothing.instead)()
        except CoreError as error:
            st.error(theme.plain(str(error)), icon=":material/error:")
        except Exception as error:
            _log.exception("a part of a page failed: %s", getattr(draw, "__name__", draw))
            st.error(
                shared("error.not_drawn", kind=type(error).__name__),
                icon=":material/error:",
            )
        return None

    return drawn


def fragment(draw: Callable[..., Any] | None = None, **options: Any) -> Callable[..., Any]:
    """`st.fragment` whose body is guarded: a widget in it reruns it alone, and its errors are sentences too."""
    if draw is None:
        return lambda function: fragment(function, **options)
    part = guarded(draw)

    @functools.wraps(draw)
    def run(*args: Any, **kwargs: Any) -> Any:
        """The part; when it runs alone, what it changed is a step to undo. It stands still for who may not look now."""
        if not access.may("look"):
            return None
        session_memory.note_active()
        with turns.turn():
            result = part(*args, **kwargs)
        if state.is_fragment_run():
            history.note_fragment()
        return result

    return st.fragment(run, **options)
