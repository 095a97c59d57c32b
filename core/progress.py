"""How long work tells where it is, and how it is stopped."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from core.errors import Cancelled


@dataclass(frozen=True)
class Progress:
    """One moment of long work.

    `done` and `total` are in `unit`; `total` is None while it is not known. `rate` is in units per second,
    `seconds_left` is None while it cannot be said. `note` is one line for people.
    """

    stage: str
    done: int
    total: int | None = None
    unit: str = "images"
    rate: float = 0.0
    seconds_left: float | None = None
    note: str = ""

    @property
    def fraction(self) -> float:
        """Between 0 and 1; 0 while the total is not known."""
        return min(1.0, self.done / self.total) if self.total else 0.0

    def sentence(self) -> str:
        """One line: stage, count, rate, time left."""
        of = f"{self.done:,} of {self.total:,}" if self.total else f"{self.done:,}"
        parts = [f"{self.stage}: {of} {self.unit}"]
        if self.rate > 0:
            parts.append(f"{self.rate:,.1f} per second" if self.rate < 100 else f"{self.rate:,.0f} per second")
        if self.seconds_left is not None:
            parts.append(f"{duration(self.seconds_left)} left")
        if self.note:
            parts.append(self.note)
        return " · ".join(parts)


OnProgress = Callable[[Progress], None]


def duration(seconds: float) -> str:
    """Seconds as people say them: '8 s', '3 min 20 s', '2 h 05 min'."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


class Cancel:
    """A switch that anyone may throw and that the worker looks at between small pieces of work."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def set(self) -> None:
        """Ask the worker to stop; it does so after its present small piece."""
        self._event.set()

    def __bool__(self) -> bool:
        return self._event.is_set()

    def check(self) -> None:
        """Raises Cancelled if the switch was thrown."""
        if self:
            raise Cancelled("Stopped. What was finished is kept; start again to go on from there.")


@dataclass
class ProgressMeter:
    """Turns counts into `Progress` with a rate over the last seconds, so that a pause does not lie.

    Args:
        stage: what is being done.
        total: how many there are, if known.
        tell: called with a `Progress`, at most every `every` seconds and at the end.
    """

    stage: str
    total: int | None = None
    tell: OnProgress | None = None
    unit: str = "images"
    every: float = 0.2
    window: float = 8.0
    done: int = 0
    _marks: list[tuple[float, int]] = field(default_factory=list)
    _told: float = 0.0

    def __post_init__(self) -> None:
        self._marks.append((time.monotonic(), self.done))

    def add(self, count: int = 1, note: str = "") -> None:
        """Count `count` more as done, and tell if it is time."""
        self.done += count
        now = time.monotonic()
        self._marks.append((now, self.done))
        while len(self._marks) > 2 and now - self._marks[0][0] > self.window:
            self._marks.pop(0)
        if self.tell and (now - self._told >= self.every or self.done == self.total):
            self._told = now
            self.tell(self.now(note))

    def now(self, note: str = "") -> Progress:
        """The present moment."""
        (start, before), (end, after) = self._marks[0], self._marks[-1]
        rate = (after - before) / (end - start) if end > start else 0.0
        left = (self.total - self.done) / rate if self.total is not None and rate > 0 else None
        return Progress(self.stage, self.done, self.total, self.unit, rate, left, note)
