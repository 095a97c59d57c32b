"""Which backbones see the same, and which see something else: linear CKA and neighbour overlap of their embeddings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from core import arrays
from core.errors import ShapeMismatch
from core.studies import embedding
from core.types import Dataset

_BLOCK = 1024
SAMPLE = 5000
"""Images that are compared of a larger dataset."""


@dataclass(frozen=True)
class Similarity:
    """How alike backbones behave on one dataset: `cka` and `overlap` are (n, n) float64 in [0, 1], symmetric."""

    names: tuple[str, ...]
    cka: np.ndarray
    overlap: np.ndarray
    n_images: int
    k: int

    def nearest(self, name: str, count: int = 3) -> list[tuple[str, float]]:
        """The nearest relatives of a backbone by CKA, nearest first."""
        row = self.cka[self.names.index(name)]
        order = [number for number in np.argsort(-row, kind="stable") if self.names[number] != name]
        return [(self.names[number], float(row[number])) for number in order[:count]]

    def ordered(self) -> Similarity:
        """The same with backbones of like behaviour beside each other (optimal leaf order of average linkage on CKA)."""
        if len(self.names) < 3:
            return self
        from scipy.cluster import hierarchy
        from scipy.spatial.distance import squareform

        apart = squareform(1 - self.cka, checks=False)
        tree = hierarchy.linkage(apart, "average", optimal_ordering=True)
        order = hierarchy.leaves_list(tree)
        if order[0] > order[-1]:
            order = order[::-1]  # either direction is as good; this one starts nearer the catalog's start
        square = np.ix_(order, order)
        names = tuple(self.names[number] for number in order)
        return Similarity(names, self.cka[square], self.overlap[square], self.n_images, self.k)

    def most_different(self) -> tuple[str, str, float] | None:
        """The pair with the fewest neighbours in common, and that share; None with fewer than two backbones."""
        if len(self.names) < 2:
            return None
        rows, columns = np.triu_indices(len(self.names), 1)
        least = int(np.argmin(self.overlap[rows, columns]))
        a, b = rows[least], columns[least]
        return self.names[a], self.names[b], float(self.overlap[a, b])


def of_dataset(
    dataset: Dataset, names: Sequence[str] | None = None, *, k: int = 10, most: int = SAMPLE, seed: int = 0
) -> Similarity:
    """Compare the embedded backbones of a dataset; more than `most` images are sampled (seeded).

    Raises:
        NotComputed: a backbone that was named is not embedded.
    """
    chosen = tuple(names or (row.backbone for row in embedding.status(dataset) if row.n_images == len(dataset)))
    rows = arrays.sample(len(dataset), most, seed)
    return compare({name: embedding.embeddings(dataset, name).vectors[rows] for name in chosen}, k)


def compare(vectors: Mapping[str, np.ndarray], k: int = 10) -> Similarity:
    """Linear CKA and neighbour overlap@k of every pair.

    Args:
        vectors: name → (n_images, dim) of the same images in the same order.
        k: neighbours compared, at most n_images - 1.
    Raises:
        ShapeMismatch: different numbers of images.
    """
    names = tuple(vectors)
    counts = {len(rows) for rows in vectors.values()}
    if len(counts) > 1:
        raise ShapeMismatch(f"The backbones have different numbers of images: {sorted(counts)}.")
    n_images = counts.pop() if counts else 0
    k = max(1, min(k, n_images - 1))
    near = {name: neighbours(rows, k) for name, rows in vectors.items()}
    cka, shared = np.eye(len(names)), np.eye(len(names))
    for i, a in enumerate(names):
        for j, b in enumerate(names[:i]):
            cka[i, j] = cka[j, i] = linear_cka(vectors[a], vectors[b])
            shared[i, j] = shared[j, i] = overlap(near[a], near[b])
    return Similarity(names, cka, shared, n_images, k)


def linear_cka(a: np.ndarray, b: np.ndarray) -> float:
    """Linear centred kernel alignment of (n, p) and (n, q): 1 when they differ by a rotation and a scale only.

    Reference:
        Kornblith et al. 2019, Similarity of neural network representations revisited, arXiv:1905.00414.
    >>> x = np.random.default_rng(0).normal(size=(50, 4))
    >>> round(linear_cka(x, 3 * x[:, ::-1] + 7), 6)
    1.0
    """
    a, b = (np.asarray(rows, np.float64) - np.asarray(rows, np.float64).mean(0) for rows in (a, b))
    if len(a) < a.shape[1] + b.shape[1]:
        kernel_a, kernel_b = a @ a.T, b @ b.T  # fewer images than numbers: the kernels are the smaller matrices
        cross, scale = (kernel_a * kernel_b).sum(), np.linalg.norm(kernel_a) * np.linalg.norm(kernel_b)
    else:
        cross = (np.square(a.T @ b)).sum()
        scale = np.linalg.norm(a.T @ a) * np.linalg.norm(b.T @ b)
    return float(np.clip(cross / scale, 0.0, 1.0)) if scale > 0 else 0.0


def neighbours(vectors: np.ndarray, k: int) -> np.ndarray:
    """(n, k) int64, sorted: the k images most alike each image, itself left out."""
    nearest = np.empty((len(vectors), k), np.int64)
    for rows in arrays.chunks(len(vectors), _BLOCK):
        scores = vectors[rows] @ vectors.T
        scores[np.arange(len(scores)), np.arange(rows.start, rows.stop)] = -np.inf
        nearest[rows] = np.argpartition(-scores, k - 1, axis=1)[:, :k]
    return np.sort(nearest, axis=1)


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Mean share of neighbours that two lists (n, k) have in common.

    >>> overlap(np.array([[1, 2]]), np.array([[2, 3]]))
    0.5
    """
    if not len(a):
        return 0.0
    # image numbers of row i are moved by i times more than the highest, so that one look-up serves all rows
    offsets = np.arange(len(a))[:, None] * (int(max(a.max(), b.max())) + 1)
    return float(np.isin(a + offsets, b + offsets).mean())
