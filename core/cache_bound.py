"""The cache of this machine stays within its bound: what was used longest ago goes, and is made again when it is asked for.

A cache that is the home itself is left alone. Below a home on an object store the mirrored files are few and stay.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from core import paths

EVICTED = ("layouts", "indexes", "texts", "engines", "concepts", "study_results", "sources", "rows")
"""Folders of the cache in which everything can be made again from the home."""
_SECONDS = 600.0
_last = [float("-inf")]
_LOCK = threading.Lock()


def trim_now_and_then() -> None:
    """`trim`, unless this process did so within the last ten minutes."""
    with _LOCK:
        if time.monotonic() - _last[0] < _SECONDS:
            return
        _last[0] = time.monotonic()
    trim()


def trim() -> int:
    """Remove what was used longest ago until the cache is within its bound; how many bytes went.

    Raises:
        BadInput: FUSIONSCOPE_CACHE_GB is no number.
    """
    if not paths.cache_is_bounded():
        return 0
    groups = _groups(paths.cache())
    thumbnails = [path for path in (paths.cache() / "store").glob("thumbnails.sqlite*") if paths.home_address()]
    if thumbnails:  # the objects stay; the file of this machine starts again from nothing
        groups.append(thumbnails)
    sizes = [sum(map(_size, group)) for group in groups]
    excess = sum(sizes) - paths.cache_bytes()
    removed = 0
    for _, size, group in sorted(zip(map(_used, groups), sizes, groups), key=lambda entry: entry[0]):
        if excess <= removed:
            break
        for path in group:
            with suppress(OSError):  # somebody else's, or a file that Windows holds because it is open
                shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
        removed += size - sum(map(_size, group))
    return removed


def _groups(cache: Path) -> list[list[Path]]:
    """What goes together: a folder, or files that have their name up to the first dot in common."""
    together: dict[Path, list[Path]] = {}
    for kind in EVICTED:
        for path in (cache / kind).glob("*") if (cache / kind).is_dir() else ():
            together.setdefault(path.with_name(path.name.partition(".")[0]), []).append(path)
    return list(together.values())


def _files(path: Path) -> Iterable[Path]:
    return path.rglob("*") if path.is_dir() else (path,)


def _size(path: Path) -> int:
    total = 0
    for file in _files(path):
        with suppress(OSError):
            total += file.stat().st_size
    return total


def _used(group: list[Path]) -> float:
    """When something of it was written, or read where the disk notes that, last."""
    times = [0.0]
    for path in group:
        for file in _files(path):
            with suppress(OSError):
                times.append(max(file.stat().st_mtime, file.stat().st_atime))
    return max(times)
