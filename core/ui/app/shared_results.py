"""Results that all sessions share, in memory: those used longest ago go where there are too many, or too large together.

Several sessions that ask for the same at once have it worked out once: one works, the others wait for it.
"""

from __future__ import annotations

import pickle
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from core import paths
from core.ui.app import memory_size

Kind = Literal["data", "resource"]
Key = tuple[str, str]
"""Name of the function, key of its arguments."""


@dataclass
class _Result:
    """One result: a pickle of "data", the object itself of a "resource"."""

    value: Any
    kind: Kind
    born: float

    def get(self) -> Any:
        """For one caller: a copy of its own of what is data."""
        return pickle.loads(self.value) if self.kind == "data" else self.value


@dataclass
class _Flight:
    """What somebody is working out now."""

    thread: int
    landed: threading.Event = field(default_factory=threading.Event)
    result: _Result | None = None
    """For those who wait: it may have had to go already."""


class SharedResults:
    """Results by function and key.

    Args:
        most_bytes: what all of them together may take, asked whenever it is looked at.
    """

    def __init__(self, most_bytes: Callable[[], int] = paths.shared_results_bytes) -> None:
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._results: OrderedDict[Key, _Result] = OrderedDict()
        self._flights: dict[Key, _Flight] = {}
        self._bytes: dict[Key, int] = {}

    def find(self, key: Key, seconds: float | None = None) -> _Result | None:
        """A result that is there, and not older than so many seconds; it counts as used now."""
        with self._lock:
            result = self._results.get(key)
            if result is None or (seconds is not None and time.monotonic() - result.born > seconds):
                return None
            self._results.move_to_end(key)
            return result

    def work_out(
        self,
        key: Key,
        work: Callable[[], Any],
        kind: Kind = "data",
        most: int | None = None,
        seconds: float | None = None,
    ) -> Any:
        """A result, worked out here unless another thread does so now.

        Args:
            most: results of this function that are kept; None for as many as there is room for.
            seconds: as in `find`.
        """
        while True:
            with self._lock:
                flight = self._flights.get(key)
                ours = flight is None
                if flight is None:
                    flight = self._flights[key] = _Flight(threading.get_ident())
            if ours or flight.thread == threading.get_ident():
                break
            flight.landed.wait()
            if flight.result is not None:
                return flight.result.get()
            # It failed there, or the page that worked it out was left: what went wrong is for this one to see too.
        try:
            there = self.find(key, seconds) if ours else None
            if there is not None:  # it landed between the caller's look and this one
                flight.result = there
                return there.get()
            value = work()
            flight.result = self._keep(key, value, kind, most)
            return value
        finally:
            if ours:
                with self._lock:
                    del self._flights[key]
                flight.landed.set()

    def _keep(self, key: Key, value: Any, kind: Kind, most: int | None) -> _Result:
        content = pickle.dumps(value, pickle.HIGHEST_PROTOCOL) if kind == "data" else value
        result = _Result(content, kind, time.monotonic())
        with self._lock:
            self._results[key] = result
            self._results.move_to_end(key)
            if most is not None:
                of_function = [other for other in self._results if other[0] == key[0]]
                for other in of_function[: max(0, len(of_function) - most)]:
                    del self._results[other]
        if kind == "data":
            self._bytes[key] = len(cast(bytes, content))
            is_large = sum(list(self._bytes.values())) > self._most_bytes()
        else:
            is_large = memory_size.of(value) > self._most_bytes() // 16
        if is_large:
            self.fit()
        return result

    def fit(self) -> None:
        """Measure everything anew (engines grow as they are asked), and let go of what is too much.

        What several results hold together is counted once, for the one that was used last. The newest stays.
        """
        with self._lock:
            now = list(reversed(self._results.items()))
        measured, seen, total, most = {}, set[int](), 0, self._most_bytes()
        for number, (key, result) in enumerate(now):
            measured[key] = memory_size.of(result.value, seen)
            total += measured[key]
            if total > most and number:
                total -= measured.pop(key)
                with self._lock:
                    self._results.pop(key, None)
        self._bytes = measured

    def sizes(self) -> dict[str, tuple[int, int]]:
        """Function → (results, bytes as last measured)."""
        with self._lock:
            keys = list(self._results)
        sizes: dict[str, tuple[int, int]] = {}
        for key in keys:
            count, n_bytes = sizes.get(key[0], (0, 0))
            sizes[key[0]] = (count + 1, n_bytes + self._bytes.get(key, 0))
        return sizes

    def forget(self, function: str | None = None) -> None:
        """Let go of all results of a function, or of everything."""
        with self._lock:
            for key in [key for key in self._results if function in (None, key[0])]:
                del self._results[key]


RESULTS = SharedResults()
"""Those of this process."""
