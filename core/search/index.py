"""A FAISS index for the neighbours of one backbone's vectors, where all compared with all would take too long."""

from __future__ import annotations

from typing import Any

import numpy as np

from core import arrays
from core.task import NO_TASK, Task
from core.types import Ranking

_ROWS_AT_ONCE = 10_000
_TRAIN_PER_CELL = 40


class GalleryIndex:
    """The best k by dot product, nearly: it looks into the nearest of sqrt(n) cells, in numbers of 16 bits.

    Of one space only: the cells of several vectors behind one another know nothing of weights, for which
    `core.search.block_index` is there. Score again what it finds.

    Args:
        gallery: (n_gallery, dim) float32 rows, unit ones for cosines.
        effort: cells that a search opens; more is slower and nearer to exact. 0 is an eighth of them.
        seed: of the cells.
    """

    def __init__(self, gallery: np.ndarray, effort: int = 0, seed: int = 0, *, task: Task = NO_TASK) -> None:
        import faiss

        n, dim = gallery.shape
        cells = max(1, int(np.sqrt(n)))
        kind = faiss.ScalarQuantizer.QT_fp16
        self._index: Any = faiss.IndexIVFScalarQuantizer(
            faiss.IndexFlatIP(dim), dim, cells, kind, faiss.METRIC_INNER_PRODUCT, False
        )
        self._index.cp.seed = seed
        self._index.cp.min_points_per_centroid = 1  # a small gallery needs no warning
        self._index.train(_rows(gallery, arrays.sample(n, _TRAIN_PER_CELL * cells, seed)))
        for rows in task.chunks("Filling the index", n, _ROWS_AT_ONCE):
            self._index.add(_rows(gallery, rows))
        self._index.nprobe = min(cells, effort or max(1, cells // 8))

    @property
    def n_gallery(self) -> int:
        """How many vectors are searched."""
        return int(self._index.ntotal)

    def search(self, queries: np.ndarray, k: int) -> Ranking:
        """The best k of (n_queries, dim) float32. Equal scores among the found stand by gallery position."""
        k = max(1, min(int(k), self.n_gallery))
        scores, items = self._index.search(np.ascontiguousarray(queries, np.float32), k)
        scores = np.where(items < 0, -np.inf, scores)
        order = np.lexsort((items, -scores), axis=1)
        items, scores = np.take_along_axis(items, order, 1), np.take_along_axis(scores, order, 1)
        return Ranking(items.astype(np.int64), np.where(items < 0, np.nan, scores).astype(np.float32))


def _rows(gallery: np.ndarray, where: np.ndarray | slice) -> np.ndarray:
    return np.ascontiguousarray(gallery[where], np.float32)
