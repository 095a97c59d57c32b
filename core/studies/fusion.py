"""Backbones and fusions of a dataset whose embeddings are in the store, evaluated side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from core import data
from core.fusion import FusionSpec
from core.studies import embedding, evaluation
from core.studies.systems import build
from core.studies.training_split import query_keys, refuse_trained, refuse_tuned
from core.studies.vector_set import VectorSet, groups_of
from core.types import Dataset


def evaluate(
    dataset: Dataset,
    backbones: Sequence[str],
    fusions: Sequence[FusionSpec] = (),
    ks: Sequence[int] = (1, 5, 10),
    **how: Any,
) -> evaluation.Result:
    """Every backbone alone and every fusion, with all metrics, on a dataset whose embeddings are in the store.

    Args:
        how: more of `evaluation.evaluate`: metric, by_class, seed, task.
    Raises:
        NotComputed: an embedding is missing; the sentence is the command to run.
    """
    used = list(dict.fromkeys([*backbones, *(name for spec in fusions for name in spec.backbones)]))
    space = space_of(dataset, used)
    for spec in fusions:
        refuse_trained(spec, query_keys(dataset))
    return evaluation.evaluate(build(space, backbones, fusions), data.relevance(dataset), ks, dataset=dataset, **how)


def space_of(dataset: Dataset, backbones: Sequence[str]) -> VectorSet:
    """The stored vectors of these backbones over the dataset's split.

    Raises:
        BadInput: one of them was tuned on images of the split (`training_split.without_tuned` leaves those out).
    """
    refuse_tuned(dataset, backbones)
    vectors = {name: embedding.embeddings(dataset, name).vectors for name in backbones}
    return VectorSet(vectors, dataset.split, groups=groups_of(dataset))
