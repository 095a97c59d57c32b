"""Work that is done once, whichever of several servers on one home folder it is asked of.

Who works holds a *lease*: a file with its name, its owner and how far it is, written anew every few seconds. Others read
it; one whose owner is gone (its process ended, or it was silent for `EXPIRES` seconds) is taken over.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core import files, paths
from core.progress import Progress
from core.store import locks

BEAT = 1.0
"""Seconds between two signs of life."""
EXPIRES = 30.0
"""Seconds of silence after which the work of another machine counts as abandoned."""
DEAD_AFTER = 5.0
"""The same where this machine has no process of that number any more."""
_THIS = f"{socket.gethostname()} {os.getpid()} {uuid.uuid4().hex[:8]}"
_STOP = ".stop"


@dataclass(frozen=True)
class Lease:
    """Somebody's work, as others read it.

    Attributes:
        owner: host, number of the process, and a random part.
        title: for people who may read it.
        yields, gives_way: as of the job.
        progress: where it is; None before the first report.
    """

    name: str
    owner: str
    title: str = ""
    yields: bool = False
    gives_way: bool = False
    progress: Progress | None = None

    @property
    def is_ours(self) -> bool:
        """Whether this process holds it."""
        return self.owner == _THIS


class HeldLease:
    """A lease of this process; a thread gives its signs of life until `release`, or the end of a `with` block.

    Args:
        progress: where the work is now.
        stop: called when somebody elsewhere asks for an end, or when another has taken the work over.
    """

    def __init__(self, lease: Lease, progress: Callable[[], Progress | None], stop: Callable[[], object]) -> None:
        self._lease, self._progress, self._stop = lease, progress, stop
        self._ended = threading.Event()
        self._file = _file(lease.name)
        self._thread = threading.Thread(target=self._beat, name=f"lease {lease.name}", daemon=True)
        self._thread.start()

    def _beat(self) -> None:
        while not self._ended.wait(BEAT):
            with suppress(OSError):
                if self._file.with_suffix(_STOP).exists():
                    self._stop()
                with _alone():
                    now = _read(self._file)
                    if self._ended.is_set():
                        return
                    if now is None and self._file.exists():
                        continue  # the disk did not answer this once: nobody has taken it over
                    if now is None or now.owner != self._lease.owner:
                        self._stop()
                        return
                    _write(self._file, dataclasses.replace(self._lease, progress=self._progress()))

    def __enter__(self) -> HeldLease:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def release(self) -> None:
        """The work has ended, one way or the other."""
        self._ended.set()
        with suppress(OSError), _alone():
            now = _read(self._file)
            if now is not None and now.owner == self._lease.owner:
                self._file.unlink(missing_ok=True)
                self._file.with_suffix(_STOP).unlink(missing_ok=True)


def take(
    lease: Lease, progress: Callable[[], Progress | None] = lambda: None, stop: Callable[[], object] = lambda: None
) -> HeldLease | None:
    """Begin work under its name; None while another process does it.

    Args:
        lease: name, title and kind of the work; its owner becomes this process.

    Raises:
        OSError: the home folder cannot be written.
    """
    lease, file = dataclasses.replace(lease, owner=_THIS), _file(lease.name)
    file.parent.mkdir(parents=True, exist_ok=True)
    with _alone():
        now = _read(file)
        if now is not None and not now.is_ours and not _is_abandoned(file, now):
            return None
        file.with_suffix(_STOP).unlink(missing_ok=True)
        _write(file, lease)
    return HeldLease(lease, progress, stop)


def of_others() -> list[Lease]:
    """What other processes work on now."""
    leases = []
    with suppress(OSError):
        for entry in list(os.scandir(_folder())):
            file = Path(entry.path)
            lease = _read(file) if file.suffix == ".json" else None
            if lease is not None and not lease.is_ours and not _is_abandoned(file, lease):
                leases.append(lease)
    return leases


def ask_to_stop(name: str) -> None:
    """Let whoever works under this name stop after the present piece.

    Raises:
        OSError: the home folder cannot be written.
    """
    file = _file(name)
    if file.exists():
        file.with_suffix(_STOP).touch()


def _folder() -> Path:
    return paths.home() / "jobs"


def _file(name: str) -> Path:
    return _folder() / f"{hashlib.sha256(name.encode()).hexdigest()[:24]}.json"


@contextmanager
def _alone() -> Iterator[None]:
    """One process at a time looks and writes."""
    handle = locks.acquire(_folder(), alone=True)
    try:
        yield
    finally:
        locks.release(handle)


def _write(file: Path, lease: Lease) -> None:
    with files.replacing(file, durable=False) as beside:
        beside.write_text(json.dumps(dataclasses.asdict(lease)), encoding="utf-8")


def _read(file: Path) -> Lease | None:
    with suppress(OSError, ValueError, TypeError, LookupError, AttributeError):  # whatever else lies there
        content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        progress = content.pop("progress")
        return Lease(**content, progress=Progress(**progress) if progress else None)
    return None


def _is_abandoned(file: Path, lease: Lease) -> bool:
    """Whether its owner is gone."""
    try:
        silent = _disk_time() - file.stat().st_mtime
    except OSError:
        return True
    host, _, rest = lease.owner.partition(" ")
    number = rest.partition(" ")[0]
    is_dead = host == socket.gethostname() and number.isdecimal() and not _is_alive(int(number))
    return silent > (DEAD_AFTER if is_dead else EXPIRES)


def _disk_time() -> float:
    """Now, by the clock that stamps these files: a shared disk has its own, and that of this machine may be set."""
    clock = _folder() / "clock"
    with suppress(OSError):
        clock.touch()
        return clock.stat().st_mtime
    return time.time()


def _is_alive(number: int) -> bool:
    import psutil

    return bool(psutil.pid_exists(number))
