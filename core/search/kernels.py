"""The compiled kernel: fuse a row of scores, rank its relevant items by counting, keep its best k. Never a full sort.

For one query: fuse the rows of all backbones into a buffer that stays in the cache. Spread the scores between the
highest and the lowest relevant one over linear cells; the formula never falls as the score does, so an item in an
earlier cell is closer for certain, and only items that share a cell with a relevant one need a comparison. One pass
counts the items per cell, sets those aside, and calls for the scores of the next query meanwhile. What was set aside
is compared with the relevant items of its cell, where equal scores are decided by the position in the gallery; sums
over the cells give the rest of each rank. The ranks are exact, ties included.

Everything here releases the interpreter's lock and is kept compiled on disk; the threads are the caller's.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from core.heap import keep_best
from core.search.kernel_arrays import CellLists, RankArrays, RelevantItems, ScoreBlocks
from core.search.prefetch import NUMBERS_PER_LINE, prefetch

NOT_RETRIEVED = np.int32(2**31 - 1)
MOST_BLOCKS = 8
"""Rows that one call of the kernel can fuse; more are fused beforehand."""
_PARKING = 32
# Scores below every relevant one are much of a row. Counting them in one cell would make each addition wait for the
# one before, so they go round by position.
_LANES = 16
# Cells lie in rows of 16: cell d of a row of `height` x 16 stands at (d mod height) * 16 + d / height. Sums over all
# cells then run down 16 columns side by side, as wide as the processor's registers.
_LONGEST_LIST = 24
# Relevant items in one cell up to which each item there is compared with each of them.
_ONE_RELEVANT = np.uint64((1 << 32) + 1)
_MARK = np.uint64(1 << 63)
_UNMARKED = np.uint64((1 << 63) - 1)
_ITEMS = np.uint64((1 << 32) - 1)
# A cell's count: items in the lower half, of these the relevant ones in the upper half, and whether there is any.


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
def _sort_run(scores: np.ndarray, positions: np.ndarray, start: int, stop: int) -> None:
    """Shell sort of [start, stop): score falling, position rising."""
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
    low, high = row.dtype.type(np.inf), row.dtype.type(-np.inf)
    for at in range(items.size):
        item = items[np.uint32(at)]
        score = row[np.uint32(item)]
        scores[n_hits], positions[n_hits] = score, item
        inside = score > -np.inf
        n_hits += inside
        low = score if inside and score < low else low
        high = score if score > high else high
    ends[0], ends[1] = low, high
    return n_hits


@njit(nogil=True, cache=True)
def _cells(row: np.ndarray, cells: np.ndarray, highest: float, scale: float, height: int) -> None:
    """The cell of every score, the best first: those above every relevant one are together, those below all are parked."""
    n_cells = np.int32(height * _LANES)
    low_bits, shift = np.int32(height - 1), np.int32(0)
    while (1 << shift) < height:
        shift += np.int32(1)
    zero, first, top = row.dtype.type(0), row.dtype.type(1), row.dtype.type(n_cells)
    for j in range(row.size):
        depth = (highest - row[j]) * scale + first
        depth = depth if depth > zero else zero
        depth = depth if depth < top else top
        cell = np.int32(depth)
        shuffled = ((cell & low_bits) << np.int32(4)) | (cell >> shift)
        cells[j] = np.uint16(n_cells + np.int32(j & (_PARKING - 1)) if cell == n_cells else shuffled)


@njit(nogil=True, cache=True)
def _link(
    n_hits: int,
    scores: np.ndarray,
    positions: np.ndarray,
    cells: np.ndarray,
    counts: np.ndarray,
    lists: CellLists,
) -> int:
    """Count the relevant items into their cells, link those of one cell, and park them. Returns the longest list."""
    parked, longest = np.uint16(counts.size - _PARKING), np.uint64(0)
    for t in range(n_hits):
        position = positions[np.uint32(t)]
        cell = cells[np.uint32(position)]
        cells[np.uint32(position)] = parked
        count = counts[cell]
        ahead, first = np.uint32(0), np.int32(-1)
        if count != np.uint64(0):
            first = lists.first[cell]
            other = first
            while other >= 0:
                score = scores[np.uint32(other)]
                wins = score > scores[np.uint32(t)] or (
                    score == scores[np.uint32(t)] and positions[np.uint32(other)] < position
                )
                ahead += np.uint32(wins)
                lists.ahead[np.uint32(other)] += np.uint32(not wins)
                lists.before[np.uint32(other)] += np.uint32(not wins)
                other = lists.following[np.uint32(other)]
        lists.following[np.uint32(t)], lists.first[cell], lists.cell[np.uint32(t)] = first, t, cell
        lists.ahead[np.uint32(t)], lists.before[np.uint32(t)] = ahead, ahead
        count = (count + _ONE_RELEVANT) | _MARK
        counts[cell] = count
        longest = max(longest, count)
    return int((longest & _UNMARKED) >> np.uint64(32))


@njit(nogil=True, cache=True)
def _count(cells: np.ndarray, counts: np.ndarray, aside: np.ndarray, scores: ScoreBlocks, coming: int) -> int:
    """Items per cell, and the positions of those in a marked cell. Returns how many were set aside.

    Args:
        coming: the row of the blocks that is fused next, −1 for none: it is fetched from memory while this counts.
    """
    n, n_aside = cells.size, np.uint32(0)
    whole = n - n % NUMBERS_PER_LINE
    for start in range(0, whole, NUMBERS_PER_LINE):
        if coming >= 0:
            for at in range(scores.n_blocks):
                prefetch(scores.blocks[at], coming * n + start)
        for offset in range(NUMBERS_PER_LINE):
            j = np.uint32(start + offset)
            count = counts[cells[j]]
            counts[cells[j]] = count + np.uint64(1)
            aside[n_aside] = j
            n_aside += np.uint32(count >> np.uint64(63))
    for start in range(whole, n):
        j = np.uint32(start)
        count = counts[cells[j]]
        counts[cells[j]] = count + np.uint64(1)
        aside[n_aside] = j
        n_aside += np.uint32(count >> np.uint64(63))
    return int(n_aside)


@njit(nogil=True, cache=True)
def _compare(
    row: np.ndarray,
    cells: np.ndarray,
    aside: np.ndarray,
    scores: np.ndarray,
    positions: np.ndarray,
    lists: CellLists,
) -> bool | np.bool_:
    """Which items set aside stand before the relevant ones of their cell. Returns whether any two of them tie."""
    ties = np.uint32(0)
    for at in range(aside.size):
        item = aside[np.uint32(at)]
        score = row[item]
        t = lists.first[cells[item]]
        while t >= 0:
            other = scores[np.uint32(t)]
            same = np.uint32(other == score)
            ties |= same
            before = np.uint32(score > other) | (same & np.uint32(item < np.uint32(positions[np.uint32(t)])))
            lists.before[np.uint32(t)] += before
            t = lists.following[np.uint32(t)]
    return ties > 0


@njit(nogil=True, cache=True)
def _sum_up(counts: np.ndarray, height: int, columns: np.ndarray) -> None:
    """Turn counts, above which lies a row of zeros, into those of the better cells of the same column; in `columns`
    those of the better columns."""
    for start in range(_LANES, (height + 1) * _LANES, _LANES):
        for lane in range(_LANES):
            at = np.uint32(start + lane)
            counts[at] = (counts[at] & _UNMARKED) + counts[at - np.uint32(_LANES)]
    before = np.uint64(0)
    for lane in range(_LANES):
        columns[lane] = before
        before += counts[height * _LANES + lane]


@njit(nogil=True, cache=True)
def _to_ranks(
    n_hits: int, counts: np.ndarray, columns: np.ndarray, lists: CellLists, ranks: np.ndarray, order: np.ndarray
) -> None:
    """The rank of each relevant item, written in the order of the ranks; in `order` which item that is."""
    for t in range(n_hits):
        cell = lists.cell[np.uint32(t)]
        before = counts[cell] + columns[cell & np.uint16(_LANES - 1)]
        position = np.uint32(before >> np.uint64(32)) + lists.ahead[np.uint32(t)]
        ranks[position] = np.uint32(before & _ITEMS) + lists.before[np.uint32(t)] + np.uint32(1)
        order[position] = t


@njit(nogil=True, cache=True)
def _by_bisection(
    row: np.ndarray, scores: np.ndarray, positions: np.ndarray, ranks: np.ndarray, before: np.ndarray
) -> bool | np.bool_:
    """Ranks where cells tell too little: sort the relevant items, and find every item's position among them.

    Returns whether a relevant and another item tie. The relevant items leave the row.
    """
    n_hits, ties = ranks.size, False
    _sort_run(scores, positions, 0, n_hits)
    before[: n_hits + 1] = 0
    for t in range(n_hits):
        row[positions[t]] = -np.inf
    for item in range(row.size):
        score = row[item]
        if score >= scores[n_hits - 1]:
            at = _insertion_point(score, item, scores, positions, 0, n_hits)
            ties |= (at < n_hits and scores[at] == score) or (at > 0 and scores[at - 1] == score)
            before[at] += np.uint32(1)
    ahead = np.uint32(1)
    for t in range(n_hits):
        ahead += before[t]
        ranks[t] = ahead + np.uint32(t)
    return ties


@njit(nogil=True, cache=True)
def rank_rows(first: int, stop: int, scores: ScoreBlocks, relevant: RelevantItems, out: RankArrays) -> None:
    """Rank the relevant items of the queries first ... stop − 1, and keep the best k of each."""
    n, dtype = scores.blocks[0].shape[1], scores.blocks[0].dtype
    k = out.best_items.shape[1]
    row, cells, aside = np.empty(n, dtype), np.empty(n, np.uint16), np.empty(n + 1, np.uint32)
    most = 0
    for q in range(first, stop):
        most = max(most, relevant.ends[q] - relevant.starts[q])
    height = 16
    while height < 256 and 2 * height < most:
        height *= 2
    n_cells = height * _LANES
    # A row of zeros above the cells, and the parked ones below.
    all_counts = np.zeros(_LANES + n_cells + _PARKING, np.uint64)
    counts, columns = all_counts[_LANES:], np.empty(_LANES, np.uint64)
    hit_scores, positions, order = np.empty(most + 1, dtype), np.empty(most + 1, np.int32), np.empty(most, np.int32)
    lists = CellLists(
        np.empty(n_cells + _PARKING, np.int32),
        np.empty(most, np.int32),
        np.empty(most, np.uint16),
        np.empty(most + 1, np.uint32),
        np.empty(most, np.uint32),
    )
    span = np.empty(2, dtype)
    for q in range(first, stop):
        _fuse(row, q - scores.base, scores)
        junk = relevant.junk_items[relevant.junk_indptr[q] : relevant.junk_indptr[q + 1]]
        _leave_out(row, scores.factor, relevant.self_position[q], junk)
        if k > 0:
            keep_best(row, k, out.best_items[q], out.best_scores[q])
        begin, end = relevant.indptr[q], relevant.indptr[q + 1]
        n_hits = _relevant(row, relevant.items[relevant.starts[q] : relevant.ends[q]], hit_scores, positions, span)
        out.ranks[begin + n_hits : end] = NOT_RETRIEVED
        out.retrieved[q], out.mixed[q] = n_hits, False
        if n_hits == 0:
            continue
        ranks = out.ranks[begin : begin + n_hits]
        width, longest = span[1] - span[0], n_hits
        if width < np.inf:
            scale = min((n_cells - 2) / width, 1e30) if width > 0 else 1.0
            _cells(row, cells, span[1], dtype.type(scale), height)
            all_counts[:] = 0
            longest = _link(n_hits, hit_scores, positions, cells, counts, lists)
        if longest > _LONGEST_LIST or not width < np.inf:
            out.mixed[q] = _by_bisection(row, hit_scores[:n_hits], positions, ranks, lists.before)
            for t in range(n_hits):
                order[t] = t
        else:
            n_aside = _count(cells, counts, aside, scores, q + 1 - scores.base if q + 1 < stop else -1)
            out.mixed[q] = _compare(row, cells, aside[:n_aside], hit_scores, positions, lists)
            _sum_up(all_counts, height, columns)
            _to_ranks(n_hits, all_counts, columns, lists, ranks, order)
        if out.hits.size > 0:
            for t in range(n_hits):
                out.hits[begin + t] = positions[order[t]]
