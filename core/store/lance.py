"""The vectors of one backbone fingerprint: a Lance dataset of rows (key, vector) that are only ever added.

key: fixed_size_binary(32), vec: fixed_size_list<float16 or float32>[dim]. Appends are atomic; several processes may
write; rows that were written twice are dropped when nobody else is here, and the first one counts until then.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import StoreMismatch
from core.store.locks import REMEDY, readable

_TRIES = 8
_IDS_PER_DELETE = 10_000


class LanceVectors:
    """The vectors in one folder.

    Args:
        folder: of one fingerprint.
        dim: length of a vector.
        dtype: "float16" or "float32", as the folder's key.json says.
    """

    def __init__(self, folder: Path, dim: int, dtype: str) -> None:
        import pyarrow as pa

        self._path = folder / "vectors.lance"
        self._dim = dim
        self._dtype = np.dtype(dtype)
        number = pa.from_numpy_dtype(self._dtype)
        self._schema = pa.schema([("key", pa.binary(32)), ("vec", pa.list_(number, dim))])
        self._dataset: Any = None
        if (folder / "shards").is_dir():
            self._take_over(folder / "shards")

    def append(self, keys: np.ndarray, vectors: np.ndarray) -> None:
        """Add (n, 32) uint8 keys with their (n, dim) vectors at once or not at all; durable on return."""
        import lance
        import pyarrow as pa

        numbers = pa.array(vectors.astype(self._dtype, copy=False).ravel())
        table = pa.table(
            [
                pa.FixedSizeBinaryArray.from_buffers(pa.binary(32), len(keys), [None, pa.py_buffer(keys.tobytes())]),
                pa.FixedSizeListArray.from_arrays(numbers, self._dim),
            ],
            schema=self._schema,
        )
        for attempt in range(_TRIES):
            try:
                if not self._is_made():
                    lance.write_dataset(self._schema.empty_table(), str(self._path), schema=self._schema)
                lance.write_dataset(table, str(self._path), mode="append", schema=self._schema)
                return
            except OSError as error:
                passing = re.search("already exists|conflict|not found", str(error), re.IGNORECASE)
                if attempt == _TRIES - 1 or not passing:
                    raise
                time.sleep(0.02 * 2**attempt)

    def _is_made(self) -> bool:
        """Whether there is a dataset: a kill before its first manifest leaves folders without rows, made over then."""
        if not self._path.exists():
            return False
        return any(self._path.glob("_versions/*.manifest")) or any(self._path.glob("data/*"))

    def _take_over(self, shards: Path) -> None:
        """Move what an earlier version wrote as `.npy` shards into the dataset."""
        for file in sorted(shards.glob("*.npy")):
            with readable(file):
                rows = np.load(file)
                keys, vectors = rows["key"], rows["vec"]
            if vectors.shape[1:] != (self._dim,):
                raise StoreMismatch(f"{file} holds vectors of another length than its key.json says; {REMEDY}.")
            self.append(np.ascontiguousarray(keys), np.ascontiguousarray(vectors))
        shutil.rmtree(shards)

    def _open(self) -> Any:
        import lance

        if not self._is_made():
            return None
        with readable(self._path):
            dataset = lance.dataset(str(self._path))
            length = dataset.schema.field("vec").type.list_size
        if length != self._dim:
            raise StoreMismatch(
                f"{self._path} holds vectors of length {length}, its key.json says {self._dim}; {REMEDY}."
            )
        return dataset

    def written_keys(self) -> np.ndarray:
        """The keys of every row that is written, (n, 32) uint8; `take` reads by positions in this list."""
        self._dataset = self._open()
        if self._dataset is None:
            return np.empty((0, 32), np.uint8)
        with readable(self._path):
            column = self._dataset.to_table(columns=["key"])["key"].combine_chunks()
            raw = np.frombuffer(column.buffers()[1], np.uint8) if len(column) else np.empty(0, np.uint8)
            return raw[column.offset * 32 : (column.offset + len(column)) * 32].reshape(-1, 32)

    def take(self, rows: np.ndarray) -> np.ndarray:
        """The vectors at these positions of the last `written_keys`, (len(rows), dim) in the dtype of the folder."""
        if len(rows) == 0:
            return np.empty((0, self._dim), self._dtype)
        with readable(self._path):
            if len(rows) * 3 > self._dataset.count_rows():
                return self._vectors(self._dataset.to_table(columns=["vec"]))[rows]
            return self._vectors(self._dataset.take(rows.tolist(), columns=["vec"]))

    def _vectors(self, table: Any) -> np.ndarray:
        column = table["vec"].combine_chunks()
        return column.flatten().to_numpy(zero_copy_only=False).reshape(-1, self._dim)

    def drop(self, keys: set[bytes]) -> int:
        """Remove every row of these 32-byte keys; how many rows there were. Only while nobody else is here."""
        dataset = self._open()
        if dataset is None:
            return 0
        with readable(self._path):
            return self._delete(dataset, lambda written: [row for row, key in enumerate(written) if key in keys])

    @staticmethod
    def _delete(dataset: Any, choose: Callable[[list[bytes]], Sequence[int] | np.ndarray]) -> int:
        """Delete the rows that `choose` picks from the list of all keys; how many there were."""
        table = dataset.to_table(columns=["key"], with_row_id=True)
        row_ids = table["_rowid"].to_numpy()[np.asarray(choose(table["key"].to_pylist()), np.int64)]
        for start in range(0, len(row_ids), _IDS_PER_DELETE):
            dataset.delete(f"_rowid in ({','.join(map(str, row_ids[start : start + _IDS_PER_DELETE].tolist()))})")
        return len(row_ids)

    def compact(self, alone: bool) -> None:
        """Join small files; when nobody else writes (`alone`), rows that were written twice and old files go too."""
        dataset = self._open()
        if dataset is None:
            return
        with readable(self._path):
            try:
                if alone:
                    self._delete(dataset, _repeats)
                if len(dataset.get_fragments()) > 1:
                    dataset.optimize.compact_files()
                older_than = timedelta(0) if alone else timedelta(hours=1)
                dataset.cleanup_old_versions(older_than=older_than, delete_unverified=alone)
            except OSError as error:
                # somebody who ends at the same moment joins the same files; the rows are all there either way
                if "conflict" not in str(error).lower():
                    raise


def _repeats(keys: Sequence[bytes]) -> np.ndarray:
    """Positions of every key that stands earlier in the list already."""
    seen: set[bytes] = set()
    repeated = [i for i, key in enumerate(keys) if key in seen or seen.add(key)]  # type: ignore[func-returns-value]
    return np.asarray(repeated, np.int64)
