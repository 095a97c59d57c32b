"""Joining scores: weighted sums, CombSUM, CombMNZ, and weights that follow each query's own confidence."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from core import arrays
from core.errors import BadInput
from core.fusion.normalize import SMALLEST_RANGE
from core.fusion.rank import ranks
from core.fusion.strategy import FUSIONS, NORMS, Parameter, depth_parameter, norm_parameter
from core.setups import Bounds


def _own_or_nowhere(scores: Sequence[np.ndarray], own: np.ndarray | None) -> np.ndarray:
    return np.full(scores[0].shape[0], -1, np.int64) if own is None else np.asarray(own, np.int64)


def summed(
    scores: Sequence[np.ndarray],
    weights: np.ndarray,
    own: np.ndarray | None,
    norm: str,
    depth: int | None,
    ranked: Callable[[int], np.ndarray] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Σ_m w_m · normalised scores, and how many backbones list each item.

    With a depth, each backbone's pool is its top `depth`; what lies outside adds 0. `ranked` gives the ranks of the
    backbone at a position when they are known already.

    Returns:
        total (n_queries, n_gallery) float64, 0 at the query's own place, and votes, same shape, uint8.
    """
    from core.fusion.kernels import CODES, add_normalized

    if norm not in NORMS:
        raise BadInput(f"No scale is named {norm!r}. Use one of {', '.join(NORMS)}.")
    own = _own_or_nowhere(scores, own)
    total = np.zeros(scores[0].shape, np.float64)
    votes = np.zeros(scores[0].shape, np.uint8)
    nothing = np.zeros((1, 1), np.int32)
    for position, (weight, part) in enumerate(zip(np.asarray(weights, np.float64), scores)):
        part = np.ascontiguousarray(part, np.float32)
        places = nothing
        if depth:
            places = ranks(part, own) if ranked is None else ranked(position)
        arrays.by_rows(
            add_normalized, len(part), total, votes, part, own, places, depth or 0, weight, CODES[norm], SMALLEST_RANGE
        )
    return total, votes


def _listed(total: np.ndarray, votes: np.ndarray) -> np.ndarray:
    """What no backbone lists, the query's own place among it, is not retrieved."""
    total[votes == 0] = -np.inf
    return total


@FUSIONS.register(
    "score_sum",
    label="Weighted sum of scores",
    joins="scores",
    weight="share",
    linear=True,
    parameters=(norm_parameter("none"), depth_parameter()),
    sentence="Each backbone scores every image; the scores are averaged, each counted with its share.",
    reference="Kittler et al. 1998, doi:10.1109/34.667881",
)
def score_sum(
    scores: Sequence[np.ndarray],
    weights: np.ndarray,
    own: np.ndarray | None = None,
    norm: str = "none",
    depth: int | None = None,
    ranked: Callable[[int], np.ndarray] | None = None,
) -> np.ndarray:
    """Σ_m a_m s_m with shares a = weights/Σ weights, raw or per query on one scale (DEFINITIONS.md, section 9).

    With `norm="none"` and nothing missing it equals `concat` with weights √a.

    Returns:
        (n_queries, n_gallery) float64; −inf at the query's own place and, with a depth, where no backbone lists it.
    """
    weights = np.asarray(weights, np.float64)
    return _listed(*summed(scores, weights / weights.sum(), own, norm, depth, ranked))


_COMBINED = {
    "joins": "scores",
    "weight": "",
    "parameters": (norm_parameter("minmax"), depth_parameter()),
    "reference": "Fox and Shaw 1994, Combination of Multiple Searches, TREC-2, NIST SP 500-215",
}


@FUSIONS.register(
    "combsum",
    label="CombSUM",
    sentence="Every backbone's scores are stretched to the same scale and added; all count the same.",
    **_COMBINED,
)
def combsum(
    scores: Sequence[np.ndarray],
    weights: np.ndarray,
    own: np.ndarray | None = None,
    norm: str = "minmax",
    depth: int | None = None,
    ranked: Callable[[int], np.ndarray] | None = None,
) -> np.ndarray:
    """The unweighted sum of normalised scores; `weights` says only who takes part.

    Returns:
        (n_queries, n_gallery) float64; −inf where not retrieved and at the query's own place.
    """
    return _listed(*summed(scores, np.ones(len(scores)), own, norm, depth, ranked))


@FUSIONS.register(
    "combmnz",
    label="CombMNZ",
    sentence="As CombSUM, then multiplied by how many backbones list the image: agreement is rewarded.",
    **_COMBINED,
)
def combmnz(
    scores: Sequence[np.ndarray],
    weights: np.ndarray,
    own: np.ndarray | None = None,
    norm: str = "minmax",
    depth: int | None = None,
    ranked: Callable[[int], np.ndarray] | None = None,
) -> np.ndarray:
    """CombSUM times the number of backbones whose top `depth` holds the item, normalised over those top lists.

    Without a depth every item is in every list, and this is CombSUM times the number of backbones.

    Returns:
        (n_queries, n_gallery) float64; −inf where not retrieved and at the query's own place.
    """
    total, votes = summed(scores, np.ones(len(scores)), own, norm, depth, ranked)
    return _listed(total * votes, votes)


def confidence(scores: np.ndarray, own: np.ndarray | None, depth: int) -> np.ndarray:
    """How far the first score stands above those that follow, in units of the drop to rank `depth`.

    1 − the mean of the top scores from rank 2 to `depth`, each min-max scaled within the top `depth`: near 1 when one
    item stands out, near 0 when the list is a plateau. It is one less the area under the score curve of Zheng et al.
    2015 (CVPR).

    Args:
        scores: (n_queries, n_gallery) float32.
        own: (n_queries,) int64, −1 is nowhere; the query is not in its own list.
        depth: ranks read, at least 2.
    Returns:
        (n_queries,) float64 in [0, 1]; 0 where the top scores do not differ or fewer than two are there.
    """
    own = _own_or_nowhere([scores], own)
    rows = np.flatnonzero(own >= 0)
    visible = np.array(scores, np.float32)
    visible[rows, own[rows]] = -np.inf
    keep = min(depth, visible.shape[1])
    top = -np.sort(-np.partition(visible, visible.shape[1] - keep, axis=1)[:, -keep:], axis=1).astype(np.float64)
    there = np.isfinite(top)
    last = np.where(there, top, np.inf).min(axis=1, initial=np.inf, keepdims=True)
    drop = top[:, :1] - last
    with np.errstate(invalid="ignore"):
        curve = np.where(there, (top - last) / np.where(drop >= SMALLEST_RANGE, drop, np.inf), 0.0)
    followers = np.maximum(there.sum(axis=1) - 1, 1)
    spread = (drop[:, 0] >= SMALLEST_RANGE) & (there.sum(axis=1) > 1)
    return np.where(spread, 1.0 - curve[:, 1:].sum(axis=1) / followers, 0.0)


_SHARPNESS = Bounds("real", low=0, high=16, label="Sharpness", help="0 leaves the shares as set; more trusts the gap.")
_READ = Bounds("whole", low=2, high=1000, label="Ranks read", help="How far down the score curve is read.")


@FUSIONS.register(
    "confidence",
    label="Query-adaptive sum",
    joins="scores",
    weight="share",
    parameters=(Parameter("sharpness", 2.0, _SHARPNESS), Parameter("read", 50, _READ)),
    sentence="For each query, a backbone whose first hits stand out clearly counts more than one that is undecided.",
    reference="Zheng et al. 2015, Query-Adaptive Late Fusion for Image Search and Person Re-identification, CVPR",
)
def confidence_sum(
    scores: Sequence[np.ndarray],
    weights: np.ndarray,
    own: np.ndarray | None = None,
    sharpness: float = 2.0,
    read: int = 50,
) -> np.ndarray:
    """Σ_m a_m(q) z_m with a_m(q) ∝ a_m · confidence_m(q)^sharpness and min-max scaled scores z. Nothing is trained.

    A query of which no backbone is sure keeps the shares as set.

    Returns:
        (n_queries, n_gallery) float64; −inf at the query's own place.
    """
    shares = confidence_shares(scores, weights, own, sharpness, read)
    return weighted_by_query(scores, shares, own, "minmax")


def confidence_shares(
    scores: Sequence[np.ndarray], weights: np.ndarray, own: np.ndarray | None, sharpness: float, read: int
) -> np.ndarray:
    """(n_queries, n_backbones) float64, rows sum to 1: the shares that each query gives its backbones."""
    weights = np.asarray(weights, np.float64)
    sure = np.stack([confidence(np.asarray(part), own, read) for part in scores], axis=1)
    raw = weights * np.maximum(sure, 0.0) ** sharpness
    total = raw.sum(axis=1, keepdims=True)
    return np.where(total > 1e-12, raw / np.where(total > 1e-12, total, 1.0), weights / weights.sum())


def weighted_by_query(
    scores: Sequence[np.ndarray], shares: np.ndarray, own: np.ndarray | None, norm: str
) -> np.ndarray:
    """Σ_m shares[q, m] · normalised scores of m; −inf at the query's own place.

    Args:
        shares: (n_queries, n_backbones) float64.
    Returns:
        (n_queries, n_gallery) float64.
    """
    from core.fusion.kernels import CODES, add_normalized

    own = _own_or_nowhere(scores, own)
    total = np.zeros(scores[0].shape, np.float64)
    no_ranks, no_votes = np.zeros((1, 1), np.int32), np.zeros((0, 0), np.uint8)
    for position, block in enumerate(scores):
        part = np.zeros(total.shape, np.float64)
        block = np.ascontiguousarray(block, np.float32)
        arrays.by_rows(
            add_normalized, len(block), part, no_votes, block, own, no_ranks, 0, 1.0, CODES[norm], SMALLEST_RANGE
        )
        total += shares[:, position : position + 1] * part
    rows = np.flatnonzero(own >= 0)
    total[rows, own[rows]] = -np.inf
    return total
