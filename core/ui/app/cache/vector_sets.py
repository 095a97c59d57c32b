"""Aligned vectors of a dataset, and what is made of them before anything is ranked."""

from __future__ import annotations

import numpy as np

from core import data, projection, wording
from core.errors import BadInput, NotComputed
from core.search import LiveEngine
from core.studies import embedding, maps, retrieval, training_split
from core.studies.system_spec_text import SystemRef
from core.studies.systems import System
from core.studies.vector_set import VectorSet, groups_of
from core.types import Dataset, Relevance
from core.ui.app.cached import cached

shared = wording.page("shared")


def vectors(loaded: Dataset, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    """name → (n_images, dim) float32 unit vectors in dataset order."""
    return {name: _vectors(loaded, name) for name in names}


@cached("resource", max_entries=64)
def _vectors(loaded: Dataset, name: str) -> np.ndarray:
    return embedding.embeddings(loaded, name).vectors


@cached("resource", max_entries=8)
def vector_set(loaded: Dataset, names: tuple[str, ...]) -> VectorSet:
    """The vectors of these backbones over the dataset's split, shared by all sessions.

    Raises:
        BadInput: one of them was tuned on images of the split.
    """
    training_split.refuse_tuned(loaded, names)
    shared = VectorSet(vectors(loaded, names), loaded.split, groups=groups_of(loaded))
    shared.keep()
    return shared


@cached("resource", max_entries=24, spinner=shared("sentence.directions"))
def joint_space(loaded: Dataset, named: SystemRef) -> projection.JointSpace:
    """The space of a system for its map, principal components included: a moved weight does not work them out again.

    Raises:
        BadInput: the system joins scores or ranks and has no vectors.
    """
    spec = named.spec
    if spec is None:
        return maps.space_of(vectors(loaded, (named.text,)), {named.text: 1.0})
    if spec.kind == "concat" and spec.prepare is None:
        single = [joint_space(loaded, SystemRef(name, name)) for name in spec.active]
        return projection.JointSpace.joined(single, [spec.shares[name] for name in spec.active])
    system = System(named.title, vector_set(loaded, tuple(spec.backbones)), spec)
    rows = system.vectors
    if rows is None:
        raise BadInput(shared("sentence.no_vectors", system=named.title))
    return maps.space_of({named.title: rows}, {named.title: 1.0})


@cached("resource", max_entries=8)
def relevance_of(loaded: Dataset) -> Relevance:
    """What is relevant in the dataset's split: nothing, to any query, where it has no labels."""
    return data.relevance(loaded)


def n_valid(loaded: Dataset) -> int:
    """How many queries count: those with at least one relevant image."""
    return int((relevance_of(loaded).n_relevant > 0).sum())


def engine(loaded: Dataset, names: tuple[str, ...]) -> LiveEngine:
    """The live engine of a dataset: one for all sessions, backbones join it when they are first asked for.

    Raises:
        NotComputed: the dataset has no labels, so nothing can be scored.
    """
    if not loaded.has_labels:
        raise NotComputed(shared("sentence.no_labels", dataset=repr(loaded.name)))
    live = _engine(loaded)
    for name in names:
        if name not in live.names:
            live.add(name, vectors(loaded, (name,))[name])
    return live


@cached("resource", max_entries=3)
def _engine(loaded: Dataset) -> LiveEngine:
    return LiveEngine({}, loaded.split, relevance_of(loaded))


@cached("resource", max_entries=64)
def image_query(loaded: Dataset, names: tuple[str, ...], position: int) -> retrieval.Query:
    """An image of the dataset as a query; what each backbone says about it is worked out once."""
    query = retrieval.gallery_image_query(loaded, vector_set(loaded, names), position, relevance_of(loaded))
    query.space.keep(2 * 4 * len(names) * len(loaded.split.gallery))
    return query
