"""Curves of systems over the queries of a dataset, or of one of its classes, as arrays and as one long table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from core import metrics
from core.metrics import curves, resampling
from core.studies import retrieval
from core.types import Dataset, RelevantRanks

if TYPE_CHECKING:
    import pandas as pd

BINS = 20
"""Bars of a distribution of average precision, each 0.05 wide."""


@dataclass(frozen=True)
class Curve:
    """One curve of one system.

    Attributes:
        x, y: (n,) float64; low, high: 95 % bootstrap interval of y over queries, None where none is defined.
        n: valid queries that it rests on.
        mean: of the values behind it, where that is one number (a distribution), else NaN.
    """

    x: np.ndarray
    y: np.ndarray
    n: int
    low: np.ndarray | None = None
    high: np.ndarray | None = None
    mean: float = float("nan")


def queries_of(dataset: Dataset, ranks: RelevantRanks, label: str = "") -> np.ndarray:
    """(n_queries,) bool: the valid queries, of one class if it is named."""
    return ranks.valid & retrieval.of_label(dataset, np.arange(ranks.n_queries), label)


def levels(ranks: RelevantRanks, queries: np.ndarray, seed: int = 0, groups: np.ndarray | None = None) -> Curve:
    """11-point interpolated precision, mean of these queries, with its interval at each level.

    Args:
        groups: (n_queries,) int64 classes that are drawn as a whole, see `Relevance.query_groups`.
    """
    columns = curves.levels(ranks)[queries]
    if not len(columns):
        nothing = np.full(11, np.nan)
        return Curve(curves.RECALL_LEVELS, nothing, 0, nothing, nothing)
    low, high = resampling.intervals(columns, seed=seed, classes=_of(groups, queries))
    return Curve(curves.RECALL_LEVELS, curves.average_curve(columns), len(columns), low, high)


def _of(groups: np.ndarray | None, queries: np.ndarray) -> np.ndarray | None:
    return None if groups is None else groups[queries]


def over_k(
    ranks: RelevantRanks, queries: np.ndarray, depth: int, seed: int = 0, groups: np.ndarray | None = None
) -> dict[str, Curve]:
    """Mean precision@k ("p") and recall@k ("recall") for k = 1 … depth, with intervals at some of the k between.

    The intervals are worked out at up to 24 values of k, spread evenly on a logarithmic axis, and joined by lines.

    Args:
        groups: (n_queries,) int64 classes that are drawn as a whole.
    """
    means = curves.over_k(ranks, depth, queries)
    n, k = int(queries.sum()), means["k"]
    both: dict[str, Curve] = {}
    at = np.unique(np.round(np.geomspace(1, depth, min(depth, 24))).astype(int))
    for key in ("p", "recall"):
        if not n:
            both[key] = Curve(k, means[key], 0)
            continue
        values = metrics.compute(ranks, [f"{key}@{cut}" for cut in at])
        low, high = resampling.intervals(
            np.stack(list(values.values()), axis=1)[queries], seed=seed, classes=_of(groups, queries)
        )
        both[key] = Curve(k, means[key], n, np.interp(k, at, low), np.interp(k, at, high))
    return both


def distribution(ranks: RelevantRanks, queries: np.ndarray, cumulative: bool = False) -> Curve:
    """How average precision is spread over these queries.

    Args:
        cumulative: the share of queries that reach at least x, for every x; else the share in each of 20 bars, at
            their middle (a query at a border counts in the bar above it, 1 in the last).
    """
    values = np.sort(metrics.average_precision(ranks)[queries])
    n = len(values)
    mean = float(values.mean()) if n else float("nan")
    if cumulative:
        x = np.arange(101) / 100
        reached = n - np.searchsorted(values, x - 1e-12)
        return Curve(x, reached / n if n else np.full(101, np.nan), n, mean=mean)
    counts, edges = np.histogram(np.clip(values, 0, 1), bins=BINS, range=(0, 1))
    return Curve((edges[:-1] + edges[1:]) / 2, counts / n if n else np.full(BINS, np.nan), n, mean=mean)


def one_query(ranks: RelevantRanks, query: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(recall, precision) at each relevant result of one query, and its (11,) interpolated levels."""
    recall, precision = curves.raw_curve(ranks, query)
    return recall, precision, curves.levels(ranks)[query]


def table(of_systems: Mapping[str, Curve], x: str, y: str) -> pd.DataFrame:
    """All curves as one long table: system, x, y, low, high, n_queries.

    Args:
        of_systems: title → curve.
        x, y: names of the columns.
    """
    import pandas as pd

    frames = []
    for title, curve in of_systems.items():
        nothing = np.full(len(curve.x), np.nan)
        frames.append(
            pd.DataFrame(
                {
                    "system": title,
                    x: curve.x,
                    y: curve.y,
                    "low": nothing if curve.low is None else curve.low,
                    "high": nothing if curve.high is None else curve.high,
                    "n_queries": curve.n,
                }
            )
        )
    return pd.concat(frames, ignore_index=True).dropna(axis=1, how="all")
