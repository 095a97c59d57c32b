"""Manifests: CSV, Parquet and JSONL tables with one row per image, or per item of several images.

Columns are found by their usual names. A row names several images by `|` between paths (or a list, in JSONL and
Parquet), by numbered columns (`image, image_2, image_3`), or by a column of further images (`images`). Each of them is
an image of the dataset then: the first has the row's id, the others `id#2`, `id#3`; `picture_of` holds the row's id.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from core.data.listing import Listing, split_word
from core.data.readers.columns import UNLABELLED, checked_columns, guess_columns, image_columns, labels_of
from core.data.readers.listed_paths import ListedPaths, base_folder, require
from core.data.readers.registry import MISSING, MISSING_CHOICES, READERS
from core.data.table_files import TABLE_ENDINGS, check_ids, notes_of, read_table, several_words, some, words
from core.errors import BadInput
from core.task import NO_TASK, Task
from core.wording import plural

OPTIONS = {
    "columns": "Which of the file's columns is which of ours, where the names are unusual: {ours: theirs}.",
    "missing": f"{MISSING} Rows without a path are left out then.",
    "images": "The folder that paths are relative to; by default the manifest's own.",
    "unlabelled": UNLABELLED,
}
_RESERVED = {
    "path", "size", "mtime_ns", "width", "height", "instance", "id", "key", "label_code", "split_word", "label_codes",
    "instance_code", "offset", "member_size", "member", "table_row", "table_column", "picture_of", "picture_number",
    "crop_left", "crop_top", "crop_right", "crop_bottom",
}  # fmt: skip
_LARGEST_WHOLE = 2**63


@dataclass
class _Rows:
    """The images that each row of a table names, and who they are.

    Attributes:
        per_row: the paths of each row, each once.
        owners: the id of each row.
        numbers: for each image, which of its row's it is, from 1.
    """

    per_row: list[tuple[str, ...]]
    owners: list[str]
    numbers: list[int]

    @property
    def paths(self) -> list[str]:
        return [path for row in self.per_row for path in row or ("",)]

    @property
    def row_of(self) -> np.ndarray:
        return np.cumsum([number == 1 for number in self.numbers]) - 1


def from_frame(
    frame: pd.DataFrame,
    root: Path,
    where: str,
    columns: dict[str, str] | None = None,
    missing: str = "refuse",
    unlabelled: str | None = None,
) -> Listing:
    """A listing from a table; its index holds the row numbers that sentences name.

    Raises:
        BadInput: no path column, an empty or repeated path or id, an unknown split, files that do not exist.
    """
    notes = notes_of(frame)
    frame = frame.rename(columns=str)
    named, guesses = checked_columns(frame, columns, where)
    images = image_columns(frame, named, columns)
    if not images and "id" in named and not ListedPaths([words(v) for v in frame[named["id"]]], root).absent:
        images = [named["id"]]
        guesses.append(f"The column {images[0]!r} names the images' files.")
    if not images:
        raise BadInput(
            f"{where} has no column with the images' paths: call it path, file or image, or map it by hand; "
            f"it has {some(list(frame.columns), 12)}."
        )
    if not len(frame):
        raise BadInput(f"{where} has a header but no rows.")
    listing = Listing(str(root), notes=[*notes, *guesses])
    per_row = _paths_of_rows(frame, images, root)
    if missing == "quarantine" and not all(per_row) and any(per_row):
        frame = frame[[bool(paths) for paths in per_row]]
        listing.notes.append(
            f"{plural(len(per_row) - len(frame), 'row')} without an image: a catalogue still finds the text."
        )
        per_row = [paths for paths in per_row if paths]
    _drop_product_id(listing, frame, named, columns, per_row)
    rows = _rows(frame, named, per_row)
    if len(rows.numbers) > len(frame):
        frame = frame.iloc[np.repeat(np.arange(len(frame)), [max(1, len(paths)) for paths in per_row])]
    _refuse_paths(rows.paths, frame.index, images[0], where)
    base = base_folder(root, rows.paths)
    if base != root:
        listing.notes.append(f"Paths are relative to the folder {base.name!r}.")
    listed = ListedPaths(rows.paths, base)
    listing.paths = listed.paths
    listing.ids = [
        rows.owners[row] if number == 1 else f"{rows.owners[row]}#{number}"
        for row, number in zip(rows.row_of, rows.numbers)
    ]
    check_ids(listing.ids, list(frame.index), where, named.get("id", images[0]))
    add_columns(listing, frame, named, where, images, unlabelled)
    if len(rows.owners) < len(rows.numbers):
        _add_items(listing, rows, named)
    require(listed, missing, f"{where}, column {images[0]!r}", list(frame.index))
    listing.notes += listed.notes
    return listing


def _paths_of_rows(frame: pd.DataFrame, columns: Sequence[str], root: Path) -> list[tuple[str, ...]]:
    """The images that each row names, each once."""
    cells = zip(*(frame[column] for column in columns))
    return [tuple(dict.fromkeys(path for value in row for path in _paths_in(value, root))) for row in cells]


def _paths_in(value: Any, root: Path) -> tuple[str, ...]:
    if not isinstance(value, str):
        return several_words(value)
    text = words(value)
    # A file's name may hold the mark, or look like a list.
    if not text.startswith(("[", "(")) and ("|" not in text or os.path.exists(os.path.join(root, text))):
        return (text,) if text else ()
    return (text,) if os.path.exists(os.path.join(root, text)) else several_words(text)


def _rows(frame: pd.DataFrame, named: dict[str, str], per_row: list[tuple[str, ...]]) -> _Rows:
    firsts = [paths[0] if paths else "" for paths in per_row]
    owners = [words(value) for value in frame[named["id"]]] if "id" in named else firsts
    return _Rows(per_row, owners, [n for paths in per_row for n in range(1, max(1, len(paths)) + 1)])


def _drop_product_id(
    listing: Listing,
    frame: pd.DataFrame,
    named: dict[str, str],
    mapping: dict[str, str] | None,
    per_row: list[tuple[str, ...]],
) -> None:
    """An id that rows with different images share names the thing that is shown, not the image."""
    column = named.get("id")
    if column is None or "id" in (mapping or {}) or column.strip().lower() == "image_id":
        return
    ids = [words(value) for value in frame[column]]
    firsts = [paths[0] if paths else "" for paths in per_row]
    if len(set(ids)) < len(ids) and len(set(firsts)) == len(firsts) and all(ids):
        del named["id"]
        listing.notes.append(
            f"The column {column!r} names the same thing in several rows, so it is an instance and paths are the ids; "
            f"`--option columns=id:{column}` takes it as the images' id."
        )
        named.setdefault("instance", column)


def _add_items(listing: Listing, rows: _Rows, named: dict[str, str]) -> None:
    """Which item each image belongs to; images of one item are one instance, unless the table says otherwise."""
    owners = [rows.owners[row] for row in rows.row_of]
    listing.extra["picture_of"], listing.extra["picture_number"] = owners, rows.numbers
    listing.notes.append(f"{plural(rows.numbers.count(2), 'row')} with several images; each of them is an image here.")
    if "instance" not in named:
        listing.instances = owners
        if listing.labels is None:
            listing.relevant_by = "instance"


def _refuse_paths(paths: list[str], rows: pd.Index, column: str, where: str) -> None:
    for row, text in zip(rows, paths):
        if not text:
            raise BadInput(f"{where}, row {row}, column {column!r}: the path is empty.")
        if "://" in text[:12] and not text.lower().startswith("file:"):
            raise BadInput(f"{where}, row {row}, column {column!r}: {text[:80]!r} is an address; download it first.")
        if "\0" in text:
            raise BadInput(f"{where}, row {row}, column {column!r}: the path holds a NUL character.")


def add_columns(
    listing: Listing,
    frame: pd.DataFrame,
    named: dict[str, str],
    where: str,
    images: Sequence[str] = (),
    unlabelled: str | None = None,
) -> None:
    """Labels, instances, split, texts and all further columns of a table, row by row.

    Args:
        named: which column is which, as `checked_columns` found.
        images: columns that name or hold the images themselves.
    """
    used = {named[ours] for ours in ("id", "instance", "split") if ours in named} | set(images)
    label = named.get("labels", named.get("label"))
    if label is not None:
        listing.labels, notes = labels_of(list(frame[label]), unlabelled)
        listing.notes += notes
        listing.several = "labels" in named
        used.add(label)
    if listing.labels is not None and not any(listing.labels):
        listing.labels = None
    if "instance" in named:
        listing.instances = [(texts or ("",))[0] for texts in labels_of(list(frame[named["instance"]]), unlabelled)[0]]
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
            name = column if column not in _RESERVED and column not in listing.extra else f"given_{column}"
            listing.extra[name] = [_cell(value) for value in frame[column]]


def _cell(value: Any) -> Any:
    """A number that a table can keep, else text."""
    if isinstance(value, (bool, float)):
        return value
    return value if isinstance(value, int) and -_LARGEST_WHOLE <= value < _LARGEST_WHOLE else words(value)


def rows_without_image(path: Path, known: set[str], columns: dict[str, str] | None = None) -> pd.DataFrame:
    """Rows of a manifest that are no image of its dataset: they name no image, or none that could be read.

    Args:
        known: ids of the rows that have an image.
        columns: ours → theirs, as the dataset was read with.
    Returns:
        id, category (the labels), title and description under our names, other columns under theirs; empty where the
        rows have no ids.
    """
    frame = read_table(path).rename(columns=str)
    named = guess_columns(list(frame.columns), columns, str(path))
    if "id" not in named:
        return pd.DataFrame()
    images = image_columns(frame, named, columns)
    ids = [words(value) for value in frame[named["id"]]]
    rest = frame[[bool(text) and text not in known for text in ids]]
    category = named.get("labels", named.get("label"))
    ours = {named["id"]: "id", **({category: "category"} if category else {})}
    ours |= {named[column]: column for column in ("title", "description") if column in named}
    return rest.drop(columns=images).rename(columns=ours).drop_duplicates("id")


def is_table(path: Path) -> bool:
    """Whether a path is a file that ends like a table."""
    return path.is_file() and path.suffix.lower() in TABLE_ENDINGS


@READERS.register(
    "manifest",
    label="A table with a path column (CSV, Parquet, JSONL)",
    detects=is_table,
    options=OPTIONS,
    choices={"missing": MISSING_CHOICES},
    rank=2,
)
def manifest(
    path: Path,
    *,
    columns: dict[str, str] | None = None,
    missing: str = "refuse",
    images: str | None = None,
    unlabelled: str | None = None,
    task: Task = NO_TASK,
) -> Listing:
    """One row per image, or per item of several; paths are relative to the manifest."""
    root = path.parent if images is None else Path(images).expanduser().resolve()
    return from_frame(read_table(path), root, str(path), columns, missing, unlabelled)
