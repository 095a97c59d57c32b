"""Joining ranks: reciprocal rank fusion and Borda counts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.fusion.strategy import FUSIONS, Parameter, depth_parameter
from core.setups import Bounds

DECIMALS = 12
"""Sums of reciprocals are rounded to this before ranking: the same three must tie in any order of addition."""


def ranks(scores: np.ndarray, own: np.ndarray | None = None) -> np.ndarray:
    """The rank of every gallery item in every query's list, from 1; equal scores by gallery position.

    Args:
        scores: (n_queries, n_gallery) float32, higher is closer, −inf is "not retrieved".
        own: (n_queries,) int64, where the query stands in the gallery; it has no rank and moves nobody.
    Returns:
        (n_queries, n_gallery) int32; 0 at the query's own place and where nothing was retrieved.
    >>> ranks(np.array([[0.2, 0.9, 0.2, 0.5]], np.float32), own=np.array([1]))
    array([[2, 0, 3, 1]], dtype=int32)
    """
    n_queries, n_gallery = scores.shape
    keys = sort_keys(scores)
    gone = ~np.isfinite(scores)
    if own is not None:
        rows = np.flatnonzero(own >= 0)
        gone[rows, own[rows]] = True
    # An item that is gone sorts behind all others: the largest key.
    keys[gone] = np.uint64(0xFFFFFFFF00000000) | np.nonzero(gone)[1].astype(np.uint64)
    keys.sort(axis=1)
    order = (keys & np.uint64(0xFFFFFFFF)).astype(np.int64)
    result = np.empty((n_queries, n_gallery), np.int32)
    np.put_along_axis(result, order, np.arange(1, n_gallery + 1, dtype=np.int32)[None, :], axis=1)
    result[gone] = 0
    return result


def sort_keys(scores: np.ndarray) -> np.ndarray:
    """(n_queries, n_gallery) uint64 keys whose ascending order is descending score, then ascending position.

    The upper half is the score's bits made monotone (−0.0 equals 0.0), the lower half the position: one plain sort of
    integers, which is several times faster than a stable argsort of floats.
    """
    if scores.dtype != np.float32:
        raise TypeError(f"keys are made of float32 scores, got {scores.dtype}")
    bits = (scores + np.float32(0.0)).view(np.uint32)
    negative = bits >> np.uint32(31) == 1
    ascending = np.where(negative, ~bits, bits | np.uint32(0x80000000))
    positions = np.arange(scores.shape[1], dtype=np.uint64)
    return ((~ascending).astype(np.uint64) << np.uint64(32)) | positions


def rank_worth(worth: np.ndarray, ranked: Sequence[np.ndarray], weights: np.ndarray) -> np.ndarray:
    """Σ_m w_m · worth[rank_m], rounded to 12 decimals; −inf where every rank is worth nothing.

    Args:
        worth: (n_gallery + 1,) float64, what a rank earns; worth[0] and what lies beyond the depth are 0.
        ranked: one (n_queries, n_gallery) int array per backbone, as `ranks` gives.
        weights: (n_backbones,) float64, all above 0.
    """
    total = np.zeros(ranked[0].shape, np.float64)
    for weight, one in zip(weights, ranked):
        total += (worth * weight)[one]
    rounded = np.round(total, DECIMALS)
    listed = np.zeros(total.shape, bool)
    for one in ranked:
        listed |= (worth > 0)[one]
    return np.where(listed, rounded, -np.inf)


def rrf_worth(n_gallery: int, k: float = 60, depth: int | None = None) -> np.ndarray:
    """(n_gallery + 1,) float64: 1/(k + rank), 0 at rank 0 and beyond the depth."""
    worth = np.zeros(n_gallery + 1)
    worth[1:] = 1.0 / (k + np.arange(1, n_gallery + 1))
    if depth is not None:
        worth[depth + 1 :] = 0.0
    return worth


def borda_worth(n_gallery: int, n_listed: int, depth: int | None = None) -> np.ndarray:
    """(n_gallery + 1,) float64: as many points as there are places from this one down to the last that is read."""
    places = n_listed if depth is None else min(depth, n_listed)
    worth = np.maximum(places - np.arange(n_gallery + 1) + 1.0, 0.0)
    worth[0] = 0.0
    return worth


def _k_parameter() -> Parameter:
    help_text = "The larger, the less the first places count above the others. 60 is the paper's."
    return Parameter("k", 60, Bounds("real", low=0, high=1_000_000, label="k", help=help_text))


@FUSIONS.register(
    "rrf",
    label="Reciprocal rank fusion",
    joins="ranks",
    weight="vote",
    parameters=(_k_parameter(), depth_parameter()),
    sentence="Each backbone gives an item 1/(k + its place); who is high on several lists wins. Scores do not matter.",
    reference="Cormack, Clarke and Büttcher 2009, SIGIR",
)
def rrf(
    scores: Sequence[np.ndarray],
    weights: np.ndarray,
    own: np.ndarray | None = None,
    k: float = 60,
    depth: int | None = None,
) -> np.ndarray:
    """Σ_m w_m/(k + rank_m), ranks from 1, equal scores get successive ranks by position, rounded to 12 decimals.

    Items outside a backbone's top `depth` get nothing from it; outside all of them they are not retrieved (−inf).

    Returns:
        (n_queries, n_gallery) float64; −inf at the query's own place.
    >>> rrf([np.array([[0.9, 0.1]], np.float32)], np.ones(1), k=0)
    array([[1. , 0.5]])
    """
    ranked = [ranks(np.asarray(one, np.float32), own) for one in scores]
    return rank_worth(rrf_worth(ranked[0].shape[1], k, depth), ranked, np.asarray(weights, np.float64))


@FUSIONS.register(
    "borda",
    label="Borda count",
    joins="ranks",
    weight="vote",
    parameters=(depth_parameter(),),
    sentence="Each backbone gives its last item 1 point, the one above it 2, and so on; points are added.",
    reference="Aslam and Montague 2001, SIGIR; Borda 1781",
)
def borda(
    scores: Sequence[np.ndarray], weights: np.ndarray, own: np.ndarray | None = None, depth: int | None = None
) -> np.ndarray:
    """Σ_m w_m (L − rank_m + 1), L the length of the query's list or the depth; outside the depth nothing.

    Returns:
        (n_queries, n_gallery) float64; −inf where not retrieved and at the query's own place.
    >>> borda([np.array([[0.9, 0.1, 0.5]], np.float32)], np.ones(1))
    array([[3., 1., 2.]])
    """
    ranked = [ranks(np.asarray(one, np.float32), own) for one in scores]
    n_gallery = ranked[0].shape[1]
    total = np.empty(ranked[0].shape, np.float64)
    # A query that is in the gallery has a list one shorter, and so its last item still earns exactly one point.
    lengths = np.max([one.max(axis=1, initial=0) for one in ranked], axis=0)
    for length in np.unique(lengths):
        rows = lengths == length
        worth = borda_worth(n_gallery, int(length), depth)
        total[rows] = rank_worth(worth, [one[rows] for one in ranked], np.asarray(weights, np.float64))
    return total
