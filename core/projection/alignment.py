"""Two layouts laid onto each other, and one brought into a frame."""

from __future__ import annotations

import numpy as np

from core.errors import ShapeMismatch
from core.types import ZERO_NORM


def align(xy: np.ndarray, reference: np.ndarray, *, scale: bool = False) -> np.ndarray:
    """Turn, mirror and shift a map onto another one (orthogonal Procrustes): no distance within the map changes.

    Args:
        xy, reference: (n, dims) of the same shape.
        scale: also stretch it to the reference's size.
    Reference:
        Schönemann 1966, doi:10.1007/BF02289451.
    """
    if xy.shape != reference.shape:
        raise ShapeMismatch(f"A map of shape {xy.shape} cannot be laid onto one of shape {reference.shape}.")
    middle, target = xy.mean(axis=0, dtype=np.float64), reference.mean(axis=0, dtype=np.float64)
    left, strengths, right = np.linalg.svd((xy - middle).T @ (reference - target))
    moved = (xy - middle) @ (left @ right)
    if scale:
        moved = moved * (strengths.sum() / max(float(((xy - middle) ** 2).sum()), ZERO_NORM))
    return (moved + target).astype(np.float32)


def drift(xy: np.ndarray, reference: np.ndarray) -> float:
    """How far the points of an aligned map lie from the reference: root mean square over the reference's own radius."""
    moved = align(xy, reference, scale=True).astype(np.float64)
    radius = np.sqrt(((reference - reference.mean(axis=0)) ** 2).sum(axis=1).mean())
    return float(np.sqrt(((moved - reference) ** 2).sum(axis=1).mean()) / max(radius, ZERO_NORM))


def framed(xy: np.ndarray) -> np.ndarray:
    """(n, dims) float32 centred, with 99 % of the points within [-1, 1] on the longer axis: what a canvas needs."""
    low, high = np.percentile(xy, (0.5, 99.5), axis=0)
    half = max(float((high - low).max()) / 2, ZERO_NORM)
    return ((xy - (low + high) / 2) / half).astype(np.float32)
