"""Manifests: CSV, Parquet and JSONL tables with one row per image, or per item of several images.

Columns are found by their usual names. A row names several pictures by `|` between paths (or a list, in JSONL and
Parquet), by numbered columns (`image, image_2, image_3`), or by a column of further pictures (`images`). Each picture is
an image of the dataset then: the first has the row's id, the others `id#2`, `id#3`; `picture_of` holds the row's id.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from core.data.images import looks_like_one
from core.data.listing import READERS, Listing, split_word
from core.data.table_files import TABLE_ENDINGS, read_table, several_words, some, words
from core.errors import BadInput
from core.task import NO_TASK, Task

USUAL = {
    "path": (
        "path",
        "file",
        "filename",
        "file_name",
        "filepath",
        "file_path",
        "image",
        "image_path",
        "img",
        "img_path",
        "image_file",
        "imagepath",
        "picture",
        "photo",
    ),
    "id": ("id", "image_id", "item_id", "uid", "uuid", "sku", "key"),
    "label": ("label", "class", "category", "target", "class_name", "label_name", "species", "y", "ground_truth"),
    "labels": ("labels", "tags", "classes", "categories", "label_names"),
    "instance": ("instance", "instance_id", "product_id", "object_id", "identity", "person_id", "pid", "landmark_id"),
    "split": ("split", "set", "subset", "partition", "fold"),
    "title": ("title", "name", "headline", "product_name"),
    "description": ("description", "text", "caption", "desc", "body", "alt"),
    "pictures": ("pictures", "images", "photos", "image_paths", "additional_images", "more_images", "other_images"),
}
"""Our columns → the names under which people keep them, likeliest first."""
OPTIONS = {
    "columns": "Which of the file's columns is which of ours, where the names are unusual: {ours: theirs}.",
    "missing": "What to do with rows whose file does not exist: refuse (default) or quarantine (no path: left out).",
    "images": "The folder that paths are relative to; by default the manifest's own.",
}
_OWN = {
    "path",
    "size",
    "mtime_ns",
    "width",
    "height",
    "instance",
    "id",
    "key",
    "label_code",
    "split_word",
    "label_codes",
    "instance_code",
    "offset",
    "member_size",
    "picture_of",
    "picture_number",
}
_NUMBERED = re.compile(r"(.*?)[ _-]?(\d{1,2})")


def guess_columns(names: list[str], given: dict[str, str] | None = None, where: str = "The table") -> dict[str, str]:
    """Ours → theirs, by the usual names (letter case aside); `given` wins, and "" there means "none".

    Raises:
        BadInput: `given` names a column that is not there, or one of ours that does not exist.
    """
    found: dict[str, str] = {}
    lower = {name.strip().lower(): name for name in reversed(names)}
    for ours, theirs in (given or {}).items():
        if ours not in USUAL:
            raise BadInput(f"{ours!r} is no column of ours; these are: {', '.join(USUAL)}.")
        if theirs and theirs not in names:
            raise BadInput(f"{where} has no column {theirs!r}; it has {some(names, 12)}.")
        if theirs:
            found[ours] = theirs
    taken = set(found.values())
    for ours, usual in USUAL.items():
        if ours in (given or {}):
            continue
        theirs = next((lower[name] for name in usual if name in lower and lower[name] not in taken), None)
        if theirs is None and ours == "path":
            theirs = next((name for name in _numbered(names) if name not in taken), None)
        if theirs is not None:
            found[ours] = theirs
            taken.add(theirs)
    return found


def _numbered(names: Iterable[str]) -> list[str]:
    """Columns such as picture_2 or "image 3", by their number."""
    matches = [(name, _NUMBERED.fullmatch(name.strip().lower())) for name in names]
    found = [(int(match[2]), name) for name, match in matches if match and match[1] in USUAL["path"]]
    return [name for _, name in sorted(found)]


def picture_columns(frame: pd.DataFrame, named: dict[str, str], given: dict[str, str] | None = None) -> list[str]:
    """The columns that name pictures, in the order in which an item's pictures are numbered.

    A column that was only guessed by its name must hold names of picture files; {"pictures": ""} in `given` leaves all
    but the path column out.

    Args:
        named: what `guess_columns` found.
    """
    given = given or {}
    found = [named["path"]] if "path" in named else []
    if given.get("pictures") == "":
        return found
    if given.get("pictures"):
        return list(dict.fromkeys([*found, given["pictures"]]))
    used = set(named.values()) - {named.get("pictures")}
    guessed = [*(name for name in _numbered(frame.columns) if name not in used), *filter(None, [named.get("pictures")])]
    return [*found, *(name for name in guessed if _holds_pictures(frame[name]))]


def _holds_pictures(column: pd.Series) -> bool:
    """Whether cells name picture files: an address, a count or a caption does not."""
    said = list(islice((part for value in column for part in several_words(value)), 200))
    return bool(said) and all("://" not in part[:12] and looks_like_one(part) for part in said)


def _paths_of_rows(frame: pd.DataFrame, columns: Sequence[str], root: Path) -> list[tuple[str, ...]]:
    """The pictures that each row names, each once."""
    cells = zip(*(frame[column] for column in columns))
    return [tuple(dict.fromkeys(path for value in row for path in _paths_in(value, root))) for row in cells]


def _paths_in(value: Any, root: Path) -> tuple[str, ...]:
    if not isinstance(value, str):
        return several_words(value)
    text = value.strip()
    if "|" not in text or os.path.exists(os.path.join(root, text)):  # a file's name may hold the mark
        return (text,) if text else ()
    return several_words(text)


def from_frame(
    frame: pd.DataFrame,
    root: Path,
    where: str,
    columns: dict[str, str] | None = None,
    missing: str = "refuse",
) -> Listing:
    """A listing from a table; its index holds the row numbers that sentences name.

    Raises:
        BadInput: no path column, an empty or repeated path or id, an unknown split, files that do not exist.
    """
    if missing not in ("refuse", "quarantine"):
        raise BadInput(f"Rows whose file is missing can be 'refuse' or 'quarantine', not {missing!r}.")
    frame = frame.rename(columns=str)
    named = guess_columns(list(frame.columns), columns, where)
    pictures = picture_columns(frame, named, columns)
    if not pictures:
        raise BadInput(
            f"{where} has no column with the images' paths: call it path, file or image, or map it by hand; "
            f"it has {some(list(frame.columns), 12)}."
        )
    if not len(frame):
        raise BadInput(f"{where} has a header but no rows.")
    listing = Listing(str(root))
    every = _paths_of_rows(frame, pictures, root)
    if missing == "quarantine" and not all(every) and any(every):
        frame = frame[[bool(one) for one in every]]
        listing.notes.append(f"{len(every) - len(frame):,} rows name no picture; a catalogue still finds their text.")
        every = [one for one in every if one]
    first = [one[0] if one else "" for one in every]
    owners = [words(value) for value in frame[named["id"]]] if "id" in named else first
    numbers = [number for one in every for number in range(1, max(1, len(one)) + 1)]
    if len(numbers) > len(frame):
        frame = frame.iloc[np.repeat(np.arange(len(frame)), [max(1, len(one)) for one in every])]
    given = [path for one in every for path in one or ("",)]
    _refuse_paths(given, frame.index, pictures[0], where)
    base = _base(root, given)
    if base != root:
        listing.notes.append(f"Paths are relative to the folder {base.name!r}.")
    listing.paths = [os.path.normpath(os.path.join(base, text)) for text in given]
    rows = np.cumsum([number == 1 for number in numbers]) - 1
    listing.ids = [owners[row] if number == 1 else f"{owners[row]}#{number}" for row, number in zip(rows, numbers)]
    _refuse_repeated(listing.ids, frame.index, named.get("id", pictures[0]), where)
    _add_columns(listing, frame, named, where, pictures)
    if len(every) < len(numbers):
        _add_items(listing, [owners[row] for row in rows], numbers, named)
    absent = [i for i, path in enumerate(listing.paths) if not os.path.exists(path)]
    if absent and (missing == "refuse" or len(absent) == len(listing)):
        raise BadInput(
            f"{where}, column {pictures[0]!r}: {len(absent):,} of {len(listing):,} files do not exist below {base}, "
            f"the first in row {frame.index[absent[0]]}: {some([given[i] for i in absent])}."
        )
    return listing


def _add_items(listing: Listing, owners: list[str], numbers: list[int], named: dict[str, str]) -> None:
    """Which item each picture belongs to; pictures of one item are one instance, unless the table says otherwise."""
    listing.extra["picture_of"], listing.extra["picture_number"] = owners, numbers
    listing.notes.append(f"{numbers.count(2):,} rows name several pictures; each picture is an image here.")
    if "instance" not in named:
        listing.instances = owners
        if listing.labels is None:
            listing.relevant_by = "instance"


def _refuse_paths(given: list[str], rows: pd.Index, column: str, where: str) -> None:
    for row, text in zip(rows, given):
        if not text:
            raise BadInput(f"{where}, row {row}, column {column!r}: the path is empty.")
        if "://" in text[:12]:
            raise BadInput(f"{where}, row {row}, column {column!r}: {text[:80]!r} is an address; download it first.")
        if "\0" in text:
            raise BadInput(f"{where}, row {row}, column {column!r}: the path holds a NUL character.")


def _refuse_repeated(ids: list[str], rows: pd.Index, column: str, where: str) -> None:
    first: dict[str, Any] = {}
    for row, text in zip(rows, ids):
        if not text:
            raise BadInput(f"{where}, row {row}, column {column!r}: the id is empty.")
        if text in first:
            raise BadInput(f"{where}, row {row}, column {column!r}: {text!r} stands in row {first[text]} already.")
        first[text] = row


def _base(root: Path, given: list[str]) -> Path:
    """The folder that the paths are relative to: the manifest's own, else the one folder below it that has them."""
    sample = given[:: max(1, len(given) // 40)][:40]

    def hits(folder: Path) -> int:
        return sum(os.path.exists(os.path.join(folder, text)) for text in sample)

    if hits(root) or not root.is_dir():
        return root
    below = [path for path in sorted(root.iterdir()) if path.is_dir() and not path.name.startswith(".")][:200]
    best = max(below, key=hits, default=root)
    return best if hits(best) else root


def _add_columns(
    listing: Listing, frame: pd.DataFrame, named: dict[str, str], where: str, pictures: Sequence[str]
) -> None:
    used = {named[ours] for ours in ("id", "instance", "split") if ours in named} | set(pictures)
    label = named.get("labels", named.get("label"))
    if label is not None:
        listing.labels = [several_words(value) for value in frame[label]]
        listing.several = "labels" in named
        used.add(label)
    if listing.labels is not None and not any(listing.labels):
        listing.labels = None
    if "instance" in named:
        listing.instances = [words(value) for value in frame[named["instance"]]]
        if listing.labels is None:
            listing.relevant_by = "instance"
    if "split" in named:
        column = named["split"]
        listing.splits = [
            split_word(words(value), f"{where}, row {row}, column {column!r}")
            for row, value in zip(frame.index, frame[column])
        ]
    for ours in ("title", "description"):
        if ours in named:
            listing.extra[ours] = [words(value) for value in frame[named[ours]]]
            used.add(named[ours])
    for column in frame.columns:
        if column not in used:
            name = column if column not in _OWN and column not in listing.extra else f"given_{column}"
            listing.extra[name] = [
                value if isinstance(value, (int, float, bool)) else words(value) for value in frame[column]
            ]


def rows_without_picture(path: Path, known: set[str], columns: dict[str, str] | None = None) -> pd.DataFrame:
    """Rows of a manifest that are no image of its dataset: they name no picture, or none that could be read.

    Args:
        known: ids of the rows that have a picture.
        columns: ours → theirs, as the dataset was read with.
    Returns:
        id, category (the labels), title and description under our names, other columns under theirs; empty where the
        rows have no ids.
    """
    frame = read_table(path).rename(columns=str)
    named = guess_columns(list(frame.columns), columns, str(path))
    if "id" not in named:
        return pd.DataFrame()
    pictures = picture_columns(frame, named, columns)
    ids = [words(value) for value in frame[named["id"]]]
    rest = frame[[bool(one) and one not in known for one in ids]]
    category = named.get("labels", named.get("label"))
    ours = {named["id"]: "id", **({category: "category"} if category else {})}
    ours |= {named[column]: column for column in ("title", "description") if column in named}
    return rest.drop(columns=pictures).rename(columns=ours).drop_duplicates("id")


def is_one(path: Path) -> bool:
    """Whether a path is a file that ends like a table."""
    return path.is_file() and path.suffix.lower() in TABLE_ENDINGS


@READERS.register(
    "manifest",
    label="A table with a path column (CSV, Parquet, JSONL)",
    detect=is_one,
    options=OPTIONS,
    choices={"missing": ("refuse", "quarantine")},
)
def manifest(
    path: Path,
    *,
    columns: dict[str, str] | None = None,
    missing: str = "refuse",
    images: str | None = None,
    task: Task = NO_TASK,
) -> Listing:
    """One row per image, or per item of several; paths are relative to the manifest."""
    root = path.parent if images is None else Path(images).expanduser().resolve()
    return from_frame(read_table(path), root, str(path), columns, missing)
