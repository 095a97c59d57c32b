"""Hubs: images that stand in the lists of many queries, and those that stand in none."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.metrics.registry import METRICS, Metric

DEPTH = 10
"""How many first results of each query are counted."""

METRICS.add(
    Metric(
        "hubness",
        label="Hubness",
        kind="hubs",
        divided_by="nothing",
        definition="Skewness of how often each gallery image stands among the first 10 results: 0 is even, above 1 a few images "
        "(hubs) crowd the lists of many queries.",
        nothing_relevant="Every query counts: labels are not read.",
        higher_is_better=False,
        limits=(None, None),
        reference="Radovanović, Nanopoulos and Ivanović 2010, JMLR 11:2487",
    )
)


@dataclass(frozen=True)
class Hubness:
    """How often each gallery image stands among the first results of the queries.

    Attributes:
        counts: (n_gallery,) int64: N_k.
        skewness: of the counts; 0 where all are alike, NaN with fewer than three images. Above 1 a few images crowd the lists.
        depth: k.
        n_queries: whose lists were read.
    """

    counts: np.ndarray
    skewness: float
    depth: int
    n_queries: int

    @property
    def largest(self) -> int:
        """The count of the worst hub."""
        return int(self.counts.max(initial=0))

    @property
    def n_anti_hubs(self) -> int:
        """Images that stand in nobody's list."""
        return int((self.counts == 0).sum())

    def hubs(self, n: int = 10) -> np.ndarray:
        """(≤ n,) int64 gallery positions with the highest counts, equal ones by position; none that is in no list."""
        order = np.argsort(-self.counts, kind="stable")[:n]
        return order[self.counts[order] > 0]

    def anti_hubs(self, n: int = 10) -> np.ndarray:
        """(≤ n,) int64 gallery positions that stand in no list, the first of them."""
        return np.flatnonzero(self.counts == 0)[:n]


def hubness(items: np.ndarray, n_gallery: int, depth: int = DEPTH) -> Hubness:
    """Counts over the first results of every query.

    Args:
        items: (n_queries, ≥ depth) int64 gallery positions, best first, −1 is none.

    >>> hubness(np.array([[0, 1], [0, 2], [0, 1]]), 4, 2).counts
    array([3, 2, 1, 0])
    """
    first = items[:, :depth]
    counts = np.bincount(first[first >= 0], minlength=n_gallery)
    return Hubness(counts, skewness(counts), min(depth, items.shape[1]), len(items))


def skewness(counts: np.ndarray) -> float:
    """The third standardised moment, m3 / m2^1.5 (no correction for samples); NaN with fewer than three numbers.

    Reference:
        Radovanović, Nanopoulos and Ivanović 2010, Hubs in space, JMLR 11:2487.
    """
    if len(counts) < 3:
        return float("nan")
    away = np.asarray(counts, np.float64) - np.mean(counts)
    spread = float(np.mean(away**2))
    return float(np.mean(away**3) / spread**1.5) if spread > 0 else 0.0


def finders(items: np.ndarray, position: int, depth: int = DEPTH) -> tuple[np.ndarray, np.ndarray]:
    """Whose first results hold an image: queries (n,) int64, best rank first, and its ranks there, from 1."""
    queries, columns = np.nonzero(items[:, :depth] == position)
    order = np.lexsort((queries, columns))
    return queries[order].astype(np.int64), columns[order] + 1
