"""Datasets as they are kept: a folder each with a table and a record; opened once, and again when the record changed."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pandas as pd

from core import access, files, paths
from core.data import dataset_table, overrides
from core.data.built_in import DATASETS
from core.data.natural_order import natural_key
from core.errors import StoreMismatch, StoreUnusable, UnknownName
from core.registry import did_you_mean
from core.types import Dataset
from core.wording import plural

LOCK = threading.RLock()
NOT_READ = "not_read.csv"
PRIVATE = "private"
"""A file in the folder of a dataset that only owners of a server see."""
_OPENED: dict[str, tuple[tuple[int, int], Dataset]] = {}
_MOST_REASONS = 4


def is_private(name: str) -> bool:
    """Whether only owners of a server see this dataset."""
    return (paths.datasets() / name / PRIVATE).exists()


def is_visible(name: str) -> bool:
    """Whether whoever acts may see it; for others there is no such dataset."""
    return access.current().is_owner or not is_private(name)


def visible(name: str) -> str:
    """The name of a dataset that whoever acts may see.

    Raises:
        UnknownName: it is private to owners.
    """
    if not is_visible(name):
        raise unknown_name(name)
    return name


def names() -> tuple[str, ...]:
    """Names of all datasets: the built-in ones first, then those that were added, in natural order."""
    folder = paths.datasets()
    saved_folders = (p.parent.name for p in folder.glob("*/record.json")) if folder.is_dir() else ()
    added = sorted(saved_folders, key=natural_key)
    return (*DATASETS.names, *(name for name in added if name not in DATASETS and is_visible(name)))


def is_saved(name: str) -> bool:
    """Whether a dataset of that name is kept; any text may be asked."""
    return (
        "/" not in name
        and "\\" not in name
        and "\0" not in name
        and (paths.datasets() / name / "record.json").is_file()
        and is_visible(name)
    )


def unknown_name(name: str) -> UnknownName:
    """The error for a name that nothing has, with the nearest ones."""
    hint = did_you_mean(name, names())
    return UnknownName(f"No dataset is named {name!r}, and no folder or file is.{hint} There are {', '.join(names())}.")


def folder_of(name: str) -> Path:
    """The folder of a saved dataset.

    Raises:
        UnknownName: no saved dataset has that name.
    """
    folder = paths.datasets() / dataset_table.check_name(name)
    if not (folder / "record.json").is_file() or not is_visible(name):
        raise unknown_name(name)
    return folder


def record_of(name: str) -> dict[str, Any]:
    """The record of a saved dataset: its source, reader, options, guesses and what people decided."""
    return dataset_table.read_record(folder_of(name))


def opened(folder: Path) -> Dataset:
    """The saved dataset as it was decided; the same object as long as its record did not change."""
    try:
        status = (folder / "record.json").stat()
    except OSError as error:
        raise StoreUnusable(f"{folder} cannot be read: {error.strerror or error}.") from error
    stamp = (status.st_mtime_ns, status.st_ino)
    with LOCK:
        entry = _OPENED.get(str(folder))
        if entry is None or entry[0] != stamp:
            decisions = overrides.read(dataset_table.read_record(folder))
            entry = (stamp, overrides.apply(_read_whole(folder), decisions, folder))
            _OPENED[str(folder)] = entry
        return entry[1]


def forget_opened(folder: Path | None = None) -> None:
    """Open a dataset (or all) from the disk next time."""
    with LOCK:
        if folder is None:
            _OPENED.clear()
        else:
            _OPENED.pop(str(folder), None)


def whole(name: str) -> Dataset:
    """A saved dataset as its source gave it: with every copy, and with the given split."""
    return _read_whole(folder_of(name))


def _read_whole(folder: Path) -> Dataset:
    """The saved dataset; read again as long as other processes save it in between."""
    while True:
        before = (folder / "record.json").read_bytes()
        try:
            return dataset_table.opened(folder)
        except StoreMismatch:
            if (folder / "record.json").read_bytes() == before:
                raise


def save(dataset: Dataset, record: dict[str, Any]) -> Dataset:
    """Save a whole dataset; what was decided about it before stays decided.

    Args:
        record: what the dataset does not know: reader, options, and `guesses`, sentences about what was guessed.
    Raises:
        StoreUnusable: the folder cannot be written.
    """
    folder = paths.datasets() / dataset.name
    try:
        with LOCK:
            if (folder / "record.json").is_file():
                record = {**record, "decisions": dataset_table.read_record(folder).get("decisions", {})}
            dataset_table.save(dataset, folder, record)
            _write_not_read(dataset.quarantine, folder / NOT_READ)
    except OSError as error:
        raise StoreUnusable(
            f"The dataset cannot be saved in {folder}: {error.strerror or error}; make room there, or set "
            "FUSIONSCOPE_HOME to a folder that can be written."
        ) from error
    return opened(folder)


def _write_not_read(quarantine: pd.DataFrame, path: Path) -> None:
    if len(quarantine):
        files.write_text(path, quarantine[["path", "reason"]].to_csv(index=False))
    else:
        files.remove(path)


def remarks(name: str) -> list[str]:
    """What a person should know about how a dataset was read: every guess, and what could not be read and why."""
    folder = paths.datasets() / name
    if not is_saved(name):
        return []
    sentences = list(dataset_table.read_record(folder).get("guesses", []))
    quarantine = opened(folder).quarantine
    if len(quarantine):
        counts = quarantine["reason"].value_counts()
        reasons = "; ".join(f"{n:,} × {reason.rstrip('.')}" for reason, n in counts[:_MOST_REASONS].items())
        more = f"; and {len(counts) - _MOST_REASONS:,} other reasons" if len(counts) > _MOST_REASONS else ""
        has_list = access.current().is_owner and (folder / NOT_READ).is_file()  # its path is for owners alone
        where = f" The list: {folder / NOT_READ}" if has_list else ""
        sentences.append(f"{plural(len(quarantine), 'file')} set aside: {reasons}{more}.{where}")
    return sentences
