"""Adding embeddings of one backbone to the store."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from core.errors import BadInput, ShapeMismatch
from core.store import locks
from core.store.folders import key_text
from core.store.lance import LanceVectors
from core.types import unit

ROWS_PER_APPEND = 256
"""Rows gathered before they are written: what a kill can cost, per backbone."""
SECONDS_PER_APPEND = 5.0
"""A slow backbone writes at least this often."""
MANY_ROWS = 100_000
"""From so many rows on, appends are larger: each of them writes the list of all pieces again."""
LARGE_APPEND, LARGE_SECONDS = 4_096, 60.0
"""The same two bounds from there on."""


class Writer:
    """Adds embeddings of one backbone. Safe for several threads; several processes may hold one each.

    Rows are gathered until there are `ROWS_PER_APPEND` of them or `SECONDS_PER_APPEND` went by (more from `MANY_ROWS`
    on), then written at once. Use it as a context manager, or call `close`, so that the last rows are written too.
    """

    def __init__(self, folder: Path, stored: LanceVectors, dim: int) -> None:
        self.folder = folder
        self.dim = dim
        self._stored = stored
        self._lock = threading.Lock()
        self._keys: list[np.ndarray] = []
        self._vectors: list[np.ndarray] = []
        self._since = time.monotonic()
        self._appends = 0
        self._rows: int | None = None
        self._in_use = locks.acquire(folder)

    def done(self, keys: Iterable[str | bytes]) -> set[str]:
        """Those of `keys` (64 hex digits each) whose vector is in the store."""
        with locks.usable(self.folder):
            written = {key.tobytes() for key in self._stored.written_keys()}
        return {text for text in map(key_text, keys) if bytes.fromhex(text) in written}

    def append(self, keys: Sequence[str | bytes], vectors: np.ndarray) -> None:
        """Take (n, dim) vectors of any float type for n keys of 64 hex digits; they are kept with norm 1.

        Raises:
            ShapeMismatch: rows, keys and dim do not belong together.
            BadInput: a vector holds NaN or infinity; nothing of this call is kept.
            StoreUnusable: the disk is full or read-only; what was written before stays.
        """
        vectors = np.asarray(vectors)
        if vectors.ndim != 2 or vectors.shape != (len(keys), self.dim):
            raise ShapeMismatch(f"Got vectors of shape {vectors.shape} for {len(keys)} keys of dim {self.dim}.")
        bad = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
        if len(bad):
            first = key_text(keys[bad[0]])[:12]
            raise BadInput(f"{len(bad)} vectors hold NaN or infinity, the first for image {first}.")
        raw = np.frombuffer(bytes.fromhex("".join(map(key_text, keys))), np.uint8).reshape(-1, 32)
        with self._lock:
            self._keys.append(raw)
            self._vectors.append(unit(vectors))
            waiting = sum(map(len, self._keys))
            rows, seconds = self._bounds()
            if waiting >= rows or time.monotonic() - self._since > seconds:
                self._flush()

    def _bounds(self) -> tuple[int, float]:
        """Rows and seconds after which what was gathered is written."""
        if self._rows is None:
            with locks.usable(self.folder):
                self._rows = self._stored.count()
        large = self._rows >= MANY_ROWS
        return (LARGE_APPEND, LARGE_SECONDS) if large else (ROWS_PER_APPEND, SECONDS_PER_APPEND)

    def flush(self) -> None:
        """Write what was gathered so far."""
        with self._lock:
            self._flush()

    def _flush(self) -> None:
        if self._keys:
            with locks.usable(self.folder):
                keys = np.concatenate(self._keys)
                self._stored.append(keys, np.concatenate(self._vectors))
                self._rows = (self._rows or 0) + len(keys)
            self._keys, self._vectors = [], []
            self._appends += 1
        self._since = time.monotonic()

    def close(self) -> None:
        """Write what is left, then join small pieces; old files go only when nobody else is here."""
        try:
            self.flush()
        finally:
            locks.release(self._in_use)
            self._in_use = None
        if self._appends == 0:
            return
        with locks.usable(self.folder), locks.exclusive(self.folder) as alone:
            self._stored.compact(alone)
        self._appends = 0

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
