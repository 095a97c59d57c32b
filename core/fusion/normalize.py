"""Scores of one backbone brought to one scale, per query, over its pool: the gallery without the query itself."""

from __future__ import annotations

import numpy as np

from core.errors import BadInput
from core.fusion.strategy import NORMS

SMALLEST_RANGE = 1e-9
"""A range, or a standard deviation, below this counts as no spread at all: every score becomes 0."""


def masked_own(scores: np.ndarray, own: np.ndarray | None) -> np.ndarray:
    """(n_queries, n_gallery) bool, True where a score counts: False at the query's own place."""
    counts = np.ones(scores.shape, bool)
    if own is not None:
        rows = np.flatnonzero(own >= 0)
        counts[rows, own[rows]] = False
    return counts


def normalize(
    scores: np.ndarray, norm: str, own: np.ndarray | None = None, listed: np.ndarray | None = None
) -> np.ndarray:
    """Scores on one scale per query (DEFINITIONS.md, section 9), computed in float64.

    Args:
        scores: (n_queries, n_gallery) float.
        norm: "none" leaves them; "minmax" is (s − min)/(max − min); "zscore" is (s − mean)/sd with ddof 0.
            A range or sd below 1e-9 gives 0 everywhere.
        own: (n_queries,) int64, where the query stands in the gallery, −1 is nowhere. It is left out of the pool.
        listed: (n_queries, n_gallery) bool, the pool when a depth cuts the lists. What is not in it becomes 0.
    Returns:
        (n_queries, n_gallery) float64; 0 outside the pool.
    >>> normalize(np.array([[0.0, 1.0, 0.5]], np.float32), "minmax", own=np.array([1]))
    array([[0., 0., 1.]])
    """
    if norm not in NORMS:
        raise BadInput(f"No scale is named {norm!r}. Use one of {', '.join(NORMS)}.")
    pool = masked_own(scores, own)
    if listed is not None:
        pool &= listed
    wide = np.where(pool, scores, 0.0).astype(np.float64)
    if norm == "none":
        return wide
    if norm == "minmax":
        low = np.where(pool, wide, np.inf).min(axis=1, initial=np.inf, keepdims=True)
        high = np.where(pool, wide, -np.inf).max(axis=1, initial=-np.inf, keepdims=True)
        spread, middle = high - low, low
    else:
        count = np.maximum(pool.sum(axis=1, keepdims=True), 1)
        middle = wide.sum(axis=1, keepdims=True) / count
        spread = np.sqrt((np.where(pool, wide - middle, 0.0) ** 2).sum(axis=1, keepdims=True) / count)
    flat = ~(spread >= SMALLEST_RANGE) | ~np.isfinite(spread)
    scaled = (wide - np.where(flat, 0.0, middle)) / np.where(flat, 1.0, spread)
    return np.where(pool & ~flat, scaled, 0.0)
