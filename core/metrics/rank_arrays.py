"""The ranks of relevant items as the compiled loops read them, and what every list metric is made of."""

from __future__ import annotations

from weakref import WeakKeyDictionary

import numpy as np

from core.types import RelevantRanks

_HITS: WeakKeyDictionary[RelevantRanks, dict[int, np.ndarray]] = WeakKeyDictionary()


def or_nan(values: np.ndarray, ranks: RelevantRanks) -> np.ndarray:
    """The values, NaN where the query does not count."""
    return np.where(ranks.valid, values, np.nan)


def share(sums: np.ndarray, divisor: np.ndarray | int, ranks: RelevantRanks) -> np.ndarray:
    """sums / divisor, NaN where the query does not count."""
    return np.divide(sums, divisor, out=np.full(ranks.n_queries, np.nan), where=ranks.valid)


def rank_arrays(ranks: RelevantRanks) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What the kernels read. They are compiled for these very types."""
    return (
        np.require(ranks.indptr, np.int64, ["C", "W"]),
        np.require(ranks.ranks, np.int32, ["C", "W"]),
        np.require(ranks.retrieved, np.int32, ["C", "W"]),
    )


def hits_within(ranks: RelevantRanks, cut: int | np.ndarray) -> np.ndarray:
    """Relevant items among the first `cut` of each list: (n_queries,) int64.

    Args:
        cut: one depth, or (n_queries,) one per query.
    """
    # Remembered while the ranks live: six metrics ask for the same depth.
    depths = _HITS.setdefault(ranks, {})
    if not isinstance(cut, int):
        return _hits_within(ranks, cut)
    if cut not in depths:
        depths[cut] = _hits_within(ranks, cut)
    return depths[cut]


def _hits_within(ranks: RelevantRanks, cut: int | np.ndarray) -> np.ndarray:
    """The same, worked out."""
    from core.metrics import kernels

    cuts = np.array(np.broadcast_to(np.asarray(cut, np.int64), ranks.n_queries))
    return kernels.hits_within(*rank_arrays(ranks), cuts)
