"""How sliders share one whole: moving one moves the others, locked ones stay, and every step can be taken back."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from core.ui.app import state

Shares = dict[str, float]


def equal(names: Collection[str]) -> Shares:
    """The same share for everyone."""
    return {name: 1 / len(names) for name in names}


def fitted(shares: Mapping[str, float], names: Collection[str]) -> Shares:
    """These names with shares that sum to 1: known ones keep their proportions, and nobody known means equal shares."""
    known = {name: max(0.0, float(shares.get(name, 0.0))) for name in names}
    total = sum(known.values())
    return {name: value / total for name, value in known.items()} if total > 0 else equal(names)


def moved(shares: Mapping[str, float], name: str, share: float, locked: Collection[str] = ()) -> Shares:
    """Set one share; the others that are not locked take or give the rest in their present proportions.

    The share is held back where locked ones leave no room, and where nobody is free to take the rest.

    >>> moved({"a": 0.5, "b": 0.25, "c": 0.25}, "a", 0.8)
    {'a': 0.8, 'b': 0.1, 'c': 0.1}
    >>> moved({"a": 0.5, "b": 0.25, "c": 0.25}, "a", 0.9, locked={"c"})
    {'a': 0.75, 'b': 0.0, 'c': 0.25}
    """
    taken = sum(value for other, value in shares.items() if other in locked and other != name)
    free = [other for other in shares if other != name and other not in locked]
    room = max(0.0, 1.0 - taken)
    mine = min(max(float(share), 0.0), room) if free else room
    rest, before = room - mine, sum(shares[other] for other in free)
    result = dict(shares)
    result[name] = round(mine, 6)
    for other in free:
        part = shares[other] / before if before > 0 else 1 / len(free)
        result[other] = round(rest * part, 6)
    return result


def as_pairs(shares: Mapping[str, float]) -> tuple[tuple[str, float], ...]:
    """The form of a setup: sorted pairs, rounded as a link holds them."""
    return tuple(sorted((name, round(value, 4)) for name, value in shares.items()))


class UndoStack:
    """Undo and redo of one session: whatever a page hands in, as long as it can be compared."""

    def __init__(self, name: str) -> None:
        self._past: list = state.session_get(f"{name} past", [])
        self._future: list = state.session_get(f"{name} future", [])

    def note(self, before: Any) -> None:
        """Remember how it was before a change."""
        if not self._past or self._past[-1] != before:
            self._past.append(before)
            del self._past[:-50]
        self._future.clear()

    def undo(self, now: Any) -> Any | None:
        """What was before the last change; None when there was none."""
        if not self._past:
            return None
        self._future.append(now)
        return self._past.pop()

    def redo(self, now: Any) -> Any | None:
        """What was taken back last; None when there is nothing."""
        if not self._future:
            return None
        self._past.append(now)
        return self._future.pop()

    @property
    def can_undo(self) -> bool:
        """Whether there is an earlier state."""
        return bool(self._past)

    @property
    def can_redo(self) -> bool:
        """Whether an undone state can come back."""
        return bool(self._future)
