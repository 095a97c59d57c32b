"""From a listing to a dataset: each file is hashed and its header read, once; known files are only looked at."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd

from core import paths
from core.data import dataset_table, image_bytes, images, remote_files, tar_skeletons
from core.data.image_bytes import Box, Location
from core.data.listing import Listing, has_relevant, searchable
from core.errors import BadInput
from core.task import NO_TASK, Task
from core.types import Dataset
from core.wording import plural

_CHUNK = 128
Known = dict[tuple[str, int, Box | None], "IndexedFile"]


@dataclass(frozen=True)
class IndexedFile:
    """One file as it was looked at: `reason` is empty when the image can be used."""

    key: str
    size: int
    mtime_ns: int
    width: int
    height: int
    reason: str = ""


def index_files(
    name: str,
    listing: Listing,
    previous: Dataset | None = None,
    task: Task = NO_TASK,
    **described: Any,
) -> Dataset:
    """Hash every file of a listing and build the dataset.

    A file whose size and modification time are as in `previous` is not opened again. Files that are no images go
    to the quarantine; pixels are not decoded here.

    Raises:
        BadInput: not one usable image.
    """
    known = {**_known_in_tars(listing.paths), **_known(previous)}
    meter = task.meter("Looking at files", len(listing), "files")
    indexed: list[IndexedFile] = []
    locations = image_bytes.locations({**listing.extra, "path": listing.paths}, len(listing))
    with ThreadPoolExecutor(max_workers=max(2, paths.cpu_count())) as pool:
        for chunk in _chunks(locations):
            task.check()
            indexed.extend(pool.map(lambda location: look(location, known), chunk))
            meter.add(len(chunk))
    return _assemble(name, listing, locations, indexed, described)


def _chunks(locations: list[Location]) -> Iterator[list[Location]]:
    rest = iter(locations)
    while chunk := list(islice(rest, _CHUNK)):
        yield chunk


def _known(previous: Dataset | None) -> Known:
    """What an earlier scan knows, by path, place in the file, and box."""
    if previous is None:
        return {}
    items = previous.items
    keys = np.asarray(previous.keys, "S64").astype(str)
    columns = (items[c] for c in ("size", "mtime_ns", "width", "height"))
    known: Known = {
        (location.path, location.at, location.box): IndexedFile(key, int(size), int(mtime), int(width), int(height))
        for key, location, size, mtime, width, height in zip(keys, image_bytes.locations(items, len(items)), *columns)
    }
    frame = previous.quarantine
    if {"size", "mtime_ns"} <= set(frame.columns):
        files = frame["file"] if "file" in frame else frame["path"]
        locations = frame["place"] if "place" in frame else [-1] * len(frame)
        for path, at, reason, size, mtime in zip(files, locations, frame["reason"], frame["size"], frame["mtime_ns"]):
            known[(path, int(at), None)] = IndexedFile("", int(size), int(mtime), 0, 0, reason)
    return known


def _known_in_tars(listed: list[str]) -> Known:
    """What was learnt of the images of tars at an address when these were read."""
    known: Known = {}
    for path in {path for path in listed if remote_files.is_address(path)}:
        learnt = tar_skeletons.images_of(remote_files.staged(path)) if path.lower().endswith(".tar") else {}
        if learnt:
            time = image_bytes.file_time(remote_files.status(path))
            for offset, (key, size, width, height, reason) in learnt.items():
                known[path, offset, None] = IndexedFile(key, size, time, width, height, reason)
    return known


def look(location: Location, known: Known) -> IndexedFile:
    """Look at one image: at its size and time, and only if they moved at its content."""
    if not location.path:
        return IndexedFile("", 0, 0, 0, 0)
    size = mtime = 0
    try:
        status = image_bytes.file_status(location.path)
        size, mtime = status.st_size if location.offset < 0 else location.size, image_bytes.file_time(status)
        before = known.get((location.path, location.at, location.box))
        if before is not None and before.mtime_ns == mtime and (location.row >= 0 or before.size == size):
            return before
        stored = image_bytes.read(location)
        mtime = stored.mtime_ns
        size = len(stored.content) if location.row >= 0 else size
        header = images.header(stored.content, location.path)
        width, height = header.width, header.height
        if location.box is not None:
            left, top, right, bottom = image_bytes.clipped(location.box, width, height)
            width, height = right - left, bottom - top
        return IndexedFile(image_bytes.content_key(stored.content, location.box), size, mtime, width, height)
    except BadInput as error:
        return IndexedFile("", size, mtime, 0, 0, str(error))
    except OSError as error:
        return IndexedFile("", size, mtime, 0, 0, f"The file cannot be read: {error.strerror or error}.")


def quarantine_row(location: Location, member: str, file: IndexedFile) -> tuple[str, str, int, int, str, int]:
    """One row of a quarantine: `QUARANTINE` says what the values are."""
    return (
        image_bytes.display_path(location, member),
        file.reason,
        file.size,
        file.mtime_ns,
        location.path,
        location.at,
    )


QUARANTINE = ("path", "reason", "size", "mtime_ns", "file", "place")


def _assemble(
    name: str, listing: Listing, locations: list[Location], indexed: list[IndexedFile], described: dict[str, Any]
) -> Dataset:
    usable = [i for i, file in enumerate(indexed) if not file.reason]
    members = listing.extra.get("member", listing.ids)
    bad = [quarantine_row(locations[i], members[i], file) for i, file in enumerate(indexed) if file.reason]
    bad += [(path, reason, 0, 0, path, -1) for path, reason in listing.quarantine.items()]
    quarantine = pd.DataFrame(bad, columns=list(QUARANTINE))
    if not usable:
        raise BadInput(_nothing(listing, quarantine))
    listing.reorder(usable)
    if listing.splits is not None:
        listing.splits, note = searchable(listing.splits)
        listing.notes += [note] if note else []
        if listing.splits and listing.labels and not has_relevant(listing.labels, listing.splits):
            listing.notes.append("No query of this split has a relevant image; `--split 0.3` makes another split.")
    if listing.pairs is not None:
        listing.pairs = dataset_table.pairs_among(listing.pairs, listing.ids)
    files = [indexed[i] for i in usable]
    items = pd.DataFrame(
        {
            "path": listing.paths,
            "size": np.array([file.size for file in files], np.int64),
            "mtime_ns": np.array([file.mtime_ns for file in files], np.int64),
            "width": np.array([file.width for file in files], np.int32),
            "height": np.array([file.height for file in files], np.int32),
            **listing.extra,
        }
    )
    return dataset_table.build(
        name,
        ids=listing.ids,
        keys=[f.key or hashlib.sha256(f"{name}\0{text}".encode()).hexdigest() for f, text in zip(files, listing.ids)],
        items=items,
        labels=listing.labels,
        instances=listing.instances,
        splits=listing.splits,
        pairs=listing.pairs,
        quarantine=quarantine,
        several=listing.several,
        relevant_by=listing.relevant_by,
        **{"notes": " ".join(listing.notes), **described},
    )


def _nothing(listing: Listing, quarantine: pd.DataFrame) -> str:
    where = listing.root
    if not len(quarantine):
        return f"There is no image in {where}; choose a folder with images in it."
    first = quarantine.iloc[0]
    return (
        f"No image in {where} can be read, out of {plural(len(quarantine), 'file')}; "
        f"the first is {os.path.basename(first.path)!r}: {first.reason}"
    )
