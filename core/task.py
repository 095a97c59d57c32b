"""Long work as one argument, `task: Task = NO_TASK`: it reports where it is, and stops when it is cancelled."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from core import arrays
from core.errors import Cancelled
from core.progress import Progress

Item = TypeVar("Item")


class Task:
    """What long work reports to, and a switch that anyone may throw; work looks at it between small pieces.

    Args:
        report: called with each `Progress`, from the thread of the work; None where nobody looks.
    """

    def __init__(self, report: Callable[[Progress], object] | None = None) -> None:
        self._report = report
        self._stop = threading.Event()

    def cancel(self) -> None:
        """Ask the work to stop; it does so after its present small piece."""
        self._stop.set()

    @property
    def cancelled(self) -> bool:
        """Whether the work was asked to stop."""
        return self._stop.is_set()

    def check(self) -> None:
        """Raises Cancelled if the work was asked to stop."""
        if self.cancelled:
            raise Cancelled("Stopped. What was finished is kept; start again to go on from there.")

    def report(self, progress: Progress) -> None:
        """Say where the work is."""
        if self._report is not None:
            self._report(progress)

    def reporting(self, report: Callable[[Progress], object]) -> Task:
        """A task that is cancelled with this one and reports elsewhere."""
        part = Task(report)
        part._stop = self._stop
        return part

    def meter(self, stage: str, total: int | None = None, unit: str = "images") -> ProgressMeter:
        """Counts what is done of one stage."""
        return ProgressMeter(self, stage, total, unit)

    def each(self, stage: str, items: Collection[Item], unit: str = "images") -> Iterator[Item]:
        """The items one after the other: cancelled before each, counted after it."""
        meter = self.meter(stage, len(items), unit)
        for item in items:
            self.check()
            yield item
            meter.add()

    def chunks(self, stage: str, count: int, size: int, unit: str = "images") -> Iterator[slice]:
        """As `arrays.chunks`: cancelled before each chunk, counted after it."""
        meter = self.meter(stage, count, unit)
        for chunk in arrays.chunks(count, size):
            self.check()
            yield chunk
            meter.add(chunk.stop - chunk.start)


class _NoTask(Task):
    """Reports to nobody and is never cancelled."""

    def cancel(self) -> None:
        """It is shared by all work that nobody watches, so nobody may stop it."""
        raise RuntimeError("NO_TASK cannot be cancelled; give the work a Task of its own")


NO_TASK = _NoTask()
"""For work that nobody watches."""


@dataclass
class ProgressMeter:
    """Turns counts into `Progress` with a rate over the last seconds, so that a pause does not lie.

    Reports at most every `every` seconds, and at the end.

    Args:
        stage: what is being done.
        total: how many there are, if known.
    """

    task: Task
    stage: str
    total: int | None = None
    unit: str = "images"
    every: float = 0.2
    window: float = 8.0
    done: int = 0
    _marks: list[tuple[float, int]] = field(default_factory=list)
    _reported: float = 0.0

    def __post_init__(self) -> None:
        self._marks.append((time.monotonic(), self.done))

    def add(self, count: int = 1, note: str = "") -> None:
        """Count `count` more as done, and report if it is time."""
        self.done += count
        now = time.monotonic()
        self._marks.append((now, self.done))
        while len(self._marks) > 2 and now - self._marks[0][0] > self.window:
            self._marks.pop(0)
        if now - self._reported >= self.every or self.done == self.total:
            self._reported = now
            self.task.report(self.now(note))

    def now(self, note: str = "") -> Progress:
        """The present moment."""
        (start, before), (end, after) = self._marks[0], self._marks[-1]
        rate = (after - before) / (end - start) if end > start else 0.0
        left = (self.total - self.done) / rate if self.total is not None and rate > 0 else None
        return Progress(self.stage, self.done, self.total, self.unit, rate, left, note)
