"""One step of UMAP's descent, compiled: neighbours pull, points drawn by chance push.

The same descent as umap-learn's, but a step at a time: a layout can be looked at on its way and stopped between two
steps, the interpreter's lock is free meanwhile so that pages keep answering, and the compiled code is kept on disk.

Reference:
    McInnes, Healy and Melville 2018, arXiv:1802.03426, algorithm 5.
"""

from __future__ import annotations

import numpy as np
from numba import njit

FURTHEST = 4.0
"""No pull or push moves a point further than this times the pace."""
PUSHES = 5.0
"""Points that push, for each neighbour that pulls."""


@njit(nogil=True, cache=True)
def _within(value: float) -> float:
    return min(max(value, -FURTHEST), FURTHEST)


@njit(nogil=True, cache=True, fastmath=True)
def step(
    place: np.ndarray,
    head: np.ndarray,
    tail: np.ndarray,
    every: np.ndarray,
    due: np.ndarray,
    push_due: np.ndarray,
    a: float,
    b: float,
    pace: float,
    now: int,
    state: np.ndarray,
) -> None:
    """Move the points in place.

    Args:
        place: (n, dims) float32, changed.
        head, tail: (n_edges,) int32, who is joined to whom.
        every: (n_edges,) float64, an edge pulls once in so many steps; due, push_due: when it pulls and is pushed next,
            changed.
        a, b: the curve that turns a distance on the map into closeness.
        pace: how far a step goes, falling from 1 to 0; now: the number of the step.
        state: (1,) uint64, not 0: what chance goes on from, changed.
    """
    n, dims = place.shape
    chance = state[0]
    for edge in range(every.size):
        if due[edge] > now:
            continue
        one, other = head[edge], tail[edge]
        apart = np.float32(0.0)
        for d in range(dims):
            apart += (place[one, d] - place[other, d]) ** 2
        if apart > 0.0:
            pull = -2.0 * a * b * apart ** (b - 1.0) / (a * apart**b + 1.0)
            for d in range(dims):
                moved = _within(pull * (place[one, d] - place[other, d])) * pace
                place[one, d] += moved
                place[other, d] -= moved
        due[edge] += every[edge]
        between = every[edge] / PUSHES
        pushes = int((now - push_due[edge]) / between)
        for _ in range(pushes):
            chance ^= chance << np.uint64(13)
            chance ^= chance >> np.uint64(7)
            chance ^= chance << np.uint64(17)
            stranger = np.int64(chance % np.uint64(n))
            apart = np.float32(0.0)
            for d in range(dims):
                apart += (place[one, d] - place[stranger, d]) ** 2
            if apart > 0.0:
                push = 2.0 * b / ((0.001 + apart) * (a * apart**b + 1.0))
                for d in range(dims):
                    place[one, d] += _within(push * (place[one, d] - place[stranger, d])) * pace
        push_due[edge] += pushes * between
    state[0] = chance
