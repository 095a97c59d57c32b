"""Large galleries: the first results from an index instead of a score for every image, and how well the two agree.

What the index finds is scored again by the exact rule; it can only miss an image, never show a wrong score. How much it
misses is measured for the very weights in use (`agreement`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from core import arrays
from core.fusion import early
from core.studies.ann_index import SEED
from core.studies.column_filters import GalleryFilter
from core.studies.retrieval import Query, QueryResult
from core.studies.systems import System
from core.studies.vector_set import VectorSet

FROM = 50_000
"""Galleries of this many images and more are searched with an index."""
CANDIDATES = 400
"""How many images an index finds for one query, at least; they are scored again."""
SAMPLE = 48
"""Queries that tell how well an index agrees with the exact search."""
ENOUGH = 0.95
"""A system of which the index finds a smaller share of the exact first results is searched exactly."""


class CandidateGallery(Protocol):
    """What proposes candidates under any weighting of its backbones: an index of this machine, or a search server."""

    @property
    def key(self) -> str:
        """Holds everything that changes what is proposed."""

    @property
    def names(self) -> tuple[str, ...]:
        """The backbones that may have a share."""

    @property
    def filters(self) -> bool:
        """Whether it heeds a filter; what does not is not asked with one."""

    def candidates(
        self,
        queries: Mapping[str, np.ndarray],
        shares: Mapping[str, float],
        k: int,
        only: GalleryFilter | None = None,
    ) -> np.ndarray:
        """(n_queries, ≥ k or all) int64 gallery positions that seem nearest, best first; −1 is none.

        Args:
            queries: backbone → (n_queries, dim) unit vectors of those that have a share.
            shares: backbone → what its cosine counts.
            only: the images that may be listed, None for all.
        """


def reason_against(system: System) -> str:
    """Why a system cannot be searched with an index, in words for people; "" when it can."""
    if system.spec is not None and system.spec.steps:
        return "what is done before or after the search needs every score"
    if not system.is_linear:
        return "this kind of fusion has no vectors that stay the same when its query changes"
    if system.space.missing(system.backbones):
        return "some images have no vector of one of its backbones"
    return ""


def search_index(
    query: Query, system: System, indexed: CandidateGallery, only: GalleryFilter | None = None
) -> QueryResult:
    """The first results of one system for one query, found by the index and scored by the exact rule.

    Args:
        only: the images that may be listed, where the index heeds filters.
    Returns:
        an Answer whose list holds what was found (`CANDIDATES` or a little fewer), `approximate` is True.
    """
    if system.space is not query.space:
        system = query.system(system.name, system.spec)
    truth, gallery = query.truth, query.space.split.gallery
    out = truth.junk(0) if truth is not None and not truth.pooled else np.empty(0, np.int64)
    shares = _counting(system)
    query_rows = {name: query.space.get(name)[query.space.split.queries] for name in shares}
    items = indexed.candidates(query_rows, shares, CANDIDATES + 1 + len(out), only)[0]
    items = items[(items >= 0) & ~np.isin(items, out)]
    if query.position is not None:
        items = items[gallery[items] != query.position]
    items = np.sort(items)
    cosines = [query.space.cosines_with(name, 0, items)[None] for name in shares]
    scores = np.full(len(gallery), -np.inf)
    scores[items] = early.concat_scores(cosines, early.weights_of(np.array(list(shares.values()))))[0]
    order = items[np.argsort(-scores[items], kind="stable")]
    relevant = np.zeros(len(gallery), bool)
    if truth is not None:
        relevant[truth.relevant(0)] = True
    return QueryResult(system, query, scores, order, relevant, bool(relevant.any()), approximate=True)


def _counting(system: System) -> dict[str, float]:
    return {name: share for name, share in system.shares.items() if share > 0}


# -- how well it agrees


def query_sample(space: VectorSet, seed: int = SEED) -> np.ndarray:
    """(≤ SAMPLE,) int64, rising: a seeded sample of the queries."""
    return arrays.sample(space.n_queries, SAMPLE, seed)


def agreement(
    indexed: CandidateGallery,
    system: System,
    k: int,
    candidates: int = CANDIDATES,
    only: GalleryFilter | None = None,
) -> float:
    """Recall@k of the index against the exact search with this system's weights, mean over a seeded sample of queries.

    Of the exact first k, how many the index found, in [0, 1]; where several share the last score, any of them counts.
    """
    space, shares = system.space, _counting(system)
    queries = query_sample(space)
    scores, last = _exact(space, tuple(shares), shares, queries, k, only)
    query_rows = {name: space.get(name)[space.split.queries[queries]] for name in shares}
    near = [
        np.isfinite(scores[at, items[items >= 0]]) & (scores[at, items[items >= 0]] >= last[at] - 1e-6)
        for at, items in enumerate(indexed.candidates(query_rows, shares, candidates + 1, only))
    ]
    most = np.isfinite(scores).sum(axis=1)
    parts = [min(hits.sum(), k) / min(k, most[at]) for at, hits in enumerate(near) if most[at]]
    return float(np.mean(parts)) if parts else 1.0


def _exact(
    space: VectorSet,
    names: Sequence[str],
    shares: Mapping[str, float],
    queries: np.ndarray,
    k: int,
    only: GalleryFilter | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Exact scores of some queries, (n, n_gallery) float32 with −inf at their own place, and outside the filter, and each one's k-th best."""
    smaller = space.only(queries)
    scores = np.zeros((len(queries), smaller.n_gallery), np.float32)
    for name in names:
        scores += np.float32(shares[name]) * smaller.scores(name, 0, len(queries))
    self_position = smaller.self_position
    rows = np.flatnonzero(self_position >= 0)
    scores[rows, self_position[rows]] = -np.inf
    if only is not None:
        scores[:, ~only.keep] = -np.inf
    k = min(k, scores.shape[1])
    return scores, -np.partition(-scores, k - 1, axis=1)[:, k - 1]
