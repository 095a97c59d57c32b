"""Joining ranks: reciprocal rank fusion and Borda counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from core import arrays
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
    from core.fusion.kernels import fill_keys, read_ranks

    if scores.dtype != np.float32:
        raise TypeError(f"ranks are made of float32 scores, got {scores.dtype}")
    scores = np.ascontiguousarray(scores)
    own = np.full(len(scores), -1, np.int64) if own is None else np.asarray(own, np.int64)
    result = np.empty(scores.shape, np.int32)

    def whole(first: int, stop: int) -> None:
        # One plain sort of integers per row, several times faster than a stable argsort of floats.
        keys = np.empty((stop - first, scores.shape[1]), np.uint64)
        fill_keys(0, stop - first, keys, scores[first:stop].view(np.uint32), own[first:stop])
        keys.sort(axis=1)
        read_ranks(0, stop - first, result[first:stop], keys)

    arrays.by_rows(whole, len(scores))
    return result


def rank_worth(worth: np.ndarray, ranked: Sequence[np.ndarray], weights: np.ndarray) -> np.ndarray:
    """Σ_m w_m · worth[rank_m], rounded to 12 decimals; −inf where every rank is worth nothing.

    Args:
        worth: (n_gallery + 1,) float64, what a rank earns; rank 0 and what lies beyond the depth earn 0.
        ranked: one (n_queries, n_gallery) int32 array per backbone, as `ranks` gives.
        weights: (n_backbones,) float64, all above 0.
    """
    from core.fusion.kernels import add_worth, finish_worth

    total = np.zeros(ranked[0].shape, np.float64)
    listed = np.zeros(ranked[0].shape, np.bool_)
    for weight, ranks_of_part in zip(weights, ranked):
        arrays.by_rows(add_worth, len(total), total, listed, ranks_of_part, worth * weight)
    arrays.by_rows(finish_worth, len(total), total, listed, 10.0**DECIMALS)
    return total


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
    reference="Cormack, Clarke and Büttcher 2009, doi:10.1145/1571941.1572114",
)
def rrf(
    scores: Sequence[np.ndarray],
    weights: np.ndarray,
    own: np.ndarray | None = None,
    k: float = 60,
    depth: int | None = None,
    ranked: Callable[[int], np.ndarray] | None = None,
) -> np.ndarray:
    """Σ_m w_m/(k + rank_m), ranks from 1, equal scores get successive ranks by position, rounded to 12 decimals.

    `ranked` gives the ranks of the backbone at a position when they are known already; the scores are not read then.
    Items outside a backbone's top `depth` get nothing from it; outside all of them they are not retrieved (−inf).

    Returns:
        (n_queries, n_gallery) float64; −inf at the query's own place.
    >>> rrf([np.array([[0.9, 0.1]], np.float32)], np.ones(1), k=0)
    array([[1. , 0.5]])
    """
    places = _all_ranks(scores, weights, own, ranked)
    return rank_worth(rrf_worth(places[0].shape[1], k, depth), places, np.asarray(weights, np.float64))


@FUSIONS.register(
    "borda",
    label="Borda count",
    joins="ranks",
    weight="vote",
    parameters=(depth_parameter(),),
    sentence="Each backbone gives its last item 1 point, the one above it 2, and so on; points are added.",
    reference="Aslam and Montague 2001, doi:10.1145/383952.384007",
)
def borda(
    scores: Sequence[np.ndarray],
    weights: np.ndarray,
    own: np.ndarray | None = None,
    depth: int | None = None,
    ranked: Callable[[int], np.ndarray] | None = None,
) -> np.ndarray:
    """Σ_m w_m (L − rank_m + 1), L the length of the query's list or the depth; outside the depth nothing.

    Returns:
        (n_queries, n_gallery) float64; −inf where not retrieved and at the query's own place.
    >>> borda([np.array([[0.9, 0.1, 0.5]], np.float32)], np.ones(1))
    array([[3., 1., 2.]])
    """
    places = _all_ranks(scores, weights, own, ranked)
    n_gallery = places[0].shape[1]
    # A query that is in the gallery has a list one shorter, and so its last item still earns exactly one point.
    lengths = np.max([part.max(axis=1, initial=0) for part in places], axis=0)
    every = np.asarray(weights, np.float64)
    if len(np.unique(lengths)) == 1:
        return rank_worth(borda_worth(n_gallery, int(lengths[0]), depth), places, every)
    total = np.empty(places[0].shape, np.float64)
    for length in np.unique(lengths):
        rows = lengths == length
        total[rows] = rank_worth(borda_worth(n_gallery, int(length), depth), [part[rows] for part in places], every)
    return total


def _all_ranks(
    scores: Sequence[np.ndarray],
    weights: np.ndarray,
    own: np.ndarray | None,
    ranked: Callable[[int], np.ndarray] | None,
) -> list[np.ndarray]:
    """The ranks of every backbone: asked for by position when somebody keeps them, else worked out from scores."""
    if ranked is not None:
        return [ranked(position) for position in range(len(weights))]
    return [ranks(np.asarray(part, np.float32), own) for part in scores]
