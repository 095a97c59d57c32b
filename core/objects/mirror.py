"""The small objects of a home on an object store, as files of this machine: read as files, written through.

Reading is free once a folder is fresh; `freshen` lists it and fetches what has another ETag. Writing puts the object
first, on the condition that it is still the version this machine knows, then the file: so a file is never newer than its
object, and nobody overwrites what they have not seen. A lock of this machine keeps its processes apart.
"""

from __future__ import annotations

import itertools
import os
import random
import shutil
import sqlite3
import threading
import time
import uuid
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from core import file_lock
from core.errors import StoreUnusable
from core.objects.base import Changed, ObjectStore

SHARED = (
    "datasets", "fusions", "fitted", "judgements", "stories", "studies", "calibrations", "backbones", "tuned",
)  # fmt: skip
"""Folders of a home whose files are objects of their own."""
EMBEDDINGS = "store/embeddings"
"""Below it the key.json of each backbone is mirrored; vectors are read where they lie."""
FRESH_SECONDS = 2.0
"""What another machine wrote is seen after so long at most."""
KEY_FILE, VERSIONS, SEEN = "key.json", "vectors.lance/_versions", "newest"
_RECORDS = ("record.json", "card.json", KEY_FILE)
"""What makes a folder whole: fetched after everything else, removed before."""
_BY_HASH = ("fitted/weights/", f"{EMBEDDINGS}/")
"""Below these, and in names that hold a hash, equal names mean equal content: whoever writes last is right."""
_WORKERS, _TRIES = 8, 20


class Mirror:
    """The shadow of a home; get it from `opened`.

    Args:
        objects: where the home is.
        folder: of this machine; made at once.
    """

    def __init__(self, objects: ObjectStore, folder: Path) -> None:
        self.objects, self.folder = objects, folder
        self._fresh: dict[str, float] = {}
        self._freshening = threading.Lock()
        self._lock = threading.RLock()
        self._depth = 0
        self._refused: tuple[float, str] | None = None
        folder.mkdir(parents=True, exist_ok=True)

    def freshen(self, kind: str, now: bool = False) -> None:
        """Bring one folder up to what the store holds, unless it was a moment ago.

        Threads do not wait for each other: while one looks, the others read what is there.

        Raises:
            StoreUnusable: the store does not answer.
        """
        first = kind not in self._fresh
        if not now and not first and time.monotonic() - self._fresh[kind] < FRESH_SECONDS:
            return
        if not self._freshening.acquire(blocking=now or first):
            return
        try:
            if not now and time.monotonic() - self._fresh.get(kind, -1e9) < FRESH_SECONDS:
                return
            if self._refused and time.monotonic() - self._refused[0] < FRESH_SECONDS:
                raise StoreUnusable(self._refused[1])  # a page asks many times, and each would wait
            try:
                with self._alone():
                    self._freshen_embeddings() if kind == EMBEDDINGS else self._freshen(kind)
            except StoreUnusable as error:
                self._refused = (time.monotonic(), str(error))
                raise
            self._fresh[kind] = time.monotonic()
        finally:
            self._freshening.release()

    def _freshen(self, kind: str) -> None:
        listed = self.objects.listing(f"{kind}/")
        known = self._known(kind)
        changed = [name for name in listed if known.get(name) != listed[name].etag]
        self._fetch(sorted(changed, key=lambda name: name.endswith(_RECORDS)))
        gone = sorted(known.keys() - listed.keys(), key=lambda name: not name.endswith(_RECORDS))
        for name in gone:
            (self.folder / name).unlink(missing_ok=True)
            self._drop_empty(name)
        self._forget(gone)

    def _freshen_embeddings(self) -> None:
        """The key.json of each backbone, and which version of its vectors is the newest, as a file beside it."""
        names = self.objects.folders(f"{EMBEDDINGS}/")
        there = {path.name for path in (self.folder / EMBEDDINGS).glob("*") if path.is_dir()}
        for name in there - set(names):
            shutil.rmtree(self.folder / EMBEDDINGS / name, ignore_errors=True)
        with ThreadPoolExecutor(_WORKERS) as pool:
            for name, newest in zip(names, pool.map(self._newest, names)):
                folder = self.folder / EMBEDDINGS / name
                if not newest and not self.objects.listing(f"{EMBEDDINGS}/{name}/{KEY_FILE}", most=1):
                    shutil.rmtree(folder, ignore_errors=True)  # some servers go on listing an emptied folder
                    continue
                if not (folder / KEY_FILE).is_file():
                    self._fetch_key(f"{EMBEDDINGS}/{name}/{KEY_FILE}")
                seen = folder / VERSIONS / SEEN
                if newest and not (seen.is_file() and seen.read_text() == newest):
                    _write_file(seen, newest.encode())

    def _fetch_key(self, name: str) -> None:
        """A key.json, with the time at which the folder was made: the newest of several counts."""
        for at, stored in self.objects.listing(name, most=1).items():
            self._fetch([at])
            os.utime(self.folder / at, ns=(stored.changed_ns, stored.changed_ns))

    def _newest(self, name: str) -> str:
        """The newest version of a backbone's vectors: Lance names versions so that the newest comes first."""
        prefix = f"{EMBEDDINGS}/{name}/{VERSIONS}/"
        return "".join(f"{at} {stored.etag}" for at, stored in self.objects.listing(prefix, most=1).items())

    def _fetch(self, names: Iterable[str]) -> None:
        """Bring objects here, those of `_RECORDS` after all others; what has gone meanwhile is passed over."""
        with ThreadPoolExecutor(_WORKERS) as pool:
            for _, part in itertools.groupby(names, key=lambda name: name.endswith(_RECORDS)):
                for name, content, etag in pool.map(self._get, list(part)):
                    if etag:
                        _write_file(self.folder / name, content)
                        self._note(name, etag)

    def _get(self, name: str) -> tuple[str, bytes, str]:
        try:
            return name, *self.objects.get(name)
        except FileNotFoundError:
            return name, b"", ""

    # -- writing

    def replace(self, path: Path, beside: Path) -> None:
        """Put what lies in `beside` in the place of `path`: the object, then the file.

        Raises:
            StoreUnusable: somebody else has changed it meanwhile, and nothing was written; or the store refuses.
        """
        name = self._name(path)
        with self._alone():
            etag = self._put(name, beside)
            beside.replace(path)
            self._note(name, etag)

    def _put(self, name: str, beside: Path) -> str:
        by_hash = name.startswith(_BY_HASH) or _holds_hash(name)
        with beside.open("rb") as file:
            try:
                return self.objects.put(name, file, None if by_hash else self._known(name).get(name, ""))
            except Changed:
                content, etag = self._get(name)[1:]
                file.seek(0)
                if etag and content == file.read():
                    return etag  # an answer was lost on the way, or somebody wrote the same
        self._fetch([name])
        raise StoreUnusable(
            f"{name} was changed by somebody else at the same moment, so nothing was saved. Look at it again, then "
            "repeat what you did."
        )

    def append(self, path: Path, text: str) -> None:
        """Add to the end of an object, UTF-8; appends of several machines all stay.

        Raises:
            StoreUnusable: the store refuses, or others write without pause.
        """
        name = self._name(path)
        with self._alone():
            for attempt in range(_TRIES):
                before, etag = self._get(name)[1:]
                gap = b"\n" if before and not before.endswith(b"\n") else b""
                whole = before + gap + text.encode()
                try:
                    etag = self.objects.put(name, whole, etag)
                except Changed:
                    time.sleep(random.uniform(0.01, 0.05) * (attempt + 1))
                    continue
                _write_file(path, whole)
                self._note(name, etag)
                return
        raise StoreUnusable(f"{name} is written by others all the time; try again in a minute.")

    def remove(self, path: Path) -> None:
        """Take an object and its file away, if they are there."""
        name = self._name(path)
        with self._alone():
            if path.exists() or name in self._known(name):
                self.objects.delete([name])
            path.unlink(missing_ok=True)
            self._forget([name])

    def remove_folder(self, folder: Path) -> None:
        """Take every object below a folder away, what makes it whole first, and the folder."""
        prefix = f"{self._name(folder)}/"
        with self._alone():
            names = list(self.objects.listing(prefix))
            self.objects.delete(name for name in names if name.endswith(_RECORDS))
            self.objects.delete(name for name in names if not name.endswith(_RECORDS))
            self._forget([*names, *self._known(prefix)])
            shutil.rmtree(folder, ignore_errors=True)

    def move_folder(self, folder: Path, new: Path) -> None:
        """Copy every object below a folder to another name, what makes it whole last, and take the old ones away."""
        prefix, target = f"{self._name(folder)}/", f"{self.folder.joinpath(new).relative_to(self.folder).as_posix()}/"
        with self._alone():
            names = sorted(self.objects.listing(prefix), key=lambda name: name.endswith(_RECORDS))
            for name in names:
                self.objects.copy(name, target + name[len(prefix) :])
            self.remove_folder(folder)
            self._fetch(target + name[len(prefix) :] for name in names if self.holds(new / name[len(prefix) :]))

    # -- what is known

    def lance(self, path: Path) -> tuple[str, dict[str, str]]:
        """Where Lance finds what would lie at `path`, and how it gets there."""
        return f"{self.objects.address}/{self._name(path)}", self.objects.lance_options()

    def holds(self, path: Path) -> bool:
        """Whether a file of the folder is an object of its own."""
        try:
            parts = path.relative_to(self.folder).parts
        except ValueError:
            return False
        if parts[:2] == tuple(EMBEDDINGS.split("/")):
            return len(parts) < 4 or parts[3:] == (KEY_FILE,)
        return len(parts) > 1 and parts[0] in SHARED

    def _name(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()

    def _known(self, prefix: str) -> dict[str, str]:
        """Name → ETag of every file below that is as it was fetched or put."""
        with self._table() as table:
            rows = table.execute(
                "SELECT name, etag, size, changed FROM objects WHERE name >= ? AND name < ?",
                (prefix, f"{prefix}\U0010ffff"),
            ).fetchall()
        known = {}
        for name, etag, size, changed in rows:
            with suppress(OSError):
                status = (self.folder / name).stat()
                known[name] = etag if (status.st_size, status.st_mtime_ns) == (size, changed) else ""
            known.setdefault(name, "")
        return known

    def _note(self, name: str, etag: str) -> None:
        status = (self.folder / name).stat()
        with self._table() as table:
            table.execute(
                "INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?)", (name, etag, status.st_size, status.st_mtime_ns)
            )

    def _forget(self, names: Iterable[str]) -> None:
        with self._table() as table:
            table.executemany("DELETE FROM objects WHERE name = ?", [(name,) for name in names])

    @contextmanager
    def _table(self) -> Iterator[sqlite3.Connection]:
        connection = sqlite3.connect(self.folder / "mirror.sqlite", timeout=30)
        try:
            with connection:
                connection.execute(
                    "CREATE TABLE IF NOT EXISTS objects (name TEXT PRIMARY KEY, etag TEXT, size INTEGER, changed INTEGER)"
                )
                yield connection
        finally:
            connection.close()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One thread of one process of this machine at a time; may be entered again by the same thread."""
        with self._lock:
            self._depth += 1
            try:
                if self._depth > 1:
                    yield
                    return
                with file_lock.locked(self.folder / "mirror.lock"):
                    yield
            finally:
                self._depth -= 1

    def _drop_empty(self, name: str) -> None:
        with suppress(OSError):
            (self.folder / name).parent.rmdir()


def _holds_hash(name: str) -> bool:
    """Whether the file is named by its content: `table-0123456789ab.parquet`."""
    end = name.rpartition("/")[2].partition(".")[0].rpartition("-")[2]
    return name.startswith("datasets/") and len(end) == 12 and set(end) <= set("0123456789abcdef")


def _write_file(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{uuid.uuid4().hex[:12]}.part")
    try:
        beside.write_bytes(content)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


_OPENED: dict[Path, Mirror] = {}
_OPENING = threading.Lock()


def opened(address: str, folder: Path) -> Mirror:
    """The mirror of the home at an address in a folder of this machine; the same object for the same folder."""
    mirror = _OPENED.get(folder)
    if mirror is None:
        from core.objects.s3 import S3Objects

        objects = S3Objects(address)
        objects.require_library()
        with _OPENING:
            mirror = _OPENED.setdefault(folder, Mirror(objects, folder))
    return mirror


def mirror_of(path: Path) -> Mirror | None:
    """The mirror that holds a file or a folder; None for what lies on this machine alone."""
    return next((mirror for mirror in _OPENED.values() if mirror.holds(path)), None)
