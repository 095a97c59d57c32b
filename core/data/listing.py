"""What a reader found, before any picture is opened; and the walk through folders that most readers share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.errors import BadInput
from core.registry import Registry
from core.task import NO_TASK, ProgressMeter, Task

_CLUTTER = {"thumbs.db", "desktop.ini", "icon\r"}
SPLITS = ("train", "query", "gallery", "query|gallery")
SPLIT_WORDS = {
    "train": "train",
    "training": "train",
    "trainval": "train",
    "fit": "train",
    "query": "query",
    "queries": "query",
    "probe": "query",
    "gallery": "gallery",
    "database": "gallery",
    "index": "gallery",
    "distractor": "gallery",
    "query|gallery": "query|gallery",
    "gallery|query": "query|gallery",
    "both": "query|gallery",
    "test": "query|gallery",
    "testing": "query|gallery",
    "val": "query|gallery",
    "valid": "query|gallery",
    "validation": "query|gallery",
    "dev": "query|gallery",
}
"""What people write for a split → ours. A test set without its own queries searches itself."""


@dataclass
class Listing:
    """Rows of a dataset before any file was opened; all lists have one entry per row.

    Attributes:
        ids: unique names, as a person would write them.
        paths: absolute path of each file; "" where there is no picture.
        labels: names of the labels of each row, () is unlabelled; None when nothing has a label.
        instances: instance name of each row, "" is none; None when there are no instances.
        splits: one of `SPLITS` each; None is self-retrieval.
        extra: further columns (title, description, bounding boxes, offset and size inside an archive ...).
        quarantine: path → reason, for what was seen to be unusable already.
        several: True when an image may have several labels, even if none has.
    """

    root: str
    ids: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    labels: list[tuple[str, ...]] | None = None
    instances: list[str] | None = None
    splits: list[str] | None = None
    extra: dict[str, list[Any]] = field(default_factory=dict)
    pairs: Any = None
    quarantine: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    relevant_by: str = "label"
    several: bool = False

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class Reader:
    """One way in which people keep image collections.

    Attributes:
        function: (path, task=, **options) → Listing.
        detect: (path) → True when the path looks like this; the first reader that says so is taken.
        options: option → one sentence for people.
        choices: option → the words that it takes, the usual one first, where they are few.
    """

    name: str
    function: Callable[..., Listing]
    label: str
    detect: Callable[[Path], bool]
    options: dict[str, str] = field(default_factory=dict)
    choices: dict[str, tuple[str, ...]] = field(default_factory=dict)


READERS: Registry[Reader] = Registry("reader", Reader)


def walk(root: Path, problems: dict[str, str], task: Task = NO_TASK) -> Iterator[tuple[str, ...]]:
    """Every file below `root` as its path parts, in sorted order; the count is told while it grows.

    Links are followed; a folder that was seen already (a loop of links) is not entered twice. Hidden files and the
    clutter of file managers are passed over. What cannot be entered goes to `problems` with its reason.
    """
    meter = task.meter("Listing files", None, "files")
    seen: set[tuple[int, int]] = set()
    yield from _walk(str(root), (), seen, problems, meter)
    task.report(meter.now())


def _walk(
    folder: str,
    parts: tuple[str, ...],
    seen: set[tuple[int, int]],
    problems: dict[str, str],
    meter: ProgressMeter,
) -> Iterator[tuple[str, ...]]:
    try:
        status = os.stat(folder)
        if (status.st_dev, status.st_ino) in seen:
            return
        seen.add((status.st_dev, status.st_ino))
        with os.scandir(folder) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        problems[folder] = f"The folder cannot be read: {error.strerror or error}."
        return
    for entry in found:
        meter.task.check()
        if entry.name.startswith(".") or entry.name.lower() in _CLUTTER:
            continue
        try:
            entry.name.encode()
        except UnicodeEncodeError:
            name = os.fsencode(entry.name).decode("utf-8", "backslashreplace")
            problems[f"{folder}/{name}"] = "The name is not valid UTF-8; rename the file."
            continue
        try:
            if entry.is_dir():
                yield from _walk(entry.path, (*parts, entry.name), seen, problems, meter)
            elif entry.is_file():
                meter.add()
                yield (*parts, entry.name)
            else:
                problems[entry.path] = (
                    "The link leads nowhere." if entry.is_symlink() else "This is neither a file nor a folder."
                )
        except OSError as error:
            problems[entry.path] = f"It cannot be read: {error.strerror or error}."


def split_word(text: object, where: str) -> str:
    """Our word for what stands in a split column.

    Raises:
        BadInput: an unknown word; the sentence starts with `where`.
    """
    word = SPLIT_WORDS.get("|".join(part.strip() for part in str(text).strip().lower().split("|")))
    if word is None:
        raise BadInput(f"{where}: {str(text)[:60]!r} is no split; write train, query, gallery or query|gallery.")
    return word
