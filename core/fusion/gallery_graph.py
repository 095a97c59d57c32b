"""The gallery as re-rankings see it: its vectors, and who is near whom in it. No query is ever part of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from functools import partial
from typing import Any

import numpy as np
from numba import njit

from core import arrays
from core.heap import keep_best
from core.task import NO_TASK, Task

_BLOCK_BYTES = 64 << 20
MOST_REMEMBERED = 8
"""Results that a graph keeps beside its lists: those of the last few parameters."""
MOST_BYTES = 3 << 30
"""What all of them may take together, and what may be worked out for one of them."""


class GalleryGraph:
    """Unit vectors of a gallery, and the nearest others of each of its images, worked out when they are first needed.

    Args:
        rows: (n, dim) float32 unit vectors of one system; the cosine of two of them is its score.
        first: (n,) int64, the first row that equals this one; None looks for it.
    """

    def __init__(self, rows: np.ndarray, first: np.ndarray | None = None) -> None:
        self.rows = np.ascontiguousarray(rows, np.float32)
        self.first = arrays.first_equal_rows(self.rows) if first is None else np.asarray(first, np.int64)
        self.copies = np.flatnonzero(self.first != np.arange(len(self.first)))
        self._lists: tuple[np.ndarray, np.ndarray] | None = None
        self._memory: dict[Hashable, Any] = {}
        self._lock = threading.RLock()

    def __len__(self) -> int:
        return len(self.rows)

    def nearest(self, k: int, task: Task = NO_TASK) -> tuple[np.ndarray, np.ndarray]:
        """The k nearest other images of each image: items (n, k) int32, −1 is none, and their cosines (n, k) float32.

        Best first, equal cosines by position. Blocked, so that memory grows with n · k, never with n².
        """
        with self._lock:
            if self._lists is None or self._lists[0].shape[1] < k:
                n = len(self)
                items, scores = np.full((n, k), -1, np.int32), np.full((n, k), np.nan, np.float32)
                step = max(16, _BLOCK_BYTES // (4 * max(1, n)))
                for part in task.chunks("Neighbours in the gallery", n, step, "images"):
                    block = self.rows[part] @ self.rows.T
                    block[:, self.copies] = block[:, self.first[self.copies]]
                    lists = partial(_keep, block, part.start, items[part], scores[part])
                    arrays.in_pieces(lists, 0, len(block), min(len(block) // 16, 4) or 1)
                self._lists = items, scores
            items, scores = self._lists
            return np.ascontiguousarray(items[:, :k]), np.ascontiguousarray(scores[:, :k])

    def listed_by(self, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Who has an image among its k nearest: indptr (n + 1,) int64 and items int32, rising for each image."""

        def make() -> tuple[np.ndarray, np.ndarray]:
            """Worked out once for each k."""
            items = self.nearest(k)[0]
            owners, positions = np.nonzero(items >= 0)
            listed = items[owners, positions]
            order = np.argsort(listed, kind="stable")
            counts = np.bincount(listed, minlength=len(self))
            return np.concatenate([[0], np.cumsum(counts)]), owners[order].astype(np.int32)

        return self.remember(("listed by", k), make)

    def remember(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """What `make` gives, worked out once for this gallery."""
        with self._lock:
            if key not in self._memory:
                made = make()
                while self._memory and (len(self._memory) >= MOST_REMEMBERED or self._remembered(made) > MOST_BYTES):
                    self._memory.pop(next(iter(self._memory)))
                self._memory[key] = made
            return self._memory[key]

    def reference_rows(self, own: int) -> tuple[np.ndarray, np.ndarray]:
        """Rows that equal an earlier one, and the first of their equals, as if the query at `own` were not there.

        Args:
            own: the query's own position, −1 if none.
        """
        if own < 0 or not len(self.copies) or self.first[own] != own:
            return self.copies, self.first[self.copies]
        equal = self.copies[self.first[self.copies] == own]
        if not len(equal):
            return self.copies, self.first[self.copies]
        first = self.first[self.copies]
        return self.copies, np.where(first == own, equal[0], first)

    @property
    def n_bytes(self) -> int:
        """What this gallery takes beside the vectors of its backbones, lists and all that is remembered."""
        lists = 0 if self._lists is None else sum(part.nbytes for part in self._lists)
        return self.rows.nbytes + lists + self._remembered()

    def _remembered(self, *more: Any) -> int:
        """Bytes of all that is remembered, each array once, the rows themselves left out."""
        arrays_by_id: dict[int, int] = {}
        for value in (*list(self._memory.values()), *more):
            _note_sizes(value, arrays_by_id)
        arrays_by_id.pop(id(self.rows), None)
        return sum(arrays_by_id.values())


def _note_sizes(value: Any, sizes: dict[int, int]) -> None:
    if isinstance(value, np.ndarray):
        sizes[id(value)] = value.nbytes
    elif isinstance(value, tuple | list):
        for part in value:
            _note_sizes(part, sizes)


@njit(nogil=True, cache=True)
def _keep_lists(first: int, stop: int, block: np.ndarray, start: int, items: np.ndarray, scores: np.ndarray) -> None:
    k = items.shape[1]
    best, values = np.empty(k, np.int64), np.empty(k, block.dtype)
    for row in range(first, stop):
        block[row, start + row] = -np.inf
        keep_best(block[row], k, best, values)
        for at in range(k):
            items[row, at], scores[row, at] = best[at], values[at]


def _keep(block: np.ndarray, start: int, items: np.ndarray, scores: np.ndarray, first: int, stop: int) -> None:
    _keep_lists(first, stop, block, start, items, scores)
