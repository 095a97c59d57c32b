"""The ranks of relevant items as the compiled loops read them, and what every list metric is made of."""

from __future__ import annotations

import numpy as np

from core.types import RelevantRanks


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
    from core.metrics import kernels

    cuts = np.array(np.broadcast_to(np.asarray(cut, np.int64), ranks.n_queries))
    return kernels.hits_within(*rank_arrays(ranks), cuts)
