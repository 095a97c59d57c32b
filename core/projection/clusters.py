"""Density clusters of the original space, and their names."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core import arrays
from core.projection.space import JointSpace


def density_clusters(space: JointSpace, *, smallest: int = 0, seed: int = 0) -> np.ndarray:
    """(n_images,) int64 density clusters of the ORIGINAL space (its 50 components), largest is 0; −1 is none.

    HDBSCAN; above 10,000 images on a seeded sample, the others join the cluster of their nearest sampled image.

    Args:
        smallest: images that make a cluster; 0 chooses 5 or half a percent.
    Reference:
        Campello, Moulavi and Sander 2013, doi:10.1007/978-3-642-37456-2_14.
    """
    from sklearn.cluster import HDBSCAN

    matrix, n = space.reduced, len(space)
    chosen = arrays.sample(n, 10_000, seed)
    smallest = smallest or max(5, len(chosen) // 200)
    if len(chosen) <= smallest:
        return np.full(n, -1, np.int64)
    numbers = HDBSCAN(min_cluster_size=smallest, min_samples=min(5, smallest), copy=True).fit_predict(matrix[chosen])
    if len(chosen) < n:
        import faiss

        index = faiss.IndexFlatL2(matrix.shape[1])
        index.add(np.ascontiguousarray(matrix[chosen]))
        numbers = numbers[index.search(np.ascontiguousarray(matrix), 1)[1][:, 0]]
    sizes = np.bincount(numbers[numbers >= 0]) if (numbers >= 0).any() else np.empty(0, np.int64)
    new_number = np.empty(len(sizes) + 1, np.int64)
    new_number[np.argsort(-sizes, kind="stable")] = np.arange(len(sizes))
    new_number[-1] = -1
    return new_number[numbers]


def cluster_names(clusters: np.ndarray, labels: np.ndarray, label_names: Sequence[str]) -> list[str]:
    """A name per cluster: its majority class with its share, numbered where two would be named alike."""
    names: list[str] = []
    for number in range(int(clusters.max(initial=-1)) + 1):
        inside = labels[(clusters == number) & (labels >= 0)]
        if len(inside):
            counts = np.bincount(inside)
            name = f"{label_names[int(counts.argmax())]} · {counts.max() / (clusters == number).sum():.0%}"
        else:
            name = f"cluster {number + 1}"
        names.append(name if name not in names else f"{name} ({number + 1})")
    return names
