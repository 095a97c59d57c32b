"""From a listing to a dataset: each file is hashed and its header read, once; known files are only looked at."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd

from core import paths
from core.data import dataset_table, images
from core.data.listing import Listing
from core.errors import BadInput
from core.task import NO_TASK, Task
from core.types import Dataset

Box = tuple[int, int, int, int]
"""left, top, right, bottom in pixels."""
_CHUNK = 128


@dataclass(frozen=True)
class IndexedFile:
    """One file as it was looked at: `reason` is empty when the picture can be used."""

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

    A file whose size and modification time are as in `previous` is not opened again. Files that are no pictures go
    to the quarantine; pixels are not decoded here.

    Raises:
        BadInput: not one usable image.
    """
    known = _known(previous)
    meter = task.meter("Looking at files", len(listing), "files")
    seen: list[IndexedFile] = []
    offsets, sizes = listing.extra.get("offset"), listing.extra.get("member_size")
    boxes = _boxes(listing.extra, len(listing))
    with ThreadPoolExecutor(max_workers=max(2, paths.cpu_count())) as pool:
        for chunk in _chunks(len(listing)):
            task.check()
            jobs = [
                (listing.paths[i], int(offsets[i]) if offsets else -1, int(sizes[i]) if sizes else -1, boxes[i], known)
                for i in chunk
            ]
            seen.extend(pool.map(lambda job: look(*job), jobs))
            meter.add(len(chunk))
    return _assemble(name, listing, seen, previous, described)


def _chunks(n: int) -> Iterator[list[int]]:
    numbers = iter(range(n))
    while chunk := list(islice(numbers, _CHUNK)):
        yield chunk


def _boxes(columns: Any, n: int) -> list[Box | None]:
    """The part of each picture that is meant, None where it is all of it."""
    if "crop_left" not in columns:
        return [None] * n
    sides = zip(*(columns[f"crop_{side}"] for side in ("left", "top", "right", "bottom")))
    return [tuple(map(int, box)) if box[2] >= 0 else None for box in sides]


def _known(previous: Dataset | None) -> dict[tuple[str, int, Box | None], IndexedFile]:
    """What an earlier scan knows, by path, offset and box."""
    if previous is None:
        return {}
    items = previous.items
    offsets = items["offset"] if "offset" in items else np.full(len(items), -1)
    keys = np.asarray(previous.keys, "S64").astype(str)
    columns = (items[c] for c in ("path", "size", "mtime_ns", "width", "height"))
    known = {
        (path, int(offset), box): IndexedFile(key, int(size), int(mtime), int(width), int(height))
        for key, offset, box, path, size, mtime, width, height in zip(
            keys, offsets, _boxes(items, len(items)), *columns
        )
    }
    held = previous.quarantine
    if {"size", "mtime_ns"} <= set(held.columns):
        for path, reason, size, mtime in zip(held["path"], held["reason"], held["size"], held["mtime_ns"]):
            known[(path, -1, None)] = IndexedFile("", int(size), int(mtime), 0, 0, reason)
    return known


def look(path: str, offset: int, member_size: int, box: Box | None, known: dict) -> IndexedFile:
    """Look at one file: stat, and only if it moved hash and header."""
    if not path:
        return IndexedFile("", 0, 0, 0, 0)
    size = mtime = 0
    try:
        status = os.stat(path)
        size, mtime = status.st_size if offset < 0 else member_size, status.st_mtime_ns
        before = known.get((path, offset, box))
        if before is not None and (before.size, before.mtime_ns) == (size, mtime):
            return before
        data = read_slice(path, offset, size)
        found = images.header(data)
        if box is not None:
            return IndexedFile(content_key(data, box), size, mtime, box[2] - box[0], box[3] - box[1])
        return IndexedFile(content_key(data, None), size, mtime, found.width, found.height)
    except BadInput as error:
        return IndexedFile("", size, mtime, 0, 0, str(error))
    except OSError as error:
        return IndexedFile("", size, mtime, 0, 0, f"The file cannot be read: {error.strerror or error}.")


def read_slice(path: str, offset: int, size: int) -> bytes:
    """The bytes of a file, or of a member of an uncompressed archive.

    Raises:
        BadInput: more bytes than `images.MAX_BYTES`.
        OSError: as the system says.
    """
    if size > images.MAX_BYTES:
        raise BadInput(f"The file has {size / 2**20:,.0f} MB; at most {images.MAX_BYTES // 2**20} MB are read.")
    with open(path, "rb") as file:
        if offset < 0:
            return file.read(images.MAX_BYTES + 1)
        file.seek(offset)
        return file.read(size)


def content_key(data: bytes, box: Box | None) -> str:
    """Hex SHA-256 of what is looked at: the bytes of the file, and the part of the picture where it is not all of it."""
    return hashlib.sha256(data if box is None else data + repr(box).encode()).hexdigest()


def cropped(data: bytes, box: Box) -> bytes:
    """A part of a picture, as the bytes of a PNG: what a query of a landmark set shows.

    Raises:
        BadInput: the picture cannot be decoded, or the box lies outside it.
    """
    picture = images.open_rgb(data)
    left, top = max(0, box[0]), max(0, box[1])
    right, bottom = min(picture.width, box[2]), min(picture.height, box[3])
    if right <= left or bottom <= top:
        raise BadInput(f"The box {box} lies outside the picture of {picture.width} x {picture.height} pixels.")
    buffer = io.BytesIO()
    picture.crop((left, top, right, bottom)).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _assemble(
    name: str, listing: Listing, seen: list[IndexedFile], previous: Dataset | None, described: dict[str, Any]
) -> Dataset:
    keep = [i for i, one in enumerate(seen) if not one.reason]
    bad = [(listing.paths[i], one.reason, one.size, one.mtime_ns) for i, one in enumerate(seen) if one.reason]
    bad += [(path, reason, 0, 0) for path, reason in listing.quarantine.items()]
    quarantine = pd.DataFrame(bad, columns=["path", "reason", "size", "mtime_ns"])
    if not keep:
        raise BadInput(_nothing(listing, quarantine))
    extra = {column: [values[i] for i in keep] for column, values in listing.extra.items()}
    items = pd.DataFrame(
        {
            "path": [listing.paths[i] for i in keep],
            "size": np.array([seen[i].size for i in keep], np.int64),
            "mtime_ns": np.array([seen[i].mtime_ns for i in keep], np.int64),
            "width": np.array([seen[i].width for i in keep], np.int32),
            "height": np.array([seen[i].height for i in keep], np.int32),
            **extra,
        }
    )
    ids = [listing.ids[i] for i in keep]
    keys = [seen[i].key or hashlib.sha256(f"{name}\0{listing.ids[i]}".encode()).hexdigest() for i in keep]

    def kept(values: list | None) -> list | None:
        return None if values is None else [values[i] for i in keep]

    return dataset_table.build(
        name,
        ids=ids,
        keys=keys,
        items=items,
        labels=kept(listing.labels),
        instances=kept(listing.instances),
        splits=kept(listing.splits),
        pairs=listing.pairs,
        quarantine=quarantine,
        several=listing.several,
        relevant_by=listing.relevant_by,
        **{"notes": " ".join(listing.notes), **described},
    )


def _nothing(listing: Listing, quarantine: pd.DataFrame) -> str:
    where = listing.root
    if not len(quarantine):
        return f"There is no image in {where}; choose a folder with pictures in it."
    first = quarantine.iloc[0]
    return (
        f"None of the {len(quarantine):,} files in {where} is an image that can be read; "
        f"the first is {os.path.basename(first.path)!r}: {first.reason}"
    )
