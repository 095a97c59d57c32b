"""Large sets: a seeded sample of the queries answers at once, all of them follow."""

from __future__ import annotations

import dataclasses

import numpy as np

from core import arrays
from core.search.score_cache import half_of_free_memory
from core.types import Dataset, Relevance, Split

SIZE = 1_000
"""Queries of a panel."""
MOST_QUERIES = 20_000
"""With more queries than this a panel answers first, whatever fits into the memory."""


def needed(truth: Relevance, n_backbones: int, memory_bytes: int | None = None) -> bool:
    """True when a moved weight should be answered by a panel first.

    Args:
        n_backbones: whose scores would have to be kept for all queries.
        memory_bytes: what they may take; None for half of the free memory.
    """
    n_valid = int((truth.n_relevant > 0).sum())
    if n_valid <= SIZE:
        return False
    bound = half_of_free_memory() if memory_bytes is None else memory_bytes
    return n_valid > MOST_QUERIES or 4 * n_backbones * truth.n_queries * truth.n_gallery > bound


def of(dataset: Dataset, truth: Relevance, seed: int = 0) -> Dataset:
    """The same dataset, asked only by a seeded sample of the queries that have a relevant image.

    Args:
        truth: of the dataset's split.
    """
    valid = np.flatnonzero(truth.n_relevant > 0)
    drawn = arrays.sample(valid, SIZE, seed)
    split = dataset.split
    return dataclasses.replace(dataset, split=Split(split.queries[drawn], split.gallery, split.train))


def sentence(sampled: int, every: int, low: float, high: float) -> str:
    """ "1,000 of 40,000 queries, ± 0.012": how many were ranked, and half the width of the interval.

    >>> sentence(1000, 40000, 0.5, 0.524)
    '1,000 of 40,000 queries, ± 0.012'
    """
    return f"{sampled:,} of {every:,} queries, ± {(high - low) / 2:.3f}"
