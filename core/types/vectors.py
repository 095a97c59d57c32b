"""Unit vectors, and arrays that nobody can change."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from core.errors import ShapeMismatch

ZERO_NORM = 1e-12
"""A vector this short means "nothing here" (DEFINITIONS.md, section 1)."""


def frozen_array(values: Any, dtype: Any) -> np.ndarray:
    """`values` as a contiguous, read-only array; copied only when it must be."""
    array = np.ascontiguousarray(values, dtype=dtype)
    if array.flags.writeable:
        array = array.view()
        array.flags.writeable = False
    return array


def unit(vectors: np.ndarray) -> np.ndarray:
    """Rows divided by their L2 norm, float32; rows of norm at most 1e-12 become exactly zero.

    Args:
        vectors: (n, dim), finite, any float type; the norm is taken in float64, also where its square is beyond it.
    """
    return unit_wide(vectors).astype(np.float32)


def unit_wide(vectors: np.ndarray) -> np.ndarray:
    """As `unit`, float64."""
    wide = np.asarray(vectors, np.float64)
    with np.errstate(over="ignore"):
        norms = np.linalg.norm(wide, axis=1, keepdims=True)
    far = np.flatnonzero(np.isinf(norms[:, 0]) & np.isfinite(wide).all(axis=1)) if np.isinf(norms).any() else ()
    if len(far):
        wide = wide.copy()
        wide[far] /= np.abs(wide[far]).max(axis=1, keepdims=True)
        norms[far] = np.linalg.norm(wide[far], axis=1, keepdims=True)
    return np.where(norms > ZERO_NORM, wide / np.maximum(norms, ZERO_NORM), 0.0)


@dataclass(frozen=True)
class Affine:
    """What turns a row x into M x + shift, before it is made unit.

    Attributes:
        matrix: (new dim, dim) float64; None is the identity.
        shift: (new dim,) float64.
    """

    matrix: np.ndarray | None
    shift: np.ndarray

    def apply(self, rows: np.ndarray) -> np.ndarray:
        """(n, dim) → (n, new dim) float64, not unit.

        >>> Affine(np.array([[2.0, 0.0]]), np.array([-1.0])).apply(np.array([[3.0, 4.0]]))
        array([[5.]])
        """
        wide = np.asarray(rows, np.float64)
        return (wide if self.matrix is None else wide @ self.matrix.T) + self.shift

    def pull(self, target: np.ndarray) -> np.ndarray:
        """(dim,) the vector whose dot product with x is that of `target`, (new dim,), with M x.

        >>> Affine(np.array([[2.0, 0.0]]), np.array([-1.0])).pull(np.array([3.0]))
        array([6., 0.])
        """
        wide = np.asarray(target, np.float64)
        return wide if self.matrix is None else wide @ self.matrix


@dataclass(frozen=True)
class Embeddings:
    """One unit vector per image, in dataset order: (n_images, dim) float32, read-only.

    A row of norm at most 1e-12 means "nothing here" and stays zero; `n_zero` counts such rows.
    """

    backbone: str
    vectors: np.ndarray
    ids: np.ndarray

    def __post_init__(self) -> None:
        if self.vectors.ndim != 2 or len(self.vectors) != len(self.ids):
            raise ShapeMismatch(
                f"Embeddings by {self.backbone!r} have shape {self.vectors.shape} for {len(self.ids)} images."
            )
        object.__setattr__(self, "vectors", frozen_array(self.vectors, np.float32))

    @property
    def dim(self) -> int:
        """Numbers per vector."""
        return self.vectors.shape[1]

    @cached_property
    def n_zero(self) -> int:
        """How many vectors are all zero: no direction, so a score of 0 to everything."""
        return int((~self.vectors.any(axis=1)).sum())
