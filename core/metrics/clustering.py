"""How well labels are clusters, in the original space (never on a map). Labelled items only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from core import arrays
from core.metrics.registry import METRICS

NOISE = 1e-12
MOST_ITEMS = 30_000
"""The Euclidean silhouette looks at all pairs; beyond this many items it is not computed, and says so."""

_CLUSTERS: dict[str, Any] = {
    "kind": "clustering",
    "ties": "",
    "self_match": "",
    "nothing_relevant": "Unlabelled items are left out.",
}


def undefined(labels: np.ndarray) -> str:
    """Why the indices of these items are not defined; "" when they are.

    Args:
        labels: (n,) int64 classes of labelled items.
    """
    classes, n = len(np.unique(labels)), len(labels)
    if n == 0:
        return "No item has a label."
    if classes < 2:
        return "All labelled items are of one class; at least two classes are needed."
    if classes > n - 1:
        return "Every labelled item is alone in its class; at least one class needs two."
    return ""


def as_units(vectors: np.ndarray) -> np.ndarray:
    """Rows of norm 1 in float64 (stored ones are so to 7 digits only); zero rows stay zero."""
    wide = np.asarray(vectors, np.float64)
    norms = np.linalg.norm(wide, axis=1, keepdims=True)
    return np.divide(wide, norms, out=np.zeros_like(wide), where=norms > NOISE)


def _codes(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Codes 0 ... c − 1 and the size of each class."""
    _, codes = np.unique(labels, return_inverse=True)
    return codes, np.bincount(codes)


def _sums(vectors: np.ndarray, codes: np.ndarray, n_classes: int) -> np.ndarray:
    """(n_classes, dim): sum of the vectors of each class."""
    order = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes[order], np.arange(n_classes))
    return np.add.reduceat(vectors[order], starts, axis=0)


def _silhouette(within: np.ndarray, others: np.ndarray, codes: np.ndarray, sizes: np.ndarray) -> float:
    """Mean silhouette from the mean distance to the own class and to the nearest other one."""
    within = np.where(np.abs(within) < NOISE, 0, within)
    others = np.where(np.abs(others) < NOISE, 0, others)
    larger = np.maximum(within, others)
    values = np.divide(others - within, larger, out=np.zeros_like(larger), where=larger > 0)
    return float(np.where(sizes[codes] == 1, 0, values).mean())


@METRICS.register(
    "silhouette_cosine",
    label="Silhouette (cosine)",
    limits=(-1.0, 1.0),
    definition="How much nearer an item is to its own class than to the next one, by 1 − cosine; mean over items.",
    divided_by="labelled gallery items",
    reference="Rousseeuw 1987, doi:10.1016/0377-0427(87)90125-7",
    **_CLUSTERS,
)
def silhouette_cosine(vectors: np.ndarray, labels: np.ndarray) -> float:
    """Mean silhouette by 1 − cosine, in [−1, 1]; by class sums, exact without any pairwise matrix.

    A zero vector has distance 1 to all others and 0 to itself. A lone member counts 0; a = b = 0 counts 0.

    Args:
        vectors: (n, dim); labels: (n,) int64, for which `undefined` is "".
    Reference: Rousseeuw 1987, doi:10.1016/0377-0427(87)90125-7.
    """
    units = as_units(vectors)
    codes, sizes = _codes(labels)
    distances = sizes - units @ _sums(units, codes, len(sizes)).T
    rows = np.arange(len(units))
    to_class = distances[rows, codes] - (1 - np.einsum("ij,ij->i", units, units))
    within = to_class / np.maximum(sizes[codes] - 1, 1)
    distances /= sizes
    distances[rows, codes] = np.inf
    return _silhouette(within, distances.min(axis=1), codes, sizes)


@METRICS.register(
    "silhouette_euclidean_l2",
    label="Silhouette (Euclidean, unit vectors)",
    limits=(-1.0, 1.0),
    definition="How much nearer an item is to its own class than to the next one, Euclidean, on unit vectors.",
    divided_by="labelled gallery items",
    reference="Rousseeuw 1987, doi:10.1016/0377-0427(87)90125-7",
    **_CLUSTERS,
)
def silhouette_euclidean(vectors: np.ndarray, labels: np.ndarray) -> float:
    """Mean silhouette by Euclidean distance, in [−1, 1]; all pairs, by blocks, in float64.

    Args: as in `silhouette_cosine`; the vectors as they are.
    Reference: Rousseeuw 1987, doi:10.1016/0377-0427(87)90125-7.
    """
    codes, sizes = _codes(labels)
    order = np.argsort(codes, kind="stable")
    points, sorted_codes = np.asarray(vectors, np.float64)[order], codes[order]
    starts = np.searchsorted(sorted_codes, np.arange(len(sizes)))
    squares = np.einsum("ij,ij->i", points, points)
    within, others = np.empty(len(points)), np.empty(len(points))
    step = max(1, (32 << 20) // (8 * len(points)))
    for block in arrays.chunks(len(points), step):
        total = squares[block, None] + squares
        distances = total - 2 * (points[block] @ points.T)
        # What rounding leaves between equal points is no distance.
        distances[distances < 1e-13 * total] = 0
        np.sqrt(distances, out=distances)
        to_class = np.add.reduceat(distances, starts, axis=1)
        rows, mine = np.arange(len(to_class)), sorted_codes[block]
        within[block] = to_class[rows, mine] / np.maximum(sizes[mine] - 1, 1)
        to_class /= sizes
        to_class[rows, mine] = np.inf
        others[block] = to_class.min(axis=1)
    return _silhouette(within, others, sorted_codes, sizes)


@METRICS.register(
    "davies_bouldin_l2",
    label="Davies-Bouldin (unit vectors)",
    limits=(0.0, None),
    higher_is_better=False,
    definition="Spread of two classes over the distance of their centres, the worst neighbour of each, averaged.",
    divided_by="classes",
    reference="Davies and Bouldin 1979, doi:10.1109/TPAMI.1979.4766909",
    **_CLUSTERS,
)
def davies_bouldin(vectors: np.ndarray, labels: np.ndarray) -> float:
    """Mean over classes of max (S_i + S_j) / |m_i − m_j|, at least 0, lower is better.

    Coinciding centroids contribute 0, as in scikit-learn: two identical classes look good.

    Reference: Davies and Bouldin 1979, doi:10.1109/TPAMI.1979.4766909.
    """
    points = np.asarray(vectors, np.float64)
    codes, sizes = _codes(labels)
    centres = _sums(points, codes, len(sizes)) / sizes[:, None]
    spread = np.bincount(codes, np.linalg.norm(points - centres[codes], axis=1)) / sizes
    gaps = np.linalg.norm(centres[:, None] - centres[None], axis=2) if len(sizes) <= 300 else _gaps(centres)
    ratios = np.divide(spread[:, None] + spread, gaps, out=np.zeros_like(gaps), where=gaps > NOISE)
    np.fill_diagonal(ratios, 0)
    return float(ratios.max(axis=1).mean())


def _gaps(centres: np.ndarray) -> np.ndarray:
    """All distances between many centres, row by row."""
    return np.stack([np.linalg.norm(centres - centre, axis=1) for centre in centres])


@METRICS.register(
    "calinski_harabasz_l2",
    label="Calinski-Harabasz (unit vectors)",
    limits=(0.0, None),
    definition="Spread between classes over spread within; it grows with the number of items: compare on one set.",
    divided_by="degrees of freedom",
    reference="Caliński and Harabasz 1974, doi:10.1080/03610927408827101",
    **_CLUSTERS,
)
def calinski_harabasz(vectors: np.ndarray, labels: np.ndarray) -> float:
    """(B / (c − 1)) / (W / (n − c)), at least 0, higher is better; 1 when nothing varies within classes.

    Reference: Caliński and Harabasz 1974, doi:10.1080/03610927408827101.
    """
    points = np.asarray(vectors, np.float64)
    codes, sizes = _codes(labels)
    centres = _sums(points, codes, len(sizes)) / sizes[:, None]
    between = float((sizes * ((centres - points.mean(axis=0)) ** 2).sum(axis=1)).sum())
    within = float(((points - centres[codes]) ** 2).sum())
    if within <= NOISE * len(points):
        return 1.0
    return between * (len(points) - len(sizes)) / (within * (len(sizes) - 1))


def registered() -> dict[str, Callable[[np.ndarray, np.ndarray], float]]:
    """Name → index, (n, dim) unit vectors and (n,) labels → float, of every metric of this kind."""
    return {metric.name: metric.function for metric in METRICS if metric.kind == "clustering" and metric.function}


def indices(vectors: np.ndarray | None, labels: np.ndarray | None) -> tuple[dict[str, float], str]:
    """All indices on unit vectors, and the reason where they are NaN ("" when all are there).

    Args:
        vectors: (n, dim) of the gallery, None for systems without vectors.
        labels: (n,) int64, −1 is unlabelled and left out; None where items have several labels.
    """
    all_indices = registered()
    nothing = dict.fromkeys(all_indices, float("nan"))
    if vectors is None:
        return nothing, "A fusion of scores or ranks has no vectors."
    if labels is None:
        return nothing, "Not defined where items have several labels, or none."
    use = labels >= 0
    if reason := undefined(labels[use]):
        return nothing, reason
    units = as_units(vectors[use])
    values, note = dict(nothing), ""
    for name, index in all_indices.items():
        if name == "silhouette_euclidean_l2" and len(units) > MOST_ITEMS:
            note = f"The Euclidean silhouette looks at all pairs and is not computed above {MOST_ITEMS:,} items."
            continue
        values[name] = index(units, labels[use])
    return values, note
