"""Where the bytes of an image lie, and how they are read: a file, a member of an archive, a cell of a Parquet table."""

from __future__ import annotations

import hashlib
import io
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.access import reach
from core.data import images, parquet_cells, remote_files
from core.errors import BadInput
from core.types import Dataset

Box = tuple[int, int, int, int]
"""left, top, right, bottom in pixels."""
_SIDES = ("left", "top", "right", "bottom")
_FIRST_DAY, _LAST_DAY = -(2**63), 2**63 - 1


@dataclass(frozen=True)
class Location:
    """Where one image lies.

    Attributes:
        path: of the file; "" where there is no image.
        offset, size: of a member of an uncompressed archive, in bytes; -1 where the whole file is meant.
        row, column: of a cell of a Parquet table; -1 and "" elsewhere.
        box: the part of the image that is meant, None for all of it.
    """

    path: str
    offset: int = -1
    size: int = -1
    row: int = -1
    column: str = ""
    box: Box | None = None

    @property
    def at(self) -> int:
        """What tells images in one file apart: row or offset, -1 where the file is the image."""
        return max(self.row, self.offset)


@dataclass(frozen=True)
class StoredBytes:
    """The bytes of a file, with its size and its modification time in nanoseconds as the system said on reading."""

    content: bytes
    mtime_ns: int


def locations(columns: Mapping[str, Any], n: int) -> list[Location]:
    """The location of each of `n` rows, from the columns of a listing or of a dataset's items."""

    def values(name: str, otherwise: Any) -> Any:
        return columns[name] if name in columns else [otherwise] * n

    boxes: Any = [None] * n
    if "crop_left" in columns:
        sides = zip(*(columns[f"crop_{side}"] for side in _SIDES))
        boxes = [tuple(map(int, box)) if box[2] >= 0 else None for box in sides]
    inside = (values("offset", -1), values("member_size", -1), values("table_row", -1), values("table_column", ""))
    rows = zip(columns["path"], *inside, boxes)
    return [
        Location(path, int(offset), int(size), int(row), column, box) for path, offset, size, row, column, box in rows
    ]


def display_path(location: Location, member: str) -> str:
    """How a person finds an image: its file, and the member or row where a file holds several."""
    if location.row >= 0:
        return f"{location.path}, row {location.row + 1}"
    return f"{location.path}/{member}" if location.offset >= 0 else location.path


def display_paths(dataset: Dataset) -> list[str]:
    """The same for every image of a dataset."""
    members = dataset.items.get("member", dataset.ids)
    return [display_path(*pair) for pair in zip(locations(dataset.items, len(dataset)), members)]


def file_time(status: os.stat_result) -> int:
    """The modification time in nanoseconds, within what 64 bits hold (the years 1677 to 2262)."""
    return min(max(status.st_mtime_ns, _FIRST_DAY), _LAST_DAY)


def read(location: Location) -> StoredBytes:
    """The bytes of an image, and the time of the very file that they were read from.

    Raises:
        BadInput: no regular file, outside of the folders that a server reads, or more bytes than `images.MAX_BYTES`.
        OSError: as the system says.
    """
    if remote_files.is_address(location.path):
        return _read_remote(location)
    _require_file(os.stat(location.path))
    if not reach.allowed(location.path):
        raise BadInput("The file lies outside of the folders that may be read here.")
    if location.row >= 0:
        status = os.stat(location.path)
        return StoredBytes(parquet_cells.read(location.path, location.column, location.row), file_time(status))
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    with os.fdopen(os.open(location.path, flags), "rb") as file:
        status = os.fstat(file.fileno())
        _require_file(status)
        size = location.size if location.offset >= 0 else status.st_size
        if size > images.MAX_BYTES:
            raise BadInput(f"The file has {size / 2**20:,.0f} MB; at most {images.MAX_BYTES // 2**20} MB are read.")
        if location.offset >= 0:
            file.seek(location.offset)
        return StoredBytes(file.read(size if location.offset >= 0 else images.MAX_BYTES + 1), file_time(status))


def _read_remote(location: Location) -> StoredBytes:
    """The same of an address."""
    if location.row >= 0:
        path = str(remote_files.whole(location.path))
        return StoredBytes(parquet_cells.read(path, location.column, location.row), file_time(os.stat(path)))
    content = remote_files.read(location.path, location.offset, location.size, images.MAX_BYTES)
    try:
        changed = file_time(file_status(location.path))
    except OSError:  # another machine listed it, or the cache has lost it
        changed = 0
    return StoredBytes(content, changed)


def file_status(path: str) -> os.stat_result:
    """Size and time of a file, of one at an address as its collection was listed last.

    Raises:
        OSError: as the system says.
    """
    return remote_files.status(path) if remote_files.is_address(path) else os.stat(path)


def _require_file(status: os.stat_result) -> None:
    """Raises BadInput for a pipe, a device or a folder: reading one may never end."""
    if stat.S_ISDIR(status.st_mode):
        raise BadInput("This is a folder, not an image.")
    if not stat.S_ISREG(status.st_mode):
        raise BadInput("This is a pipe or a device, not a file.")


def content_key(content: bytes, box: Box | None) -> str:
    """Hex SHA-256 of what is looked at: the bytes of the file, and the part of the image where it is not all of it."""
    return hashlib.sha256(content if box is None else content + repr(box).encode()).hexdigest()


def cropped(content: bytes, box: Box) -> bytes:
    """A part of an image, as the bytes of a PNG.

    Raises:
        BadInput: the image cannot be decoded, or the box lies outside it.
    """
    image = images.open_rgb(content)
    left, top, right, bottom = clipped(box, image.width, image.height)
    buffer = io.BytesIO()
    image.crop((left, top, right, bottom)).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def clipped(box: Box, width: int, height: int) -> Box:
    """The part of a box that lies in an image of that size.

    Raises:
        BadInput: no part of it does.
    """
    left, top, right, bottom = max(0, box[0]), max(0, box[1]), min(width, box[2]), min(height, box[3])
    if right <= left or bottom <= top:
        raise BadInput(f"The box {box} lies outside the image of {width} x {height} pixels.")
    return left, top, right, bottom


def read_bytes(dataset: Dataset, position: int) -> bytes:
    """The bytes of one image, from wherever they lie; a part of an image as a PNG of that part.

    Raises:
        BadInput: the original has gone, cannot be read, or the row has no image.
    """
    content, box = _of_dataset(dataset, position)
    return content if box is None else cropped(content, box)


def read_checked(dataset: Dataset, position: int) -> bytes:
    """The same, of content that is still what the dataset's key says: what is stored under the key belongs to it.

    Raises:
        BadInput: as `read_bytes`, or the file has changed since it was looked at.
    """
    content, box = _of_dataset(dataset, position)
    if content_key(content, box).encode() != np.asarray(dataset.keys, "S64")[int(position)]:
        raise BadInput("The file has changed since it was looked at; load the dataset again.")
    return content if box is None else cropped(content, box)


def _of_dataset(dataset: Dataset, position: int) -> tuple[bytes, Box | None]:
    """The bytes as they lie on the disk, and the part of the image that is meant, None for all of it."""
    row = dataset.items.iloc[int(position)]
    path = row["path"]
    if not path:
        raise BadInput(f"{dataset.ids[position]!r} has no image; only vectors were given.")
    location = locations({name: [value] for name, value in {"member_size": row["size"], **row}.items()}, 1)[0]
    try:
        return read(location).content, location.box
    except FileNotFoundError as error:
        raise BadInput(f"The original {path} is not there any more.") from error
    except OSError as error:
        raise BadInput(f"The original {path} cannot be read: {error.strerror or error}.") from error
