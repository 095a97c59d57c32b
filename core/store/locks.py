"""Who uses a folder of the store, and what the system says about it in one sentence."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import CoreError, StoreMismatch, StoreUnusable
from core.file_lock import fcntl  # None on Windows: old versions are kept there rather than cleaned up

REMEDY = "`python -m core check --mend` sets it aside (nothing is deleted), then embed again"
"""How somebody comes back from a damaged folder, in every sentence that tells of one."""
_NO_DAMAGE = re.compile(
    "no space|permission denied|read-only|too many open|input/output|conflict|already exists"
    "|s3 error|request|connect|timed? ?out|credential|access ?denied|nosuchbucket",
    re.I,
)
"""What libraries say about the system, or about others who write at the same time, in errors without a number."""


def can_lock() -> bool:
    """Whether this system knows who else uses a folder."""
    return fcntl is not None


@contextmanager
def shared(folder: Path) -> Iterator[None]:
    """Say that somebody reads here while the block runs."""
    handle = acquire(folder)
    try:
        yield
    finally:
        release(handle)


def acquire(folder: Path, alone: bool = False) -> int | None:
    """Say 'somebody reads or writes here'; None where that cannot be said (read-only store, Windows).

    Args:
        alone: wait until nobody else does.
    """
    if fcntl is None:
        return None
    try:
        handle = os.open(folder / "in-use.lock", os.O_RDWR | os.O_CREAT, 0o666)
    except OSError:
        return None
    fcntl.flock(handle, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
    return handle


def release(handle: int | None) -> None:
    """The end of what `acquire` began."""
    if handle is not None:
        os.close(handle)


@contextmanager
def exclusive(folder: Path) -> Iterator[bool]:
    """Yields True while nobody else holds the shared lock, else False at once."""
    if fcntl is None:
        yield False
        return
    handle = os.open(folder / "in-use.lock", os.O_RDWR | os.O_CREAT, 0o666)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
            return
        yield True
    finally:
        os.close(handle)


@contextmanager
def usable(folder: Path) -> Iterator[None]:
    """Turn what the system says about a folder into one sentence.

    Raises:
        StoreUnusable: full, read-only, or anything else that the system refuses.
    """
    try:
        yield
    except CoreError:
        raise
    except (OSError, sqlite3.Error) as error:
        text = " ".join(str(error).split())
        if "No space left" in text or "disk is full" in text:
            why = "the disk is full; make room and start again, what was written so far is kept"
        elif "ermission denied" in text or "ead-only" in text or "readonly" in text or "unable to open" in text:
            why = (
                "it cannot be written; give yourself the right to write there or set FUSIONSCOPE_HOME to another folder"
            )
        else:
            why = f"{text[:200]}; set FUSIONSCOPE_HOME to another folder if this stays"
        raise StoreUnusable(f"The store {folder} cannot be used: {why}.") from error


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """What a library says about bytes it cannot read becomes one sentence; what the system refuses stays as it is.

    Raises:
        StoreMismatch: the files under `path` are damaged.
    """
    try:
        yield
    except (CoreError, MemoryError):
        raise
    except Exception as error:  # lance and pyarrow raise OSError, ValueError, RuntimeError and kinds of their own
        if getattr(error, "errno", None) is not None or _NO_DAMAGE.search(str(error)):
            raise
        raise damaged(path) from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # how a panic in Lance's Rust arrives; it is no Exception
            raise
        raise damaged(path) from error


def damaged(path: Path) -> StoreMismatch:
    """The sentence for files that cannot be read."""
    return StoreMismatch(f"{path} is damaged; {REMEDY}.")
