"""Files that are there whole or not at all: written beside their place, put on the disk, then moved there.

Where the home is on an object store, the object is put first (`core.objects`); it raises StoreUnusable where that cannot
be. So whatever is kept in the home is written and removed by these functions alone.

Every function raises OSError where the folder cannot be written; what lies beside is removed then.
"""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import re
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from core.errors import BadInput
from core.objects.mirror import mirror_of

if TYPE_CHECKING:
    import pandas as pd

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")
PART = ".part"
"""Ending of what is not whole yet."""


def named(name: str, otherwise: str, ending: str) -> str:
    """A file name for what somebody called `name`: one can read it, any file system takes it, and no two names share it.

    Args:
        otherwise: stands there where no letter or digit of the name can.

    >>> named("my mix / 2", "fusion", ".json")
    'my-mix-2-8b82eebb.json'
    """
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-")[:40]
    return f"{plain or otherwise}-{hashlib.sha256(name.encode()).hexdigest()[:8]}{ending}"


def read_text(path: Path, what: str, remedy: str) -> str:
    """The text of a file that somebody may have written by hand, without a mark of its encoding.

    Args:
        what: the file's name in the sentence; remedy: the sentence that says what to do.
    Raises:
        BadInput: it cannot be opened, or is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise BadInput(f"{what} cannot be read: {reason}. {remedy}") from None


@contextmanager
def replacing(path: Path, durable: bool = True) -> Iterator[Path]:
    """A name beside `path` to write to; what lies there when the block ends takes the place of `path` at once.

    Folders above `path` are made. Two writers never meet: each has a name of its own, and the last one stays.

    Args:
        durable: wait until the bytes are on the disk; False for many small files that are cheap to make again.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name[:150]}.{uuid.uuid4().hex[:12]}{PART}")
    try:
        yield beside
        if durable:
            with beside.open("rb+") as file:
                os.fsync(file.fileno())
        mirror = mirror_of(path)
        mirror.replace(path, beside) if mirror else beside.replace(path)
    except BaseException:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise


def write_bytes(path: Path, content: bytes | memoryview) -> None:
    """Write a file."""
    with replacing(path) as beside:
        beside.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    """Write a file, UTF-8."""
    write_bytes(path, text.encode("utf-8"))


def append_text(path: Path, text: str) -> None:
    """Add to the end of a file, UTF-8, and wait until it is on the disk; the file and its folders are made.

    Processes that append at once do not mix: each text is written in one go. Where a kill cut the last line, a new one
    is begun.
    """
    if mirror := mirror_of(path):
        return mirror.append(path, text)
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a+b", buffering=0) as file:
        content = text.encode("utf-8")
        if file.seek(0, os.SEEK_END):
            file.seek(-1, os.SEEK_END)
            content = content if file.read(1) == b"\n" else b"\n" + content
        written = file.write(content)
        if written != len(content):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        os.fsync(file.fileno())


def remove(path: Path) -> None:
    """Remove a file; one that is not there is no error."""
    mirror = mirror_of(path)
    mirror.remove(path) if mirror else path.unlink(missing_ok=True)


def remove_folder(folder: Path, ignore_errors: bool = False) -> None:
    """Remove a folder and all that is in it."""
    mirror = mirror_of(folder)
    mirror.remove_folder(folder) if mirror else shutil.rmtree(folder, ignore_errors=ignore_errors)


def move_folder(folder: Path, new: Path) -> None:
    """Give a folder another name, which nothing has yet."""
    new.parent.mkdir(parents=True, exist_ok=True)
    mirror = mirror_of(folder)
    mirror.move_folder(folder, new) if mirror else folder.rename(new)


def folder_bytes(folder: Path) -> int:
    """What a folder takes, in bytes, wherever its files lie."""
    if mirror := mirror_of(folder):
        prefix = f"{folder.relative_to(mirror.folder).as_posix()}/"
        return sum(stored.size for stored in mirror.objects.listing(prefix).values())
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def write_json(path: Path, content: Any, *, indent: int | None = 1, sort_keys: bool = False) -> None:
    """Write a JSON file that a person can read."""
    write_text(path, json.dumps(content, indent=indent, ensure_ascii=False, sort_keys=sort_keys) + "\n")


def write_array(path: Path, array: np.ndarray) -> None:
    """Write one array as .npy."""
    whole = io.BytesIO()  # numpy's own writing hides that the disk is full
    np.save(whole, array)
    write_bytes(path, whole.getbuffer())


def write_arrays(path: Path, **arrays: np.ndarray) -> None:
    """Write named arrays as .npz."""
    whole = io.BytesIO()
    np.savez(whole, **arrays)  # type: ignore[arg-type]  # numpy's own types take each name for `allow_pickle`
    write_bytes(path, whole.getbuffer())


def make_folder(folder: Path, fill: Callable[[Path], object], is_whole: Callable[[], bool]) -> None:
    """Make a folder of files once: filled beside its place, and moved there when it is whole.

    Another process may be faster: its folder stays, and this one's is dropped. A folder that is there but not whole
    is replaced.

    Args:
        fill: writes everything into the folder that it is given.
        is_whole: whether `folder` is complete as it lies there.
    """
    if is_whole():
        return
    beside = folder.with_name(f".{folder.name[:150]}.{uuid.uuid4().hex[:12]}{PART}")
    try:
        beside.mkdir(parents=True)
        fill(beside)
        if folder.exists() and not is_whole():
            shutil.rmtree(folder)
        if not folder.exists():
            beside.rename(folder)
    except OSError:
        if not is_whole():
            raise
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def csv_bytes(frame: pd.DataFrame, index: bool = False) -> bytes:
    """A table as CSV for people, UTF-8: no cell is a formula for the spreadsheet that opens it.

    Texts that begin with = + - @, a tab or a carriage return get an apostrophe in front, numbers stay as they are.

    Source: OWASP, CSV Injection.

    >>> import pandas as pd
    >>> print(csv_bytes(pd.DataFrame({"label": ["=1+1", "cat", "-5"], "ap": [-0.5, 1.0, 0.0]})).decode())
    label,ap
    '=1+1,-0.5
    cat,1.0
    -5,0.0
    <BLANKLINE>
    """
    texts = [at for at, kind in enumerate(frame.dtypes) if not _holds_numbers(kind)]
    safe = frame.copy(deep=False)
    for at in texts:
        safe.isetitem(at, frame.iloc[:, at].astype(object).map(_inert))
    safe.columns = safe.columns.map(_inert)
    if index:
        safe.index = safe.index.map(_inert).set_names([_inert(name) for name in frame.index.names])
    return safe.to_csv(index=index).encode()


def _holds_numbers(kind: Any) -> bool:
    return getattr(kind, "kind", "O") in "biufcmM"


def _inert(cell: Any) -> Any:
    if isinstance(cell, tuple):
        return tuple(map(_inert, cell))
    if not isinstance(cell, str):
        return cell
    text = cell.replace("\r\n", "\n").replace("\r", "\n")  # a carriage return alone would end the row for many readers
    if not cell.startswith(_FORMULA):
        return text
    try:
        float(text)
    except ValueError:
        return f"'{text}"
    return text
