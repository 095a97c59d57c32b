"""Large galleries: the first results from an index instead of a score for every image, and how well the two agree.

The index holds the gallery of a backbone, or of several behind one another without weights: a fusion by shares puts
its shares on the query's side. What the index finds is scored again by the exact rule; it can only miss an image, never
show a wrong score. It is tuned for equal weights and answers for these alone (`reason_against`).
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from core import arrays, files, paths
from core.errors import StoreMismatch, StoreUnusable
from core.fusion import early
from core.progress import Progress
from core.search.index import GalleryIndex
from core.studies.retrieval import Query, QueryResult
from core.studies.systems import System
from core.studies.vector_set import VectorSet
from core.task import NO_TASK, Task

FROM = 50_000
"""Galleries of this many images and more are searched with an index."""
CANDIDATES = 400
"""How many images an index finds for one query, at least; they are scored again."""
SAMPLE = 48
"""Queries that tell how well an index agrees with the exact search."""
ENOUGH = 0.99
"""An index looks into more cells until this share of the exact first results is found."""
KEPT = 8
"""Indexes kept in the home; the ones used longest ago go."""
KIND, CODE, SEED = "ivf16", 1, 0
EFFORTS = (64, 32, 16, 8, 4, 2)
"""One cell in so many is opened: the first of these that agrees well enough is taken."""
MOST_SECONDS = 0.02
"""Nor are more cells opened when one search takes longer than this."""

_log = logging.getLogger("fusionscope")
_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True)
class IndexedGallery:
    """An index over the gallery of some backbones.

    Attributes:
        key: names it in the home; holds everything that changes it.
        names: the backbones whose vectors stand behind one another, in this order.
    """

    key: str
    names: tuple[str, ...]
    index: GalleryIndex = field(repr=False)


def reason_against(system: System) -> str:
    """Why a system cannot be searched with an index, in words for people; "" when it can.

    An index is tuned for equal weights and its cells know no others: at one weight alone it may find half of what the
    exact search finds, so that every other weighting is searched exactly.
    """
    if system.spec is not None and system.spec.steps:
        return "what is done before or after the search needs every score"
    if not system.is_linear:
        return "this kind of fusion has no vectors that stay the same when its query changes"
    if system.space.missing(system.backbones):
        return "some images have no vector of one of its backbones"
    if not _is_tuned_for(system):
        return "the index is tuned for equal weights, and with these it would miss results"
    return ""


def _is_tuned_for(system: System) -> bool:
    """Whether all backbones that take part have the weights that `_tune` measures an index with."""
    shares = [share for share in system.shares.values() if share > 0]
    return bool(np.allclose(shares, 1 / len(shares), atol=1e-6))


def key_of(space: VectorSet, names: Sequence[str]) -> str:
    """The name of an index: a hash of the vectors themselves and of how they are arranged.

    A backbone's gallery is hashed once per space.
    """
    import faiss

    record = {
        "vectors": [[list(space.gallery(name).shape), space.shared.digest(name)] for name in names],
        "kind": KIND,
        "seed": SEED,
        "efforts": EFFORTS,
        "faiss": faiss.__version__,
        "code": CODE,
    }
    return hashlib.sha256(json.dumps(record).encode()).hexdigest()[:32]


def _file(key: str) -> Path:
    return paths.indexes() / f"{key}.faiss"


def load_index(space: VectorSet, names: Sequence[str]) -> IndexedGallery | None:
    """The index that was built before over exactly these vectors; None where there is none, or it is damaged."""
    if not paths.indexes().is_dir():
        return None
    key = key_of(space, names)
    try:
        record = json.loads(_file(key).with_suffix(".json").read_text(encoding="utf-8"))
        index = GalleryIndex.read(_file(key), KIND, int(record["effort"]))
        if (index.n_gallery, index.dim) != (space.n_gallery, sum(space.get(name).shape[1] for name in names)):
            raise StoreMismatch("it is of another size")
        _file(key).touch()
        return IndexedGallery(key, tuple(names), index)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, StoreMismatch) as error:
        _log.warning("index %s cannot be read and will be built again: %s", key, error)
        return None


def build(space: VectorSet, names: Sequence[str], task: Task = NO_TASK) -> IndexedGallery:
    """The index over some backbones: found in the home, else built, tuned and kept there.

    Raises:
        Cancelled: the switch was thrown.
    """
    with _ONE_AT_A_TIME:  # two at once would only be slower, and take twice the memory
        cached = load_index(space, names)
        if cached is not None:
            return cached
        built = made(space, names, task)
        record = {
            "backbones": list(names),
            "pictures": built.index.n_gallery,
            "dim": built.index.dim,
            "cells": built.index.cells,
            "effort": built.index.effort,
        }
        try:
            built.index.write(_file(built.key))
            files.write_json(_file(built.key).with_suffix(".json"), record)
            _forget_old()
        except (OSError, StoreUnusable) as error:
            _log.warning("%s It is used all the same, until the app ends.", error)
        return built


def made(space: VectorSet, names: Sequence[str], task: Task = NO_TASK) -> IndexedGallery:
    """The index over some backbones, built and tuned now; nothing is kept.

    Raises:
        Cancelled: the switch was thrown.
    """
    task.report(Progress("Finding cells", 0, space.n_gallery))
    parts = [space.gallery(name) for name in names]
    index = GalleryIndex(parts, KIND, seed=SEED, task=task)
    built = IndexedGallery(key_of(space, names), tuple(names), index)
    _tune(built, space, task)
    return built


def _tune(built: IndexedGallery, space: VectorSet, task: Task) -> None:
    """Open as many cells as the index needs to agree with the exact search, or has time for."""
    shares = {name: 1 / len(built.names) for name in built.names}
    queries = query_sample(space)
    exact = _exact(space, built.names, shares, queries, 100)
    meter = task.meter("Comparing with the exact search", len(EFFORTS), "settings")
    for part in EFFORTS:
        task.check()
        before, built.index.effort = built.index.effort, max(1, built.index.cells // part)
        if part != EFFORTS[0] and _seconds(built, space, shares, queries) > MOST_SECONDS:
            built.index.effort = before
            return
        meter.add()
        if _recall(built, space, shares, queries, exact, 100) >= ENOUGH:
            return


def _seconds(built: IndexedGallery, space: VectorSet, shares: dict[str, float], queries: np.ndarray) -> float:
    """The median time of one search, over a few queries."""
    spans = []
    for query in queries[:9]:
        query_rows = {name: space.get(name)[space.split.queries[query : query + 1]] for name in built.names}
        began = time.perf_counter()
        _candidates(built, query_rows, shares, CANDIDATES)
        spans.append(time.perf_counter() - began)
    return float(np.median(spans))


def _forget_old() -> None:
    files = sorted(paths.indexes().glob("*.faiss"), key=lambda file: file.stat().st_mtime)
    for old in files[: max(0, len(files) - KEPT)]:
        old.unlink(missing_ok=True)
        old.with_suffix(".json").unlink(missing_ok=True)


# -- asking


def search_index(query: Query, system: System, indexed: IndexedGallery) -> QueryResult:
    """The first results of one system for one query, found by the index and scored by the exact rule.

    Returns:
        an Answer whose list holds what was found (`CANDIDATES` or a little fewer), `approximate` is True.
    """
    if system.space is not query.space:
        system = query.system(system.name, system.spec)
    truth, gallery = query.truth, query.space.split.gallery
    out = truth.junk(0) if truth is not None else np.empty(0, np.int64)
    numbers = query.space.split.queries
    query_rows = {name: query.space.get(name)[numbers] for name in indexed.names}
    items = _candidates(indexed, query_rows, system.shares, CANDIDATES + len(out))[0]
    items = items[(items >= 0) & ~np.isin(items, out)]
    if query.position is not None:
        items = items[gallery[items] != query.position]
    items = np.sort(items)
    shares = {name: share for name, share in system.shares.items() if share > 0}
    cosines = [query.space.cosines_with(name, 0, items)[None] for name in shares]
    scores = np.full(len(gallery), -np.inf)
    scores[items] = early.concat_scores(cosines, early.weights_of(np.array(list(shares.values()))))[0]
    order = items[np.argsort(-scores[items], kind="stable")]
    relevant = np.zeros(len(gallery), bool)
    if truth is not None:
        relevant[truth.relevant(0)] = True
    return QueryResult(system, query, scores, order, relevant, bool(relevant.any()), approximate=True)


def _candidates(
    indexed: IndexedGallery, query_rows: dict[str, np.ndarray], shares: dict[str, float], k: int
) -> np.ndarray:
    """(n_queries, k) int64 gallery positions, −1 is none; shares stand on the query's side."""
    weights = early.weights_of(np.array([shares[name] for name in indexed.names]))
    return indexed.index.search(early.concat_queries([query_rows[name] for name in indexed.names], weights), k).items


# -- how well it agrees


def query_sample(space: VectorSet, seed: int = SEED) -> np.ndarray:
    """(≤ SAMPLE,) int64, rising: a seeded sample of the queries."""
    return arrays.sample(space.n_queries, SAMPLE, seed)


def agreement(indexed: IndexedGallery, system: System, k: int) -> float:
    """Recall@k of the index against the exact search, mean over a seeded sample of queries, in [0, 1].

    Of the exact first k, how many the index found; where several share the last score, any of them counts.
    """
    queries = query_sample(system.space)
    shares = {name: share for name, share in system.shares.items() if share > 0}
    exact = _exact(system.space, indexed.names, shares, queries, k)
    return _recall(indexed, system.space, shares, queries, exact, k)


def _exact(
    space: VectorSet, names: Sequence[str], shares: dict[str, float], queries: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """Exact scores of some queries, (n, n_gallery) float32 with −inf at their own place, and each one's k-th best."""
    smaller = space.only(queries)
    scores = np.zeros((len(queries), smaller.n_gallery), np.float32)
    for name in names:
        scores += np.float32(shares[name]) * smaller.scores(name, 0, len(queries))
    self_position = smaller.self_position
    rows = np.flatnonzero(self_position >= 0)
    scores[rows, self_position[rows]] = -np.inf
    k = min(k, scores.shape[1])
    return scores, -np.partition(-scores, k - 1, axis=1)[:, k - 1]


def _recall(
    indexed: IndexedGallery,
    space: VectorSet,
    shares: dict[str, float],
    queries: np.ndarray,
    exact: tuple[np.ndarray, np.ndarray],
    k: int,
) -> float:
    scores, last = exact
    query_rows = {name: space.get(name)[space.split.queries[queries]] for name in indexed.names}
    candidates = _candidates(indexed, query_rows, shares, CANDIDATES)
    near = [scores[at, items[items >= 0]] >= last[at] - 1e-6 for at, items in enumerate(candidates)]
    return float(np.mean([min(hits.sum(), k) / min(k, scores.shape[1] - 1) for hits in near]))
