"""A system's list ranked once more: which vectors its graph is made of, and what a hit owes to it."""

from __future__ import annotations

import dataclasses

import numpy as np

from core.errors import BadInput
from core.fusion import FusionSpec, Step
from core.fusion.gallery_graph import GalleryGraph
from core.fusion.rerankings import rerank
from core.studies.vector_set import VectorSet

REFUSED = (
    "{name} cannot be ranked again: {label} has no vectors, so nobody can say how near two images of the gallery are. "
    "Choose Concatenation, a weighted sum of raw scores, or another fusion of vectors."
)


def vector_spec(space: VectorSet, spec: FusionSpec) -> FusionSpec:
    """The fusion of vectors whose cosines are a system's scores before re-ranking.

    Args:
        space: prepared as the fusion says.
    Raises:
        BadInput: it has none.
    """
    plain = dataclasses.replace(spec, rerank=None, prepare=None)
    if spec.strategy.joins == "vectors":
        return plain
    if plain.is_linear and not space.missing(spec.active):
        return FusionSpec(spec.name, "concat", spec.backbones).with_shares(spec.shares)
    raise BadInput(REFUSED.format(name=spec.name, label=spec.strategy.label))


def _rows(space: VectorSet, spec: FusionSpec) -> np.ndarray:
    if len(spec.active) == 1 and spec.kind == "concat":
        return space.get(spec.active[0])
    return space.fused(spec)


def graph_of(space: VectorSet, spec: FusionSpec) -> GalleryGraph:
    """The gallery of a fusion as its re-ranking sees it, worked out once; `space` is prepared as the fusion says."""
    spec = vector_spec(space, spec)

    def make() -> GalleryGraph:
        rows = _rows(space, spec)[space.split.gallery]
        return GalleryGraph(rows, space.first_in_gallery(tuple(sorted(spec.active))))

    return space.shared.graph((spec.fingerprint, tuple(sorted(spec.shares.items()))), make)


def scores_of(space: VectorSet, spec: FusionSpec, step: Step, scores: np.ndarray, start: int, stop: int) -> np.ndarray:
    """New scores of queries start to stop, (stop − start, n_gallery) float64; −inf is not retrieved.

    Args:
        space: prepared as the fusion says.
        scores: the fusion's own before, −inf at the query's own position.
    """
    rows = _rows(space, vector_spec(space, spec))
    queries = np.asarray(rows[space.split.queries[start:stop]], np.float32)
    return rerank(step.method, step.settings, graph_of(space, spec), queries, scores, space.self_position[start:stop])


def through(space: VectorSet, spec: FusionSpec, query: int, item: int, n: int = 3) -> np.ndarray:
    """Through whom a result came: images near to it in the gallery and near to the query, nearest to both first.

    Args:
        space: prepared as the fusion says; query: its number there; item: gallery position of the result.
        n: how many at most.
    Returns:
        (≤ n,) int64 gallery positions: of the first k of the query and of the image alike, k the size of the
        re-ranking's neighbourhoods.
    """
    assert spec.rerank is not None, "only what is ranked again came through others"
    step, graph = spec.rerank, graph_of(space, spec)
    size = int(step.settings.get(step.method.size or "k") or 10)
    items, near = graph.nearest(size + 1)
    row = _rows(space, vector_spec(space, spec))[space.split.queries[query : query + 1]][0]
    scores = graph.rows @ np.asarray(row, np.float32)
    scores[item] = -np.inf
    self_position = int(space.self_position[query])
    if self_position >= 0:
        scores[self_position] = -np.inf
    mine = np.argsort(-scores, kind="stable")[:size]
    common, at, _ = np.intersect1d(items[item], mine, return_indices=True)
    both = np.minimum(near[item][at], scores[common])
    return common[np.argsort(-both, kind="stable")][:n].astype(np.int64)
