"""Damage in the store: remembered as it is met, found by reading everything, moved aside; nothing is deleted."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core import files
from core.errors import CoreError, StoreMismatch
from core.objects import mirror_of
from core.store import folders, locks
from core.store.thumbnails import Thumbnails
from core.wording import plural


class DamageLog:
    """The damage that was met since the store was opened, by the file or folder that has it."""

    def __init__(self) -> None:
        self._sentences: dict[Path, str] = {}

    @contextmanager
    def noted(self, path: Path) -> Iterator[None]:
        """Remember the damage that is met at a path, until it is read without any."""
        try:
            yield
        except StoreMismatch as error:
            self._sentences[path] = str(error)
            raise
        self.forget(path)

    def forget(self, path: Path) -> None:
        """It is whole, or moved aside."""
        self._sentences.pop(path, None)

    def __contains__(self, path: Path) -> bool:
        return path in self._sentences

    def sentences(self) -> tuple[str, ...]:
        """A sentence for each damaged part that still lies there."""
        return tuple(dict.fromkeys(text for path, text in list(self._sentences.items()) if path.exists()))


@contextmanager
def thumbnails_usable(root: Path, thumbnails: Thumbnails, log: DamageLog) -> Iterator[None]:
    """Around every use of the thumbnails' file: what goes wrong there is one sentence."""
    with locks.usable(root), log.noted(thumbnails.file):
        try:
            yield
        except sqlite3.DatabaseError as error:
            if type(error) is not sqlite3.DatabaseError:  # its subclasses tell of locks and rights, not of bytes
                raise
            raise locks.damaged(thumbnails.file) from error


def check(root: Path, parts: list[Path], thumbnails: Thumbnails, log: DamageLog) -> str:
    """Read everything that is kept, and say what is there and what is wrong, a line each, for people.

    A folder is whole when its key.json is as it was written, and every vector is finite and of norm 1 or zero.
    """
    mirror = mirror_of(root / "embeddings")
    lines = [f"Store: {mirror.objects.address}/store, cache: {mirror.folder}" if mirror else f"Store: {root}"]
    for folder in parts:
        try:
            with locks.usable(folder), log.noted(folder):
                lines.append(f"  {folder.name}: {folders.check(folder)}")
        except CoreError as error:
            lines.append(f"  {folder.name}: NOT WHOLE. {error}")
    try:
        with thumbnails_usable(root, thumbnails, log):
            lines.append(f"  thumbnails of {plural(thumbnails.check(), 'image')}, whole")
    except CoreError as error:
        lines.append(f"  thumbnails: NOT WHOLE. {error}")
    return "\n".join(lines)


def repair(root: Path, parts: list[Path], thumbnails: Thumbnails, log: DamageLog) -> list[str]:
    """Move what is damaged into `damaged/` in the store; embedding and looking make it anew.

    Returns:
        a line for each part that was moved, or that could not be moved.
    Raises:
        StoreUnusable: the store is read-only.
    """
    lines = []
    aside = root / "damaged" / f"{time.strftime('%Y-%m-%d %H-%M-%S')} {time.time_ns() % 10**6:06d}"
    for folder in parts:
        with locks.usable(folder), locks.exclusive(folder) as alone:
            try:
                folders.check(folder)
            except StoreMismatch:
                if not alone and locks.can_lock():
                    lines.append(f"{folder.name} is in use just now; stop what embeds with it, then mend again.")
                    continue
                files.move_folder(folder, aside / folder.name)
                lines.append(f"{folder.name} was damaged; it lies in {aside} now. Embed again.")
        log.forget(folder)
    try:
        with thumbnails_usable(root, thumbnails, log):
            thumbnails.check()
    except StoreMismatch:
        with locks.usable(root):
            thumbnails.set_aside(aside)
        lines.append(f"The thumbnails were damaged; they lie in {aside} now and are made again as they are shown.")
        log.forget(thumbnails.file)
    return lines
