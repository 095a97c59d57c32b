"""Whole (n_queries, n_gallery) matrices of scores or ranks, filled block by block once and kept while they fit."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable

import numpy as np

from core import paths
from core.task import NO_TASK, Task

BLOCK_BYTES = 64 << 20
"""A block of scores that is computed on the way is at most this large."""


def half_of_free_memory() -> int:
    """Bytes: half of what the machine has free now, and no more than shared results may take."""
    import psutil

    return min(psutil.virtual_memory().available // 2, paths.shared_results_bytes())


class MatrixCache:
    """Matrices of one shape by key, 4 bytes an entry, at most `memory_bytes` of them; safe to ask from any thread.

    Args:
        n_queries, n_gallery: the shape.
        memory_bytes: what all of them together may take.
    """

    def __init__(self, n_queries: int, n_gallery: int, memory_bytes: int = 0) -> None:
        self.shape = (n_queries, n_gallery)
        self.memory_bytes = int(memory_bytes)
        self._matrices: dict[Hashable, np.ndarray] = {}
        self._lock = threading.RLock()

    @property
    def bytes_per_matrix(self) -> int:
        """Memory of one matrix."""
        return 4 * self.shape[0] * self.shape[1]

    def get(self, key: Hashable) -> np.ndarray | None:
        """The matrix as it is kept; None when it is not."""
        return self._matrices.get(key)

    def drop(self, key: Hashable) -> None:
        """Forget a matrix and give its memory back."""
        with self._lock:
            self._matrices.pop(key, None)

    def fill(
        self,
        key: Hashable,
        block: Callable[[int, int, np.ndarray], object],
        dtype: type = np.float32,
        label: str = "",
        task: Task = NO_TASK,
    ) -> np.ndarray | None:
        """The whole matrix, computed where it is not kept yet; None when it does not fit.

        Args:
            block: (start, stop, out) fills in the rows of queries start to stop.
            label: what the progress is called.
        """
        with self._lock:
            if key in self._matrices:
                return self._matrices[key]
            if (len(self._matrices) + 1) * self.bytes_per_matrix > self.memory_bytes:
                return None
            n, width = self.shape
            matrix: np.ndarray = np.empty((n, width), dtype)
            for rows in task.chunks(label or f"Scores of {key}", n, BLOCK_BYTES // (4 * max(1, width)), "queries"):
                block(rows.start, rows.stop, matrix[rows])
            self._matrices[key] = matrix
            return matrix
