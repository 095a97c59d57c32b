"""One step of UMAP's descent, compiled: neighbours pull, points drawn at random push.

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
    points: np.ndarray,
    head: np.ndarray,
    tail: np.ndarray,
    period: np.ndarray,
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
        points: (n, dims) float32, changed.
        head, tail: (n_edges,) int32, who is joined to whom.
        period: (n_edges,) float64, an edge pulls once in so many steps; due, push_due: when it pulls and is pushed next,
            changed.
        a, b: the curve that turns a distance on the map into closeness.
        pace: how far a step goes, falling from 1 to 0; now: the number of the step.
        state: (1,) uint64, not 0: of the random numbers, changed.
    """
    n, dims = points.shape
    random = state[0]
    for edge in range(period.size):
        if due[edge] > now:
            continue
        source, target = head[edge], tail[edge]
        squared = np.float32(0.0)
        for d in range(dims):
            squared += (points[source, d] - points[target, d]) ** 2
        if squared > 0.0:
            pull = -2.0 * a * b * squared ** (b - 1.0) / (a * squared**b + 1.0)
            for d in range(dims):
                moved = _within(pull * (points[source, d] - points[target, d])) * pace
                points[source, d] += moved
                points[target, d] -= moved
        due[edge] += period[edge]
        between = period[edge] / PUSHES
        pushes = int((now - push_due[edge]) / between)
        for _ in range(pushes):
            random ^= random << np.uint64(13)
            random ^= random >> np.uint64(7)
            random ^= random << np.uint64(17)
            sample = np.int64(random % np.uint64(n))
            squared = np.float32(0.0)
            for d in range(dims):
                squared += (points[source, d] - points[sample, d]) ** 2
            if squared > 0.0:
                push = 2.0 * b / ((0.001 + squared) * (a * squared**b + 1.0))
                for d in range(dims):
                    points[source, d] += _within(push * (points[source, d] - points[sample, d])) * pace
        push_due[edge] += pushes * between
    state[0] = random
