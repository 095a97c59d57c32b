"""The lists that judges compare: the first k of several systems for the same queries, images or texts."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from core import arrays
from core.errors import BadInput
from core.search import rank_scores
from core.studies import training_split
from core.studies.systems import System
from core.task import NO_TASK, Task
from core.types import Dataset, Relevance

MOST_QUERIES = 5_000
"""Of more queries a seeded sample is judged: nobody answers as many, and their lists are there at once."""
TEXT = "text:"
"""In front of a text query where a query image has its content key."""


@dataclass(frozen=True)
class JudgedLists:
    """The first k results of several systems.

    Attributes:
        titles: of the systems, as people read them after the verdict.
        queries: (n_queries,) content keys of the query images, or "text:…".
        gallery: (n_gallery,) content keys.
        items: per system (n_queries, k) int64 gallery positions, −1 where a list is shorter.
        k: how many results are compared.
        left_out: queries that a fusion was fitted on: they judge nobody.
        every: queries that the sample was drawn from, 0 where all are asked.
    """

    titles: tuple[str, ...]
    queries: tuple[str, ...] = field(repr=False)
    gallery: tuple[str, ...] = field(repr=False)
    items: tuple[np.ndarray, ...] = field(repr=False)
    k: int
    left_out: int = 0
    every: int = 0

    @cached_property
    def content(self) -> np.ndarray:
        """(n_gallery,) int64: equal for images that are the same file."""
        return np.unique(np.array(self.gallery), return_inverse=True)[1].astype(np.int64)

    def pool(self) -> Iterator[tuple[str, set[str]]]:
        """Each query with the images in the first k of any of the systems."""
        for query, rows in zip(self.queries, zip(*(items.tolist() for items in self.items))):
            yield query, {self.gallery[item] for row in rows for item in row if item >= 0}

    @cached_property
    def fingerprint(self) -> str:
        """16 hex digits that stand for queries, lists and k: another weight is another comparison."""
        digest = hashlib.sha256(repr((self.k, self.queries)).encode())
        keys = np.array([*self.gallery, ""])
        for rows in self.items:
            digest.update("\n".join(keys[rows.ravel()].tolist()).encode())
        return digest.hexdigest()[:16]

    def shared(self, first: int, second: int) -> float:
        """The share of their first k that two systems have in common, in [0, 1]."""
        if not len(self.queries):
            return 1.0
        both = [len(set(a) & set(b) - {-1}) for a, b in zip(self.items[first].tolist(), self.items[second].tolist())]
        return sum(both) / (self.k * len(both))


def of_systems(
    dataset: Dataset,
    truth: Relevance,
    systems: Sequence[System],
    titles: Sequence[str],
    k: int,
    task: Task = NO_TASK,
) -> JudgedLists:
    """The lists of systems over the dataset's own queries; what is relevant is not read, junk leaves the lists.

    Raises:
        BadInput: fewer than two systems, or no query is left that no fusion was fitted on.
    """
    if len(systems) < 2:
        raise BadInput("Judging compares systems: choose two or more.")
    keys = training_split.query_keys(dataset)
    fitted = np.zeros(len(keys), bool)
    for system in systems:
        if system.spec is not None:
            fitted |= training_split.trained_on(system.spec, keys)
    if fitted.all():
        raise BadInput(
            "A fusion was fitted on every query here, so nobody can judge it by them. Choose another fusion or dataset."
        )
    able, truth = np.flatnonzero(~fitted), truth.with_unjudged()
    queries = np.sort(arrays.sample(able, MOST_QUERIES))
    if len(queries) < len(keys):
        systems = [dataclasses.replace(system, space=system.space.only(queries)) for system in systems]
        truth = truth.take(queries)
    rows = tuple(rank_scores(system, truth, k=k, task=task).items for system in systems)
    gallery = tuple(key.decode() for key in np.asarray(dataset.keys, "S64")[dataset.split.gallery].tolist())
    names = tuple(keys[query] for query in queries.tolist())
    every = len(able) if len(queries) < len(able) else 0
    return JudgedLists(tuple(titles), names, gallery, rows, k, int(fitted.sum()), every)


def of_texts(
    dataset: Dataset, texts: Sequence[str], systems: Sequence[System], titles: Sequence[str], k: int
) -> JudgedLists:
    """The lists of systems for text queries; each system is asked through its backbones that read text.

    Raises:
        BadInput: fewer than two systems, no text, or a system that reads no text.
    """
    from core.studies.text import text_search

    texts = tuple(dict.fromkeys(filter(None, (" ".join(line.split()) for line in texts))))
    if len(systems) < 2 or not texts:
        raise BadInput("Judging by text queries takes two systems or more, and at least one line of text.")
    rows = []
    for system in systems:
        vectors: Mapping[str, np.ndarray] = {name: system.space.gallery(name) for name in system.backbones}
        orders = [text_search.search(vectors, line, shares=system.shares).order[:k] for line in texts]
        rows.append(np.array([np.pad(order, (0, k - len(order)), constant_values=-1) for order in orders]))
    gallery = [key.decode() for key in np.asarray(dataset.keys, "S64")[dataset.split.gallery].tolist()]
    return JudgedLists(tuple(titles), tuple(TEXT + line for line in texts), tuple(gallery), tuple(rows), k)
