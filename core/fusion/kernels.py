"""Compiled loops of score fusion. Import this module inside functions only: numba takes half a second to load.

Sums are float64 and no operation is reordered (no fast math), so equal inputs give equal outputs in any column.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

NONE, MINMAX, ZSCORE = 0, 1, 2
CODES = {"none": NONE, "minmax": MINMAX, "zscore": ZSCORE}


@njit(cache=True, inline="always")
def _scale_of(row, own, ranked, depth, norm, smallest):
    """(middle, factor) of one row over its pool; a factor of 0 means that there is no spread."""
    n = row.shape[0]
    if norm == 0:
        return 0.0, 1.0
    count = 0
    low, high, total = np.inf, -np.inf, 0.0
    for j in range(n):
        if j == own or (depth > 0 and (ranked[j] == 0 or ranked[j] > depth)):
            continue
        value = np.float64(row[j])
        count += 1
        total += value
        low = min(low, value)
        high = max(high, value)
    if count == 0:
        return 0.0, 0.0
    if norm == 1:
        return (low, high - low) if high - low >= smallest else (0.0, 0.0)
    middle = total / count
    squares = 0.0
    for j in range(n):
        if j == own or (depth > 0 and (ranked[j] == 0 or ranked[j] > depth)):
            continue
        away = np.float64(row[j]) - middle
        squares += away * away
    spread = np.sqrt(squares / count)
    return (middle, spread) if spread >= smallest else (0.0, 0.0)


@njit(cache=True, parallel=True)
def add_normalized(out, votes, scores, own, ranked, depth, weight, norm, smallest):
    """out += weight · normalize(scores); votes counts, per item, the backbones that list it.

    Args:
        out: (n_queries, n_gallery) float64, added to in place.
        votes: (n_queries, n_gallery) uint8, added to in place; (0, 0) when nobody asks.
        scores: (n_queries, n_gallery) float32.
        own: (n_queries,) int64, −1 is nowhere.
        ranked: (n_queries, n_gallery) int32 ranks, read only when depth > 0; else (0, 0).
        depth: 0 is no depth.
        norm: 0 none, 1 min-max, 2 z-score.
    """
    n_queries, n_gallery = scores.shape
    counting = votes.shape[0] == n_queries
    for i in prange(n_queries):
        row = scores[i]
        places = ranked[i] if depth > 0 else ranked[0]
        middle, factor = _scale_of(row, own[i], places, depth, norm, smallest)
        for j in range(n_gallery):
            if j == own[i] or (depth > 0 and (places[j] == 0 or places[j] > depth)):
                continue
            if counting:
                votes[i, j] += 1
            if factor != 0.0:
                out[i, j] += weight * ((np.float64(row[j]) - middle) / factor)
