"""Vectors of texts, kept in the home folder text by text: what was read once is not read again.

One file per space and encoder, named by everything that changes a number. A catalogue whose descriptions are edited
reads only what is new; a stop keeps what was read.
"""

from __future__ import annotations

import hashlib
import logging
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from core import files, paths
from core.backbones import custom
from core.backbones.sources import source_of
from core.task import NO_TASK, Task
from core.types import Backbone

_AT_ONCE = 64
_LOG = logging.getLogger("fusionscope")
_LOCK = threading.Lock()


def file_of(backbone: Backbone) -> Path:
    """Where the texts that a backbone has read are kept; the fast mode reads them as the exact one does."""
    backbone = custom.exact(backbone)
    key = hashlib.sha256(source_of(backbone).text_identity(backbone).encode()).hexdigest()[:16]
    return paths.cache() / "texts" / f"{backbone.name[:60].replace(os.sep, '-')}-{key}.npz"


def digest(text: str) -> bytes:
    """What a text is known by."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:16]


def missing(backbone: Backbone, texts: Sequence[str]) -> int:
    """How many different texts this backbone has not read yet."""
    cached = _read(file_of(backbone), backbone.dim)
    return len({digest(text) for text in texts if text.strip()} - set(cached))


def vectors(
    backbone: Backbone,
    texts: Sequence[str],
    encode: Callable[[Sequence[str]], np.ndarray],
    task: Task = NO_TASK,
) -> np.ndarray:
    """(n, dim) float32 unit vectors of texts; a text without content is zero.

    Args:
        encode: reads the texts that are not kept: texts → (n, dim) float32 unit vectors.
    Raises:
        Cancelled: what was read until then is kept.
    """
    file = file_of(backbone)
    cached = _read(file, backbone.dim)
    keys = [digest(text) if text.strip() else b"" for text in texts]
    lacking = {key: text for key, text in zip(keys, texts) if key and key not in cached}
    if lacking:
        cached |= _read_now(file, backbone.dim, lacking, encode, task)
    vectors = np.zeros((len(texts), backbone.dim), np.float32)
    for row, key in enumerate(keys):
        if key:
            vectors[row] = cached[key]
    return vectors


def _read_now(
    file: Path,
    dim: int,
    lacking: dict[bytes, str],
    encode: Callable[[Sequence[str]], np.ndarray],
    task: Task,
) -> dict[bytes, np.ndarray]:
    order = sorted(lacking, key=lambda key: len(lacking[key]))
    fresh: dict[bytes, np.ndarray] = {}
    try:
        for chunk in task.chunks("Reading texts", len(order), _AT_ONCE, "texts"):
            keys = order[chunk]
            fresh |= zip(keys, encode([lacking[key] for key in keys]))
    finally:
        if fresh:
            with _LOCK:  # what another thread kept meanwhile stays
                _write(file, {**_read(file, dim), **fresh})
    return fresh


def _read(file: Path, dim: int) -> dict[bytes, np.ndarray]:
    """What is kept; nothing where the file is absent or broken."""
    try:
        with np.load(file, allow_pickle=False) as arrays:
            keys, rows = arrays["keys"], arrays["vectors"]
        if keys.shape == (len(rows), 16) and rows.shape[1:] == (dim,):
            return dict(zip(map(bytes, keys), rows))
    except FileNotFoundError:
        return {}
    except Exception as error:  # a broken archive raises whatever its broken part makes of it
        _LOG.info("the texts kept in %s cannot be used (%s); they are read again", file, error)
    return {}


def _write(file: Path, cached: dict[bytes, np.ndarray]) -> None:
    """Whole or not at all; what cannot be kept is read again next time."""
    keys = np.frombuffer(b"".join(cached), np.uint8).reshape(-1, 16)
    try:
        files.write_arrays(file, keys=keys, vectors=np.stack(list(cached.values())).astype(np.float32))
    except OSError as error:
        _LOG.warning("The vectors of %d texts could not be kept in %s: %s", len(cached), file.parent, error.strerror)
