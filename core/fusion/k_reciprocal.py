"""k-reciprocal re-ranking: a query is as near to an image as their neighbourhoods in the gallery overlap."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from core import arrays
from core.errors import BadInput
from core.fusion import gallery_graph
from core.fusion.gallery_graph import GalleryGraph
from core.fusion.rerankings import RERANKINGS
from core.fusion.strategy import Parameter
from core.setups import Bounds

if TYPE_CHECKING:
    from core.fusion.reciprocal_kernels import Neighbourhoods

_PART_BYTES = 64 << 20
_COPIES = 2
"""How often the numbers of all neighbourhoods stand in memory while they are joined or turned."""

_PARAMETERS = (
    Parameter(
        "k1",
        20,
        Bounds(
            "whole",
            low=1,
            high=200,
            label="Neighbours k1",
            help="How many nearest make a neighbourhood; no more than an image has right answers.",
        ),
    ),
    Parameter(
        "k2",
        6,
        Bounds("whole", low=1, high=100, label="Averaged k2", help="Over how many of the nearest it is averaged."),
    ),
    Parameter(
        "lambda",
        0.3,
        Bounds(
            "real",
            low=0.0,
            high=1.0,
            step=0.05,
            label="Share of the cosine",
            help="1 is the plain order, 0 neighbourhoods alone.",
        ),
    ),
    Parameter(
        "depth",
        None,
        Bounds(
            "whole",
            low=2,
            high=100_000,
            label="Depth",
            help="Only the first so many results are ranked again, by their neighbourhoods among each other.",
        ),
    ),
)


@RERANKINGS.register(
    "k_reciprocal",
    label="k-reciprocal",
    short="k-reciprocal",
    sentence="Two images are near when they name each other among their nearest, and so do their neighbours.",
    reference="Zhong et al. 2017, arXiv:1701.08398; every query joins the gallery's graph alone",
    parameters=_PARAMETERS,
    size="k1",
)
def k_reciprocal(
    graph: GalleryGraph,
    queries: np.ndarray,
    scores: np.ndarray,
    own: np.ndarray,
    k1: int = 20,
    k2: int = 6,
    lambda_: float = 0.3,
    depth: int | None = None,
) -> np.ndarray:
    """−((1 − λ) J + λ d² / max d²), J the Jaccard distance of the neighbourhoods; d² = 2 − 2 s."""
    if depth is not None and depth < len(graph):
        return np.stack([_first_only(graph, old, depth, k1, k2, lambda_) for old in np.asarray(scores, np.float64)])
    wide = np.asarray(scores, np.float64)
    shared = overlap(graph, wide, np.asarray(own, np.int64), k1, k2)
    jaccard = 1 - shared / (2 - shared)
    distance = np.where(np.isfinite(wide), 2 - 2 * wide, 0.0)
    largest = distance.max(axis=1, keepdims=True, initial=0.0)
    return -((1 - lambda_) * jaccard + lambda_ * distance / np.where(largest > 0, largest, 1.0))


def overlap(graph: GalleryGraph, scores: np.ndarray, own: np.ndarray, k1: int, k2: int) -> np.ndarray:
    """(n_queries, n_gallery) float64: the overlap of each query's neighbourhood with each image's, in [0, 1].

    Args:
        scores: (n_queries, n_gallery) float64 cosines, −inf for what is not in the list.
        own: (n_queries,) int64 the query's own position, −1 if none; it is left out of every neighbourhood.
    """
    from core.fusion.reciprocal_queries import overlaps

    k2 = min(k2, k1 + 1)
    hoods = graph.remember(("k-reciprocal", k1, k2), lambda: neighbourhoods(graph, k1, k2))
    best = np.empty((len(scores), max(k1, k2)), np.int64)
    for row, old in enumerate(scores):
        best[row] = _best(old, best.shape[1])
    result = np.zeros(scores.shape)
    pieces = min(8, len(scores) // 4)
    arrays.in_pieces(
        lambda first, stop: overlaps(first, stop, hoods, scores, best, own, result), 0, len(scores), pieces
    )
    return result


def _best(row: np.ndarray, k: int) -> np.ndarray:
    """(k,) int64: the best of a row, equal scores by position, −1 where there are fewer."""
    near = np.arange(len(row))
    if k < len(row):
        near = np.flatnonzero(row >= row[np.argpartition(-row, k - 1)[:k]].min())
    order = near[np.argsort(-row[near], kind="stable")][:k]
    best = np.full(k, -1, np.int64)
    best[: len(order)] = np.where(row[order] > -np.inf, order, -1)
    return best


def neighbourhoods(graph: GalleryGraph, k1: int, k2: int) -> Neighbourhoods:
    """The gallery's neighbourhood vectors before and after averaging, sparse."""
    from core.fusion import reciprocal_kernels as kernels

    lists, near = graph.nearest(k1 + 1)
    listed_indptr, listed_items = graph.listed_by(k1)
    half, n = max(1, round(k1 / 2)), len(graph)
    most = (k1 + 2) * (half + 2)
    step = max(64, _PART_BYTES // (8 * most))

    def vectors(first: int, stop: int, items: np.ndarray, values: np.ndarray, counts: np.ndarray) -> None:
        kernels.fill_vectors(first, stop, graph.rows, lists, near, half, items, values, counts)

    indptr, items, values = _in_parts(n, step, min(most, n), vectors)
    longest = int(np.diff(indptr).max(initial=1))

    def means(first: int, stop: int, out_items: np.ndarray, out_values: np.ndarray, counts: np.ndarray) -> None:
        kernels.average(first, stop, lists, k2, indptr, items, values, out_items, out_values, counts)

    step = max(64, _PART_BYTES // (8 * longest * k2))
    averaged = _by_column(*_in_parts(n, step, min(longest * k2, n), means))
    return kernels.Neighbourhoods(
        graph.rows, lists, near, half, k2, listed_indptr, listed_items, indptr, items, values, *averaged
    )


def _by_column(indptr: np.ndarray, items: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows as columns: a query asks who has a number where it has one, and those are few."""
    from scipy import sparse

    n = len(indptr) - 1
    columns = sparse.csr_array((values, items, indptr), shape=(n, n)).tocsc()
    return columns.indptr.astype(np.int64), columns.indices.astype(np.int32), columns.data


def _in_parts(n: int, step: int, most: int, fill: Callable[..., None]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of up to `most` numbers, filled some at a time, as one CSR: indptr, items, values.

    Raises:
        BadInput: they would take more than `gallery_graph.MOST_BYTES`, copies that are made of them counted.
    """
    items, values, counts, n_bytes = [], [], [], 0
    for part in arrays.chunks(n, step):
        size = part.stop - part.start
        wide = np.empty((size, most), np.int32), np.empty((size, most), np.float32), np.empty(size, np.int64)
        arrays.in_pieces(partial(_fill_rows, fill, part.start, wide), part.start, part.stop, min(4, size // 16))
        wide_items, wide_values, part_counts = wide
        inside = np.arange(most)[None] < part_counts[:, None]
        items.append(wide_items[inside])
        values.append(wide_values[inside])
        counts.append(part_counts)
        n_bytes += _COPIES * (items[-1].nbytes + values[-1].nbytes)
        if n_bytes > gallery_graph.MOST_BYTES:
            raise BadInput(
                f"Neighbourhoods of {n:,} images take more than {gallery_graph.MOST_BYTES >> 20:,} MB here. Choose "
                "smaller k1 and k2, or a depth, so that only the first results are ranked again."
            )
    indptr = np.concatenate([[0], np.cumsum(np.concatenate(counts))])
    return indptr, np.concatenate(items), np.concatenate(values)


def _fill_rows(
    fill: Callable[..., None], start: int, wide: tuple[np.ndarray, np.ndarray, np.ndarray], first: int, stop: int
) -> None:
    fill(first, stop, *(array[first - start : stop - start] for array in wide))


def _first_only(graph: GalleryGraph, row: np.ndarray, depth: int, k1: int, k2: int, lambda_: float) -> np.ndarray:
    """One query, whose first `depth` results are a gallery of their own; what stands below keeps its order."""
    first = _best(row, depth)
    first = np.sort(first[first >= 0])
    made = np.full(len(row), -np.inf)
    rest = np.isfinite(row)
    rest[first] = False
    if len(first):
        small = GalleryGraph(graph.rows[first], arrays.first_of_equal(graph.first[first]))
        nobody = np.array([-1])
        made[first] = k_reciprocal(small, graph.rows[:0], row[first][None], nobody, k1, k2, lambda_)[0]
    if rest.any():
        below = made[first].min() if len(first) else 0.0
        made[rest] = below - 1 - (row[rest].max() - row[rest])
    return made
