"""Undo and redo across pages: what was changed in the questions of a session, step by step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from core.ui.app import state

Change = tuple[str, str, Any, Any]
"""setup, field, before, after."""
MOST_STEPS = 100
_PAST, _FUTURE, _LAST, _TOLD = "steps done", "steps undone", "state noted", "step told"


@dataclass(frozen=True)
class Noted:
    """How it was at the end of a run.

    Attributes:
        page: that was open; values: setup → field → value.
    """

    page: str
    values: dict[str, dict[str, Any]]


def note(page: str) -> None:
    """Called at the end of every run: what differs from the end of the last one is a step.

    What a page sets by itself as it opens is none, nor is what an undo has just changed.
    """
    now, last = Noted(page, state.snapshot()), state.session_get(_LAST)
    state.session_set(_LAST, now)
    if last is None or last.page != page:
        return
    step = tuple(
        (setup, name, last.values[setup][name], value)
        for setup, fields in now.values.items()
        for name, value in fields.items()
        if name in last.values.get(setup, {}) and last.values[setup][name] != value
    )
    if step:
        past = state.session_get(_PAST, [])
        past.append(step)
        del past[:-MOST_STEPS]
        state.session_set(_FUTURE, [])


def note_fragment() -> None:
    """The same, after a part of a page ran alone: the page is the one that was open."""
    last = state.session_get(_LAST)
    if last is not None:
        note(last.page)


def undo() -> None:
    """Take the last step back; from a callback."""
    _move(_PAST, _FUTURE, back=True)


def redo() -> None:
    """Take the step again that was taken back last; from a callback."""
    _move(_FUTURE, _PAST, back=False)


def can_undo() -> bool:
    """Whether there is a step to take back."""
    return bool(state.session_get(_PAST, []))


def can_redo() -> bool:
    """Whether there is a step to take again."""
    return bool(state.session_get(_FUTURE, []))


def last_move() -> tuple[bool, str] | None:
    """(whether back, what) of the step that was just taken, once; None where none was."""
    return state.session_take(_TOLD)


def _move(source: str, target: str, *, back: bool) -> None:
    steps: list[tuple[Change, ...]] = state.session_get(source, [])
    if not steps:
        return
    step = steps.pop()
    state.session_get(target, []).append(step)
    labels = [state.restore(setup, name, before if back else after) for setup, name, before, after in step]
    last = state.session_get(_LAST)
    state.session_set(_LAST, Noted(last.page if last else "", state.snapshot()))
    state.session_set(_TOLD, (back, ", ".join(dict.fromkeys(labels))))
