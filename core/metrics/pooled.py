"""Precision at k where people judged some of the results: what the judged ones say, and how wrong the others can make it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.metrics import resampling


@dataclass(frozen=True)
class PooledPrecision:
    """P@k of one system over the judged queries.

    Attributes:
        estimate: the share of the judged results in the first k that is relevant; NaN where none is judged.
        low, high: the lower end with every unjudged result counted as wrong, the upper end with each counted as right,
            both of the 95 % interval over queries.
        judged: the share of the first k that is judged, in [0, 1].
        n_queries: judged queries.
    """

    estimate: float
    low: float
    high: float
    judged: float
    n_queries: int


def precision(
    hits: np.ndarray, unjudged: np.ndarray, k: int, classes: np.ndarray | None = None, seed: int = 0
) -> PooledPrecision:
    """P@k from judged results, with the bounds of what is not judged.

    Args:
        hits: (n_queries,) float64 results in the first k that are judged relevant, NaN for queries that nobody judged.
        unjudged: (n_queries,) results in the first k that nobody judged; places of a list that ended are none.
        k: cut-off.
        classes: (n_queries,) int64 queries that are drawn together, None for single ones.
    Reference: bounds by the residual, Moffat and Zobel 2008, doi:10.1145/1416950.1416952.
    """
    counts = np.isfinite(hits)
    n, places = int(counts.sum()), k * int(counts.sum())
    nothing = float("nan")
    if not n:
        return PooledPrecision(nothing, nothing, nothing, 0.0, 0)
    judged = places - float(unjudged[counts].sum())
    low, _ = resampling.interval(hits / k, seed=seed, classes=classes)
    _, high = resampling.interval(np.where(counts, hits + unjudged, np.nan) / k, seed=seed, classes=classes)
    estimate = float(hits[counts].sum()) / judged if judged > 0 else nothing
    return PooledPrecision(estimate, low, high, judged / places, n)
