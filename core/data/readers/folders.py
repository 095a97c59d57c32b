"""Folders: one per class, one per split with classes below, or none at all."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from core.data import images
from core.data.file_walk import subfolders, walk
from core.data.listing import SPLIT_WORDS, Listing
from core.data.natural_order import natural_path_key
from core.data.readers.registry import READERS
from core.data.table_files import some
from core.errors import BadInput
from core.task import NO_TASK, Task
from core.wording import plural

DEPTH_HELP = "Which folder level names the class: 1 is the first below the dataset's folder, 0 means no labels."
_ROLES = {name for name in SPLIT_WORDS if "|" not in name}
_NO_CLASS = {"images", "image", "imgs", "img", "photos", "pictures", "jpg", "jpeg", "png", "data", "files"}
"""Folders that hold the images of a part of a split and name nothing."""
_DEEPEST = 8
Parts = tuple[str, ...]


@dataclass
class FolderMeaning:
    """What the folders of a tree of files say: one entry per file.

    Attributes:
        labels: () is unlabelled; None where no folder names a class.
        splits: our word for each; "" lies outside the split folders; None where no folder names a split.
        notes: what was guessed, and the option that changes it.
    """

    labels: list[tuple[str, ...]] | None = None
    splits: list[str] | None = None
    notes: list[str] = field(default_factory=list)


def are_splits(names: set[str]) -> bool:
    """Whether folders of these names are the parts of a split.

    All of them are, at least two; or some are, and training and test, or query and gallery, are among them: a folder
    beside `train` and `test` is no class then.

    >>> are_splits({"train", "val"}), are_splits({"train", "test", "extra"}), are_splits({"train", "bus"})
    (True, True, False)
    """
    roles = {name.lower() for name in names} & _ROLES
    parts = {SPLIT_WORDS[role] for role in roles}
    pair = {"train", "query|gallery"} <= parts or {"query", "gallery"} <= parts
    return len(roles) > 1 and (len(roles) == len(names) or pair)


def _level(rows: Sequence[Parts]) -> tuple[int, set[str]]:
    """The first level at which folders leave a choice, and their names there; none: files alone.

    Files beside a single folder leave no choice either, as long as there are folders in it.
    """
    level = 0
    while True:
        inside = [parts for parts in rows if len(parts) > level + 1]
        names = {parts[level] for parts in inside}
        if len(names) != 1 or (len(inside) < len(rows) and all(len(parts) == level + 2 for parts in inside)):
            return level, names
        rows, level = inside, level + 1


def meaning(rows: Sequence[Parts], depth: int | None = None, *, with_splits: bool = True) -> FolderMeaning:
    """What the folders of these files name. Only folders with an image in them decide anything.

    Args:
        rows: path parts of each file below the dataset's folder.
        depth: the folder level that names the class; 0 means no labels. By default the first level at which there is
            a choice: a single folder around all others is looked through.
        with_splits: look for folders that name the parts of a split, too.
    """
    if depth is not None and depth < 0:
        raise BadInput(f"The folder level that names the class is 0 or more, not {depth}.")
    result = FolderMeaning()
    deciding = [parts for parts in rows if images.looks_like_one(parts[-1])] or list(rows)
    level, names = _level(deciding)
    if with_splits and depth is None and are_splits(names):
        _read_splits(result, rows, level)
    else:
        if depth is None:
            depth = level + 1 if names else 0
            result.notes += _depth_notes(deciding, level, names)
        result.labels = [(parts[depth - 1],) if depth and len(parts) > depth else () for parts in rows]
    if result.labels is not None and not any(result.labels):
        result.labels = None
    return result


def _depth_notes(rows: Sequence[Parts], level: int, names: set[str]) -> list[str]:
    around = "/".join(next((parts[:level] for parts in rows if len(parts) > level), ()))
    if not names:
        return [f"All files lie in the one folder {around!r}, so it names no class."] if around else []
    inside = f" inside the one folder {around!r}" if around else ""
    return [
        f"{plural(len(names), 'folder')} at level {level + 1}{inside} taken as classes; the option depth takes another level, "
        "0 none."
    ]


def _read_splits(result: FolderMeaning, rows: Sequence[Parts], level: int) -> None:
    """Split folders at a level; `test/query` and `test/gallery` go one deeper; classes below."""
    splits: list[str] = []
    rest: list[Parts] = []
    for parts in rows:
        split = SPLIT_WORDS.get(parts[level].lower(), "") if len(parts) > level + 1 else ""
        inner = parts[level + 1].lower() if len(parts) > level + 2 else ""
        nested = split == "query|gallery" and inner in _ROLES
        splits.append(SPLIT_WORDS[inner] if nested else split)
        rest.append(parts[level + 2 if nested else level + 1 :] if split else ())
    result.splits = splits
    classes = {below[0].lower() for below in rest if len(below) > 1}
    at = 1 if len(classes) == 1 and classes <= _NO_CLASS else 0
    result.labels = [(below[at],) if len(below) > at + 1 else () for below in rest]
    kinds = {parts[level]: split for parts, split in zip(rows, splits) if split}
    result.notes.append(
        f"The folders {some(sorted(kinds))} are taken as parts of a split, not as classes; `--option depth={level + 1}` "
        "takes them as classes."
    )
    outside = sorted({parts[level] for parts, split in zip(rows, splits) if not split and len(parts) > level + 1})
    if outside:
        result.notes.append(f"What lies in {some(outside)} is in no part of the split and is left out.")


def _list(path: Path, folders: FolderMeaning, listing: Listing, rows: Sequence[Parts]) -> Listing:
    listing.ids = ["/".join(parts) for parts in rows]
    listing.paths = [os.path.join(str(path), *parts) for parts in rows]
    listing.labels, listing.splits, listing.notes = folders.labels, folders.splits, folders.notes
    if folders.splits is not None:
        for row in (row for row, split in enumerate(folders.splits) if not split):
            listing.quarantine[listing.paths[row]] = "The file lies outside the split folders."
        listing.reorder([row for row, split in enumerate(folders.splits) if split])
    return listing


def _files(path: Path, listing: Listing, task: Task) -> list[Parts]:
    return sorted(walk(path, listing.quarantine, task), key=lambda parts: natural_path_key("/".join(parts)))


def has_image(path: Path) -> bool:
    """Whether any file below a folder ends like an image; the first one is enough."""
    return any(images.looks_like_one(parts[-1]) for parts in walk(path, {}))


def _has_split_folders(path: Path) -> bool:
    """Folders with images in them name the parts of a split, perhaps inside a single folder around them."""
    for _ in range(_DEEPEST):
        names = subfolders(path)
        if sum(name.lower() in _ROLES for name in names) > 1:
            return are_splits({name for name in names if has_image(path / name)})
        inside = [name for name in names if has_image(path / name)] if len(names) < 20 else names
        if len(inside) != 1:
            return False
        path = path / inside[0]
    return False


@READERS.register(
    "split_folders",
    label="Folders train, query, gallery (or train, test), classes below",
    detects=_has_split_folders,
    options={"depth": DEPTH_HELP},
    rank=8,
    by_path=True,
)
def split_folders(path: Path, *, depth: int | None = None, task: Task = NO_TASK) -> Listing:
    """`train/`, `query/`, `gallery/` (or `test/query`, `test/gallery`; or `train/`, `test/`), classes below them.

    Args:
        depth: the folder level that names the class, and then no folder is a part of a split.
    """
    listing = Listing(str(path))
    rows = _files(path, listing, task)
    return _list(path, meaning(rows, depth), listing, rows)


@READERS.register(
    "folder",
    label="A folder per class, or a flat folder",
    detects=lambda path: path.is_dir(),
    options={"depth": DEPTH_HELP},
    rank=9,
    by_path=True,
)
def folder_per_class(
    path: Path,
    *,
    depth: int | None = None,
    task: Task = NO_TASK,
) -> Listing:
    """One folder per class, nested folders, or a flat folder without labels.

    Args:
        depth: the folder level that names the class, 1 is the first; 0 means no labels. By default the first level
            at which there is a choice.
    """
    listing = Listing(str(path))
    rows = _files(path, listing, task)
    return _list(path, meaning(rows, depth, with_splits=False), listing, rows)
