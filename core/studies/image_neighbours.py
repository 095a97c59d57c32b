"""The nearest others of every image of a large dataset, without comparing all with all."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from core import arrays
from core.search.index import GalleryIndex
from core.task import ProgressMeter

EXACT_UP_TO = 50_000
"""Up to so many images, checks compare all with all: half a minute of work; above, an index looks for the nearest."""
CELLS_OPENED = 16
"""Of about sqrt(n) cells. What is nearly the same lies in one cell, or in the next."""
_ROWS_AT_ONCE = 1_024


def note(n_images: int) -> str:
    """What a page says beside a check of so many images; "" where all are compared with all."""
    if n_images <= EXACT_UP_TO:
        return ""
    return (
        f"Above {EXACT_UP_TO:,} images an index (FAISS) looks for the nearest ones of each image: what is listed is right, "
        "and a few more may exist."
    )


def nearest(vectors: np.ndarray, k: int, meter: ProgressMeter) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
    """The k nearest others of every row, by an index and scored exactly.

    Args:
        vectors: (n, dim) float32 unit rows.
        k: how many, at least 1.
        meter: counts the rows, and says when to stop.
    Yields:
        A slice of rows, their neighbours (n_rows, k) int64 with −1 for none, and cosines (n_rows, k) float32, −inf for
        none; nearest first, equal ones by position.
    Raises:
        Cancelled: the task was cancelled meanwhile.
    """
    index = GalleryIndex(vectors, CELLS_OPENED, task=meter.task)
    for rows in arrays.chunks(len(vectors), _ROWS_AT_ONCE):
        meter.task.check()
        block = vectors[rows]
        items = np.array(index.search(block, k + 1).items)
        items[items == np.arange(rows.start, rows.stop)[:, None]] = -1
        scores = np.einsum("nd,nkd->nk", block, vectors[items]).astype(np.float32)
        scores[items < 0] = -np.inf
        order = np.lexsort((items, -scores), axis=1)[:, :k]
        yield rows, np.take_along_axis(items, order, axis=1), np.take_along_axis(scores, order, axis=1)
        meter.add(len(block))
