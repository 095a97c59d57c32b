"""The demo catalogue: photographs out of installed packages, with titles and descriptions written for them."""

from __future__ import annotations

import csv
import hashlib
import importlib.resources
from pathlib import Path

from core import files, paths
from core.errors import StoreUnusable
from core.task import NO_TASK, Task

NAME = "demo_catalogue"
TEXTS = paths.ASSETS / "demo_catalogue.csv"


def _folder() -> Path:
    return paths.home() / "demo" / NAME


def _version() -> str:
    return hashlib.sha256(TEXTS.read_bytes()).hexdigest()


def is_made() -> bool:
    """True when its images are there, with the present texts."""
    try:
        return (_folder() / ".made").read_text() == _version()
    except OSError:
        return False


def make(task: Task = NO_TASK) -> Path:
    """The manifest of the demo catalogue, with its images beside it; made once.

    A photograph that the installed packages do not carry leaves its item without an image.

    Raises:
        StoreUnusable: the home folder cannot be written.
    """
    folder = _folder()

    def fill(beside: Path) -> None:
        (beside / "pictures").mkdir()
        _write(beside, task)
        files.write_text(beside / ".made", _version())

    try:
        files.make_folder(folder, fill, is_made)
    except OSError as error:
        raise StoreUnusable(
            f"The demo catalogue cannot be written to {folder}: {error.strerror or error}; make room there, or "
            "set FUSIONSCOPE_HOME to a folder that can be written."
        ) from error
    return folder / "items.csv"


def _write(folder: Path, task: Task) -> None:
    with open(TEXTS, encoding="utf-8", newline="") as stream:
        items = list(csv.DictReader(stream))
    meter = task.meter("Collecting the demo catalogue", len(items))
    for item in items:
        task.check()
        package, _, name = item.pop("picture").partition("/")
        carried = importlib.resources.files(package) / name
        item["image"] = ""
        if carried.is_file():
            item["image"] = f"pictures/{name}"
            (folder / "pictures" / name).write_bytes(carried.read_bytes())
        meter.add()
    with open(folder / "items.csv", "w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(items[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(items)
