"""What no method can be faster than. `python -m core bench floors` measures how fast this machine reads memory."""

from __future__ import annotations

import time

import numpy as np
from numba import njit


@njit(nogil=True, cache=True)
def weighted_sums(a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray, weights: np.ndarray) -> np.float32:
    """Fuse each row of four score blocks into a buffer that stays in the cache, and keep nothing of it."""
    row = np.empty(a.shape[1], np.float32)
    seen = np.float32(0)
    for q in range(a.shape[0]):
        ra, rb, rc, rd = a[q], b[q], c[q], d[q]
        for j in range(row.size):
            row[j] = weights[0] * ra[j] + weights[1] * rb[j] + weights[2] * rc[j] + weights[3] * rd[j]
        seen += row[q]
    return seen


def run(args: list[str]) -> None:
    """Print GB/s of one core reading four score blocks of 5,000 x 5,000."""
    blocks = [np.ones((5_000, 5_000), np.float32) for _ in range(4)]
    weights = np.full(4, 0.25, np.float32)
    weighted_sums(*blocks, weights)
    taken = []
    for _ in range(9):
        start = time.perf_counter()
        weighted_sums(*blocks, weights)
        taken.append(time.perf_counter() - start)
    read = sum(block.nbytes for block in blocks) / 1e9
    print(f"One core reads and adds {read / float(np.median(taken)):.1f} GB/s (median of 9).")
