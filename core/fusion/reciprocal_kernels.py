"""The compiled part of k-reciprocal re-ranking: sparse neighbourhood vectors of a gallery, and their overlap with a query's.

`lists` (n, k1 + 1) int32 are the nearest others of each image, best first, −1 is none. A position `out` is left out of
every list, so that the next one enters in its stead: −1 leaves nobody out. Everything here releases the interpreter's lock.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit


class Neighbourhoods(NamedTuple):
    """A gallery's graph and its neighbourhood vectors.

    Attributes:
        rows: (n, dim) float32 unit vectors.
        lists, near: (n, k1 + 1) int32 and float32, who is nearest and how near.
        half, mean_of: the size of the half sets, and over how many vectors (with its own) each is averaged.
        listed_indptr, listed_items: CSR of who has an image among its first k1.
        indptr, items, values: CSR of the vectors before averaging; rows sum to 1.
        mean_indptr, mean_items, mean_values: after averaging, by column: which images' vectors have a number there.
    """

    rows: np.ndarray
    lists: np.ndarray
    near: np.ndarray
    half: int
    mean_of: int
    listed_indptr: np.ndarray
    listed_items: np.ndarray
    indptr: np.ndarray
    items: np.ndarray
    values: np.ndarray
    mean_indptr: np.ndarray
    mean_items: np.ndarray
    mean_values: np.ndarray


@njit(nogil=True, cache=True)
def has(lists: np.ndarray, image: int, other: int, k: int, out: int) -> bool:
    """Whether `other` is among the first k of an image's list, `out` left out."""
    seen = 0
    for at in range(lists.shape[1]):
        item = lists[image, at]
        if item < 0 or seen == k:
            return False
        if item == out:
            continue
        if item == other:
            return True
        seen += 1
    return False


@njit(nogil=True, cache=True)
def _reciprocal(lists: np.ndarray, image: int, k: int, out: int, result: np.ndarray) -> int:
    """The image itself, and those of its first k that have it among their first k; how many."""
    result[0] = image
    count, seen = 1, 0
    for at in range(lists.shape[1]):
        item = lists[image, at]
        if item < 0 or seen == k:
            break
        if item == out:
            continue
        seen += 1
        if has(lists, item, image, k, out):
            result[count] = item
            count += 1
    return count


@njit(nogil=True, cache=True)
def expand(
    lists: np.ndarray, half: int, out: int, base: np.ndarray, n_base: int, mark: np.ndarray, part: np.ndarray
) -> int:
    """Half sets of the members that overlap with the set by two thirds join it; `mark` is 0 before and after."""
    for at in range(n_base):
        mark[base[at]] = 1
    count = n_base
    for at in range(n_base):
        size = _reciprocal(lists, base[at], half, out, part)
        common = 0
        for t in range(size):
            if mark[part[t]] == 1:
                common += 1
        if 3 * common >= 2 * size:
            for t in range(size):
                if mark[part[t]] == 0:
                    mark[part[t]] = 2
                    base[count] = part[t]
                    count += 1
    for at in range(count):
        mark[base[at]] = 0
    return count


@njit(nogil=True, cache=True, fastmath=True)
def _cosine(rows: np.ndarray, a: int, b: int) -> np.float32:
    total = np.float32(0.0)
    for d in range(rows.shape[1]):
        total += rows[a, d] * rows[b, d]
    return total


@njit(nogil=True, cache=True)
def vector(
    rows: np.ndarray,
    lists: np.ndarray,
    near: np.ndarray,
    half: int,
    image: int,
    out: int,
    mark: np.ndarray,
    part: np.ndarray,
    known_items: np.ndarray,
    known_values: np.ndarray,
    items: np.ndarray,
    values: np.ndarray,
) -> int:
    """One image's neighbourhood vector: exp(−d²) over its expanded set, summing to 1; how many numbers it has.

    Args:
        known_items, known_values: its vector as it was with everybody, itself first; empty where nothing is known.
    """
    count = _reciprocal(lists, image, lists.shape[1] - 1, out, items)
    count = expand(lists, half, out, items, count, mark, part)
    total = 0.0
    for at in range(count):
        values[at] = 0
        if items[at] == image:
            values[at] = 1
        for t in range(known_items.size):
            if known_items[t] == items[at]:
                values[at] = known_values[t] / known_values[0]  # its own weight was 1 before all were made to sum to 1
                break
        if values[at] == 0:
            score, known = np.float32(0.0), False
            for t in range(lists.shape[1]):
                if lists[image, t] == items[at]:
                    score, known = near[image, t], True
                    break
            if not known:
                score = _cosine(rows, image, items[at])
            values[at] = np.exp(-(2.0 - 2.0 * score))
        total += values[at]
    for at in range(count):
        values[at] /= total
    return count


@njit(nogil=True, cache=True)
def fill_vectors(
    first: int,
    stop: int,
    rows: np.ndarray,
    lists: np.ndarray,
    near: np.ndarray,
    half: int,
    items: np.ndarray,
    values: np.ndarray,
    counts: np.ndarray,
) -> None:
    """The neighbourhood vectors of the images first … stop − 1, into row image − first of `items` and `values`."""
    most = (lists.shape[1] + 1) * (half + 2)
    mark, part = np.zeros(rows.shape[0], np.uint8), np.empty(lists.shape[1] + 1, np.int32)
    set_items, set_values = np.empty(most, np.int32), np.empty(most, np.float32)
    for image in range(first, stop):
        none = slice(0, 0)
        count = vector(
            rows, lists, near, half, image, -1, mark, part, set_items[none], set_values[none], set_items, set_values
        )
        counts[image - first] = count
        items[image - first, :count] = set_items[:count]
        values[image - first, :count] = set_values[:count]


@njit(nogil=True, cache=True)
def average(
    first: int,
    stop: int,
    lists: np.ndarray,
    mean_of: int,
    indptr: np.ndarray,
    items: np.ndarray,
    values: np.ndarray,
    mean_items: np.ndarray,
    mean_values: np.ndarray,
    counts: np.ndarray,
) -> None:
    """The mean of each image's vector and those of its first mean_of − 1, into row image − first."""
    dense = np.zeros(lists.shape[0], np.float32)
    for image in range(first, stop):
        row, count, members = image - first, 0, 1
        for at in range(min(mean_of - 1, lists.shape[1])):
            members += lists[image, at] >= 0
        for at in range(members):
            source = image if at == 0 else lists[image, at - 1]
            for t in range(indptr[source], indptr[source + 1]):
                if dense[items[t]] == 0:
                    mean_items[row, count] = items[t]
                    count += 1
                dense[items[t]] += values[t]
        for t in range(count):
            mean_values[row, t] = dense[mean_items[row, t]] / members
            dense[mean_items[row, t]] = 0
        counts[row] = count
