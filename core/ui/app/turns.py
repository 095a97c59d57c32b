"""Runs of pages take turns: so many at once as there are processors, first come, first served.

Threads that compute in Python take the interpreter from one another: when twenty pages run at once, each of them ends
last. What takes long (a result that is worked out, `cached`) steps aside, and so does a run after a while.
"""

from __future__ import annotations

import functools
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from core import paths

PATIENCE = 1.0
"""Seconds after which a run does not hold up others any more."""


class Turns:
    """So many at once; those that wait go in the order in which they came.

    Args:
        most: at once.
        clock: seconds that only rise.
    """

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._clock = most, clock
        self._free = threading.Condition()
        self._waiting: deque[object] = deque()
        self._holding: dict[int, float] = {}
        """Thread → when its turn began."""

    def begin(self, again: bool = False) -> None:
        """Wait for a turn of this thread.

        Args:
            again: it had one, and stepped aside: it goes on before those that have not begun.
        """
        ticket = object()
        with self._free:
            (self._waiting.appendleft if again else self._waiting.append)(ticket)
            try:
                while self._waiting[0] is not ticket or self._counted() >= self._most:
                    self._free.wait(PATIENCE / 4)
                self._holding[threading.get_ident()] = self._clock()
            finally:  # one that does not wait any more, whatever ended it, must not stand before all others
                self._waiting.remove(ticket)
                self._free.notify_all()

    def _counted(self) -> int:
        """How many hold others up."""
        now = self._clock()
        return sum(now - began < PATIENCE for began in self._holding.values())

    def end(self) -> bool:
        """Give this thread's turn back; False where it has none."""
        with self._free:
            had = self._holding.pop(threading.get_ident(), None) is not None
            self._free.notify_all()
            return had


@functools.cache
def _turns() -> Turns:
    return Turns(paths.cpu_count())


@contextmanager
def turn() -> Iterator[None]:
    """A run, as soon as it is its turn. One within another takes none of its own."""
    turns = _turns()
    if threading.get_ident() in turns._holding:
        yield
        return
    turns.begin()
    try:
        yield
    finally:
        turns.end()


@contextmanager
def aside() -> Iterator[None]:
    """Others go on while this thread does something that takes long; then it waits for a turn again, if it had one."""
    turns = _turns()
    had = turns.end()
    try:
        yield
    finally:
        if had:
            turns.begin(again=True)
