"""Every file below a folder, without what file managers, storage boxes and archivers leave there."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from core.access import reach
from core.task import NO_TASK, Task

_CLUTTER = {
    "thumbs.db",
    "ehthumbs.db",
    "desktop.ini",
    "icon\r",
    "picasa.ini",
    "zbthumbnail.info",
    # folders of Synology and QNAP boxes, of Windows, of macOS and what its archiver adds, of Linux disks
    "@eadir",
    "#recycle",
    "#snapshot",
    "@recycle",
    "@recently-snapshot",
    "@tmp",
    "$recycle.bin",
    "recycler",
    "recycled",
    "system volume information",
    "__macosx",
    "network trash folder",
    "temporary items",
    "lost+found",
}
"""Names, in lower case, of files and folders that no person put there; hidden ones (".") are passed over anyway."""


def is_clutter(parts: Sequence[str]) -> bool:
    """Whether any part of a path is hidden, or is left by a file manager, a storage box or an archiver.

    >>> is_clutter(("cats", "@eaDir", "1.jpg")), is_clutter((".", "cats", "1.jpg"))
    (True, False)
    """
    return any((part.startswith(".") and part not in (".", "..")) or part.lower() in _CLUTTER for part in parts)


def subfolders(path: Path) -> list[str]:
    """Names of the folders right below a folder that may hold images, sorted; none where it cannot be read."""
    try:
        with os.scandir(path) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir() and not is_clutter((entry.name,)))
    except OSError:
        return []


def walk(root: Path, problems: dict[str, str], task: Task = NO_TASK) -> Iterator[tuple[str, ...]]:
    """Every file below `root` as its path parts, folder by folder.

    Links are followed, after all that is no link, and each folder is entered once: what leads to a folder that was
    read already, or cannot be read, goes to `problems` with its reason. Hidden files and clutter are passed over.
    """
    meter = task.meter("Listing files", None, "files")
    seen: dict[tuple[int, int], str] = {}
    waiting: list[tuple[str, tuple[str, ...], bool]] = [(str(root), (), False)]
    links: list[tuple[str, tuple[str, ...], bool]] = []
    while waiting or links:
        folder, parts, is_link = waiting.pop() if waiting else links.pop(0)
        below: list[tuple[str, tuple[str, ...], bool]] = []
        for entry in _entries(folder, is_link, seen, problems):
            task.check()
            kind = _kind(entry, folder, problems)
            if kind == "file":
                meter.add()
                yield (*parts, entry.name)
            elif kind == "folder":
                below.append((entry.path, (*parts, entry.name), entry.is_symlink()))
        waiting += [entry_below for entry_below in reversed(below) if not entry_below[2]]
        links += [entry_below for entry_below in below if entry_below[2]]
    task.report(meter.now())


def _entries(
    folder: str, is_link: bool, seen: dict[tuple[int, int], str], problems: dict[str, str]
) -> list[os.DirEntry]:
    """What lies in a folder, sorted; nothing for one that was entered before."""
    try:
        status = os.stat(folder)
        identity = (status.st_dev, status.st_ino)
        if identity in seen:
            problems[folder] = f"The {'link' if is_link else 'folder'} leads to {seen[identity]}, which is read once."
            return []
        with os.scandir(folder) as entries:
            listed = sorted(entries, key=lambda entry: entry.name)
        seen[identity] = folder
        return listed
    except OSError as error:
        problems[folder] = f"The folder cannot be read: {error.strerror or error}."
        return []


def _kind(entry: os.DirEntry, folder: str, problems: dict[str, str]) -> str:
    """ "file", "folder", or "" for what is passed over or has gone to `problems`."""
    if is_clutter((entry.name,)):
        return ""
    try:
        entry.name.encode()
    except UnicodeEncodeError:
        name = os.fsencode(entry.name).decode("utf-8", "backslashreplace")
        problems[f"{folder}/{name}"] = "The name is not valid UTF-8; rename the file."
        return ""
    try:
        if entry.is_symlink() and not reach.allowed(entry.path):
            problems[entry.path] = "The link leads out of the folders that may be read here."
            return ""
        if entry.is_dir():
            return "folder"
        if entry.is_file():
            return "file"
        problems[entry.path] = (
            "The link leads nowhere." if entry.is_symlink() else "This is neither a file nor a folder."
        )
    except OSError as error:
        problems[entry.path] = f"It cannot be read: {error.strerror or error}."
    return ""
