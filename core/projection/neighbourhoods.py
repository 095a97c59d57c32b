"""The nearest others of every image: what t-SNE and UMAP start from, and what a map is measured against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from core import arrays
from core.errors import ShapeMismatch
from core.projection.space import JointSpace
from core.task import NO_TASK, Task

EXACT_UP_TO = 10_000
"""Up to so many images, nearest others are looked for in the whole original space, above in its 50 components."""
EXACT_NEIGHBOURS = 20_000
"""Up to so many rows FAISS compares all with all, above by an inverted file."""
SEARCHED_AT_ONCE = 4_096
"""Rows between two looks at whether the task was cancelled."""


@dataclass(frozen=True)
class Neighbours:
    """The k nearest others of every row: indices (n, k) int64, distances (n, k) float32 (Euclidean, rising)."""

    indices: np.ndarray
    distances: np.ndarray


def neighbours(matrix: np.ndarray, k: int, task: Task = NO_TASK) -> Neighbours:
    """The k nearest other rows, Euclidean; on unit rows the order of the cosine.

    Exact up to 20,000 rows, above that by an inverted file (FAISS IVF, 1 in 8 lists looked at).

    Args:
        matrix: (n, dim) float32; k: at most n - 1, else brought down to it.
    Raises:
        Cancelled: the task was cancelled meanwhile.
    """
    import faiss

    matrix = np.ascontiguousarray(matrix, np.float32)
    n, dim = matrix.shape
    k = max(1, min(k, n - 1))
    index: Any = faiss.IndexFlatL2(dim)
    if n > EXACT_NEIGHBOURS:
        lists = int(2 * np.sqrt(n))
        index = faiss.IndexIVFFlat(index, dim, lists)
        index.cp.seed, index.cp.max_points_per_centroid, index.nprobe = 0, 64, max(16, lists // 8)
        index.train(matrix)
    index.add(matrix)
    squared, indices = np.empty((n, k + 1), np.float32), np.empty((n, k + 1), np.int64)
    for rows in arrays.chunks(n, SEARCHED_AT_ONCE):
        task.check()
        squared[rows], indices[rows] = index.search(matrix[rows], k + 1)
    return _without_self(indices, np.sqrt(np.maximum(squared, 0.0)), k)


def _without_self(indices: np.ndarray, distances: np.ndarray, k: int) -> Neighbours:
    """Drop each row's own number (or its last neighbour, where twins pushed it out)."""
    n = len(indices)
    dropped = indices == np.arange(n)[:, None]
    dropped[~dropped.any(axis=1), -1] = True
    missing = indices < 0
    indices = np.where(missing, indices[:, :1], indices)
    distances = np.where(missing, distances[:, :1], distances)
    return Neighbours(indices[~dropped].reshape(n, k), distances[~dropped].reshape(n, k).astype(np.float32))


def nearest(space: JointSpace, k: int) -> np.ndarray:
    """(n_images, k) int64: the k nearest others in the original space (its 50 components above 10,000 images)."""
    return neighbours(space.rows() if len(space) <= EXACT_UP_TO else space.reduced, k).indices


def nearest_to(space: JointSpace, position: int, k: int) -> np.ndarray:
    """(at most k,) int64: the nearest others of one image in the original space, nearest first, exact at any size."""
    scores = space.cosines(np.array([position]))[0]
    scores[position] = -np.inf
    k = min(k, len(space) - 1)
    best = np.argpartition(-scores, max(k - 1, 0))[:k]
    return best[np.lexsort((best, -scores[best]))].astype(np.int64)


def neighbourhood_change(before: JointSpace, after: JointSpace, k: int = 10) -> np.ndarray:
    """(n_images,) float32 in [0, 1]: the share of each point's k nearest that are others in the second space."""
    if len(before) != len(after):
        raise ShapeMismatch(f"The spaces hold {len(before)} and {len(after)} images.")
    old, new = nearest(before, k), nearest(after, k)
    n_shared = sum((new == old[:, rank, None]).any(axis=1).astype(np.int64) for rank in range(old.shape[1]))
    return (1.0 - n_shared / old.shape[1]).astype(np.float32)
