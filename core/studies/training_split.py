"""Who trains and who reports: nobody is evaluated on what trained it."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from core import arrays, backbones, data
from core.errors import BadInput
from core.fusion import FusionSpec
from core.studies.vector_set import VectorSet
from core.types import Dataset, Relevance, Split
from core.wording import plural


@dataclass(frozen=True)
class TrainingSplit:
    """Which queries are fitted on, and which are reported on.

    Attributes:
        train, report: positions among the queries, int64, no query in both. With "given", `train` counts among the
            dataset's own training images instead, which are other images than the queries.
        by: "class", "instance", "image", "query" or "given": what is never on both sides. With "image" each class is.
    """

    train: np.ndarray
    report: np.ndarray
    by: str

    def __post_init__(self) -> None:
        check_apart(np.empty(0, np.int64) if self.by == "given" else self.train, self.report, len(self.train))

    def sentence(self) -> str:
        """For people."""
        rule = {
            "class": "no class is on both sides",
            "instance": "no instance is on both sides",
            "image": "half of the images of each class, so figures are of classes that it knows",
            "query": "drawn at random, since no class or instance repeats enough to be held back",
            "given": "as the dataset's own split says",
        }[self.by]
        return f"Fitted on {len(self.train):,} training queries, reported on {len(self.report):,} others ({rule})."


def check_apart(train: np.ndarray, report: np.ndarray, n_train: int | None = None) -> None:
    """Training and reporting on the same queries is an error, not an option.

    Args:
        n_train: how many train, where they are not among the reporting positions anyway.

    Raises:
        BadInput: a query is on both sides, or one side is empty.
    """
    shared = np.intersect1d(train, report)
    if len(shared):
        raise BadInput(
            f"{len(shared)} queries are used for training and for reporting; figures on trained queries mean nothing. "
            "Report on the other queries."
        )
    for name, count in (("training", len(train) if n_train is None else n_train), ("reporting", len(report))):
        if not count:
            raise BadInput(f"There are no queries for {name}. Use a dataset with more labelled images.")


def split_queries(groups: np.ndarray, fraction: float = 0.5, seed: int = 0, by: str = "class") -> TrainingSplit:
    """Part the labelled queries so that no group (class or instance) is on both sides.

    Where fewer than four groups have two queries or more, queries are drawn one by one instead.

    Args:
        groups: (n_queries,) int64, −1 is unlabelled: such queries are on neither side.
        fraction: share of the queries to train on, in (0, 1).
        seed: of the draw.
        by: what the groups are, "class" or "instance".
    """
    if not 0 < fraction < 1:
        raise BadInput(f"The training share is a number between 0 and 1, not {fraction}.")
    groups, rng = np.asarray(groups, np.int64), np.random.default_rng(seed)
    usable = np.flatnonzero(groups >= 0)
    names, sizes = np.unique(groups[usable], return_counts=True)
    if (sizes > 1).sum() < 4:
        order = rng.permutation(usable)
        cut = min(max(round(fraction * len(order)), 1), max(len(order) - 1, 1))
        return TrainingSplit(np.sort(order[:cut]), np.sort(order[cut:]), "query")
    order = rng.permutation(len(names))
    reached = np.cumsum(sizes[order])
    cut = min(max(int(np.searchsorted(reached, fraction * len(usable), "left")) + 1, 1), len(names) - 1)
    training = np.isin(groups, names[order[:cut]])
    return TrainingSplit(np.flatnonzero(training), np.flatnonzero(~training & (groups >= 0)), by)


def half_of_each(
    images: np.ndarray, groups: np.ndarray, keys: np.ndarray, random: np.random.Generator, fraction: float = 0.5
) -> np.ndarray:
    """A share of the contents of each group, so that images of equal bytes stay together: rising positions.

    Args:
        images: (n,) positions; groups: (n_images,) int64, classes or instances; keys: (n_images,) S64, content.
    """
    chosen = [np.empty(0, np.int64)]
    for code in np.unique(groups[images]):
        members = images[groups[images] == code]
        contents = random.permutation(np.unique(keys[members]))
        chosen.append(members[np.isin(keys[members], contents[: int(len(contents) * fraction)])])
    return np.sort(np.concatenate(chosen))


# ---------------------------------------------------------------- in a dataset


def query_keys(dataset: Dataset) -> list[str]:
    """The content key of every query, in the split's order."""
    return [key.decode() for key in np.asarray(dataset.keys, "S64")[dataset.split.queries].tolist()]


@dataclass(frozen=True)
class Training:
    """Who trains and who reports, in a dataset.

    Attributes:
        split: the two sides.
        space, truth: the vectors with the training queries as queries, and its truth.
        keys: content keys of the training queries.
        groups: (n_images,) int64, class or instance of every image, −1 unlabelled: what training may tell apart.
    """

    split: TrainingSplit
    space: VectorSet
    truth: Relevance
    keys: tuple[str, ...]
    groups: np.ndarray


def training(
    dataset: Dataset,
    space: VectorSet,
    truth: Relevance,
    *,
    fraction: float = 0.5,
    seed: int = 0,
    most: int | None = None,
    question: str = "new",
) -> Training:
    """The dataset's own training images where it names some, else a part of its queries: whole classes or instances.

    Args:
        question: "known" takes images of each class instead of whole classes: what is fitted is asked for these again.
        most: train on a seeded sample of so many at most; None for all.
    Raises:
        BadInput: training images are queries too, or one side is empty.
    """
    by = "class" if dataset.instances is None else "instance"
    groups = np.asarray(dataset.labels if dataset.instances is None else dataset.instances)
    images = dataset.split.train
    if not len(images):
        split = (
            _queries_of_each(dataset, groups, fraction, seed)
            if question == "known"
            else split_queries(groups[dataset.split.queries], fraction, seed, by)
        )
        split = dataclasses.replace(split, train=arrays.sample(split.train, most, [seed, 2]))
        keys = query_keys(dataset)
        return Training(
            split, space.only(split.train), truth.take(split.train), tuple(keys[i] for i in split.train), groups
        )
    shared = len(np.intersect1d(images, dataset.split.queries))
    if shared:
        raise BadInput(
            f"{shared:,} training images of {dataset.name!r} are queries too, so nothing could be reported honestly. "
            "Name other images as training images."
        )
    images = arrays.sample(images, most, [seed, 2])
    train_split = Split(images, dataset.split.gallery)
    train_truth = data.relevance(dataset, train_split)
    report = np.flatnonzero(truth.n_relevant > 0)
    split = TrainingSplit(np.arange(len(images)), report, "given")
    keys = [key.decode() for key in np.asarray(dataset.keys, "S64")[images].tolist()]
    return Training(split, VectorSet(space.vectors, train_split, groups=space.groups), train_truth, tuple(keys), groups)


def _queries_of_each(dataset: Dataset, groups: np.ndarray, fraction: float, seed: int) -> TrainingSplit:
    """Queries of each class on both sides; unlabelled ones, and the only one of a class, train nothing."""
    queries = dataset.split.queries
    usable = queries[groups[queries] >= 0]
    chosen = half_of_each(usable, groups, np.asarray(dataset.keys, "S64"), np.random.default_rng(seed), fraction)
    training, labelled = np.isin(queries, chosen), groups[queries] >= 0
    return TrainingSplit(np.flatnonzero(training), np.flatnonzero(~training & labelled), "image")


# ---------------------------------------------------------------- reported elsewhere than trained


def trained_on(spec: FusionSpec, keys: Sequence[str]) -> np.ndarray:
    """(n_queries,) bool: which of these queries the fusion, or its weights, were fitted on."""
    known = set(spec.trained_on)
    return np.array([key in known for key in keys], bool)


def refuse_trained(spec: FusionSpec, keys: Sequence[str]) -> None:
    """Raises BadInput when a fusion would be reported on queries that it was fitted on."""
    count = int(trained_on(spec, keys).sum())
    if count:
        raise BadInput(
            f"Fusion {spec.name!r} was fitted on {count:,} of these {plural(len(keys), 'query')}, so its figures on them mean "
            "nothing. Report on the other queries, or on another dataset."
        )


def leave_out(dataset: Dataset, keys: Collection[str]) -> Dataset:
    """The same dataset without these images as queries and as gallery images: what a network that was trained on them is
    reported on; itself when none of them is there.

    Args:
        keys: content keys, 64 hex digits each.
    Raises:
        BadInput: no query, or no gallery image, is left.
    """
    split = dataset.split
    if not keys:
        return dataset
    known = np.array(sorted(keys), "S64")
    content = np.asarray(dataset.keys, "S64")
    queries, gallery = (part[~np.isin(content[part], known)] for part in (split.queries, split.gallery))
    if len(queries) == len(split.queries) and len(gallery) == len(split.gallery):
        return dataset
    if not len(queries) or not len(gallery):
        raise BadInput(
            f"Every {'query' if not len(queries) else 'gallery image'} of {dataset.name!r} was trained on, so nothing could be "
            "reported honestly. Report on another dataset."
        )
    return dataclasses.replace(dataset, split=Split(queries, gallery, split.train))


def without_tuned(dataset: Dataset, names: Iterable[str]) -> Dataset:
    """The dataset without every image that one of these backbones was tuned on; itself when none was.

    Raises:
        BadInput: nothing is left, or the card of a tuned backbone is gone.
    """
    trained = [backbones.tuned.trained_on(name) for name in names if backbones.tuned.is_tuned(name)]
    return leave_out(dataset, frozenset().union(*trained)) if trained else dataset


def refuse_tuned(dataset: Dataset, names: Iterable[str]) -> None:
    """The last line of defence, where vectors meet a split: no figure rests on an image that a backbone was tuned on.

    Raises:
        BadInput: one would.
    """
    for name in names:
        if backbones.tuned.is_tuned(name) and without_tuned(dataset, [name]) is not dataset:
            raise BadInput(
                f"{name!r} was trained on images of {dataset.name!r} that would be asked or searched here, so its figures would "
                "mean nothing. Choose it among the backbones in the sidebar: then all are reported on the other images."
            )


def without(dataset: Dataset, keys: Sequence[str]) -> Dataset:
    """The same dataset, asked only by queries whose content keys are not among these; itself when none of them asks.

    Images of these keys stay in the gallery while their classes are not asked for: they are wrong answers like others.
    Where a class of theirs is asked for, they leave it, since what was fitted knows them by heart.

    Raises:
        BadInput: no query is left.
    """
    if not keys:
        return dataset
    split, known, content = dataset.split, np.array(sorted(set(keys)), "S64"), np.asarray(dataset.keys, "S64")
    left = ~np.isin(content[split.queries], known)
    if not left.any():
        raise BadInput(
            f"Every query of {dataset.name!r} was trained on, so nothing could be reported honestly. "
            "Choose another dataset, or another baseline."
        )
    groups = np.asarray(dataset.labels if dataset.instances is None else dataset.instances)
    wanted = np.unique(groups[split.queries[left]])
    flattering = np.isin(content[split.gallery], known) & np.isin(groups[split.gallery], wanted[wanted >= 0])
    if left.all() and not flattering.any():
        return dataset
    return dataclasses.replace(dataset, split=Split(split.queries[left], split.gallery[~flattering], split.train))
