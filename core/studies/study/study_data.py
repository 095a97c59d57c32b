"""The datasets that a study names: whether they are on this machine, how large those are that are not, and opening them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from core import data
from core.data import hub_datasets, readers, remote_files, remote_sources, splits
from core.data.readers import torchvision
from core.data.splits import SplitShares
from core.errors import BadInput
from core.registry import did_you_mean
from core.studies import training_split
from core.studies.study.study_record import Study, StudyDataset
from core.task import NO_TASK, Task
from core.types import Dataset

TORCHVISION = "torchvision:"


def short_name(text: str) -> str:
    """What a dataset is called where the study gives no name.

    >>> short_name("torchvision:Flowers-102"), short_name("../shared/data/photos")
    ('Flowers-102', 'photos')
    """
    if text.startswith(TORCHVISION):
        return torchvision.canonical(text.removeprefix(TORCHVISION)) or text.removeprefix(TORCHVISION)
    return Path(text.removeprefix("dataset:").removeprefix(hub_datasets.PREFIX)).name or text


def unknown(text: str, folder: Path | None) -> str:
    """The sentence about a dataset that can be none; "" for a name, a collection of torchvision, or what may be a path."""
    if text.startswith(TORCHVISION):
        wanted = text.removeprefix(TORCHVISION)
        if torchvision.canonical(wanted):
            return ""
        known = list(torchvision.NAMES)
        return f"torchvision has no dataset {wanted[:60]!r} here.{did_you_mean(wanted, known, 1)} There are {', '.join(known)}."
    if text.startswith(hub_datasets.PREFIX):
        return "" if hub_datasets.is_name(text) else f"{text[:60]!r} is no hf:ORGANISATION/NAME."
    bare = text.removeprefix("dataset:")
    if bare in data.names() or "/" in text or "\\" in text or path_of(text, folder).exists():
        return ""
    hint = did_you_mean(bare, data.names(), 1)
    return f"there is no dataset {bare[:60]!r}, and no folder of that name.{hint} There are {', '.join(data.names())}."


def path_of(text: str, folder: Path | None) -> Path:
    """The path that a text names, from the folder of the study's file."""
    path = Path(text).expanduser()
    return path if path.is_absolute() or folder is None else folder / path


def is_path(text: str) -> bool:
    """Whether a dataset is named by where it lies, not by its name.

    >>> is_path("photos"), is_path("torchvision:DTD"), is_path("../photos")
    (False, False, True)
    """
    return (
        not text.startswith((TORCHVISION, hub_datasets.PREFIX))
        and text.removeprefix("dataset:") not in data.names()
        and not _is_name(text)
    )


def _is_name(text: str) -> bool:
    return "/" not in text and "\\" not in text and not text.startswith(("~", "."))


def names_path(study: Study) -> bool:
    """Whether a study says where something lies on the disk: a dataset, or a table of queries."""
    queries = study.catalogue is not None and bool(study.catalogue.queries)
    return queries or any(is_path(entry.data) for entry in study.datasets)


def saved_name(entry: StudyDataset, folder: Path | None = None) -> str | None:
    """The name under which the dataset is on this machine already; None where it must be made, read or fetched first."""
    if entry.data.startswith(TORCHVISION):
        wanted = torchvision.canonical(entry.data.removeprefix(TORCHVISION))
        return wanted if wanted in data.names() else None
    if entry.data.startswith(hub_datasets.PREFIX):
        return data.name_of(str(hub_datasets.folder_of(entry.data)))
    name = data.name_of(entry.data) or data.name_of(str(path_of(entry.data, folder)))
    return None if name is not None and name in data.DATASETS and not data.DATASETS[name].is_made() else name


def attached_names(entries: Iterable[StudyDataset]) -> set[str]:
    """Names of vectors that are attached to datasets of a study."""
    names = filter(None, map(saved_name, entries))
    return {backbone for name in names for backbone in data.attached_vectors.names(name)}


def missing(entry: StudyDataset, folder: Path | None = None) -> str:
    """Why a dataset cannot be opened without a network; "" where it can."""
    if saved_name(entry, folder) or data.name_of(entry.data):
        return ""
    if entry.data.startswith(hub_datasets.PREFIX):
        fetched = hub_datasets.is_here(entry.data)
        return "" if fetched else f"{short_name(entry.data)} is not on this machine; running the study downloads it."
    if not entry.data.startswith(TORCHVISION):
        if remote_files.is_address(entry.data):
            return ""
        path = path_of(entry.data, folder)
        return "" if path.exists() else f"{path} does not exist; check the spelling, or give a full path."
    size = torchvision.SIZES.get(short_name(entry.data))
    about = f" (about {size[1]:,} MB)" if size else ""
    return f"{short_name(entry.data)} is not on this machine; running the study downloads it{about}."


def expected_images(entry: StudyDataset) -> int | None:
    """How many images a collection has before it is fetched or made; None where nobody knows."""
    built_in = data.name_of(entry.data)
    if built_in is not None and built_in in data.DATASETS:
        return data.DATASETS[built_in].n_images
    size = torchvision.SIZES.get(short_name(entry.data)) if entry.data.startswith(TORCHVISION) else None
    return size[0] if size else None


def expected_megabytes(entry: StudyDataset) -> float | None:
    """MB to download of a collection of torchvision; None where nobody knows."""
    size = torchvision.SIZES.get(short_name(entry.data)) if entry.data.startswith(TORCHVISION) else None
    return float(size[1]) if size else None


def load(study: Study, entry: StudyDataset, task: Task = NO_TASK) -> Dataset:
    """The dataset with the split that the study names, without the images that tuned backbones of it were trained on.

    Raises:
        UnknownName, BadInput: it is not here and cannot be read or fetched; one sentence.
    """
    folder, seed = study.folder, study.seed
    name = saved_name(entry, folder) or data.name_of(entry.data)
    if name is not None:
        dataset = data.get(name, task=task)
    elif entry.data.startswith(hub_datasets.PREFIX):
        dataset = data.load(entry.data, task=task, reader=entry.reader or None)
    elif entry.data.startswith(TORCHVISION):
        dataset = data.load(f"{TORCHVISION}{short_name(entry.data)}", task=task)
    else:
        is_remote = remote_files.is_address(entry.data)
        path = remote_sources.located(entry.data, task) if is_remote else path_of(entry.data, folder)
        if not path.exists():
            raise BadInput(missing(entry, folder))
        reader = readers.choose(path, entry.reader or None)
        options = readers.options_from(reader, dict(entry.options))
        source = entry.data if is_remote else path
        dataset = data.load(source, reader=reader.name if entry.reader or entry.options else None, task=task, **options)
    if study.catalogue is None and not dataset.has_labels:
        raise BadInput(f"{dataset.name!r} has no labels, so nothing can be evaluated on it. Take it out of the study.")
    if entry.split:
        dataset = splits.with_split(dataset, splits.stratified(dataset, SplitShares(*entry.split), seed))
    return training_split.without_tuned(dataset, study.used_backbones)


def only_queries(dataset: Dataset, positions: np.ndarray) -> Dataset:
    """The dataset asked by some of its queries alone, by position among them."""
    split = dataset.split
    return splits.with_split(dataset, type(split)(split.queries[positions], split.gallery, split.train))
