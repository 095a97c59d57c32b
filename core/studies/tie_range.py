"""What the order among equal scores decides: the lowest and the highest mean average precision over all such orders."""

from __future__ import annotations

import numpy as np

from core import arrays
from core.studies.systems import System
from core.types import Relevance, TieRange

MOST_QUERIES = 300
"""Tied queries whose two extreme orders are worked out; with more, a seeded sample stands for all of them."""


def tie_range(
    system: System, truth: Relevance, mixed: np.ndarray, ap: np.ndarray, most: int = MOST_QUERIES
) -> TieRange:
    """The range of the mean AP over all orders of equal scores.

    Args:
        mixed: (n_queries,) bool, valid queries in which a relevant and another item tie.
        ap: (n_queries,) AP in the order of the gallery, NaN where not valid.
        most: tied queries that are looked at.
    """
    valid = ~np.isnan(ap)
    mean = float(ap[valid].mean()) if valid.any() else float("nan")
    tied = np.flatnonzero(mixed)
    if not len(tied):
        return TieRange(0, mean, mean)
    looked_at = arrays.sample(tied, most)
    lowest, highest = np.array([_extremes(system, truth, int(query)) for query in looked_at]).T
    scale = len(tied) / len(looked_at) / valid.sum()
    return TieRange(
        len(tied),
        mean - float(np.maximum(ap[looked_at] - lowest, 0).sum() * scale),
        mean + float(np.maximum(highest - ap[looked_at], 0).sum() * scale),
        sampled=len(looked_at) < len(tied),
    )


def _extremes(system: System, truth: Relevance, query: int) -> tuple[float, float]:
    """AP of one query with relevant items last, and first, among equal scores."""
    scores = np.asarray(system.block(query, query + 1)[0], np.float64)
    scores[truth.junk(query)] = -np.inf
    relevant = truth.relevant(query)
    others = np.ones(len(scores), bool)
    others[relevant] = False
    rest = np.sort(scores[others & (scores > -np.inf)])
    hits = np.sort(scores[relevant][scores[relevant] > -np.inf])[::-1]
    count = np.arange(1, len(hits) + 1)
    before = {side: len(rest) - np.searchsorted(rest, hits, side) for side in ("left", "right")}
    last, first = ((count / (count + before[side])).sum() / len(relevant) for side in ("left", "right"))
    return float(last), float(first)
