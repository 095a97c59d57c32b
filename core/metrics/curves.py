"""Curves: 11-point interpolated precision, raw precision-recall points, precision and recall over k."""

from __future__ import annotations

from weakref import WeakKeyDictionary

import numpy as np

from core.errors import BadInput
from core.metrics.rank_arrays import rank_arrays
from core.metrics.registry import METRICS, Metric
from core.types import RelevantRanks

RECALL_LEVELS = np.arange(11) / 10

_LEVELS: WeakKeyDictionary[RelevantRanks, np.ndarray] = WeakKeyDictionary()


def levels(ranks: RelevantRanks) -> np.ndarray:
    """Interpolated precision at recall 0, 0.1 ... 1: (n_queries, 11) float64, NaN rows where nothing is relevant.

    Level i needs n_i = max(1, ceil(i R / 10)) relevant items, in whole numbers; its value is the best precision at
    any of the ranks from the n_i-th relevant item on, 0 if fewer were retrieved.

    Reference: Manning, Raghavan and Schütze 2008, section 8.4, doi:10.1017/CBO9780511809071.
    """
    from core.metrics import kernels

    # Remembered while the ranks live: ap11, the curve and the interval of the curve all ask for it.
    levels_of_ranks = _LEVELS.get(ranks)
    if levels_of_ranks is None:
        levels_of_ranks = kernels.interpolated(*rank_arrays(ranks), np.require(ranks.n_relevant, np.int64, ["C", "W"]))
        levels_of_ranks.flags.writeable = False
        _LEVELS[ranks] = levels_of_ranks
    return levels_of_ranks


@METRICS.register(
    "ap11",
    label="11-point AP (VOC 2007)",
    divided_by="11",
    definition="Mean of the interpolated precision at the 11 recall levels 0, 0.1 ... 1; this is not mAP.",
    reference="Everingham et al. 2010, PASCAL VOC, doi:10.1007/s11263-009-0275-4",
)
def eleven_point(ranks: RelevantRanks, k: int | None = None) -> np.ndarray:
    """Mean of the 11 interpolated precisions."""
    return levels(ranks).mean(axis=1)


def average_curve(per_query: np.ndarray, queries: np.ndarray | None = None) -> np.ndarray:
    """Mean of the 11 levels over valid queries: (11,) float64 that never rises; NaN when no query is valid.

    Args:
        per_query: (n_queries, 11) from `levels`.
        queries: positions or mask of the queries to average, e.g. those of one class; None for all.
    """
    rows = per_query if queries is None else per_query[queries]
    rows = rows[~np.isnan(rows[:, 0])]
    if not len(rows):
        return np.full(11, np.nan)
    curve = rows.mean(axis=0)
    if (np.diff(curve) > 1e-12).any():
        raise BadInput("The interpolated curve rises, which it cannot: these are not interpolated precisions.")
    return curve


def raw_curve(ranks: RelevantRanks, query: int) -> tuple[np.ndarray, np.ndarray]:
    """The R points of one query: recall c / R, precision c / r_c, each (retrieved,) float64. None is at recall 0."""
    at = ranks.of(query)
    count = np.arange(1, len(at) + 1)
    return count / max(1, int(ranks.n_relevant[query])), count / at


def over_k(ranks: RelevantRanks, depth: int, queries: np.ndarray | None = None) -> dict[str, np.ndarray]:
    """Means over valid queries for every k from 1 to depth: {"k", "p", "recall"}, each (depth,); NaN if none is valid.

    Args:
        queries: mask of the queries to average; None for all.
    """
    from core.metrics import kernels

    depth = max(1, int(depth))
    use = ranks.valid if queries is None else ranks.valid & queries
    k = np.arange(1, depth + 1)
    if not use.any():
        return {"k": k, "p": np.full(depth, np.nan), "recall": np.full(depth, np.nan)}
    hits, shares = kernels.hits_by_depth(*rank_arrays(ranks), np.array(use), depth)
    return {"k": k, "p": hits / k / use.sum(), "recall": shares / use.sum()}


METRICS.add(
    Metric(
        "iprec",
        label="Interpolated precision (11 levels)",
        kind="curve",
        divided_by="R where recall is counted",
        definition="At recall levels 0, 0.1 ... 1: the best precision at that recall or a higher one, mean of queries.",
        reference="Manning, Raghavan and Schütze 2008, section 8.4, doi:10.1017/CBO9780511809071",
    )
)
