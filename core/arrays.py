"""What array code needs everywhere: seeded samples, chunks, equal rows, and the threads that share them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

import numpy as np

from core import paths


def sample(positions: int | np.ndarray, size: int | None, seed: int | Sequence[int] = 0) -> np.ndarray:
    """(≤ size,) int64, rising: a seeded sample without replacement; everything where that is no more.

    Args:
        positions: how many there are (then 0 … positions − 1), or rising positions themselves.
        size: None for all.

    >>> sample(5, 10)
    array([0, 1, 2, 3, 4])
    >>> sample(np.array([3, 8, 9]), 2, seed=1)
    array([3, 8])
    """
    all_positions = np.arange(positions) if isinstance(positions, int | np.integer) else np.asarray(positions)
    if size is None or len(all_positions) <= size:
        return all_positions
    return np.sort(np.random.default_rng(seed).choice(all_positions, size, replace=False))


def chunks(count: int, size: int) -> Iterator[slice]:
    """Slices that cover 0 … count − 1, `size` at a time, at least one each.

    >>> list(chunks(5, 2))
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    size = max(1, int(size))
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))


def first_best(scores: np.ndarray, k: int) -> np.ndarray:
    """(rows, min(k, width)) int64: the best of each row, best first, equal scores by position; no row is sorted whole.

    >>> first_best(np.array([[0.5, 0.9, 0.5, 0.5]]), 3)
    array([[1, 0, 2]])
    """
    width = scores.shape[1]
    k = min(k, width)
    if 4 * k >= width:
        return np.argsort(-scores, axis=1, kind="stable")[:, :k]
    if not k:
        return np.empty((len(scores), 0), np.int64)
    cut = np.partition(scores, width - k, axis=1)[:, width - k : width - k + 1]
    above, equal = scores > cut, scores == cut
    room = k - above.sum(axis=1, keepdims=True)
    chosen = above | (equal & (equal.cumsum(axis=1, dtype=np.int32) <= room))
    items = np.nonzero(chosen)[1].reshape(len(scores), k)
    order = np.argsort(-np.take_along_axis(scores, items, axis=1), axis=1, kind="stable")
    return np.take_along_axis(items, order, axis=1)


def first_of_equal(codes: np.ndarray) -> np.ndarray:
    """(n,) int64: the first position whose code (or row of codes) equals this one's.

    >>> first_of_equal(np.array([7, 3, 7, 3]))
    array([0, 1, 0, 1])
    """
    _, first, back = np.unique(codes, axis=0, return_index=True, return_inverse=True)
    return first[back.reshape(-1)]


def first_equal_rows(rows: np.ndarray) -> np.ndarray:
    """(n,) int64: for every row the first row with identical numbers (−0.0 equals 0.0).

    >>> first_equal_rows(np.array([[1.0, 0.0], [0.5, 0.5], [1.0, -0.0]], np.float32))
    array([0, 1, 0])
    """
    plain = np.ascontiguousarray(rows + np.float32(0.0))
    seen: dict[bytes, int] = {}
    first = np.empty(len(plain), np.int64)
    for position, row in enumerate(plain):
        first[position] = seen.setdefault(hashlib.blake2b(row.data, digest_size=16).digest(), position)
    return first


@lru_cache(maxsize=1)
def threads() -> ThreadPoolExecutor:
    """The threads for compiled loops that hold no lock: one per processor.

    Only leaves run here: work that waits for other work of this pool would wait for itself.
    """
    return ThreadPoolExecutor(paths.cpu_count(), thread_name_prefix="arrays")


def in_pieces(work: Callable[[int, int], None], first: int, stop: int, pieces: int) -> None:
    """Call `work(low, high)` for pieces of first … stop − 1, on several threads where there are several pieces."""
    if pieces <= 1:
        work(first, stop)
        return
    cuts = np.linspace(first, stop, pieces + 1).astype(int)
    for piece in [threads().submit(work, int(low), int(high)) for low, high in zip(cuts, cuts[1:])]:
        piece.result()


def by_rows(kernel: Callable[..., None], n_rows: int, *arguments: Any) -> None:
    """Call `kernel(first, stop, *arguments)` for all rows, a few pieces per thread, at least 16 rows each."""
    pieces = min(2 * paths.cpu_count(), n_rows // 16)
    in_pieces(lambda first, stop: kernel(first, stop, *arguments), 0, n_rows, pieces)
