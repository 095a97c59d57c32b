"""Against hubs: images that stand in many lists. A score counts by how high it is for the query and for the image."""

from __future__ import annotations

import numpy as np

from core.fusion.gallery_graph import GalleryGraph
from core.fusion.rerankings import RERANKINGS, best_of
from core.fusion.strategy import Parameter
from core.setups import Bounds

FLAT = 1e-9
"""Scores of one image that spread no more than this say nothing about what is high for it."""


@RERANKINGS.register(
    "mutual_proximity",
    label="Mutual proximity",
    sentence="A score becomes the chance that it is high for the query and for the image at once, so hubs lose their lead.",
    reference="Schnitzer et al. 2012, JMLR 13:2871, independent Gaussian form",
)
def mutual_proximity(graph: GalleryGraph, queries: np.ndarray, scores: np.ndarray, own: np.ndarray) -> np.ndarray:
    """log Φ((s − μ_q)/σ_q) + log Φ((s − μ_g)/σ_g), Φ the normal distribution function."""
    from scipy.special import log_ndtr

    sums, squares = graph.remember("moments", lambda: _moments(graph))
    n, made = len(graph), np.empty(scores.shape, np.float64)
    for row, (old, position) in enumerate(zip(np.asarray(scores, np.float64), own)):
        listed = old > -np.inf
        usable = old[listed]
        made[row] = -np.inf
        if not len(usable):
            continue
        total, square, count = sums[listed], squares[listed], n - 1
        if position >= 0:
            # The image's own scores without that of the query, which is no image of the gallery now.
            total, square, count = total - usable, square - usable**2, n - 2
        for_query = _standard(usable, usable.mean(), usable.std())
        mean = total / max(count, 1)
        deviation = np.sqrt(np.maximum(square / max(count, 1) - mean**2, 0.0))
        made[row, listed] = log_ndtr(for_query) + log_ndtr(_standard(usable, mean, deviation))
    return made


def _standard(values: np.ndarray, mean: np.ndarray | float, deviation: np.ndarray | float) -> np.ndarray:
    """(value − mean) / deviation, 0 where nothing spreads."""
    spread = np.asarray(deviation) > FLAT
    return np.where(spread, (values - mean) / np.where(spread, deviation, 1.0), 0.0)


def _moments(graph: GalleryGraph) -> tuple[np.ndarray, np.ndarray]:
    """Sum and sum of squares of each image's cosines with all others, (n,) float64, without a matrix of them."""
    wide = graph.rows.astype(np.float64)
    itself = np.einsum("nd,nd->n", wide, wide)
    sums = wide @ wide.sum(axis=0) - itself
    squares = np.einsum("nd,nd->n", wide @ (wide.T @ wide), wide) - itself**2
    return sums, squares


@RERANKINGS.register(
    "csls",
    label="CSLS",
    short="CSLS",
    sentence="From twice the score the mean nearness of both sides is taken off: what is near to everything counts less.",
    reference="Conneau et al. 2018, arXiv:1710.04087",
    parameters=(
        Parameter(
            "k",
            10,
            Bounds("whole", low=1, high=200, label="Neighbours", help="Over how many nearest the mean is taken."),
        ),
    ),
)
def csls(graph: GalleryGraph, queries: np.ndarray, scores: np.ndarray, own: np.ndarray, k: int = 10) -> np.ndarray:
    """2 s − r_q − r_g, r the mean cosine of the k nearest in the gallery."""
    items, near = graph.nearest(k + 1)
    wide = near.astype(np.float64)
    indptr, listing = graph.listed_by(k)
    nearness = graph.remember(("nearness", k), lambda: _mean_of(wide[:, :k]))
    made = np.empty(scores.shape, np.float64)
    for row, (old, position) in enumerate(zip(np.asarray(scores, np.float64), own)):
        theirs = nearness
        if position >= 0:
            changed = listing[indptr[position] : indptr[position + 1]]
            theirs = nearness.copy()
            theirs[changed] = _mean_of(np.where(items[changed] == position, np.nan, wide[changed]))
        first = best_of(old[None], k)[0]
        first = first[first >= 0]
        mine = old[first].mean() if len(first) else 0.0
        made[row] = 2 * old - mine - theirs
    return made


def _mean_of(values: np.ndarray) -> np.ndarray:
    """The mean of each row over what is there, 0 where nothing is."""
    there = ~np.isnan(values)
    return np.where(there, values, 0.0).sum(axis=1) / np.maximum(there.sum(axis=1), 1)
