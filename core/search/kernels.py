"""The compiled kernel: fuse a row of scores, rank its relevant items by counting, keep its best k. Never a full sort.

For one query: fuse the rows of all backbones into a buffer that stays in the cache. Spread the scores between the
lowest and the highest relevant one over linear bins; the formula never falls as the score rises, so an item in a
higher bin is closer for certain, and only items that share a bin with a relevant one need a comparison. One pass
counts the items per bin and sets those aside. The relevant scores, sorted bin by bin, then get their ranks from the
counts, and each item set aside finds its position among the relevant ones of its bin by binary search, where equal
scores are decided by the position in the gallery. The ranks are exact, ties included.

Everything here releases the interpreter's lock and is kept compiled on disk; the threads are the caller's.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from core.heap import keep_best

NOT_RETRIEVED = np.int32(2**31 - 1)
MOST_BLOCKS = 8
"""Rows that one call of the kernel can fuse; more are fused beforehand."""
_PARKING = 32
# Scores below or above every relevant one are nearly all of a row. Counting them in one cell would make each
# addition wait for the one before, so they go round by position: 32 cells below, and one among 32 above.


class ScoreBlocks(NamedTuple):
    """What is fused: weighted score blocks of several backbones.

    Attributes:
        base: the query whose scores lie in row 0 of the blocks.
        n_blocks: how many of the blocks are in use.
        weights: (8,) in the type of the scores.
        blocks: 8 arrays (rows, n_gallery), float32 or float64.
        factor: (n_gallery,) multiplies each fused score, or (0,) for none.
    """

    base: int
    n_blocks: int
    weights: np.ndarray
    blocks: tuple[np.ndarray, ...]
    factor: np.ndarray


class RelevantItems(NamedTuple):
    """What is relevant, and what leaves the lists; all int64 but `items`, which is int32.

    Attributes:
        starts, ends, items: items[starts[q]:ends[q]] are relevant to q, rising (the query itself may be among them).
        self_position: (n_queries,) the query's own position, −1 if none.
        junk_indptr, junk_items: CSR of what leaves its list.
        indptr: (n_queries + 1,) where a query's ranks go.
    """

    starts: np.ndarray
    ends: np.ndarray
    items: np.ndarray
    self_position: np.ndarray
    junk_indptr: np.ndarray
    junk_items: np.ndarray
    indptr: np.ndarray


class RankArrays(NamedTuple):
    """What is filled in.

    Attributes:
        ranks: int32, rising within a query, NOT_RETRIEVED at the end where the list is partial.
        retrieved: (n_queries,) int32, relevant items in the list.
        hits: int32 beside `ranks`, the gallery position of each; (0,) when nobody wants it.
        mixed: (n_queries,) bool, a relevant and another item tie.
        best_items, best_scores: (n_queries, k), the best k of each query.
    """

    ranks: np.ndarray
    retrieved: np.ndarray
    hits: np.ndarray
    mixed: np.ndarray
    best_items: np.ndarray
    best_scores: np.ndarray


@njit(nogil=True, cache=True, inline="always")
def _fuse(row: np.ndarray, query: int, scores: ScoreBlocks) -> None:
    """row[j] = sum of weight x score, in the order of the blocks, in the type of the scores."""
    n, n_blocks, weights, blocks = row.size, scores.n_blocks, scores.weights, scores.blocks
    w0 = weights[0]
    if n_blocks == 1:
        s0 = blocks[0][query]
        for j in range(n):
            row[j] = w0 * s0[j]
        return
    w1 = weights[1]
    if n_blocks == 2:
        s0, s1 = blocks[0][query], blocks[1][query]
        for j in range(n):
            row[j] = w0 * s0[j] + w1 * s1[j]
        return
    w2 = weights[2]
    if n_blocks == 3:
        s0, s1, s2 = blocks[0][query], blocks[1][query], blocks[2][query]
        for j in range(n):
            row[j] = w0 * s0[j] + w1 * s1[j] + w2 * s2[j]
        return
    w3 = weights[3]
    s0, s1, s2, s3 = blocks[0][query], blocks[1][query], blocks[2][query], blocks[3][query]
    for j in range(n):
        row[j] = w0 * s0[j] + w1 * s1[j] + w2 * s2[j] + w3 * s3[j]
    for at in range(4, n_blocks):
        _add(row, weights[at], blocks[at][query])


@njit(nogil=True, cache=True)
def _add(row: np.ndarray, weight: float, scores: np.ndarray) -> None:
    for j in range(row.size):
        row[j] += weight * scores[j]


@njit(nogil=True, cache=True)
def _sort_runs(
    scores: np.ndarray, positions: np.ndarray, cells: np.ndarray, run: np.ndarray, n_hits: int, longest: int
) -> None:
    """Sort what lies bin by bin within the bins: score falling, position rising."""
    if longest <= 48:
        # No item leaves its bin, so insertion over the whole moves each by a few steps.
        for i in range(1, n_hits):
            score, position = scores[i], positions[i]
            j = i - 1
            while j >= 0 and (scores[j] < score or (scores[j] == score and positions[j] > position)):
                scores[j + 1], positions[j + 1] = scores[j], positions[j]
                j -= 1
            scores[j + 1], positions[j + 1] = score, position
        return
    start = 0
    while start < n_hits:
        stop = run[cells[start]]
        _sort_run(scores, positions, start, stop)
        start = stop


@njit(nogil=True, cache=True)
def _sort_run(scores: np.ndarray, positions: np.ndarray, start: int, stop: int) -> None:
    """Shell sort of one long bin."""
    gap = 1
    while gap < (stop - start) // 3:
        gap = 3 * gap + 1
    while gap > 0:
        for i in range(start + gap, stop):
            score, position = scores[i], positions[i]
            j = i - gap
            while j >= start and (scores[j] < score or (scores[j] == score and positions[j] > position)):
                scores[j + gap], positions[j + gap] = scores[j], positions[j]
                j -= gap
            scores[j + gap], positions[j + gap] = score, position
        gap //= 3


@njit(nogil=True, cache=True)
def _insertion_point(score: float, item: int, scores: np.ndarray, positions: np.ndarray, low: int, high: int) -> int:
    """How many of the sorted run [low, high) stand before (score, item); as an index into the run."""
    while low < high:
        middle = (low + high) >> 1
        if scores[middle] > score or (scores[middle] == score and positions[middle] < item):
            low = middle + 1
        else:
            high = middle
    return low


@njit(nogil=True, cache=True)
def _bins(row: np.ndarray, cells: np.ndarray, lowest: float, highest: float, scale: float, last: int) -> None:
    """The cell of every score: 32 + bin where a relevant item may be near, else a parking cell.

    A scale of 0 stands for a range without bins (none at all, or one that is not finite): then nothing is multiplied,
    since 0 times infinity is no cell. With any other scale the product lies between 0 and `last`, whatever the score.
    """
    n = row.size
    above = np.int32(_PARKING + last + 1)
    if not scale > 0:
        for j in range(n):
            park = np.int32(j & (_PARKING - 1))
            cell = park if row[j] < lowest else np.int32(_PARKING)
            cells[j] = above + park if row[j] > highest else cell
        return
    for j in range(n):
        score = row[j]
        park = np.int32(j & (_PARKING - 1))
        inside = score if score > lowest else lowest  # so NaN, which nothing may hold, would be the lowest
        inside = inside if inside < highest else highest
        cell = np.int32(_PARKING) + np.int32((inside - lowest) * scale)
        cell = park if score < lowest else cell
        cells[j] = above + park if score > highest else cell


@njit(nogil=True, cache=True)
def _count(cells: np.ndarray, counts: np.ndarray, marked: np.ndarray, aside: np.ndarray) -> int:
    """Items per cell, and the positions of those in a marked cell. Returns how many were set aside."""
    n_aside = 0
    for j in range(cells.size):
        cell = cells[j]
        counts[cell] += 1
        aside[n_aside] = j
        n_aside += marked[cell]
    return n_aside


@njit(nogil=True, cache=True)
def _leave_out(row: np.ndarray, factor: np.ndarray, self_position: int, junk: np.ndarray) -> None:
    """Multiply by the factor of each item, if there is one; the query itself and its junk are in no list."""
    if factor.size > 0:
        for j in range(row.size):
            row[j] *= factor[j]
    if self_position >= 0:
        row[self_position] = -np.inf
    for at in range(junk.size):
        row[junk[at]] = -np.inf


@njit(nogil=True, cache=True)
def _relevant(row: np.ndarray, items: np.ndarray, scores: np.ndarray, positions: np.ndarray, ends: np.ndarray) -> int:
    """The relevant items that are in the list: their scores and positions, and in `ends` the lowest and highest score."""
    n_hits = 0
    for at in range(items.size):
        score = row[items[at]]
        if score > -np.inf:
            scores[n_hits], positions[n_hits] = score, items[at]
            if n_hits == 0:
                ends[0], ends[1] = score, score
            ends[0], ends[1] = min(ends[0], score), max(ends[1], score)
            n_hits += 1
    return n_hits


@njit(nogil=True, cache=True)
def _slope(ends: np.ndarray, last: int, slope: np.ndarray) -> None:
    """Bins per unit of score; a range too narrow or too wide for one puts all into one bin: slower, and as exact."""
    slope[0] = 0
    if ends[1] > ends[0] and ends[1] - ends[0] < np.inf:
        slope[0] = last / (ends[1] - ends[0])
        if not slope[0] < np.inf:
            slope[0] = 0


@njit(nogil=True, cache=True)
def _runs(
    scores: np.ndarray,
    positions: np.ndarray,
    n_hits: int,
    cells: np.ndarray,
    marked: np.ndarray,
    run: np.ndarray,
    sorted_scores: np.ndarray,
    sorted_positions: np.ndarray,
    sorted_cells: np.ndarray,
) -> None:
    """Sort the relevant items into runs, a run per cell, the highest cell first; they leave the cells themselves.

    Afterwards run[cell] is the end of a cell's run, and run[cell + 1] its start.
    """
    width = run.size
    for t in range(n_hits):
        cell = cells[positions[t]]
        marked[cell] = 1
        run[cell] += 1
    total, longest = 0, 0
    for back in range(width - 1):
        cell = width - 2 - back
        size = run[cell]
        run[cell] = total
        total += size
        longest = max(longest, size)
    for t in range(n_hits):
        position = positions[t]
        cell = cells[position]
        at = run[cell]
        run[cell] = at + 1
        sorted_scores[at], sorted_positions[at], sorted_cells[at] = scores[t], position, cell
        cells[position] = width - 1
    _sort_runs(sorted_scores, sorted_positions, sorted_cells, run, n_hits, longest)


@njit(nogil=True, cache=True)
def _compare(
    row: np.ndarray,
    cells: np.ndarray,
    aside: np.ndarray,
    run: np.ndarray,
    scores: np.ndarray,
    positions: np.ndarray,
    beaten: np.ndarray,
) -> bool | np.bool_:
    """Where each item set aside stands among the relevant ones of its cell: beaten[t] counts those just before t.

    Returns whether any of them ties with a relevant one.
    """
    ties: int | np.int32 = 0
    for at in range(aside.size):
        item = aside[at]
        cell = cells[item]
        high = run[cell]
        low = run[cell + 1]
        score = row[item]
        if high - low <= 8:
            # Short runs are most of them: count without a branch that nobody could foresee.
            position = low
            for t in range(low, high):
                other = scores[t]
                same = np.int32(other == score)
                ties |= same
                position += np.int32(other > score) | (same & np.int32(positions[t] < item))
        else:
            position = _insertion_point(score, item, scores, positions, low, high)
            ties |= np.int32(position < high and scores[position] == score)
            ties |= np.int32(position > low and scores[position - 1] == score)
        beaten[position] += 1
    return ties > 0


@njit(nogil=True, cache=True)
def _to_ranks(counts: np.ndarray, marked: np.ndarray, beaten: np.ndarray, cells: np.ndarray, ranks: np.ndarray) -> None:
    """The rank of each relevant item: one more than the items before it, and the relevant ones before it.

    Items in unmarked cells count by cell; those of marked cells are in `beaten`, where they count from their position on,
    also when that is the first of the next run.
    """
    width = counts.size
    before = 0
    for back in range(width - 1):
        cell = width - 2 - back
        size = counts[cell] * (1 - marked[cell])
        counts[cell] = before
        before += size
    ahead = 1
    for t in range(ranks.size):
        ahead += beaten[t]
        ranks[t] = counts[cells[t]] + ahead + t


@njit(nogil=True, cache=True)
def rank_rows(first: int, stop: int, scores: ScoreBlocks, relevant: RelevantItems, out: RankArrays) -> None:
    """Rank the relevant items of the queries first ... stop − 1, and keep the best k of each."""
    n, dtype = scores.blocks[0].shape[1], scores.blocks[0].dtype
    k = out.best_items.shape[1]
    row, cells, aside = np.empty(n, dtype), np.empty(n, np.int32), np.empty(n + 1, np.int32)
    most = 0
    for q in range(first, stop):
        most = max(most, relevant.ends[q] - relevant.starts[q])
    bins = 256
    while bins < 4096 and bins < 8 * most:
        bins *= 2
    # Parking below, bins, parking above, and one cell where the relevant items themselves are dropped.
    width = bins + 2 * _PARKING + 2
    counts, marked, run = np.zeros(width, np.int32), np.zeros(width, np.uint8), np.zeros(width, np.int32)
    hit_scores, positions = np.empty(most, dtype), np.empty(most, np.int32)
    sorted_scores, sorted_positions = np.empty(most, dtype), np.empty(most, np.int32)
    sorted_cells, beaten = np.empty(most, np.int32), np.zeros(most + 1, np.int32)
    span, slope = np.empty(2, dtype), np.empty(1, dtype)
    for q in range(first, stop):
        _fuse(row, q - scores.base, scores)
        junk = relevant.junk_items[relevant.junk_indptr[q] : relevant.junk_indptr[q + 1]]
        _leave_out(row, scores.factor, relevant.self_position[q], junk)
        if k > 0:
            keep_best(row, k, out.best_items[q], out.best_scores[q])
        begin, end = relevant.indptr[q], relevant.indptr[q + 1]
        out.ranks[begin:end] = NOT_RETRIEVED
        n_hits = _relevant(row, relevant.items[relevant.starts[q] : relevant.ends[q]], hit_scores, positions, span)
        out.retrieved[q], out.mixed[q] = n_hits, False
        if n_hits == 0:
            continue
        _slope(span, bins - 1, slope)
        _bins(row, cells, span[0], span[1], slope[0], bins - 1)
        counts[:] = 0
        marked[:] = 0
        run[:] = 0
        _runs(hit_scores, positions, n_hits, cells, marked, run, sorted_scores, sorted_positions, sorted_cells)
        n_aside = _count(cells, counts, marked, aside)
        beaten[: n_hits + 1] = 0
        out.mixed[q] = _compare(row, cells, aside[:n_aside], run, sorted_scores, sorted_positions, beaten)
        _to_ranks(counts, marked, beaten, sorted_cells, out.ranks[begin : begin + n_hits])
        if out.hits.size > 0:
            out.hits[begin : begin + n_hits] = sorted_positions[:n_hits]
