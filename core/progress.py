"""One moment of long work, and a length of time as people say it. `core.task` is what work reports to."""

from __future__ import annotations

from dataclasses import dataclass


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


def duration(seconds: float) -> str:
    """Seconds as people say them: '8 s', '3 min 20 s', '2 h 05 min'."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
