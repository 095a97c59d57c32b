"""Compiled loops over the ranks of relevant items, one pass each. Kept compiled on disk; no lock is held."""

from __future__ import annotations

import numpy as np
from numba import njit

IN_ANY_ORDER = {"reassoc", "contract"}
"""Sums whose terms may be added in any order, so that several are added at once."""


@njit(nogil=True, cache=True)
def hits_within(indptr: np.ndarray, ranks: np.ndarray, retrieved: np.ndarray, cut: np.ndarray) -> np.ndarray:
    """Relevant items among the first cut[q] of each list: (n_queries,) int64. Ranks rise, so bisection finds it."""
    hits = np.zeros(retrieved.size, np.int64)
    for q in range(retrieved.size):
        begin = indptr[q]
        low, high = begin, begin + retrieved[q]
        while low < high:
            middle = (low + high) >> 1
            if ranks[middle] <= cut[q]:
                low = middle + 1
            else:
                high = middle
        hits[q] = low - begin
    return hits


@njit(nogil=True, cache=True, fastmath=IN_ANY_ORDER, error_model="numpy")
def precision_sums(indptr: np.ndarray, ranks: np.ndarray, hits: np.ndarray) -> np.ndarray:
    """Sum of c / r_c over the first hits[q] relevant items of each list: (n_queries,) float64."""
    sums = np.zeros(hits.size)
    for q in range(hits.size):
        row = ranks[indptr[q] : indptr[q] + hits[q]]
        total = 0.0
        for c in range(row.size):
            total += np.float64(np.int32(c + 1)) / np.float64(row[c])
        sums[q] = total
    return sums


@njit(nogil=True, cache=True)
def preference_sums(indptr: np.ndarray, ranks: np.ndarray, retrieved: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Sum of 1 − min(others above, R) / others[q] over the relevant items of each list: (n_queries,) float64."""
    sums = np.zeros(retrieved.size)
    for q in range(retrieved.size):
        row = ranks[indptr[q] : indptr[q] + retrieved[q]]
        total = np.int32(indptr[q + 1] - indptr[q])
        above = 0
        for c in range(row.size):
            above += min(row[c] - np.int32(c + 1), total)
        sums[q] = retrieved[q] - above / max(others[q], 1)
    return sums


@njit(nogil=True, cache=True, fastmath=IN_ANY_ORDER, error_model="numpy")
def trapezoid_sums(indptr: np.ndarray, ranks: np.ndarray, retrieved: np.ndarray) -> np.ndarray:
    """Sum of the mean of the precisions before and at each relevant item: (n_queries,) float64."""
    sums = np.zeros(retrieved.size)
    for q in range(retrieved.size):
        row = ranks[indptr[q] : indptr[q] + retrieved[q]]
        total = 0.0
        for c in range(row.size):
            rank, hits = np.float64(row[c]), np.float64(np.int32(c))
            # Before rank 1 the precision is 1: (0 + 1) / 1.
            first = np.float64(row[c] == 1)
            total += (hits + first) / (rank - 1 + first) + (hits + 1) / rank
        sums[q] = total / 2
    return sums


@njit(nogil=True, cache=True, fastmath=IN_ANY_ORDER, error_model="numpy")
def gain_sums(
    indptr: np.ndarray, ranks: np.ndarray, hits: np.ndarray, gains: np.ndarray, discounts: np.ndarray
) -> np.ndarray:
    """Discounted gains of the first hits[q] relevant items: (n_queries,) float64. Without gains each is 1."""
    sums = np.zeros(hits.size)
    for q in range(hits.size):
        begin, end = indptr[q], indptr[q] + hits[q]
        total = 0.0
        if gains.size > 0:
            for c in range(begin, end):
                total += gains[c] * discounts[np.uint32(ranks[c])]
        else:
            for rank in ranks[begin:end]:
                total += discounts[np.uint32(rank)]
        sums[q] = total
    return sums


@njit(nogil=True, cache=True)
def ideal_sums(indptr: np.ndarray, ideal_gains: np.ndarray, discounts: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """Discounted sum of the first depth[q] of the falling gains: (n_queries,) float64."""
    sums = np.zeros(depth.size)
    for q in range(depth.size):
        total = 0.0
        for c in range(depth[q]):
            total += ideal_gains[indptr[q] + c] * discounts[c + 1]
        sums[q] = total
    return sums


@njit(nogil=True, cache=True)
def interpolated(indptr: np.ndarray, ranks: np.ndarray, retrieved: np.ndarray, n_relevant: np.ndarray) -> np.ndarray:
    """Best precision at recall >= 0, 0.1 ... 1, thresholds in whole items: (n_queries, 11) float64, NaN where R = 0."""
    levels = np.full((retrieved.size, 11), np.nan)
    for q in range(retrieved.size):
        relevant = n_relevant[q]
        if relevant == 0:
            continue
        begin = indptr[q]
        c = retrieved[q]
        best = 0.0
        for i in range(10, -1, -1):
            needed = max(1, (i * relevant + 9) // 10)
            while c >= needed:
                best = max(best, c / ranks[begin + c - 1])
                c -= 1
            levels[q, i] = best
    return levels


@njit(nogil=True, cache=True)
def hits_by_depth(
    indptr: np.ndarray, ranks: np.ndarray, retrieved: np.ndarray, use: np.ndarray, depth: int
) -> tuple[np.ndarray, np.ndarray]:
    """Sums over the queries in use of hits and of hits / R within 1 ... depth: (depth,), (depth,) float64."""
    hits = np.zeros(depth + 1)
    shares = np.zeros(depth + 1)
    for q in range(retrieved.size):
        relevant = indptr[q + 1] - indptr[q]
        if not use[q] or relevant == 0:
            continue
        for c in range(indptr[q], indptr[q] + retrieved[q]):
            if ranks[c] > depth:
                break
            hits[ranks[c]] += 1
            shares[ranks[c]] += 1 / relevant
    return np.cumsum(hits)[1:], np.cumsum(shares)[1:]


@njit(nogil=True, cache=True)
def majority(votes: np.ndarray, classes_of_votes: np.ndarray, k: int, n_classes: int) -> np.ndarray:
    """Majority of the first k labelled items of each list; equal votes go to the smallest class; −1 without any.

    votes: (n_queries, depth) int64 gallery positions, −1 is none; classes_of_votes: (n_gallery,) int64, −1 unlabelled.
    """
    counts = np.zeros(n_classes, np.int64)
    winners = np.full(votes.shape[0], -1, np.int64)
    for q in range(votes.shape[0]):
        cast = 0
        for at in range(votes.shape[1]):
            item = votes[q, at]
            if item < 0 or cast == k:
                break
            code = classes_of_votes[item]
            if code >= 0:
                counts[code] += 1
                cast += 1
        best = -1
        cast = 0
        for at in range(votes.shape[1]):
            item = votes[q, at]
            if item < 0 or cast == k:
                break
            code = classes_of_votes[item]
            if code >= 0:
                cast += 1
                if best < 0 or counts[code] > counts[best] or (counts[code] == counts[best] and code < best):
                    best = code
        cast = 0
        for at in range(votes.shape[1]):
            item = votes[q, at]
            if item < 0 or cast == k:
                break
            if classes_of_votes[item] >= 0:
                counts[classes_of_votes[item]] = 0
                cast += 1
        winners[q] = best
    return winners


@njit(nogil=True, cache=True)
def table_sums(table: np.ndarray, picks: np.ndarray) -> np.ndarray:
    """Row sums of table[g, picks[b, g]] over g: (n_draws,) float64."""
    sums = np.zeros(picks.shape[0])
    for b in range(picks.shape[0]):
        total = 0.0
        for g in range(picks.shape[1]):
            total += table[g, picks[b, g]]
        sums[b] = total
    return sums


@njit(nogil=True, cache=True)
def tally(drawn: np.ndarray, counts: np.ndarray) -> None:
    """counts[b, i] += how often i was drawn in row b of `drawn`."""
    for b in range(drawn.shape[0]):
        for at in range(drawn.shape[1]):
            counts[b, drawn[b, at]] += 1


@njit(nogil=True, cache=True, fastmath=IN_ANY_ORDER, error_model="numpy")
def counted_sums(counts: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """(n_draws, n) uint8 counts times (n_columns, n) float64: (n_draws, n_columns) float64."""
    sums = np.zeros((counts.shape[0], columns.shape[0]))
    for draw in range(counts.shape[0]):
        row = counts[draw]
        for column in range(columns.shape[0]):
            values, total = columns[column], 0.0
            for query in range(row.shape[0]):
                total += row[query] * values[query]
            sums[draw, column] = total
    return sums
