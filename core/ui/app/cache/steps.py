"""What is done before and after the search: its cost here, who trains its parameters, what each step adds, and hubs."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from core import arrays
from core.fusion import FusionSpec, Step
from core.metrics import hubs
from core.studies import pipeline as pipelines
from core.studies import reranking, training_split
from core.studies.ranker import Ranker
from core.studies.systems import System
from core.task import NO_TASK, Task
from core.types import Dataset, Relevance
from core.ui.app.cache.vector_sets import engine, relevance_of, vector_set
from core.ui.app.cached import cached

TIMED = 16
"""Queries that are timed."""


@dataclass(frozen=True)
class RerankCost:
    """What a re-ranking costs on this machine.

    Attributes:
        milliseconds: median of one query, the plain scores included, once the gallery is known.
        megabytes: what is kept of the gallery beside the vectors of the backbones.
    """

    milliseconds: float
    megabytes: float


@cached(max_entries=64)
def rerank_cost(loaded: Dataset, spec: FusionSpec) -> RerankCost:
    """Measured on a few queries, one at a time."""
    system = System(spec.name, vector_set(loaded, spec.backbones), spec)
    system.block(0, 1)
    spans = []
    for query in arrays.sample(system.n_queries, TIMED).tolist():
        began = time.perf_counter()
        system.block(query, query + 1)
        spans.append(1000 * (time.perf_counter() - began))
    return RerankCost(float(np.median(spans)), reranking.graph_of(system.prepared, spec).n_bytes / 1e6)


@cached("resource", max_entries=8)
def _training(loaded: Dataset, names: tuple[str, ...]) -> training_split.Training:
    return training_split.training(loaded, vector_set(loaded, names), relevance_of(loaded))


@cached("resource", max_entries=8)
def training_truth(loaded: Dataset) -> Relevance:
    """What is relevant to the queries that train, and to no others; to all where the dataset cannot be parted."""
    labels = np.asarray(loaded.labels if loaded.instances is None else loaded.instances)
    if len(loaded.split.train):
        return relevance_of(loaded)
    split = training_split.split_queries(labels[loaded.split.queries])
    return relevance_of(loaded).take(split.train)


@cached("resource", max_entries=8, ignore=("task",))
def pipeline(
    loaded: Dataset, names: tuple[str, ...], prepare: Step | None, rerank: Step | None, task: Task = NO_TASK
) -> pipelines.Pipeline:
    """What each step adds, chosen on training queries and reported on the others."""
    return pipelines.build(
        _training(loaded, names),
        vector_set(loaded, names),
        relevance_of(loaded),
        names,
        prepare=prepare,
        rerank=rerank,
        task=task,
    )


@cached("resource", max_entries=32)
def hubness(loaded: Dataset, system: System) -> tuple[hubs.Hubness, np.ndarray]:
    """How often each gallery image stands in the first results, and these results: (n_queries, 10) int64."""
    ranker = Ranker(relevance_of(loaded), engine(loaded, ()) if loaded.has_labels else None)
    items = ranker.rank(system, k=hubs.DEPTH).items
    return hubs.hubness(items, len(loaded.split.gallery)), items
