"""Asking again with the mean of what was retrieved: α query expansion, and the same done to the gallery beforehand."""

from __future__ import annotations

import numpy as np

from core import arrays
from core.fusion.gallery_graph import GalleryGraph
from core.fusion.rerankings import RERANKINGS, best_of
from core.fusion.strategy import Parameter
from core.setups import Bounds
from core.types import unit


def _count(default: int) -> Parameter:
    help_text = "How many of the nearest join the mean; no more than an image has right answers."
    return Parameter("n", default, Bounds("whole", low=1, high=200, label="Neighbours", help=help_text))


def _alpha() -> Parameter:
    help_text = "Each counts with its score to this power: 0 counts all alike, a high one nearly the first alone."
    return Parameter(
        "alpha", 3.0, Bounds("real", low=0.0, high=10.0, step=0.5, label="Power of the score", help=help_text)
    )


def _weights(scores: np.ndarray, alpha: float) -> np.ndarray:
    """score^α, and nothing for what is not above 0 or not there (NaN)."""
    usable = np.where(np.nan_to_num(scores, nan=0.0) > 0, np.nan_to_num(scores, nan=0.0), 0.0).astype(np.float64)
    return np.where(usable > 0, usable**alpha, 0.0)


def _moved(queries: np.ndarray, rows: np.ndarray, scores: np.ndarray, items: np.ndarray, alpha: float) -> np.ndarray:
    """(n_queries, dim) float32 unit: each query plus its weighted first results."""
    weights = np.where(items >= 0, _weights(np.take_along_axis(scores, np.maximum(items, 0), axis=1), alpha), 0.0)
    moved = np.asarray(queries, np.float64).copy()
    for at in range(len(moved)):
        moved[at] += weights[at] @ rows[items[at]]
    return unit(moved)


@RERANKINGS.register(
    "query_expansion",
    label="α query expansion",
    short="query expansion",
    sentence="The query joins with its first results, and the mean of them asks once more.",
    reference="Radenović, Tolias and Chum 2019, doi:10.1109/TPAMI.2018.2846566",
    parameters=(_count(5), _alpha()),
    size="n",
)
def query_expansion(
    graph: GalleryGraph, queries: np.ndarray, scores: np.ndarray, own: np.ndarray, n: int = 5, alpha: float = 3.0
) -> np.ndarray:
    """Cosines of q + Σ max(s, 0)^α g over the first n results, unit, with the gallery."""
    return _moved(queries, graph.rows, scores, best_of(scores, n), alpha) @ graph.rows.T


def _augmented(graph: GalleryGraph, items: np.ndarray, scores: np.ndarray, of: np.ndarray, alpha: float) -> np.ndarray:
    """(n, dim) float32 unit: gallery rows `of` plus their weighted neighbours."""
    made = np.empty((len(of), graph.rows.shape[1]), np.float32)
    weights = np.where(items >= 0, _weights(scores, alpha), 0.0).astype(np.float32)
    for part in arrays.chunks(len(of), 512):
        near = graph.rows[np.maximum(items[part], 0)]
        made[part] = unit(graph.rows[of[part]] + np.einsum("nk,nkd->nd", weights[part], near))
    return made


@RERANKINGS.register(
    "database_augmentation",
    label="Database augmentation",
    short="augmented",
    sentence="Every image of the gallery becomes the mean of itself and its nearest; the query stays as it is.",
    reference="Arandjelović and Zisserman 2012, doi:10.1109/CVPR.2012.6248018",
    parameters=(_count(5), _alpha()),
    size="n",
)
def database_augmentation(
    graph: GalleryGraph, queries: np.ndarray, scores: np.ndarray, own: np.ndarray, n: int = 5, alpha: float = 3.0
) -> np.ndarray:
    """Cosines of q with g + Σ max(s, 0)^α g' over the n nearest of g, unit."""
    return _augmented_scores(graph, queries, own, n, alpha, False)


@RERANKINGS.register(
    "augmentation_expansion",
    label="Augmentation and expansion (DBA + QE)",
    short="augmented and expanded",
    sentence="Every image of the gallery becomes the mean of itself and its nearest; so does the query, which asks once more.",
    reference="Arandjelović and Zisserman 2012, doi:10.1109/CVPR.2012.6248018; Gordo et al. 2017, doi:10.1007/s11263-017-1016-8",
    parameters=(_count(5), _alpha()),
    size="n",
)
def augmentation_expansion(
    graph: GalleryGraph, queries: np.ndarray, scores: np.ndarray, own: np.ndarray, n: int = 5, alpha: float = 3.0
) -> np.ndarray:
    """The query expanded by the augmented gallery, against the augmented gallery."""
    return _augmented_scores(graph, queries, own, n, alpha, True)


def _augmented_scores(
    graph: GalleryGraph, queries: np.ndarray, own: np.ndarray, n: int, alpha: float, expand: bool
) -> np.ndarray:
    items, near = graph.nearest(n + 1)
    everyone = np.arange(len(graph))
    rows = graph.remember(
        ("augmented", n, alpha), lambda: _augmented(graph, items[:, :n], near[:, :n], everyone, alpha)
    )
    scores, again = (queries @ rows.T).astype(np.float64), []
    for at, position in enumerate(own):
        changed, made = _made_again(graph, int(position), items, near, n, alpha)
        scores[at, changed] = made @ queries[at]
        again.append((changed, made))
    if not expand:
        return scores
    scores[own >= 0, own[own >= 0]] = -np.inf
    moved = np.empty(queries.shape, np.float64)
    for at, first in enumerate(best_of(scores, n)):
        first = first[first >= 0]
        used = rows[first]
        for where, (item, row) in enumerate(zip(first, used)):
            known = np.flatnonzero(again[at][0] == item)
            used[where] = again[at][1][known[0]] if len(known) else row
        moved[at] = queries[at] + _weights(scores[at, first], alpha) @ used
    asking = unit(moved)
    scores = (asking @ rows.T).astype(np.float64)
    for at, (changed, made) in enumerate(again):
        scores[at, changed] = made @ asking[at]
    return scores


def _made_again(
    graph: GalleryGraph, position: int, items: np.ndarray, near: np.ndarray, n: int, alpha: float
) -> tuple[np.ndarray, np.ndarray]:
    """Images that have the query among their nearest, and their vectors with the next one in its stead."""
    if position < 0:
        return np.empty(0, np.int64), np.empty((0, graph.rows.shape[1]), np.float32)
    indptr, listing = graph.listed_by(n)
    changed = listing[indptr[position] : indptr[position + 1]].astype(np.int64)
    others = items[changed] != position
    order = np.argsort(~others, axis=1, kind="stable")[:, :n]
    fewer = np.take_along_axis(np.where(others, items[changed], -1), order, axis=1)
    return changed, _augmented(graph, fewer, np.take_along_axis(near[changed], order, axis=1), changed, alpha)
