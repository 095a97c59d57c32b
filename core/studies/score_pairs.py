"""The pairs of a system whose truth is known, block by block: which match, which do not, and whose they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from core import wording
from core.errors import NotComputed
from core.metrics import pair_resampling
from core.studies.comparison import ResamplingUnit
from core.studies.systems import System
from core.task import NO_TASK, Task
from core.types import Dataset, Relevance

text = wording.page("judge")


@dataclass(frozen=True)
class PairTruth:
    """What is known of the pairs of query and gallery image of a split.

    Attributes:
        truth: which gallery images are relevant to a query: these pairs match.
        known_queries, known_items: (n,) bool, images of which one knows what they are; pairs with others do not count.
        query_units, gallery_units: (n,) int64, what is drawn as a whole, −1 is never drawn.
        n_units: how many of them there are.
        unit: "classes" or "queries"; n_drawn: classes or queries behind the units.
        both_sides: the gallery's images are drawn too.
    """

    truth: Relevance = field(repr=False)
    known_queries: np.ndarray = field(repr=False)
    known_items: np.ndarray = field(repr=False)
    query_units: np.ndarray = field(repr=False)
    gallery_units: np.ndarray = field(repr=False)
    n_units: int
    unit: str
    n_drawn: int
    both_sides: bool

    @classmethod
    def of(cls, dataset: Dataset, truth: Relevance, by_class: bool = True, seed: int = 0) -> PairTruth:
        """Of the dataset's split.

        Args:
            by_class: whole classes are drawn where queries share them, on both sides of a pair; else single queries.
        Raises:
            NotComputed: people judged some results; they are no pairs drawn at random.
        """
        if truth.pooled:
            raise NotComputed(text("sentence.no_pairs", dataset=repr(dataset.name)))
        queries, gallery = dataset.split.queries, dataset.split.gallery
        known = _known_images(dataset)
        known_queries = truth.n_relevant > 0 if dataset.relevant_by == "pairs" else known[queries]
        unit = ResamplingUnit.of(truth, by_class)
        if unit.groups is None:
            units, n_units = pair_resampling.units_of(
                np.where(known_queries, np.arange(len(queries)), -1), pair_resampling.MOST_QUERIES, seed
            )
            nobody = np.full(len(gallery), -1, np.int64)
            return cls(
                truth, known_queries, known[gallery], units, nobody, n_units, "queries", int(known_queries.sum()), False
            )
        groups = np.concatenate([unit.groups, _gallery_groups(truth, unit.groups)])
        units, n_units = pair_resampling.units_of(groups, pair_resampling.MOST_CLASSES, seed)
        n = len(queries)
        n_classes = len(np.unique(groups[groups >= 0]))
        return cls(truth, known_queries, known[gallery], units[:n], units[n:], n_units, "classes", n_classes, True)


def _known_images(dataset: Dataset) -> np.ndarray:
    """(n_images,) bool: what one knows about an image is enough to say that it does not match another."""
    if dataset.relevant_by == "pairs":
        return np.ones(len(dataset), bool)
    if dataset.relevant_by == "instance" and dataset.instances is not None:
        return np.asarray(dataset.instances) >= 0
    return labelled_images(dataset)


def labelled_images(dataset: Dataset) -> np.ndarray:
    """(n_images,) bool: it has a label."""
    if dataset.label_matrix is not None:
        return np.diff(dataset.label_matrix.indptr) > 0
    return np.asarray(dataset.labels) >= 0


def _gallery_groups(truth: Relevance, groups: np.ndarray) -> np.ndarray:
    """(n_gallery,) int64: the class of each gallery image, as queries have theirs; −1 where no query shares one."""
    if truth.by_class:
        return truth.classes[1]
    of_items = np.full(truth.n_gallery, -1, np.int64)
    of_items[truth.items] = np.repeat(groups, np.diff(truth.indptr))
    inside = truth.self_position >= 0
    of_items[truth.self_position[inside]] = groups[inside]
    return of_items


@dataclass(frozen=True)
class PairBlock:
    """Scores of some queries against the whole gallery.

    Attributes:
        start: the first of these queries.
        scores: (rows, n_gallery), −inf is not retrieved.
        usable: (rows, n_gallery) bool: a pair whose truth is known; the query itself and its junk are none.
        relevant: (rows, n_gallery) bool.
    """

    start: int
    scores: np.ndarray
    usable: np.ndarray
    relevant: np.ndarray


def blocks(system: System, pairs: PairTruth, task: Task = NO_TASK) -> Iterator[PairBlock]:
    """All pairs of a system, memory bounded."""
    truth = pairs.truth
    meter = task.meter("Looking at pairs", truth.n_queries, "queries")
    for start, stop, scores in system.blocks():
        task.check()
        relevant = relevant_of(truth, start, stop)
        usable = pairs.known_queries[start:stop, None] & pairs.known_items[None, :]
        own_items = truth.self_position[start:stop]
        rows = np.flatnonzero(own_items >= 0)
        usable[rows, own_items[rows]] = False
        junk_rows, junk_items = _entries(truth.junk_indptr, truth.junk_items, start, stop)
        usable[junk_rows, junk_items] = False
        yield PairBlock(start, scores, usable, relevant & usable)
        meter.add(stop - start)


def relevant_of(truth: Relevance, start: int, stop: int) -> np.ndarray:
    """(stop − start, n_gallery) bool: what is relevant to these queries; the query itself is not."""
    if truth.by_class:
        query_classes, gallery_classes = truth.classes
        classes = query_classes[start:stop, None]
        relevant = (classes == gallery_classes[None, :]) & (classes >= 0)
        own_items = truth.self_position[start:stop]
        rows = np.flatnonzero(own_items >= 0)
        relevant[rows, own_items[rows]] = False
        return relevant
    relevant = np.zeros((stop - start, truth.n_gallery), bool)
    relevant[_entries(truth.indptr, truth.items, start, stop)] = True
    return relevant


def _entries(indptr: np.ndarray, items: np.ndarray, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows (from 0) and items of the lists of queries start to stop."""
    return np.repeat(np.arange(stop - start), np.diff(indptr[start : stop + 1])), items[indptr[start] : indptr[stop]]
