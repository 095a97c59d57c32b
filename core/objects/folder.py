"""Objects as files below a folder: the same promises as on a store, for a home on a disk and for tests."""

from __future__ import annotations

import hashlib
import itertools
import os
import shutil
import threading
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from core import file_lock
from core.objects.base import Changed, Stored

_LOCK_FILE = ".objects.lock"


class FolderObjects:
    """Objects below a folder; conditional writes hold between the processes of one machine.

    Args:
        root: made when first written.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._lock = threading.Lock()

    @property
    def address(self) -> str:
        """The folder."""
        return str(self.root)

    def lance_options(self) -> dict[str, str]:
        """None are needed."""
        return {}

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self.root.mkdir(parents=True, exist_ok=True)
        with self._lock, file_lock.locked(self.root / _LOCK_FILE):
            yield

    def listing(self, prefix: str = "", most: int = 0) -> dict[str, Stored]:
        """As `ObjectStore.listing`."""
        above = self.root / prefix.rpartition("/")[0]
        files = (path for path in above.rglob("*") if not path.name.startswith(".") and path.is_file())
        names = sorted(path.relative_to(self.root).as_posix() for path in files)
        matching = (name for name in names if name.startswith(prefix))
        return {name: self._stored(name) for name in itertools.islice(matching, most or None)}

    def _stored(self, name: str) -> Stored:
        status = (self.root / name).stat()
        return Stored(_etag(self.root / name), status.st_size, status.st_mtime_ns)

    def folders(self, prefix: str) -> list[str]:
        """As `ObjectStore.folders`."""
        return sorted(
            {name[len(prefix) :].partition("/")[0] for name in self.listing(prefix) if "/" in name[len(prefix) :]}
        )

    def get(self, name: str, offset: int = 0, size: int = -1) -> tuple[bytes, str]:
        """As `ObjectStore.get`."""
        with (self.root / name).open("rb") as file:
            file.seek(offset)
            return file.read(size), _etag(self.root / name)

    def put(self, name: str, content: bytes | BinaryIO, expected: str | None = None) -> str:
        """As `ObjectStore.put`."""
        target = self.root / name
        with self._alone():
            there = _etag(target) if target.is_file() else ""
            if expected is not None and expected != there:
                raise Changed(name)
            target.parent.mkdir(parents=True, exist_ok=True)
            beside = target.with_name(f".{uuid.uuid4().hex}.part")
            try:
                with beside.open("wb") as file:
                    file.write(content) if isinstance(content, bytes) else shutil.copyfileobj(content, file)
                    file.flush()
                    os.fsync(file.fileno())
                beside.replace(target)
            finally:
                beside.unlink(missing_ok=True)
        return _etag(target)

    def delete(self, names: Iterable[str]) -> None:
        """As `ObjectStore.delete`."""
        for name in names:
            (self.root / name).unlink(missing_ok=True)

    def copy(self, name: str, new: str) -> None:
        """As `ObjectStore.copy`."""
        self.put(new, self.get(name)[0])


def _etag(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:32]
