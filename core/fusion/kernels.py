"""Compiled loops of score fusion. Import this module inside functions only: numba takes half a second to load.

Sums are float64 and no operation is reordered (no fast math), so equal inputs give equal outputs in any column.
Each kernel works on the rows first ... stop − 1 and holds no lock; `arrays.by_rows` hands pieces to our own threads, because
numba's own may not be entered by two callers at once.
"""

from __future__ import annotations

import numpy as np
from numba import njit

NONE, MINMAX, ZSCORE = 0, 1, 2
CODES = {"none": NONE, "minmax": MINMAX, "zscore": ZSCORE}


@njit(cache=True, inline="always")
def _scale_of(
    row: np.ndarray, self_position: int, ranked: np.ndarray, depth: int, norm: int, smallest: float
) -> tuple[float, float]:
    """(middle, factor) of one row over its pool; a factor of 0 means that there is no spread."""
    n = row.shape[0]
    if norm == 0:
        return 0.0, 1.0
    count = 0
    low, high, total = np.inf, -np.inf, 0.0
    for j in range(n):
        if j == self_position or (depth > 0 and (ranked[j] == 0 or ranked[j] > depth)):
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
        if j == self_position or (depth > 0 and (ranked[j] == 0 or ranked[j] > depth)):
            continue
        away = np.float64(row[j]) - middle
        squares += away * away
    spread = np.sqrt(squares / count)
    return (middle, spread) if spread >= smallest else (0.0, 0.0)


@njit(cache=True, nogil=True)
def add_normalized(
    first: int,
    stop: int,
    out: np.ndarray,
    votes: np.ndarray,
    scores: np.ndarray,
    self_positions: np.ndarray,
    ranked: np.ndarray,
    depth: int,
    weight: float,
    norm: int,
    smallest: float,
) -> None:
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
    for i in range(first, stop):
        row = scores[i]
        places = ranked[i] if depth > 0 else ranked[0]
        middle, factor = _scale_of(row, self_positions[i], places, depth, norm, smallest)
        for j in range(n_gallery):
            if j == self_positions[i] or (depth > 0 and (places[j] == 0 or places[j] > depth)):
                continue
            if counting:
                votes[i, j] += 1
            if factor != 0.0:
                out[i, j] += weight * ((np.float64(row[j]) - middle) / factor)


@njit(cache=True, nogil=True)
def fill_keys(first: int, stop: int, keys: np.ndarray, bits: np.ndarray, self_positions: np.ndarray) -> None:
    """Keys whose rising order is falling score, then rising position; what is gone gets the largest.

    Args:
        keys: out, (n_queries, n_gallery) uint64: the score's bits made monotone and turned round, then the position.
        bits: (n_queries, n_gallery) uint32 view of float32 scores; −0.0 counts as 0.0, −inf and NaN as gone.
        own: (n_queries,) int64, −1 is nowhere.
    """
    for i in range(first, stop):
        for j in range(bits.shape[1]):
            pattern = bits[i, j]
            if pattern == np.uint32(0x80000000):
                pattern = np.uint32(0)
            if (pattern & np.uint32(0x7F800000)) == np.uint32(0x7F800000) or j == self_positions[i]:
                high = np.uint32(0xFFFFFFFF)
            elif pattern >> np.uint32(31):
                high = pattern
            else:
                high = np.uint32(0x7FFFFFFF) - pattern
            keys[i, j] = (np.uint64(high) << np.uint64(32)) | np.uint64(j)


@njit(cache=True, nogil=True)
def read_ranks(first: int, stop: int, ranks: np.ndarray, keys: np.ndarray) -> None:
    """ranks[i, position] = 1, 2, ... along sorted keys; 0 for what is gone.

    Args:
        ranks: out, (n_queries, n_gallery) int32.
        keys: (n_queries, n_gallery) uint64 as `fill_keys` makes them, sorted along each row.
    """
    for i in range(first, stop):
        for rank in range(keys.shape[1]):
            key = keys[i, rank]
            position = np.int64(key & np.uint64(0xFFFFFFFF))
            gone = (key >> np.uint64(32)) == np.uint64(0xFFFFFFFF)
            ranks[i, position] = 0 if gone else rank + 1


@njit(cache=True, nogil=True)
def add_worth(first: int, stop: int, out: np.ndarray, listed: np.ndarray, ranks: np.ndarray, worth: np.ndarray) -> None:
    """out += worth[rank]; listed becomes True where the rank is worth something.

    Args:
        out: (n_queries, n_gallery) float64; listed: the same, bool.
        ranks: (n_queries, n_gallery) int32; worth: (n_gallery + 1,) float64.
    """
    for i in range(first, stop):
        for j in range(ranks.shape[1]):
            earned = worth[ranks[i, j]]
            if earned > 0:
                out[i, j] += earned
                listed[i, j] = True


@njit(cache=True, nogil=True)
def finish_worth(first: int, stop: int, out: np.ndarray, listed: np.ndarray, scale: float) -> None:
    """Round to 1/scale; −inf where nobody lists the item."""
    for i in range(first, stop):
        for j in range(out.shape[1]):
            out[i, j] = np.rint(out[i, j] * scale) / scale if listed[i, j] else -np.inf
