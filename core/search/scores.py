"""Cosines by blocks of queries."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Protocol, runtime_checkable

import numpy as np

from core.errors import ShapeMismatch


@runtime_checkable
class ScoreSource(Protocol):
    """Anything that scores a gallery for some queries at a time.

    `block(start, stop)` gives (stop − start, n_gallery) float32 or float64, C order, higher is closer, always the same
    type. −inf means "not retrieved": the list is partial. NaN is not allowed. The query's own column and junk columns
    may hold anything; they are left out of the list afterwards. Asking twice gives the same bits.
    """

    @property
    def n_queries(self) -> int:
        """How many queries ask."""
        ...

    @property
    def n_gallery(self) -> int:
        """How many images are searched."""
        ...

    def block(self, start: int, stop: int) -> np.ndarray:
        """(stop − start, n_gallery) scores of these queries."""
        ...


def rows_at(vectors: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """vectors[positions] as (n, dim) in C order; not copied where that is all of them, in order."""
    if len(vectors) == len(positions) and np.array_equal(positions, np.arange(len(vectors))):
        return np.ascontiguousarray(vectors)
    return np.ascontiguousarray(vectors[positions])


def first_copies(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows with identical bytes: (copies, firsts), both (n_copies,) int64, each copy beside the first such row.

    A matrix product may differ in the last bit between equal columns; copying the first one's score keeps them tied.
    −0.0 and 0.0 count as identical.
    """
    rows = np.ascontiguousarray(vectors + vectors.dtype.type(0))
    seen: dict[bytes, int] = {}
    firsts = np.array(
        [seen.setdefault(blake2b(row, digest_size=16).digest(), at) for at, row in enumerate(rows)], np.int64
    )
    copies = np.flatnonzero(firsts != np.arange(len(rows)))
    return copies, firsts[copies]


class CosineScores:
    """Cosines of unit vectors: (n_queries, dim) against (n_gallery, dim), float32.

    Equal gallery rows share the score of the first such row.
    """

    def __init__(self, queries: np.ndarray, gallery: np.ndarray) -> None:
        if queries.ndim != 2 or gallery.ndim != 2 or queries.shape[1] != gallery.shape[1]:
            raise ShapeMismatch(f"Queries {queries.shape} and gallery {gallery.shape} are not of one space.")
        self.queries = np.ascontiguousarray(queries, np.float32)
        self.gallery = np.ascontiguousarray(gallery, np.float32)
        self.copies, self.firsts = first_copies(self.gallery)
        self.query_present: np.ndarray = np.asarray(self.queries.any(axis=1))
        self.gallery_present: np.ndarray = np.asarray(self.gallery.any(axis=1))

    @property
    def n_queries(self) -> int:
        """How many queries ask."""
        return len(self.queries)

    @property
    def n_gallery(self) -> int:
        """How many images are searched."""
        return len(self.gallery)

    def block(self, start: int, stop: int, out: np.ndarray | None = None) -> np.ndarray:
        """(stop − start, n_gallery) float32."""
        return self.rows(slice(start, stop), out)

    def rows(self, queries: np.ndarray | slice, out: np.ndarray | None = None) -> np.ndarray:
        """The same for any queries."""
        scores = np.matmul(self.queries[queries], self.gallery.T, out=out)
        if len(self.copies):
            scores[:, self.copies] = scores[:, self.firsts]
        return scores


class BlockScores:
    """A whole (n_queries, n_gallery) score matrix as a source."""

    def __init__(self, scores: np.ndarray) -> None:
        self.scores = scores

    @property
    def n_queries(self) -> int:
        """How many queries ask."""
        return self.scores.shape[0]

    @property
    def n_gallery(self) -> int:
        """How many images are searched."""
        return self.scores.shape[1]

    def block(self, start: int, stop: int) -> np.ndarray:
        """(stop − start, n_gallery) scores of these queries."""
        return self.scores[start:stop]


def missing_factors(shares: Sequence[float] | np.ndarray, present: Sequence[np.ndarray]) -> np.ndarray | None:
    """(n,) float32: 1 / sqrt(sum of the shares present), 0 where nothing is; None when nothing is missing.

    The norm of a weighted concatenation with missing parts; `shares` sum to 1 (DEFINITIONS.md, section 8).
    """
    if all(p.all() for p in present):
        return None
    total = np.zeros(present[0].shape)
    for share, p in zip(shares, present):
        total += share * p
    return np.where(total > 0, 1 / np.sqrt(np.where(total > 0, total, 1)), 0).astype(np.float32)
