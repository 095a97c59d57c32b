"""Indexes of large galleries in the home: found, extended by the images that are new, or built.

An index holds the gallery of one or several backbones in blocks (`core.search.block_index`). It knows no weights, so one
serves every weighting of its backbones and each of them alone.
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from core import files, paths
from core.errors import StoreMismatch, StoreUnusable
from core.search.block_index import BlockIndex, training_sample
from core.studies.column_filters import GalleryFilter
from core.studies.vector_set import VectorSet
from core.task import NO_TASK, Task

CACHED = 8
"""Indexes that the home keeps; the ones used longest ago go."""
CODE, SEED = 2, 0
MOST_GONE = 0.1
"""An index whose images are gone by more than this share is built anew."""
MOST_GROWTH = 1.0
"""And so is one that would grow by more than this share of its rows: its codes were trained on too few."""
_ROWS_AT_ONCE = 4_096

_log = logging.getLogger("fusionscope")
_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True)
class IndexedGallery:
    """An index over the gallery of some backbones.

    Attributes:
        key: names it in the home; holds everything that changes it.
        index: its rows, in the order in which they came.
        positions: (n_rows,) int64, the gallery position of each row, −1 for images that are gone.
    """

    filters = False
    key: str
    index: BlockIndex = field(repr=False)
    positions: np.ndarray = field(repr=False)

    @property
    def names(self) -> tuple[str, ...]:
        """Its backbones."""
        return self.index.names

    def candidates(
        self,
        queries: Mapping[str, np.ndarray],
        shares: Mapping[str, float],
        k: int,
        only: GalleryFilter | None = None,
    ) -> np.ndarray:
        """(n_queries, ≤ 2k) int64 gallery positions that seem nearest, best first; −1 is none.

        Args:
            queries: backbone → (n_queries, dim) unit vectors of those that have a share.
            shares: backbone → what its cosine counts.
            only: None; a filter is not known here (`filters`).
        """
        gone = int((self.positions < 0).sum())
        rows = self.index.candidates(queries, shares, k + min(gone, k))
        return np.where(rows < 0, -1, self.positions[rows])


def key_of(space: VectorSet, names: Sequence[str]) -> str:
    """The name of an index: a hash of the vectors themselves and of how they are arranged.

    A backbone's gallery is hashed once per space.
    """
    return hashlib.sha256(json.dumps(_record(space, names), sort_keys=True).encode()).hexdigest()[:32]


def _record(space: VectorSet, names: Sequence[str]) -> dict[str, Any]:
    import faiss

    return {
        "blocks": [[name, space.get(name).shape[1], space.shared.digest(name)] for name in names],
        "images": space.n_gallery,
        "seed": SEED,
        "faiss": faiss.__version__,
        "code": CODE,
    }


def _file(key: str) -> Path:
    return paths.indexes() / f"{key}.faiss"


def _rows_file(key: str) -> Path:
    return paths.indexes() / f"{key}.rows.npz"


def load_index(space: VectorSet, names: Sequence[str]) -> IndexedGallery | None:
    """An index that was built before over exactly these vectors, alone or among others; None where there is none.

    What is damaged counts as not there.
    """
    return next((indexed for key in keys_serving(space, names) if (indexed := read(key))), None)


def keys_serving(space: VectorSet, names: Sequence[str]) -> list[str]:
    """The indexes of the home that hold exactly these vectors, alone or among others; those of the fewest first."""
    wanted = _record(space, names)
    blocks = wanted.pop("blocks")
    return [
        key
        for key, record in _records()
        if all(record.get(name) == value for name, value in wanted.items())
        and all(block in record["blocks"] for block in blocks)
    ]


def _records() -> list[tuple[str, dict[str, Any]]]:
    """(key, record) of the indexes in the home, those of the fewest backbones first."""
    records = []
    if paths.indexes().is_dir():
        for file in paths.indexes().glob("*.json"):
            try:
                record = json.loads(file.read_text(encoding="utf-8"))
            except (OSError, ValueError):
                continue
            if isinstance(record, dict) and isinstance(record.get("blocks"), list):
                records.append((file.stem, record))
    return sorted(records, key=lambda entry: (len(entry[1]["blocks"]), entry[0]))


def read(key: str) -> IndexedGallery | None:
    """One index of the home; None where it is not there, or damaged."""
    try:
        index = BlockIndex.read(_file(key))
        with np.load(_rows_file(key), allow_pickle=False) as stored:
            positions = np.asarray(stored["positions"], np.int64)
        if len(positions) != index.n_rows:
            raise StoreMismatch("it is of another size")
        _file(key).touch()
        return IndexedGallery(key, index, positions)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, EOFError, StoreMismatch) as error:
        _log.warning("index %s cannot be read and will be built again: %s", key, error)
        return None


def build(space: VectorSet, names: Sequence[str], task: Task = NO_TASK) -> IndexedGallery:
    """The index over some backbones: found in the home, else extended or built, and kept there.

    Raises:
        Cancelled: the switch was thrown.
    """
    with _ONE_AT_A_TIME:  # two at once would only be slower, and take twice the memory
        cached = load_index(space, names)
        if cached is not None:
            return cached
        hashes = row_hashes(space, names, task)
        built = _extended(space, names, hashes, task) or made(space, names, task)
        try:
            built.index.write(_file(built.key))
            by_row = np.where(built.positions < 0, np.uint64(0), hashes[built.positions])
            files.write_arrays(_rows_file(built.key), positions=built.positions, hashes=by_row)
            files.write_json(_file(built.key).with_suffix(".json"), _record(space, names))
            _forget_old()
        except (OSError, StoreUnusable) as error:
            _log.warning("%s It is used all the same, until the app ends.", error)
        return built


def made(space: VectorSet, names: Sequence[str], task: Task = NO_TASK) -> IndexedGallery:
    """The index over some backbones, built now; nothing is kept.

    Raises:
        Cancelled: the switch was thrown.
    """
    parts = {name: space.gallery(name) for name in names}
    index = BlockIndex({name: part.shape[1] for name, part in parts.items()}, SEED)
    sample = training_sample(space.n_gallery, SEED)
    index.train({name: part[sample] for name, part in parts.items()})
    index.add(parts, task)
    return IndexedGallery(key_of(space, names), index, np.arange(space.n_gallery))


# -- images that are new, or gone


def row_hashes(space: VectorSet, names: Sequence[str], task: Task = NO_TASK) -> np.ndarray:
    """(n_gallery,) uint64: what tells an image by its vectors, never 0 (BLAKE2b)."""
    parts = [space.gallery(name) for name in names]
    hashes = np.empty(space.n_gallery, np.uint64)
    for rows in task.chunks("Looking for images that are new", space.n_gallery, _ROWS_AT_ONCE):
        for at in range(rows.start, rows.stop):
            digest = hashlib.blake2b(digest_size=8)
            for part in parts:
                digest.update(part[at].data)
            hashes[at] = int.from_bytes(digest.digest(), "little")
    return np.maximum(hashes, np.uint64(1))


def _extended(space: VectorSet, names: Sequence[str], hashes: np.ndarray, task: Task) -> IndexedGallery | None:
    """An index of the home that holds most of the gallery, with the rest added; None where there is none."""
    wanted = _record(space, names)
    dims = [block[:2] for block in wanted["blocks"]]
    for key, record in _records():
        same = all(record.get(name) == wanted[name] for name in ("seed", "faiss", "code"))
        if not same or [list(block)[:2] for block in record["blocks"]] != dims:
            continue
        try:
            with np.load(_rows_file(key), allow_pickle=False) as stored:
                positions = matched(np.asarray(stored["hashes"], np.uint64), hashes)
        except (OSError, ValueError, KeyError, EOFError):
            continue
        new = np.setdiff1d(np.arange(space.n_gallery), positions)
        if (positions < 0).sum() > MOST_GONE * len(positions) or len(new) > MOST_GROWTH * len(positions):
            continue
        old = read(key)
        if old is None or old.index.n_rows != len(positions):
            continue
        old.index.add({name: space.gallery(name)[new] for name in names}, task)
        return IndexedGallery(key_of(space, names), old.index, np.concatenate([positions, new]))
    return None


def matched(rows: np.ndarray, gallery: np.ndarray) -> np.ndarray:
    """(n_rows,) int64: the gallery position with each row's hash, −1 is none; equal ones are paired off in order.

    >>> matched(np.array([7, 5, 7, 9], np.uint64), np.array([5, 7, 8, 7], np.uint64))
    array([ 1,  0,  3, -1])
    """
    import pandas as pd

    left, right = pd.DataFrame({"hash": rows}), pd.DataFrame({"hash": gallery, "at": np.arange(len(gallery))})
    for frame in (left, right):
        frame["number"] = frame.groupby("hash").cumcount()
    joined = left.merge(right, how="left", on=["hash", "number"])
    return joined["at"].fillna(-1).to_numpy(np.int64)


def _forget_old() -> None:
    indexes = sorted(paths.indexes().glob("*.faiss"), key=lambda file: file.stat().st_mtime)
    for old in indexes[: max(0, len(indexes) - CACHED)]:
        for file in (old, old.with_suffix(".json"), old.with_suffix(".npz"), _rows_file(old.stem)):
            file.unlink(missing_ok=True)
