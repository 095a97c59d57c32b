"""Vectors of a large dataset as a file of the cache, mapped: processes of one machine share it, and memory may let it go.

A file holds the unit float32 rows of one backbone in dataset order, so figures are those of vectors in memory. Of a home on
an object store it is what this machine has fetched.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np

from core import files, paths
from core.types import unit

MAPPED_FROM = 50_000
"""Datasets of this many images and more; smaller ones are read into memory."""
FETCHED_FROM = 2_000
"""The same where the vectors lie on an object store."""
KEPT = 16
"""Files that the cache holds; those used longest ago go."""
_log = logging.getLogger("fusionscope")

Blocks = Iterator[tuple[int, np.ndarray]]
"""(number of the first row, (n, dim) stored vectors), in the order in which they are stored."""


def file_for(fingerprint: str, keys: np.ndarray, root: Path) -> Path:
    """The file of one backbone's vectors over images of these content keys, in their order."""
    digest = hashlib.sha256(f"{fingerprint}\n{paths.home_address() or root}\n".encode())
    digest.update(np.ascontiguousarray(np.asarray(keys, "S64")).tobytes())
    return paths.cache() / "rows" / f"{digest.hexdigest()[:32]}.npy"


def opened(path: Path, shape: tuple[int, int]) -> np.ndarray | None:
    """The rows of a file, mapped; None where there is none, or one of another shape."""
    try:
        rows = np.load(path, mmap_mode="r", allow_pickle=False)
        if rows.shape != shape or rows.dtype != np.float32:
            raise ValueError(f"it holds {rows.shape}")
        os.utime(path)
        return rows
    except FileNotFoundError:
        return None
    except (OSError, ValueError, EOFError) as error:
        _log.warning("%s cannot be used and is written again: %s", path, error)
        return None


def write(path: Path, blocks: Blocks, rows: np.ndarray, dim: int) -> np.ndarray:
    """Write the vectors that lie in some stored rows, block by block, and map them.

    Args:
        rows: (n_images,) int64, the stored row of each image.
    Raises:
        OSError: the cache cannot be written, or has no room.
    """
    order = np.argsort(rows, kind="stable")
    ranked = rows[order]
    with files.replacing(path, durable=False) as beside:
        mapped = np.lib.format.open_memmap(beside, mode="w+", dtype=np.float32, shape=(len(rows), dim))
        _reserve(beside)
        for start, block in blocks:
            low, high = np.searchsorted(ranked, (start, start + len(block)))
            wide = block[ranked[low:high] - start]
            mapped[order[low:high]] = wide if wide.dtype == np.float32 else unit(_widened(wide))
        mapped.flush()
        del mapped
    _forget_old(path.parent)
    written = opened(path, (len(rows), dim))
    if written is None:
        raise OSError(f"{path} went while it was written")
    return written


def _reserve(path: Path) -> None:
    """Take the room on the disk now: a full one would end the process when a mapped page is written."""
    if hasattr(os, "posix_fallocate"):
        with path.open("rb+") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)


def _widened(rows: np.ndarray) -> np.ndarray:
    """Half precision as float32 by torch, which uses vector instructions; numpy's own cast takes 39 times as long."""
    import torch

    return torch.from_numpy(np.ascontiguousarray(rows)).float().numpy()


def _forget_old(folder: Path) -> None:
    mapped = sorted(folder.glob("*.npy"), key=lambda file: file.stat().st_mtime)
    for old in mapped[: max(0, len(mapped) - KEPT)]:
        with suppress(OSError):
            old.unlink()
