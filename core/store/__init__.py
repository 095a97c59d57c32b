"""What is slow is kept here: embeddings and thumbnails, by the content of the image.

One folder per backbone fingerprint, its name ending in the start of the SHA-256 of the `key.json` in it, which holds
everything that changes a number. Vectors lie there as float16 beside the key of their image (SHA-256 of the file's
bytes), as a Lance dataset or as `.npy` shards: two shelves, one interface, one contract test. Appends are atomic,
several processes may write, rows that were written twice are dropped on reading. Thumbnails lie in one SQLite file.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from core import arrays, files, paths
from core.errors import BadInput, CoreError, NotComputed, ShapeMismatch, StoreMismatch, StoreUnusable
from core.types import Dataset, Embeddings, frozen_array, unit

try:
    import fcntl
except ImportError:  # Windows: no advisory locks, so old versions are kept rather than cleaned up
    fcntl = None

ROWS_PER_APPEND = 256
"""Rows gathered before they are written: what a kill can cost, per backbone."""
SECONDS_PER_APPEND = 5.0
"""A slow backbone writes at least this often."""
_BLOCK = 8192
_HEX = re.compile(r"[0-9a-f]{64}")


def record_digest(record: Mapping[str, Any]) -> str:
    """SHA-256 (64 hex digits) of a record in its one canonical form."""
    return hashlib.sha256(_canonical(record)).hexdigest()


def _canonical(record: Mapping[str, Any]) -> bytes:
    return (json.dumps(record, sort_keys=True, indent=1, ensure_ascii=False, default=str) + "\n").encode()


MEND = "`python -m core check --mend` sets it aside (nothing is deleted), then embed again"
"""How somebody comes back from a damaged folder, in every sentence that tells of one."""
_NO_DAMAGE = re.compile("no space|permission denied|read-only|too many open|input/output|conflict|already exists", re.I)
"""What libraries say about the system, or about others who write at the same time, in errors without a number."""


@contextmanager
def _readable(place: Path) -> Iterator[None]:
    """What a library says about bytes it cannot read becomes one sentence; what the system refuses stays as it is.

    Raises:
        StoreMismatch: the files under `place` are damaged.
    """
    try:
        yield
    except (CoreError, MemoryError):
        raise
    except Exception as error:  # lance and pyarrow raise OSError, ValueError, RuntimeError and kinds of their own
        if getattr(error, "errno", None) is not None or _NO_DAMAGE.search(str(error)):
            raise
        raise _damaged(place) from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # how a panic in Lance's Rust arrives; it is no Exception
            raise
        raise _damaged(place) from error


def _damaged(place: Path) -> StoreMismatch:
    return StoreMismatch(f"{place} is damaged; {MEND}.")


# ------------------------------------------------------------------------------------------------ shelves


class VectorBackend(Protocol):
    """The vectors of one fingerprint: rows of (key, vector), only ever added."""

    def append(self, keys: np.ndarray, vectors: np.ndarray) -> None:
        """Add (n, 32) uint8 keys and (n, dim) float16 vectors at once or not at all; durable on return."""
        ...

    def written_keys(self) -> np.ndarray:
        """The keys of every row that is written, (n, 32) uint8; `take` reads by positions in this list."""
        """(n_rows, 32) uint8 in the order of writing, duplicates included."""
        ...

    def take(self, rows: np.ndarray) -> np.ndarray:
        """The float16 vectors at these positions of the last `written_keys`, (len(rows), dim)."""
        """(len(rows), dim) float16 of the rows as `written_keys` counted them last."""
        ...

    def drop(self, keys: set[bytes]) -> int:
        """Remove every row of these 32-byte keys; how many rows there were."""
        """Take the rows of these keys (32 bytes each) away; how many there were. Only while nobody else is here."""
        ...

    def compact(self, alone: bool) -> None:
        """Join small files; when nobody else writes (`alone`), rows that were written twice go too."""
        """Join small pieces. `alone` means that no other process uses the shelf: duplicates and old files may go."""
        ...


class LanceBackend:
    """A Lance dataset: key fixed_size_binary(32), vec fixed_size_list<float16>[dim]."""

    def __init__(self, folder: Path, dim: int) -> None:
        import pyarrow as pa

        self._uri = folder / "vectors.lance"
        self._dim = dim
        self._schema = pa.schema([("key", pa.binary(32)), ("vec", pa.list_(pa.float16(), dim))])
        self._seen = None

    def append(self, keys: np.ndarray, vectors: np.ndarray) -> None:
        """Add (n, 32) uint8 keys with their (n, dim) float16 vectors as one atomic commit."""
        import lance
        import pyarrow as pa

        table = pa.table(
            [
                pa.FixedSizeBinaryArray.from_buffers(pa.binary(32), len(keys), [None, pa.py_buffer(keys.tobytes())]),
                pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), self._dim),
            ],
            schema=self._schema,
        )
        for attempt in range(8):
            try:
                if not self._uri.exists():
                    lance.write_dataset(self._schema.empty_table(), str(self._uri), schema=self._schema)
                lance.write_dataset(table, str(self._uri), mode="append", schema=self._schema)
                return
            except OSError as error:
                if attempt == 7 or not re.search("already exists|conflict|not found", str(error), re.IGNORECASE):
                    raise
                time.sleep(0.02 * 2**attempt)

    def _open(self) -> Any:
        import lance

        if not self._uri.exists():
            return None
        with _readable(self._uri):
            dataset = lance.dataset(str(self._uri))
            found = dataset.schema.field("vec").type.list_size
        if found != self._dim:
            raise StoreMismatch(f"{self._uri} holds vectors of length {found}, its key.json says {self._dim}; {MEND}.")
        return dataset

    def written_keys(self) -> np.ndarray:
        """The keys of every row that is written, (n, 32) uint8; `take` reads by positions in this list."""
        self._seen = self._open()
        if self._seen is None:
            return np.empty((0, 32), np.uint8)
        with _readable(self._uri):
            column = self._seen.to_table(columns=["key"])["key"].combine_chunks()
            raw = np.frombuffer(column.buffers()[1], np.uint8) if len(column) else np.empty(0, np.uint8)
            return raw[column.offset * 32 : (column.offset + len(column)) * 32].reshape(-1, 32)

    def take(self, rows: np.ndarray) -> np.ndarray:
        """The float16 vectors at these positions of the last `written_keys`, (len(rows), dim)."""
        if len(rows) == 0:
            return np.empty((0, self._dim), np.float16)
        with _readable(self._uri):
            total = self._seen.count_rows()
            if len(rows) * 3 > total:
                return self._vectors(self._seen.to_table(columns=["vec"]))[rows]
            return self._vectors(self._seen.take(rows.tolist(), columns=["vec"]))

    def _vectors(self, table: Any) -> np.ndarray:
        column = table["vec"].combine_chunks()
        return column.flatten().to_numpy(zero_copy_only=False).reshape(-1, self._dim)

    def drop(self, keys: set[bytes]) -> int:
        """Remove every row of these 32-byte keys; how many rows there were."""
        dataset = self._open()
        if dataset is None:
            return 0
        with _readable(self._uri):
            return self._delete(dataset, lambda held: [row for row, key in enumerate(held) if key in keys])

    @staticmethod
    def _delete(dataset: Any, chosen: Callable[[list[bytes]], Sequence[int] | np.ndarray]) -> int:
        """Delete the rows that `chosen` picks from the list of all keys; how many there were."""
        table = dataset.to_table(columns=["key"], with_row_id=True)
        row_ids = table["_rowid"].to_numpy()[np.asarray(chosen(table["key"].to_pylist()), np.int64)]
        for start in range(0, len(row_ids), 10_000):
            dataset.delete(f"_rowid in ({','.join(map(str, row_ids[start : start + 10_000].tolist()))})")
        return len(row_ids)

    def compact(self, alone: bool) -> None:
        """Join small files; when nobody else writes (`alone`), rows that were written twice go too."""
        dataset = self._open()
        if dataset is None:
            return
        with _readable(self._uri):
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


class NpyBackend:
    """A folder of `.npy` shards, each written beside its place, synced and renamed: needs numpy alone."""

    def __init__(self, folder: Path, dim: int) -> None:
        self._folder = folder / "shards"
        self._dim = dim
        self._dtype = np.dtype([("key", np.uint8, (32,)), ("vec", np.float16, (dim,))])
        self._seen: list[np.ndarray] = []

    def append(self, keys: np.ndarray, vectors: np.ndarray) -> None:
        """Add (n, 32) uint8 keys with their (n, dim) float16 vectors as one file that is there whole or not at all."""
        rows = np.empty(len(keys), self._dtype)
        rows["key"], rows["vec"] = keys, vectors
        digest = hashlib.sha256(keys.tobytes()).hexdigest()[:16]
        files.write_array(self._folder / f"{time.time_ns():020d}-{digest}.npy", rows)

    def _files(self) -> list[Path]:
        return sorted(self._folder.glob("*.npy")) if self._folder.is_dir() else []

    def written_keys(self) -> np.ndarray:
        """The keys of every row that is written, (n, 32) uint8; `take` reads by positions in this list."""
        self._seen = []
        for path in self._files():
            with _readable(path):
                self._seen.append(np.load(path, mmap_mode="r"))
        for shard in self._seen:
            if shard.dtype != self._dtype:
                raise StoreMismatch(
                    f"{self._folder} holds other vectors than its key.json says (length {self._dim}); {MEND}."
                )
        if not self._seen:
            return np.empty((0, 32), np.uint8)
        return np.concatenate([shard["key"] for shard in self._seen])

    def take(self, rows: np.ndarray) -> np.ndarray:
        """The float16 vectors at these positions of the last `written_keys`, (len(rows), dim)."""
        found = np.empty((len(rows), self._dim), np.float16)
        start = 0
        for shard in self._seen:
            here = np.flatnonzero((rows >= start) & (rows < start + len(shard)))
            found[here] = shard["vec"][rows[here] - start]
            start += len(shard)
        return found

    def drop(self, keys: set[bytes]) -> int:
        """Remove every row of these 32-byte keys; how many rows there were."""
        written = self.written_keys()
        unwanted = np.array([key.tobytes() in keys for key in written], bool)
        if unwanted.any():
            self._rewrite(written, np.flatnonzero(~unwanted))
        return int(unwanted.sum())

    def compact(self, alone: bool) -> None:
        """Join small files; when nobody else writes (`alone`), rows that were written twice go too."""
        if not alone or len(self._files()) < 2:
            return
        keys = self.written_keys()
        self._rewrite(keys, np.setdiff1d(np.arange(len(keys)), _repeats([key.tobytes() for key in keys])))

    def _rewrite(self, keys: np.ndarray, rows: np.ndarray) -> None:
        """One shard with these rows of `keys` in place of all shards."""
        files = self._files()
        if len(rows):
            self.append(keys[rows], self.take(rows))
        self._seen = []
        for path in [*files, *self._folder.glob("*.part")]:
            path.unlink(missing_ok=True)


SHELVES: dict[str, Callable[[Path, int], VectorBackend]] = {"lance": LanceBackend, "npy": NpyBackend}


def _repeats(keys: Sequence[bytes]) -> np.ndarray:
    """Positions of every key that stands earlier in the list already."""
    seen: set[bytes] = set()
    repeated = [i for i, key in enumerate(keys) if key in seen or seen.add(key)]
    return np.asarray(repeated, np.int64)


# ------------------------------------------------------------------------------------------------ writer


class Writer:
    """Adds embeddings of one backbone. Safe for several threads; several processes may hold one each.

    Rows are gathered until there are `ROWS_PER_APPEND` of them or `SECONDS_PER_APPEND` went by, then written at
    once. Use it as a context manager, or call `close`, so that the last rows are written too.
    """

    def __init__(self, folder: Path, shelf: VectorBackend, dim: int) -> None:
        self.folder = folder
        self.dim = dim
        self._shelf = shelf
        self._lock = threading.Lock()
        self._keys: list[np.ndarray] = []
        self._vectors: list[np.ndarray] = []
        self._since = time.monotonic()
        self._appends = 0
        self._hold = _shared_lock(folder)

    def done(self, keys: Iterable[str | bytes]) -> set[str]:
        """Those of `keys` (64 hex digits each) whose vector is in the store."""
        with _usable(self.folder):
            there = {key.tobytes() for key in self._shelf.written_keys()}
        return {text for text in map(_text, keys) if bytes.fromhex(text) in there}

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
            raise BadInput(f"{len(bad)} vectors hold NaN or infinity, the first for image {_text(keys[bad[0]])[:12]}.")
        raw = np.frombuffer(bytes.fromhex("".join(map(_text, keys))), np.uint8).reshape(-1, 32)
        with self._lock:
            self._keys.append(raw)
            self._vectors.append(unit(vectors).astype(np.float16))
            waiting = sum(map(len, self._keys))
            if waiting >= ROWS_PER_APPEND or time.monotonic() - self._since > SECONDS_PER_APPEND:
                self._flush()

    def flush(self) -> None:
        """Write what was gathered so far."""
        with self._lock:
            self._flush()

    def _flush(self) -> None:
        if self._keys:
            with _usable(self.folder):
                self._shelf.append(np.concatenate(self._keys), np.concatenate(self._vectors))
            self._keys, self._vectors = [], []
            self._appends += 1
        self._since = time.monotonic()

    def close(self) -> None:
        """Write what is left, then join small pieces; old files go only when nobody else is here."""
        try:
            self.flush()
        finally:
            _release(self._hold)
            self._hold = None
        if self._appends == 0:
            return
        with _usable(self.folder), _exclusive_lock(self.folder) as alone:
            self._shelf.compact(alone)
        self._appends = 0

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _text(key: str | bytes) -> str:
    text = key.decode("ascii", "replace") if isinstance(key, bytes) else str(key)
    if not _HEX.fullmatch(text):
        raise BadInput(f"{text[:80]!r} is not a key: 64 hexadecimal digits, the SHA-256 of a file.")
    return text


def _shared_lock(folder: Path) -> int | None:
    """Say 'somebody reads or writes here'; None where that cannot be said (read-only store, Windows)."""
    if fcntl is None:
        return None
    try:
        handle = os.open(folder / "in-use.lock", os.O_RDWR | os.O_CREAT, 0o666)
    except OSError:
        return None
    fcntl.flock(handle, fcntl.LOCK_SH)
    return handle


def _release(handle: int | None) -> None:
    if handle is not None:
        os.close(handle)


@contextmanager
def _exclusive_lock(folder: Path) -> Iterator[bool]:
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
def _usable(folder: Path) -> Iterator[None]:
    """Turn what the system says about a folder into one sentence."""
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


# ------------------------------------------------------------------------------------------------ thumbnails


class Thumbnails:
    """WebP thumbnails by key in one SQLite file (write-ahead log), safe for threads and processes."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._local = threading.local()

    def _connection(self, write: bool) -> sqlite3.Connection | None:
        held = getattr(self._local, "held", None)
        if held and held[0] == (os.getpid(), self._identity()) and (held[2] or not write):
            return held[1]
        if write:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(self.file, timeout=30, isolation_level=None, check_same_thread=False)
            _write_ahead(connection)
            connection.execute("PRAGMA synchronous=NORMAL")
            for size in ("small", "large"):
                connection.execute(f"CREATE TABLE IF NOT EXISTS {size} (key BLOB PRIMARY KEY, picture BLOB NOT NULL)")
        elif not self.file.exists():
            return None
        else:
            connection = self._read_only()
            if connection.execute("SELECT count(*) FROM sqlite_master WHERE type = 'table'").fetchone()[0] < 2:
                connection.close()  # made a moment ago, or cut to nothing: it holds no thumbnails
                return None
        self._local.held = ((os.getpid(), self._identity()), connection, write)
        return connection

    def _identity(self) -> int | None:
        """Tells the file from one that took its place; None while there is none, which no open connection has."""
        try:
            return self.file.stat().st_ino
        except OSError:
            return None

    def set_aside(self, place: Path) -> None:
        """Move the file and its log into the folder `place`; thumbnails are made again when they are asked for."""
        for ending in ("-wal", "-shm", ""):
            part = self.file.with_name(self.file.name + ending)
            if part.exists():
                place.mkdir(parents=True, exist_ok=True)
                part.rename(place / part.name)

    def _read_only(self) -> sqlite3.Connection:
        """A read-only folder cannot hold the log's helper files: then the file is read as it lies there."""
        name = self.file.as_uri()
        for options in ("mode=ro", "mode=ro&immutable=1"):
            connection = sqlite3.connect(f"{name}?{options}", uri=True, timeout=30, check_same_thread=False)
            try:
                connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
                return connection
            except sqlite3.OperationalError:
                connection.close()
        raise sqlite3.OperationalError(f"unable to open {self.file}")

    def put(self, pictures: Mapping[str, Mapping[str, bytes]]) -> None:
        """Keep WebP bytes: key in hex → size ("small", "large") → picture; what is there already stays."""
        connection = self._connection(write=True)
        connection.execute("BEGIN IMMEDIATE")
        try:
            for size in ("small", "large"):
                rows = [(bytes.fromhex(key), made[size]) for key, made in pictures.items() if size in made]
                connection.executemany(f"INSERT OR IGNORE INTO {size} VALUES (?, ?)", rows)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:  # a full disk has rolled it back already
                connection.execute("ROLLBACK")
            raise

    def get(self, key: str, size: str) -> bytes | None:
        """The WebP bytes of one picture, or None when it is not kept."""
        connection = self._connection(write=False)
        if connection is None:
            return None
        row = connection.execute(f"SELECT picture FROM {size} WHERE key = ?", (bytes.fromhex(key),)).fetchone()
        return row[0] if row else None

    def check(self) -> int:
        """How many images have thumbnails, after reading all of the file.

        Raises:
            sqlite3.DatabaseError: SQLite does not find the file whole.
        """
        connection = self._connection(write=False)
        if connection is None:
            return 0
        found = connection.execute("PRAGMA quick_check").fetchone()[0]
        if found != "ok":
            raise sqlite3.DatabaseError(found)
        return connection.execute("SELECT count(*) FROM small").fetchone()[0]

    def having(self, keys: Iterable[str]) -> set[str]:
        """Those of these keys (hex) that have a thumbnail."""
        connection = self._connection(write=False)
        if connection is None:
            return set()
        found: set[str] = set()
        wanted = [bytes.fromhex(key) for key in keys]
        for start in range(0, len(wanted), 500):
            part = wanted[start : start + 500]
            marks = ",".join("?" * len(part))
            found.update(r[0].hex() for r in connection.execute(f"SELECT key FROM small WHERE key IN ({marks})", part))
        return found


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Switch the log on. Two processes that do so at once may find the file locked whatever the timeout says."""
    for attempt in range(8):
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or attempt == 7:
                raise
            time.sleep(0.02 * 2**attempt)


# ------------------------------------------------------------------------------------------------ store


class Store:
    """The store in one folder. Cheap to open, safe for threads; get it from `open_store`.

    Args:
        root: the folder; made when first written.
        kind: the shelf of folders that are made from now on, "lance" or "npy"; folders that exist keep theirs.
    """

    def __init__(self, root: Path, kind: str = "lance") -> None:
        self.root = root
        self.kind = kind
        self._records: dict[Path, tuple[int, dict[str, Any]]] = {}
        self._thumbnails = Thumbnails(root / "thumbnails.sqlite")
        self._faults: dict[Path, str] = {}

    # -- embeddings

    def writer(self, fingerprint: str, record: Mapping[str, Any], dim: int) -> Writer:
        """Open (or make) the folder of one backbone fingerprint for writing.

        Args:
            fingerprint: the short id that `embeddings` asks for.
            record: everything that changes a number; it becomes `key.json`.
            dim: length of a vector.
        Raises:
            StoreMismatch: the store holds that fingerprint with another record or dim.
            StoreUnusable: the folder cannot be made or written.
        """
        folder = self._folder(fingerprint)
        content = {"fingerprint": fingerprint, "dim": int(dim), "dtype": "float16", "record": dict(record)}
        with _usable(self.root):
            if folder is None:
                content["shelf"] = self.kind
                folder = self._make(fingerprint, str(record.get("name", "backbone")), content)
            held = _read_key(folder)
            if _canonical({**content, "shelf": held.get("shelf")}) != _canonical(held):
                raise StoreMismatch(
                    f"{folder / 'key.json'} describes another backbone than the one that was asked for "
                    f"({fingerprint}); remove that folder and embed again."
                )
            if not os.access(folder, os.W_OK):
                raise PermissionError(f"Permission denied: {folder}")
            return Writer(folder, SHELVES[held["shelf"]](folder, int(dim)), int(dim))

    def _make(self, fingerprint: str, name: str, content: dict[str, Any]) -> Path:
        slug = re.sub(r"[^A-Za-z0-9._-]+", "-", name)[:60].strip("-.") or "backbone"
        text = _canonical(content)
        folder = self.root / "embeddings" / f"{slug}-{_safe(fingerprint)}-{hashlib.sha256(text).hexdigest()[:16]}"
        files.write_bytes(folder / "key.json", text)
        return folder

    def _folder(self, fingerprint: str) -> Path | None:
        parent = self.root / "embeddings"
        found = sorted(parent.glob(f"*-{_safe(fingerprint)}-{'[0-9a-f]' * 16}")) if parent.is_dir() else []
        found = [folder for folder in found if (folder / "key.json").is_file()]
        if len(found) > 1:
            names = " and ".join(folder.name for folder in found)
            raise StoreMismatch(f"The store holds {fingerprint} twice, as {names}; remove the one that is not wanted.")
        return found[0] if found else None

    def embeddings(self, dataset: Dataset, backbone_name: str, fingerprint: str, dim: int) -> Embeddings:
        """The embeddings of a dataset by one backbone, in dataset order.

        Returns:
            Embeddings with (n_images, dim) float32 vectors, rows of norm 1 (or zero), read-only.
        Raises:
            NotComputed: some image has no vector yet; the sentence is the command that makes it.
            StoreMismatch: the folder's data and its key.json disagree.
        """
        from core.data import attached_vectors

        given = attached_vectors.vectors(dataset, backbone_name)
        if given is not None:
            return Embeddings(backbone_name, given, dataset.ids)
        folder = self._folder(fingerprint)
        rows = np.full(len(dataset), -1, np.int64)
        with _usable(self.root):
            if folder is not None:
                hold = _shared_lock(folder)
                try:
                    with self._noted(folder):
                        shelf, rows = self._rows(folder, dim, dataset)
                        if (rows >= 0).all():
                            return Embeddings(backbone_name, _wide(shelf.take(rows)), dataset.ids)
                finally:
                    _release(hold)
        missing = int((rows < 0).sum())
        what = "embeddings" if missing == len(dataset) else f"embeddings for {missing:,} of {len(dataset):,} images"
        raise NotComputed(
            f"No {what} of {dataset.name!r} by {backbone_name!r} yet. "
            f"Run `python -m core embed --dataset {dataset.name} --backbone {backbone_name}`."
        )

    def count(self, dataset: Dataset, fingerprint: str) -> int:
        """How many images of the dataset have their vector of that fingerprint."""
        folder = self._folder(fingerprint)
        if folder is None:
            return 0
        with _usable(self.root), self._noted(folder):
            held = _read_key(folder)
            try:
                _, rows = self._rows(folder, int(held["dim"]), dataset)
            except StoreMismatch:  # perhaps somebody joined the pieces meanwhile: once more, and nobody may
                hold = _shared_lock(folder)
                try:
                    _, rows = self._rows(folder, int(held["dim"]), dataset)
                finally:
                    _release(hold)
        return int((rows >= 0).sum())

    @contextmanager
    def _noted(self, place: Path) -> Iterator[None]:
        """Remember the damage that is met at a place, until it is read without any."""
        try:
            yield
        except StoreMismatch as error:
            self._faults[place] = str(error)
            raise
        self._faults.pop(place, None)

    def damage_report(self) -> tuple[str, ...]:
        """A sentence for each damaged part that was met since the store was opened and that still lies there."""
        return tuple(dict.fromkeys(said for place, said in list(self._faults.items()) if place.exists()))

    def _rows(self, folder: Path, dim: int, dataset: Dataset) -> tuple[VectorBackend, np.ndarray]:
        """The shelf, and for every image the row of its vector, −1 where there is none; the first row wins."""
        held = _read_key(folder)
        if int(held.get("dim", -1)) != dim:
            raise StoreMismatch(
                f"{folder / 'key.json'} says dim {held.get('dim')}, but the backbone has {dim}; "
                "remove that folder and embed again."
            )
        shelf = SHELVES[held["shelf"]](folder, dim)
        keys = shelf.written_keys()
        first: dict[bytes, int] = {}
        for row in range(len(keys) - 1, -1, -1):
            first[keys[row].tobytes()] = row
        wanted = (bytes.fromhex(text.decode()) for text in np.asarray(dataset.keys, "S64").tolist())
        return shelf, np.fromiter((first.get(key, -1) for key in wanted), np.int64, len(dataset))

    def records(self) -> list[dict[str, Any]]:
        """The key.json of every backbone folder that is not damaged, the newest first; quick, nothing else is read."""
        parent = self.root / "embeddings"
        found = []
        with _usable(self.root):
            for file in parent.glob("*/key.json") if parent.is_dir() else []:
                changed = file.stat().st_mtime_ns
                try:
                    if self._records.get(file, (0,))[0] != changed:
                        with self._noted(file):
                            self._records[file] = (changed, _read_key(file.parent))
                except StoreMismatch:
                    continue  # it is remembered; all others are still there
                found.append((changed, file.parent.name, self._records[file][1]))
        return [held for _, _, held in sorted(found, key=lambda one: one[:2], reverse=True)]

    def remove(self, fingerprint: str, keys: Iterable[str | bytes] | None = None) -> int:
        """Take the vectors of some images, or all of them, out of the folder of one fingerprint.

        Args:
            keys: the images, 64 hex digits each; None removes the whole folder.
        Returns:
            rows that were taken away.
        Raises:
            StoreUnusable: somebody embeds with that backbone now, or the store is read-only.
        """
        folder = self._folder(fingerprint)
        if folder is None:
            return 0
        with _usable(self.root), _exclusive_lock(folder) as alone:
            if not alone and fcntl is not None:
                raise StoreUnusable(
                    f"The embeddings in {folder.name} are in use just now; stop what embeds or reads them, "
                    "then remove them again."
                )
            held = _read_key(folder)
            shelf = SHELVES[held["shelf"]](folder, int(held["dim"]))
            if keys is not None:
                removed = shelf.drop({bytes.fromhex(_text(key)) for key in keys})
                shelf.compact(alone=True)
                return removed
            try:
                removed = len(shelf.written_keys())
            except StoreMismatch:
                removed = 0  # nobody can read what is damaged, but it can be removed
            (folder / "key.json").unlink()  # first, so that a stop half way leaves no folder that looks whole
            shutil.rmtree(folder)
            return removed

    def contents(self) -> list[dict[str, Any]]:
        """Every backbone folder: its key.json, `folder`, `rows` and `bytes`; for pages and `list`."""
        found = []
        with _usable(self.root):
            for folder in self._folders():
                if (folder / "key.json").is_file():
                    held = _read_key(folder)
                    shelf = SHELVES[held["shelf"]](folder, int(held["dim"]))
                    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
                    found.append({**held, "folder": str(folder), "rows": len(shelf.written_keys()), "bytes": size})
        return found

    def check(self) -> str:
        """Read everything that is kept, and say what is there and what is wrong, a line each, for people.

        A folder is whole when its key.json is as it was written, and every vector is finite and of norm 1 or zero.
        """
        lines = [f"Store: {self.root}"]
        for folder in self._folders():
            try:
                with _usable(folder), self._noted(folder):
                    lines.append(f"  {folder.name}: {_check_folder(folder)}")
            except CoreError as error:
                lines.append(f"  {folder.name}: NOT WHOLE. {error}")
        try:
            with self._pictures():
                lines.append(f"  thumbnails of {self._thumbnails.check():,} images, whole")
        except CoreError as error:
            lines.append(f"  thumbnails: NOT WHOLE. {error}")
        return "\n".join(lines)

    def repair(self, known: bool = False) -> list[str]:
        """Move what is damaged into `damaged/` beside it; embedding and looking make it anew. Nothing is deleted.

        Args:
            known: look only at what `faults` names, instead of reading everything.
        Returns:
            a line for each part that was moved, or that could not be moved.
        Raises:
            StoreUnusable: the store is read-only.
        """
        lines = []
        aside = self.root / "damaged" / f"{time.strftime('%Y-%m-%d %H-%M-%S')} {time.time_ns() % 10**6:06d}"
        for folder in self._folders():
            if known and not {folder, folder / "key.json"} & set(self._faults):
                continue
            with _usable(folder), _exclusive_lock(folder) as alone:
                try:
                    _check_folder(folder)
                except StoreMismatch:
                    if not alone and fcntl is not None:
                        lines.append(f"{folder.name} is in use just now; stop what embeds with it, then mend again.")
                        continue
                    aside.mkdir(parents=True, exist_ok=True)
                    folder.rename(aside / folder.name)
                    lines.append(f"{folder.name} was damaged; it lies in {aside} now. Embed again.")
            self._faults.pop(folder, None)
        try:
            with self._pictures():
                self._thumbnails.check()
        except StoreMismatch:
            with _usable(self.root):
                self._thumbnails.set_aside(aside)
            lines.append(f"The thumbnails were damaged; they lie in {aside} now and are made again as they are shown.")
            self._faults.pop(self._thumbnails.file, None)
        return lines

    def _folders(self) -> list[Path]:
        parent = self.root / "embeddings"
        return sorted(path for path in parent.iterdir() if path.is_dir()) if parent.is_dir() else []

    # -- thumbnails

    @contextmanager
    def _pictures(self) -> Iterator[None]:
        """Around every use of the thumbnails' file: what goes wrong there is one sentence."""
        with _usable(self.root), self._noted(self._thumbnails.file):
            try:
                yield
            except sqlite3.DatabaseError as error:
                if type(error) is not sqlite3.DatabaseError:  # its subclasses tell of locks and rights, not of bytes
                    raise
                raise _damaged(self._thumbnails.file) from error

    def put_thumbnails(self, pictures: Mapping[str, Mapping[str, bytes]]) -> None:
        """Keep WebP thumbnails: {key: {"small": bytes, "large": bytes}}, all of them or none; existing ones stay."""
        if pictures:
            with self._pictures():
                self._thumbnails.put(pictures)

    def thumbnail(self, key: str | bytes, size: str = "small") -> bytes | None:
        """One WebP thumbnail, None when it was not made yet, or cannot be read any more."""
        text = _text(key)
        if size not in ("small", "large"):
            raise BadInput(f"A thumbnail is 'small' or 'large', not {size!r}.")
        try:
            with self._pictures():
                return self._thumbnails.get(text, size)
        except StoreMismatch:
            return None  # it is remembered (`faults`), and the picture can be made from the original

    def thumbnails_missing(self, keys: Iterable[str | bytes]) -> list[str]:
        """Those of `keys` that have no thumbnail yet, each once, in their order."""
        wanted = list(dict.fromkeys(map(_text, keys)))
        with self._pictures():
            there = self._thumbnails.having(wanted)
        return [key for key in wanted if key not in there]

    def thumbnail_or_make(self, dataset: Dataset, position: int, size: str = "small") -> bytes:
        """One thumbnail, made from the original when it is not there yet.

        Raises:
            BadInput: the original has gone or cannot be decoded; the reason.
        """
        key = _text(dataset.keys[position])
        found = self.thumbnail(key, size)
        return found if found is not None else self._make_thumbnails(dataset, position, key)[size]

    def ensure_thumbnails(self, dataset: Dataset, positions: Iterable[int]) -> dict[int, str]:
        """Make the missing thumbnails of some images; returns {position: reason} of those that cannot be made."""
        wanted = {int(position): _text(dataset.keys[int(position)]) for position in positions}
        missing = set(self.thumbnails_missing(wanted.values()))
        failed: dict[int, str] = {}
        for position, key in wanted.items():
            if key in missing:
                try:
                    self._make_thumbnails(dataset, position, key)
                except BadInput as error:
                    failed[position] = str(error)
        return failed

    def _make_thumbnails(self, dataset: Dataset, position: int, key: str) -> dict[str, bytes]:
        from core.data import images, library

        made = images.thumbnails(images.open_rgb(library.read_bytes(dataset, position)))
        try:
            self.put_thumbnails({key: made})
        except (StoreUnusable, StoreMismatch):
            return made  # a read-only or damaged store still shows pictures; they are only not kept
        return made


def _check_folder(folder: Path) -> str:
    """What one backbone folder holds, after reading all of it."""
    if not (folder / "key.json").is_file():
        return "empty (a run was ended before its first vector)"
    held = _read_key(folder)
    shelf = SHELVES[held["shelf"]](folder, int(held["dim"]))
    keys = shelf.written_keys()
    repeated, bad = len(keys) - len({key.tobytes() for key in keys}), 0
    for rows in arrays.chunks(len(keys), _BLOCK):
        norms = np.linalg.norm(shelf.take(np.arange(rows.start, rows.stop)).astype(np.float32), axis=1)
        bad += int((~((np.abs(norms - 1) < 5e-3) | (norms < 1e-6))).sum())
    name, shelf_name = held["record"].get("name", "?"), held["shelf"]
    said = f"{name}, {len(keys):,} vectors of {held['dim']} numbers ({shelf_name})"
    if repeated:
        said += f", {repeated:,} of them written twice (harmless)"
    if bad:
        raise StoreMismatch(f"{bad:,} of {len(keys):,} vectors have no norm of 1; {MEND}.")
    return said + ", whole"


def _safe(fingerprint: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "_", fingerprint)[:80]


def _read_key(folder: Path) -> dict[str, Any]:
    """key.json of a folder, checked against the folder's name."""
    text = (folder / "key.json").read_bytes()
    if not folder.name.endswith(hashlib.sha256(text).hexdigest()[:16]):
        raise StoreMismatch(f"{folder / 'key.json'} was changed after it was written; {MEND}.")
    return json.loads(text)


def _wide(vectors: np.ndarray) -> np.ndarray:
    """float16 rows as unit float32 rows, block by block so that memory stays near the result's own size."""
    wide = np.empty(vectors.shape, np.float32)
    for rows in arrays.chunks(len(vectors), _BLOCK):
        wide[rows] = unit(vectors[rows])
    return frozen_array(wide, np.float32)


_STORES: dict[tuple[Path, str], Store] = {}
_STORES_LOCK = threading.Lock()


def open_store(root: Path | str | None = None, kind: str | None = None) -> Store:
    """The store in `root` (by default `paths.store()`); the same object for the same folder.

    Args:
        kind: "lance" or "npy"; by default Lance where it is installed.
    Raises:
        StoreUnusable: the place is there but is no folder.
    """
    import importlib.util

    place = Path(root).expanduser().resolve() if root is not None else paths.store()
    if place.exists() and not place.is_dir():
        raise StoreUnusable(f"The store {place} is a file, not a folder; set FUSIONSCOPE_HOME to a folder.")
    kind = kind or ("lance" if importlib.util.find_spec("lance") else "npy")
    with _STORES_LOCK:
        return _STORES.setdefault((place, kind), Store(place, kind))
