"""The compiled part of k-reciprocal re-ranking that follows a query: it joins the graph, and leaves it where it is in it.

An image of the gallery that asks is taken out of all lists; the vectors that follow another are made again, and no others.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from core.fusion.reciprocal_kernels import Neighbourhoods, expand, has, vector


@njit(nogil=True, cache=True)
def _mark(image: int, value: int, state: np.ndarray, touched: np.ndarray, count: int) -> int:
    """Note an image whose vector follows another; how many are noted."""
    if state[image] == 0:
        touched[count] = image
        count += 1
    state[image] = max(state[image], value)
    return count


@njit(nogil=True, cache=True)
def _mark_readers(graph: Neighbourhoods, image: int, state: np.ndarray, touched: np.ndarray, count: int) -> int:
    """An image's half set is another one: so may be the vectors of all that have it among their reciprocal neighbours."""
    count = _mark(image, 2, state, touched, count)
    k1 = graph.lists.shape[1] - 1
    for s in range(graph.listed_indptr[image], graph.listed_indptr[image + 1]):
        reader = graph.listed_items[s]
        if state[reader] != 2 and has(graph.lists, image, reader, k1 + 1, -1):
            count = _mark(reader, 2, state, touched, count)
    return count


@njit(nogil=True, cache=True)
def _changed(graph: Neighbourhoods, out: int, state: np.ndarray, touched: np.ndarray) -> int:
    """Which images' vectors follow another when `out` leaves: state 2 before averaging, 1 after it; how many are touched.

    Where `out` leaves a list, the next image enters: a set is another one only where one of the two is reciprocal. A superset
    is as right: whoever is in it is worked out again.
    """
    lists, half, count = graph.lists, graph.half, 0
    k1 = lists.shape[1] - 1
    for t in range(graph.listed_indptr[out], graph.listed_indptr[out + 1]):
        holder, position = graph.listed_items[t], 0
        while lists[holder, position] != out:
            position += 1
        entering = lists[holder, k1]
        enters = entering >= 0 and has(lists, entering, holder, k1, out)
        if enters:
            count = _mark(entering, 2, state, touched, count)
        if enters or has(lists, out, holder, k1, -1):
            count = _mark(holder, 2, state, touched, count)
        if position < half:
            entering = lists[holder, half]
            enters = entering >= 0 and has(lists, entering, holder, half, out)
            if enters:
                count = _mark_readers(graph, entering, state, touched, count)
            if enters or has(lists, out, holder, half, -1):
                count = _mark_readers(graph, holder, state, touched, count)
        if position < graph.mean_of - 1:
            count = _mark(holder, 1, state, touched, count)
    n_before = count
    for at in range(n_before):
        image = touched[at]
        if state[image] != 2:
            continue
        for s in range(graph.listed_indptr[image], graph.listed_indptr[image + 1]):
            reader = graph.listed_items[s]
            if state[reader] == 0 and has(lists, reader, image, graph.mean_of, -1):
                count = _mark(reader, 1, state, touched, count)
    return count


@njit(nogil=True, cache=True)
def _own_vector(
    graph: Neighbourhoods,
    scores: np.ndarray,
    best: np.ndarray,
    out: int,
    mark: np.ndarray,
    part: np.ndarray,
    items: np.ndarray,
    values: np.ndarray,
) -> int:
    """The query's neighbourhood vector: it joins the graph alone, and is in nobody's list."""
    lists, near = graph.lists, graph.near
    k1, count = lists.shape[1] - 1, 0
    for at in range(min(k1, best.size)):
        image = best[at]
        if image < 0:
            break
        # The k1-th nearest of that image, `out` left out: the query joins its list from that score on.
        seen, last = 0, np.float32(-np.inf)
        for t in range(lists.shape[1]):
            if lists[image, t] < 0:
                break
            if lists[image, t] != out:
                seen += 1
                if seen == k1:
                    last = near[image, t]
                    break
        if scores[image] >= last:
            items[count] = image
            count += 1
    count = expand(lists, graph.half, out, items, count, mark, part)
    total = 0.0
    for at in range(count):
        values[at] = np.exp(-(2.0 - 2.0 * scores[items[at]]))
        total += values[at]
    for at in range(count):
        values[at] /= total
    return count


class _Again(NamedTuple):
    """Vectors that were made again without the query; image i has items[ends[slot[i]] : ends[slot[i] + 1]].

    Attributes:
        state: (n,) uint8: 2 made again before averaging, 1 after it only, 0 as in the graph.
    """

    items: np.ndarray
    values: np.ndarray
    ends: np.ndarray
    slot: np.ndarray
    state: np.ndarray


@njit(nogil=True, cache=True)
def _made_again(
    graph: Neighbourhoods,
    out: int,
    state: np.ndarray,
    slot: np.ndarray,
    touched: np.ndarray,
    mark: np.ndarray,
    part: np.ndarray,
) -> _Again:
    """The vectors of the images that `_changed` marked."""
    most = (graph.lists.shape[1] + 1) * (graph.half + 2)
    items, values = np.empty(most, np.int32), np.empty(most, np.float32)
    ends = np.zeros(touched.size + 1, np.int64)
    filled = 0
    for at in range(touched.size):
        image = touched[at]
        if state[image] == 2:
            if filled + most > items.size:
                more_items, more_values = (
                    np.empty(2 * items.size + most, np.int32),
                    np.empty(2 * items.size + most, np.float32),
                )
                more_items[:filled], more_values[:filled] = items[:filled], values[:filled]
                items, values = more_items, more_values
            filled += vector(
                graph.rows,
                graph.lists,
                graph.near,
                graph.half,
                image,
                out,
                mark,
                part,
                graph.items[graph.indptr[image] : graph.indptr[image + 1]],
                graph.values[graph.indptr[image] : graph.indptr[image + 1]],
                items[filled:],
                values[filled:],
            )
        slot[image] = at
        ends[at + 1] = filled
    return _Again(items, values, ends, slot, state)


@njit(nogil=True, cache=True)
def _add(dense: np.ndarray, items: np.ndarray, values: np.ndarray, used: np.ndarray, count: int) -> int:
    """dense[items] += values; positions that were 0 are noted in `used`, of which there are `count`."""
    for t in range(items.size):
        if dense[items[t]] == 0:
            used[count] = items[t]
            count += 1
        dense[items[t]] += values[t]
    return count


@njit(nogil=True, cache=True)
def _add_image(
    graph: Neighbourhoods, again: _Again, image: int, dense: np.ndarray, used: np.ndarray, count: int
) -> int:
    """Add one image's vector before averaging, as it is without the query."""
    if again.state[image] == 2:
        low, high = again.ends[again.slot[image]], again.ends[again.slot[image] + 1]
        return _add(dense, again.items[low:high], again.values[low:high], used, count)
    low, high = graph.indptr[image], graph.indptr[image + 1]
    return _add(dense, graph.items[low:high], graph.values[low:high], used, count)


@njit(nogil=True, cache=True)
def _shared_again(
    graph: Neighbourhoods, again: _Again, g: int, out: int, mine: np.ndarray, dense: np.ndarray, used: np.ndarray
) -> np.float32:
    """Σ min(V_q, V_g) for an image whose vector is another one without the query; `dense` is 0 before and after."""
    count, members = 0, 0
    for t in range(-1, graph.lists.shape[1]):
        image = g if t < 0 else graph.lists[g, t]
        if image < 0 or members == graph.mean_of:
            break
        if image != out:
            members += 1
            count = _add_image(graph, again, image, dense, used, count)
    total = np.float32(0.0)
    for t in range(count):
        total += min(mine[used[t]], dense[used[t]] / np.float32(members))
        dense[used[t]] = 0
    return total


@njit(nogil=True, cache=True)
def _query_mean(
    graph: Neighbourhoods, again: _Again, best: np.ndarray, mine: np.ndarray, used: np.ndarray, count: int
) -> int:
    """The query's vector, in `mine` already, averaged with those of its nearest; how many numbers it has."""
    members = 1
    for at in range(min(graph.mean_of - 1, best.size)):
        if best[at] < 0:
            break
        members += 1
        count = _add_image(graph, again, best[at], mine, used, count)
    for t in range(count):
        mine[used[t]] /= members
    return count


@njit(nogil=True, cache=True)
def overlaps(
    first: int,
    stop: int,
    graph: Neighbourhoods,
    scores: np.ndarray,
    best: np.ndarray,
    own: np.ndarray,
    result: np.ndarray,
) -> None:
    """result[q, g] = Σ min(V_q, V_g) for the queries first … stop − 1: 1 is the same neighbourhood, 0 a foreign one.

    Args:
        scores: (n_queries, n) float64 cosines, −inf for what is not in the list.
        best: (n_queries, k) int64, the best of each, −1 is none.
    """
    n, wide = graph.lists.shape
    most = (wide + 1) * (graph.half + 2)
    mark, part = np.zeros(n, np.uint8), np.empty(wide + 1, np.int32)
    items, values = np.empty(most, np.int32), np.empty(most, np.float32)
    mine, theirs = np.zeros(n, np.float32), np.zeros(n, np.float32)
    state, touched, slot = np.zeros(n, np.uint8), np.empty(n, np.int32), np.zeros(n, np.int64)
    used, joined = np.empty(n, np.int32), np.empty(n, np.int32)
    for q in range(first, stop):
        n_touched = _changed(graph, own[q], state, touched) if own[q] >= 0 else 0
        again = _made_again(graph, own[q], state, slot, touched[:n_touched], mark, part)
        count = _own_vector(graph, scores[q], best[q], own[q], mark, part, items, values)
        n_used = _add(mine, items[:count], values[:count], used, 0)
        n_used = _query_mean(graph, again, best[q], mine, used, n_used)
        result[q] = 0
        for t in range(n_used):
            own_value = mine[used[t]]
            for s in range(graph.mean_indptr[used[t]], graph.mean_indptr[used[t] + 1]):
                result[q, graph.mean_items[s]] += min(own_value, graph.mean_values[s])
        for at in range(n_touched):
            result[q, touched[at]] = _shared_again(graph, again, touched[at], own[q], mine, theirs, joined)
        for t in range(n_used):
            mine[used[t]] = 0
        for at in range(n_touched):
            state[touched[at]] = 0
