"""The best k of a row of scores, compiled: a heap whose root is the worst kept."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(nogil=True, cache=True)
def keep_best(row: np.ndarray, k: int, items: np.ndarray, scores: np.ndarray) -> None:
    """The best k of a row, best first; equal scores by rising position; −inf is never kept.

    Args:
        items, scores: out, (k,); −1 and NaN where there are fewer than k.
    """
    count = 0
    worst = -np.inf
    for j in range(row.size):
        score = row[j]
        if count == k and not score > worst:
            continue
        if not score > -np.inf:
            continue
        if count < k:
            at = count
            count += 1
            while at > 0:
                up = (at - 1) >> 1
                # j rises, so of equal scores the newcomer is always the worse one.
                if scores[up] < score:
                    break
                scores[at], items[at] = scores[up], items[up]
                at = up
            scores[at], items[at] = score, j
        else:
            _sink(items, scores, count, score, j)
        worst = scores[0]
    n_best = count
    while count > 1:
        count -= 1
        score, item = scores[count], items[count]
        scores[count], items[count] = scores[0], items[0]
        _sink(items, scores, count, score, item)
    for at in range(n_best, k):
        items[at], scores[at] = -1, np.nan


@njit(nogil=True, cache=True)
def _sink(items: np.ndarray, scores: np.ndarray, count: int, score: float, item: int) -> None:
    """Put (score, item) in the position of the root and let it sink; the root is the worst."""
    at = 0
    while True:
        down = 2 * at + 1
        if down >= count:
            break
        other = down + 1
        if other < count and (
            scores[other] < scores[down] or (scores[other] == scores[down] and items[other] > items[down])
        ):
            down = other
        if not (scores[down] < score or (scores[down] == score and items[down] > item)):
            break
        scores[at], items[at] = scores[down], items[down]
        at = down
    scores[at], items[at] = score, item
