"""Which images train, which stop the training, and which are reported on; and what a person should know of that."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.errors import BadInput
from core.studies import datasets, training_split
from core.types import Dataset, Embeddings
from core.wording import plural

VALIDATION = 5
"""One in so many training images, or classes, stops the training."""


@dataclass(frozen=True)
class Parts:
    """Who trains and who reports.

    Attributes:
        fit, validation: positions in the dataset, int64, rising; no content is in both.
        groups: (n_images,) int64, class (or instance) of every image, −1 unlabelled.
        names: what the groups are called.
        rule: "given" (the dataset names training images), "images" (half of each class) or "classes" (half of them).
        report: the dataset without any image that trained.
        notes: sentences to read before training.
    """

    fit: np.ndarray
    validation: np.ndarray
    groups: np.ndarray
    names: tuple[str, ...]
    rule: str
    report: Dataset
    notes: tuple[str, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        """Content keys of all that train or stop the training, sorted."""
        return tuple(sorted({key.decode() for key in self._content[np.r_[self.fit, self.validation]].tolist()}))

    @property
    def _content(self) -> np.ndarray:
        return np.asarray(self.report.keys, "S64")

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes that training images have."""
        return tuple(self.names[code] for code in np.unique(self.groups[np.r_[self.fit, self.validation]]).tolist())

    def sentence(self) -> str:
        """Who trains and who reports, for people."""
        rule = {
            "given": "the training images that the dataset names",
            "images": "half of the images of each class, drawn with the seed",
            "classes": "all images of half of the classes, drawn with the seed",
        }[self.rule]
        split = self.report.split
        return (
            f"Trains on {len(self.fit):,} images, stopped by {len(self.validation):,} others ({rule}); reported on "
            f"{plural(len(split.queries), 'query')} in a gallery of {len(split.gallery):,} images that it never saw."
        )


def of(dataset: Dataset, question: str, seed: int = 0) -> Parts:
    """Part a dataset: its own training images where it names some, else a seeded half of its images.

    Args:
        question: "known" holds back images of each class, "new" whole classes, for stopping and, where the dataset
            names no training images, for reporting.
    Raises:
        BadInput: too little is labelled; one sentence.
    """
    groups, names = _groups(dataset)
    chosen, rule = _training_images(dataset, groups, question, seed)
    notes: list[str] = []
    classes, sizes = np.unique(groups[chosen], return_counts=True)
    lone = classes[sizes < 2]
    if len(lone):
        notes.append(
            f"{plural(len(lone), 'class has', 'classes have')} one training image and {plural_verb(len(lone))} nothing: "
            f"{_some([names[code] for code in lone])}."
        )
        chosen = chosen[~np.isin(groups[chosen], lone)]
    if len(classes) - len(lone) < 2:
        raise BadInput(
            f"Training needs two classes with two images each; {dataset.name!r} has {len(classes) - len(lone)} among its "
            f"{len(chosen):,} training images. Label more images, or make another split."
        )
    fit, validation = _stopping(chosen, groups, np.asarray(dataset.keys, "S64"), question, seed)
    trained = {key.decode() for key in np.asarray(dataset.keys, "S64")[chosen].tolist()}
    report = training_split.leave_out(dataset, trained)
    queried = groups[report.split.queries]
    missing = np.setdiff1d(np.unique(queried[queried >= 0]), np.unique(groups[chosen]))
    if rule == "given" and len(missing):
        notes.append(
            f"{plural(len(missing), 'class')} of the queries {'has' if len(missing) == 1 else 'have'} no training image: "
            f"{_some([names[code] for code in missing])}."
        )
    return Parts(fit, validation, groups, names, rule, report, tuple(notes))


def plural_verb(count: int) -> str:
    """ "teaches" for one, "teach" for several."""
    return "teaches" if count == 1 else "teach"


def _some(names: list[str], most: int = 4) -> str:
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most:,} more"


def _groups(dataset: Dataset) -> tuple[np.ndarray, tuple[str, ...]]:
    """Instances where they decide what is relevant, else classes."""
    if dataset.label_matrix is not None and (np.diff(dataset.label_matrix.indptr) > 1).any():
        raise BadInput(
            f"Images of {dataset.name!r} have several labels each, and training takes one class an image. Use a dataset with one "
            "label an image."
        )
    if dataset.relevant_by == "instance" and dataset.instances is not None:
        groups = np.asarray(dataset.instances, np.int64)
        return groups, tuple(f"instance {code}" for code in range(int(groups.max(initial=-1)) + 1))
    groups = np.asarray(dataset.labels, np.int64)
    if not (groups >= 0).any():
        raise BadInput(
            f"Nothing in {dataset.name!r} is labelled, so nothing can be learned. Add labels, or a folder per class."
        )
    return groups, tuple(dataset.label_names)


def _training_images(dataset: Dataset, groups: np.ndarray, question: str, seed: int) -> tuple[np.ndarray, str]:
    """(positions, rule): labelled images that may train."""
    listed = np.asarray(dataset.split.train)
    if len(listed):
        inside = np.intersect1d(listed, np.union1d(dataset.split.queries, dataset.split.gallery))
        if len(inside) == len(listed):
            raise BadInput(
                f"All training images of {dataset.name!r} are queries or gallery images too, so nothing could be reported. "
                "Make a split: `--split 0.2,0.5`."
            )
        chosen = np.sort(listed[groups[listed] >= 0])
        if not len(chosen):
            raise BadInput(
                f"None of the training images of {dataset.name!r} is labelled. Label some, or make another split."
            )
        return chosen, "given"
    everyone = np.union1d(dataset.split.queries, dataset.split.gallery)
    usable = everyone[groups[everyone] >= 0]
    random = np.random.default_rng([seed, 5])
    if question == "new":
        classes = random.permutation(np.unique(groups[usable]))
        if len(classes) < 4:
            raise BadInput(
                f"{dataset.name!r} names no training images and has {plural(len(classes), 'class')}; holding whole classes back takes "
                "four. Ask for known classes, or make a split: `--split 0.2,0.5`."
            )
        return usable[np.isin(groups[usable], classes[: len(classes) // 2])], "classes"
    return training_split.half_of_each(usable, groups, np.asarray(dataset.keys, "S64"), random), "images"


def _stopping(
    chosen: np.ndarray, groups: np.ndarray, keys: np.ndarray, question: str, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """(fit, validation): a fifth of the images of each class, or a fifth of the classes, stops the training."""
    random = np.random.default_rng([seed, 7])
    if question == "new":
        classes = random.permutation(np.unique(groups[chosen]))
        held_back = classes[: max(1, len(classes) // VALIDATION)]
        if len(classes) - len(held_back) < 2:
            raise BadInput(
                f"Stopping on classes that it never saw takes three training classes with two images each; there are {len(classes)}. "
                "Ask for known classes, or label more."
            )
        inside = np.isin(groups[chosen], held_back)
        return chosen[~inside], chosen[inside]
    validation = []
    for code in np.unique(groups[chosen]):
        contents = random.permutation(np.unique(keys[chosen[groups[chosen] == code]]))
        if len(contents) >= 3:
            validation.append(contents[: max(1, len(contents) // VALIDATION)])
    if not validation:
        raise BadInput(
            "No class has three different training images, so none can be held back to stop the training. Label more images."
        )
    inside = np.isin(keys[chosen], np.concatenate(validation))
    return chosen[~inside], chosen[inside]


def near_copies(
    dataset: Dataset, parts: Parts, embeddings: list[Embeddings], threshold: float = 0.97
) -> tuple[str, ...]:
    """What stands on both sides of the border between training and reporting: equal files, and near copies.

    Args:
        embeddings: of the frozen backbone, and of others beside it; a pair that any of them finds alike counts.
    Returns:
        One sentence for each kind that there is, with the names of a few.
    """
    trained = np.r_[parts.fit, parts.validation]
    whole = np.union1d(dataset.split.queries, dataset.split.gallery)
    rest = np.union1d(parts.report.split.queries, parts.report.split.gallery)
    keys = np.asarray(dataset.keys, "S64")
    sentences = []
    equal = np.setdiff1d(whole[np.isin(keys[whole], keys[trained])], trained)
    if len(equal):
        sentences.append(
            f"{plural(len(equal), 'query or gallery image is', 'query or gallery images are')} also among the training images, byte "
            f"for byte, and left out of all figures: {_some([str(dataset.ids[at]) for at in equal.tolist()])}."
        )
    try:
        pairs = datasets.near_duplicates(dataset, embeddings, threshold, agree=1)
    except BadInput as error:  # a set of near copies throughout can be trained on all the same
        return (*sentences, f"Near copies of training images were not counted: {error}")
    first, second = pairs["first"].to_numpy(np.int64), pairs["second"].to_numpy(np.int64)
    across = (np.isin(first, trained) & np.isin(second, rest)) | (np.isin(second, trained) & np.isin(first, rest))
    if across.any():
        shown = [f"{a} ~ {b}" for a, b in pairs.loc[across, ["first_id", "second_id"]].head(4).itertuples(index=False)]
        n = len(np.unique(np.where(np.isin(first, rest), first, second)[across]))
        sentences.append(
            f"{plural(n, 'query or gallery image is', 'query or gallery images are')} nearly the same as a training image (cosine "
            f"{threshold:g} or more), which flatters the figures: {_some(shown)}."
        )
    return tuple(sentences)
