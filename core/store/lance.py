"""The vectors of one backbone fingerprint: a Lance dataset of rows (key, vector) that are only ever added.

key: fixed_size_binary(32), vec: fixed_size_list<float16 or float32>[dim]. Appends are atomic; several processes may
write; rows that were written twice are dropped when nobody else is here, and the first one counts until then. Where the
home is on an object store the rows lie there: nobody knows who else is here, so old versions stay for a day.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import CoreError, StoreMismatch
from core.objects import mirror_of
from core.store.locks import REMEDY, readable

_TRIES = 8
_ROWS_PER_BLOCK = 8_192
_IDS_PER_DELETE = 10_000
_PIECES_TO_JOIN = 32
"""Files that lie on an object store before they are joined: joining writes every row again."""
_KEYS_KEPT = 16
_KEYS: dict[tuple[str, ...], np.ndarray] = {}
"""The keys in these files on an object store, which never change; the latest few."""


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
        self._mirror = mirror_of(folder)
        self.dim = dim
        self._dtype = np.dtype(dtype)
        number = pa.from_numpy_dtype(self._dtype)
        self._schema = pa.schema([("key", pa.binary(32)), ("vec", pa.list_(number, dim))])
        self._dataset: Any = None
        if (folder / "shards").is_dir():
            self._take_over(folder / "shards")

    def _where(self) -> tuple[str, dict[str, str] | None]:
        """What Lance opens; the options hold credentials, so they are asked for each time."""
        return self._mirror.lance(self._path) if self._mirror else (str(self._path), None)

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """Around whatever Lance does: what an object store says is an OSError too, of one sentence."""
        try:
            yield
        except (CoreError, MemoryError):
            raise
        except Exception as error:  # lance has kinds of its own for what an object store says
            if self._mirror is None:
                raise
            what = str(error).partition("<?xml")[0]  # what follows may name the credentials
            raise OSError(f"the object store refuses: {what[:120]}") from error

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """What Lance says on reading; that an object store does not answer is no damage.

        Raises:
            StoreMismatch: the files are damaged. OSError: the system or the object store refuses.
        """
        with self._answering(), readable(self._path):
            yield

    @property
    def is_remote(self) -> bool:
        """Whether the rows lie on an object store."""
        return self._mirror is not None

    def count(self) -> int:
        """How many rows are written, those that were written twice too."""
        dataset = self._open()
        return 0 if dataset is None else int(dataset.count_rows())

    def append(self, keys: np.ndarray, vectors: np.ndarray) -> None:
        """Add (n, 32) uint8 keys with their (n, dim) vectors at once or not at all; durable on return."""
        import lance
        import pyarrow as pa

        numbers = pa.array(vectors.astype(self._dtype, copy=False).ravel())
        table = pa.table(
            [
                pa.FixedSizeBinaryArray.from_buffers(pa.binary(32), len(keys), [None, pa.py_buffer(keys.tobytes())]),
                pa.FixedSizeListArray.from_arrays(numbers, self.dim),
            ],
            schema=self._schema,
        )
        for attempt in range(_TRIES):
            try:
                uri, options = self._where()
                with self._answering():
                    if not self._is_made():
                        empty = self._schema.empty_table()
                        lance.write_dataset(empty, uri, schema=self._schema, storage_options=options)
                    lance.write_dataset(table, uri, mode="append", schema=self._schema, storage_options=options)
                return
            except OSError as error:
                passing = re.search("already exists|conflict|not found", str(error), re.IGNORECASE)
                if attempt == _TRIES - 1 or not passing:
                    raise
                time.sleep(0.02 * 2**attempt)

    def _is_made(self) -> bool:
        """Whether there is a dataset: a kill before its first manifest leaves folders without rows, made over then."""
        if self._mirror:
            prefix = f"{self._path.relative_to(self._mirror.folder).as_posix()}/_versions/"
            return bool(self._mirror.objects.listing(prefix, most=1))
        if not self._path.exists():
            return False
        return any(self._path.glob("_versions/*.manifest")) or any(self._path.glob("data/*"))

    def _take_over(self, shards: Path) -> None:
        """Move what an earlier version wrote as `.npy` shards into the dataset."""
        for file in sorted(shards.glob("*.npy")):
            with readable(file):
                rows = np.load(file)
                keys, vectors = rows["key"], rows["vec"]
            if vectors.shape[1:] != (self.dim,):
                raise StoreMismatch(f"{file} holds vectors of another length than its key.json says; {REMEDY}.")
            self.append(np.ascontiguousarray(keys), np.ascontiguousarray(vectors))
        shutil.rmtree(shards)

    def _open(self) -> Any:
        import lance

        if not self._is_made():
            return None
        with self._reading():
            uri, options = self._where()
            dataset = lance.dataset(uri, storage_options=options)
            length = dataset.schema.field("vec").type.list_size
        if length != self.dim:
            raise StoreMismatch(
                f"{self._path} holds vectors of length {length}, its key.json says {self.dim}; {REMEDY}."
            )
        return dataset

    def written_keys(self) -> np.ndarray:
        """The keys of every row that is written, (n, 32) uint8; `take` reads by positions in this list."""
        self._dataset = self._open()
        if self._dataset is None:
            return np.empty((0, 32), np.uint8)
        pieces = self._pieces()
        keys = _KEYS.get(pieces)
        if keys is not None:
            return keys
        keys = self._read_keys()
        if pieces:
            _KEYS[pieces] = keys
            while len(_KEYS) > _KEYS_KEPT:
                _KEYS.pop(next(iter(list(_KEYS)), ()), None)  # other threads do the same
        return keys

    def _pieces(self) -> tuple[str, ...]:
        """The files of the opened version where they lie far away; () where reading them again costs nothing."""
        if not self._mirror:
            return ()
        return tuple(
            f"{file.path} {fragment.metadata.deletion_file}"
            for fragment in self._dataset.get_fragments()
            for file in fragment.data_files()
        )

    def _read_keys(self) -> np.ndarray:
        with self._reading():
            column = self._dataset.to_table(columns=["key"])["key"].combine_chunks()
            raw = np.frombuffer(column.buffers()[1], np.uint8) if len(column) else np.empty(0, np.uint8)
            return raw[column.offset * 32 : (column.offset + len(column)) * 32].reshape(-1, 32)

    def take(self, rows: np.ndarray) -> np.ndarray:
        """The vectors at these positions of the last `written_keys`, (len(rows), dim) in the dtype of the folder."""
        if len(rows) == 0:
            return np.empty((0, self.dim), self._dtype)
        with self._reading():
            if len(rows) * 3 > self._dataset.count_rows():
                return self._vectors(self._dataset.to_table(columns=["vec"]))[rows]
            return self._vectors(self._dataset.take(rows.tolist(), columns=["vec"]))

    def blocks(self) -> Iterator[tuple[int, np.ndarray]]:
        """(position of the first, (n, dim) vectors in the dtype of the folder) of all rows of the last `written_keys`."""
        start = 0
        with self._reading():
            for batch in self._dataset.to_batches(columns=["vec"], batch_size=_ROWS_PER_BLOCK):
                rows = batch.column("vec").flatten().to_numpy(zero_copy_only=False).reshape(-1, self.dim)
                yield start, rows
                start += len(rows)

    def _vectors(self, table: Any) -> np.ndarray:
        column = table["vec"].combine_chunks()
        return column.flatten().to_numpy(zero_copy_only=False).reshape(-1, self.dim)

    def drop(self, keys: set[bytes]) -> int:
        """Remove every row of these 32-byte keys; how many rows there were. Only while nobody else is here."""
        dataset = self._open()
        if dataset is None:
            return 0
        with self._reading():
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
        alone = alone and not self._mirror  # a lock of this machine says nothing about others
        with self._reading():
            try:
                if alone:
                    self._delete(dataset, _repeats)
                if len(dataset.get_fragments()) > (_PIECES_TO_JOIN if self._mirror else 1):
                    dataset.optimize.compact_files()
                older_than = timedelta(0) if alone else timedelta(days=1) if self._mirror else timedelta(hours=1)
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
