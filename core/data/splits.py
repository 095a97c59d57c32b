"""Queries, gallery and training images: seeded, stratified, and never one instance on both sides."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from core.data import computed_columns
from core.errors import BadInput
from core.types import Dataset, Split


@dataclass(frozen=True)
class SplitShares:
    """The user's proportions. What is left after `query` and `train` is the gallery."""

    query: float = 0.2
    train: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.query < 1 or not 0 <= self.train < 1 or self.query + self.train >= 1:
            raise BadInput(
                f"The shares of query ({self.query:g}) and train ({self.train:g}) must be positive and leave something "
                "for the gallery."
            )


@dataclass(frozen=True)
class DomainSplit:
    """Queries of one group of a column, the gallery of another one.

    Attributes:
        column: of the table of images, or one that is worked out for every image.
        queries, gallery: values of it; equal ones search a group within itself.
    """

    column: str
    queries: str
    gallery: str


def by_domain(dataset: Dataset, domains: DomainSplit) -> Split:
    """Images of one value of a column ask those of another value; images of neither stand aside.

    Raises:
        BadInput: no such column, no image of such a value, or no query with a label that the gallery has.
    """
    texts = computed_columns.texts(dataset, domains.column)
    queries, gallery = np.flatnonzero(texts == domains.queries), np.flatnonzero(texts == domains.gallery)
    for value, positions in ((domains.queries, queries), (domains.gallery, gallery)):
        if not len(positions):
            raise BadInput(f"No image of {dataset.name!r} has {domains.column} {value[:60]!r}.")
    return Split(queries, gallery)


def stratified(dataset: Dataset, shares: SplitShares, seed: int = 0) -> Split:
    """A seeded split, class by class; the same seed gives the same split.

    With instances, whole instances go to the training side, so that none is on both sides of that border, and the
    query images of an instance leave at least one other image of it in the gallery. Without instances the classes
    are spread: every class keeps at least one gallery image and, from two images on, gets a query. Unlabelled images
    are never queries; they are spread over train and gallery.

    Args:
        dataset: its labels (the first label where there are several) and instances are used.
        shares: proportions of query and train images.
    Returns:
        Disjoint queries, gallery and train that cover every image, each in rising order.
    Raises:
        BadInput: no image can be a query.
    """
    random = np.random.default_rng(seed)
    role = np.full(len(dataset), "gallery", "U7")
    by_instance = dataset.instances is not None and (np.asarray(dataset.instances) >= 0).any()
    instances = np.asarray(dataset.instances) if by_instance else np.full(len(dataset), -1)
    for label in np.unique(dataset.labels):
        members = np.flatnonzero(dataset.labels == label)
        for part in _pieces(members, instances):
            if shares.train:
                part = _fit_on(part, instances, shares.train, role, random)
            may_query = _query_candidates(part, instances, dataset, shares)
            rest = part[may_query]
            n_query = _count(len(rest), shares.query / (1 - shares.train), 1 if len(rest) > 1 else 0, len(rest) - 1)
            role[_choose(rest, instances, n_query, random)] = "query"
    split = Split(*(np.flatnonzero(role == name) for name in ("query", "gallery", "train")))
    if not len(split.queries):
        raise BadInput(f"No image of {dataset.name!r} can be a query: no class or instance has two images.")
    return split


def _pieces(members: np.ndarray, instances: np.ndarray) -> list[np.ndarray]:
    """A class with instances in some images and none in others is treated as two."""
    known = instances[members] >= 0
    return [part for part in (members[known], members[~known]) if len(part)]


def _fit_on(
    part: np.ndarray, instances: np.ndarray, share: float, role: np.ndarray, random: np.random.Generator
) -> np.ndarray:
    """Move about `share` of a class to the training side, whole instances where there are any; returns the rest."""
    if instances[part[0]] >= 0:
        names = random.permutation(np.unique(instances[part]))
        n_train = _count(len(names), share, 0, len(names) - 1)
        chosen = part[np.isin(instances[part], names[:n_train])]
    else:
        chosen = random.permutation(part)[: _count(len(part), share, 0, max(0, len(part) - 2))]
    role[chosen] = "train"
    return np.setdiff1d(part, chosen)


def _query_candidates(part: np.ndarray, instances: np.ndarray, dataset: Dataset, shares: SplitShares) -> np.ndarray:
    """(len(part),) bool: images that may be queries, because something relevant can stay in the gallery."""
    if instances[part[0]] >= 0 if len(part) else False:
        names, counts = np.unique(instances[part], return_counts=True)
        return np.isin(instances[part], names[counts > 1])
    return np.full(len(part), bool(len(part)) and dataset.labels[part[0]] >= 0 and len(part) > 1)


def _choose(rest: np.ndarray, instances: np.ndarray, n_query: int, random: np.random.Generator) -> np.ndarray:
    """`n_query` images, never the last one of an instance."""
    chosen: list[int] = []
    left = {name: int(count) for name, count in zip(*np.unique(instances[rest], return_counts=True))}
    for position in random.permutation(rest).tolist():
        name = int(instances[position])
        if len(chosen) == n_query:
            break
        if left[name] > 1:
            left[name] -= 1
            chosen.append(position)
    return np.array(chosen, np.int64)


def _count(n: int, share: float, low: int, high: int) -> int:
    return int(min(max(round(n * share), low), max(high, 0)))


def with_split(dataset: Dataset, split: Split) -> Dataset:
    """The dataset with another split; nothing is saved."""
    return replace(dataset, split=split)


def leakage(dataset: Dataset, split: Split | None = None) -> dict[str, np.ndarray]:
    """What stands on both sides of the border between train and query or gallery.

    Returns:
        {"content": positions of training images whose very bytes are in query or gallery too,
         "instance": positions of training images whose instance is}; empty arrays when nothing leaks.
    """
    split = split or dataset.split
    outside = np.union1d(split.queries, split.gallery)
    train = np.setdiff1d(split.train, outside)
    same_bytes = np.isin(dataset.keys[train], dataset.keys[outside])
    leaks = {"content": train[same_bytes], "instance": np.empty(0, np.int64)}
    if dataset.instances is not None:
        instances = np.asarray(dataset.instances)
        shared = np.isin(instances[train], instances[outside]) & (instances[train] >= 0)
        leaks["instance"] = train[shared]
    return leaks
