"""WebP thumbnails in one SQLite file."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from core import arrays

_KEYS_PER_QUERY = 500
_WEBP = "picture"
"""The column of the bytes, as files on disk have it."""


class Thumbnails:
    """WebP thumbnails by key in one SQLite file (write-ahead log), safe for threads and processes."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._local = threading.local()

    def _writing(self) -> sqlite3.Connection:
        connection = self._connection(write=True)
        assert connection is not None, "a writer makes the file where there is none"
        return connection

    def _connection(self, write: bool) -> sqlite3.Connection | None:
        known = getattr(self._local, "connection", None)
        if known and known[0] == (os.getpid(), self._identity()) and (known[2] or not write):
            return known[1]
        if write:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(self.file, timeout=30, isolation_level=None, check_same_thread=False)
            _write_ahead(connection)
            connection.execute("PRAGMA synchronous=NORMAL")
            for size in ("small", "large"):
                connection.execute(f"CREATE TABLE IF NOT EXISTS {size} (key BLOB PRIMARY KEY, {_WEBP} BLOB NOT NULL)")
        elif not self.file.exists():
            return None
        else:
            connection = self._read_only()
            if connection.execute("SELECT count(*) FROM sqlite_master WHERE type = 'table'").fetchone()[0] < 2:
                connection.close()  # made a moment ago, or cut to nothing: it holds no thumbnails
                return None
        self._local.connection = ((os.getpid(), self._identity()), connection, write)
        return connection

    def _identity(self) -> int | None:
        """Tells the file from one that took its place; None while there is none, which no open connection has."""
        try:
            return self.file.stat().st_ino
        except OSError:
            return None

    def set_aside(self, folder: Path) -> None:
        """Move the file and its log into a folder; thumbnails are made again when they are asked for."""
        for ending in ("-wal", "-shm", ""):
            part = self.file.with_name(self.file.name + ending)
            if part.exists():
                folder.mkdir(parents=True, exist_ok=True)
                part.rename(folder / part.name)

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

    def put(self, images: Mapping[str, Mapping[str, bytes]]) -> None:
        """Keep WebP bytes: key in hex → size ("small", "large") → WebP; what is there already stays."""
        connection = self._writing()
        connection.execute("BEGIN IMMEDIATE")
        try:
            for size in ("small", "large"):
                rows = [(bytes.fromhex(key), sizes[size]) for key, sizes in images.items() if size in sizes]
                connection.executemany(f"INSERT OR IGNORE INTO {size} VALUES (?, ?)", rows)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:  # a full disk has rolled it back already
                connection.execute("ROLLBACK")
            raise

    def get(self, key: str, size: str) -> bytes | None:
        """The WebP bytes of one thumbnail, or None when there is none."""
        connection = self._connection(write=False)
        if connection is None:
            return None
        row = connection.execute(f"SELECT {_WEBP} FROM {size} WHERE key = ?", (bytes.fromhex(key),)).fetchone()
        return row[0] if row else None

    def check(self) -> int:
        """How many images have thumbnails, after reading all of the file.

        Raises:
            sqlite3.DatabaseError: SQLite does not find the file whole.
        """
        connection = self._connection(write=False)
        if connection is None:
            return 0
        verdict = connection.execute("PRAGMA quick_check").fetchone()[0]
        if verdict != "ok":
            raise sqlite3.DatabaseError(verdict)
        return connection.execute("SELECT count(*) FROM small").fetchone()[0]

    def having(self, keys: Iterable[str]) -> set[str]:
        """Those of these keys (hex) that have a thumbnail."""
        connection = self._connection(write=False)
        if connection is None:
            return set()
        present: set[str] = set()
        raw_keys = [bytes.fromhex(key) for key in keys]
        for rows in arrays.chunks(len(raw_keys), _KEYS_PER_QUERY):
            part = raw_keys[rows]
            marks = ",".join("?" * len(part))
            rows_found = connection.execute(f"SELECT key FROM small WHERE key IN ({marks})", part)
            present.update(row[0].hex() for row in rows_found)
        return present


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
