"""What a map is drawn of: unit vectors in blocks, one block per backbone, joined by shares, and their components.

Everything that a layout needs (50 principal components) comes out of the blocks' own principal components, so that a
moved weight costs a small matrix product, not a pass over thousands of columns.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from core import arrays
from core.errors import BadInput, ShapeMismatch
from core.types import ZERO_NORM, frozen_array

REDUCED_DIMS = 50
"""Principal components that t-SNE, UMAP and clusters start from."""
BLOCK_DIMS = 128
"""Directions kept of each backbone's vectors."""
FIT_ROWS = 20_000
"""Rows that principal components are computed from."""


class _Block:
    """One backbone's unit vectors with what is worked out about them once, whatever they are weighed with."""

    def __init__(self, vectors: np.ndarray) -> None:
        self.vectors = vectors

    @cached_property
    def compressed(self) -> np.ndarray:
        """(n_images, at most 128) float32: the rows on their strongest directions."""
        return _strongest(self.vectors, BLOCK_DIMS)

    @cached_property
    def digest(self) -> bytes:
        """BLAKE2b of the vectors' bytes."""
        return hashlib.blake2b(self.vectors.data.cast("B"), digest_size=32).digest()


@dataclass(frozen=True)
class JointSpace:
    """What a map is drawn of: unit vectors in blocks, one per backbone, joined by shares.

    Its vectors are the concatenation [sqrt(a_1) x_1; ...; sqrt(a_M) x_M] with unit rows (DEFINITIONS.md, section 8),
    so that its cosine is the share-weighted mean of the backbones' cosines.

    Attributes:
        blocks: per backbone (n_images, dim) float32, rows of norm 1 or zero.
        shares: per backbone at least 0, not all 0; a share of 0 leaves the backbone out.
    Raises:
        ShapeMismatch: lengths differ. BadInput: no share above 0, or a share that is no number.
    """

    blocks: tuple[np.ndarray, ...]
    shares: tuple[float, ...]
    _parts: tuple[_Block, ...] = field(default=(), repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.blocks or len(self.blocks) != len(self.shares):
            raise ShapeMismatch(f"Got {len(self.shares)} shares for {len(self.blocks)} backbones; give one each.")
        if any(block.ndim != 2 or len(block) != len(self.blocks[0]) for block in self.blocks):
            raise ShapeMismatch(
                f"The backbones' vectors have shapes {[b.shape for b in self.blocks]}; rows must agree."
            )
        shares = np.asarray(self.shares, np.float64)
        if not np.isfinite(shares).all() or (shares < 0).any() or shares.sum() <= 0:
            raise BadInput("Give at least one backbone a share above 0; no share may be negative.")
        object.__setattr__(self, "blocks", tuple(frozen_array(block, np.float32) for block in self.blocks))
        object.__setattr__(self, "shares", tuple(float(a) for a in shares / shares.sum()))
        if not self._parts:
            object.__setattr__(self, "_parts", tuple(_Block(block) for block in self.blocks))

    def __len__(self) -> int:
        return len(self.blocks[0])

    def with_shares(self, shares: Sequence[float]) -> JointSpace:
        """The same backbones, weighed differently; their principal components are kept, not computed again."""
        return JointSpace(self.blocks, tuple(shares), self._parts)

    @classmethod
    def joined(cls, spaces: Sequence[JointSpace], shares: Sequence[float]) -> JointSpace:
        """The backbones of several spaces in one, weighed; what was worked out of each is kept."""
        blocks = tuple(block for space in spaces for block in space.blocks)
        return cls(blocks, tuple(shares), tuple(part for space in spaces for part in space._parts))

    @property
    def compressed(self) -> tuple[np.ndarray, ...]:
        """Per backbone (n_images, at most 128) float32: the rows on their strongest directions, computed once."""
        return tuple(part.compressed for part in self._parts)

    @cached_property
    def _row_scale(self) -> np.ndarray | None:
        """(n_images, 1): what makes the joined rows unit where a part is missing; None where nothing is missing."""
        present = sum(share * block.any(axis=1) for share, block in zip(self.shares, self.blocks))
        if (np.abs(present - 1.0) < 1e-9).all():
            return None
        scale = np.where(present > ZERO_NORM, 1 / np.sqrt(np.maximum(present, ZERO_NORM)), 0.0)
        return scale.astype(np.float32)[:, None]

    def _join(self, parts: Sequence[np.ndarray], chosen: Any) -> np.ndarray:
        used = [(a, part) for a, part in zip(self.shares, parts) if a > 0]
        if len(used) == 1:
            return used[0][1][chosen]
        joined = np.concatenate([np.float32(np.sqrt(a)) * part[chosen] for a, part in used], axis=1)
        return joined if self._row_scale is None else joined * self._row_scale[chosen]

    def rows(self, chosen: Any = slice(None)) -> np.ndarray:
        """(n_chosen, dim) float32 unit rows of the joined space."""
        return self._join(self.blocks, chosen)

    def cosines(self, chosen: np.ndarray) -> np.ndarray:
        """(n_chosen, n_images) float32 cosines of some images with all, without ever joining the blocks."""
        cosines = np.zeros((len(chosen), len(self)), np.float32)
        for share, block in zip(self.shares, self.blocks):
            if share > 0:
                part = block[chosen] @ block.T
                part *= np.float32(share)
                cosines += part
        if self._row_scale is not None:
            cosines *= self._row_scale[chosen]
            cosines *= self._row_scale[:, 0]
        return cosines

    @cached_property
    def reduced(self) -> np.ndarray:
        """(n_images, at most 50) float32: principal components, which t-SNE, UMAP and clusters start from."""
        wide = self._join(self.compressed, slice(None))
        return principal_components(wide, min(REDUCED_DIMS, wide.shape[1]))

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 (16 hex digits) of the vectors and shares: what a layout belongs to."""
        digest = hashlib.sha256()
        for share, part in zip(self.shares, self._parts):
            if share > 0:
                digest.update(f"{share:.6f} {part.vectors.shape}".encode())
                digest.update(part.digest)
        return digest.hexdigest()[:16]


def _eigenvectors(matrix: np.ndarray, count: int) -> np.ndarray:
    """(dim, count) float32: strongest first, the largest absolute entry of each is positive."""
    from scipy.linalg import eigh

    dim = len(matrix)
    _, vectors = eigh(matrix.astype(np.float64), subset_by_index=(dim - count, dim - 1))
    vectors = vectors[:, ::-1]
    largest = vectors[np.abs(vectors).argmax(axis=0), np.arange(count)]
    return (vectors * np.where(largest < 0, -1.0, 1.0)).astype(np.float32)


def _strongest(block: np.ndarray, dims: int) -> np.ndarray:
    """Rows on the `dims` strongest directions (not centred: inner products are kept as well as they can be)."""
    if block.shape[1] <= dims:
        return block
    rows = block[arrays.sample(len(block), FIT_ROWS, seed=0)]
    return np.ascontiguousarray(block @ _eigenvectors(rows.T @ rows, dims))


def principal_components(matrix: np.ndarray, dims: int) -> np.ndarray:
    """Centred principal components, the same on every run.

    Directions come from at most 20,000 seeded rows; each has its largest absolute loading positive, so that no map
    is mirrored by chance. Missing directions (fewer columns or rows than asked) are columns of zeros.

    Args:
        matrix: (n, dim) float, finite.
        dims: how many components.
    Returns:
        (n, dims) float32.
    """
    matrix = np.asarray(matrix, np.float32)
    n, dim = matrix.shape
    rows = matrix[arrays.sample(n, FIT_ROWS, seed=0)]
    centre = rows.mean(axis=0, dtype=np.float64).astype(np.float32)
    rows = rows - centre
    n_components = min(dims, dim)
    flat = np.zeros((n, dims), np.float32)
    flat[:, :n_components] = (matrix - centre) @ _eigenvectors(rows.T @ rows, n_components)
    return flat
