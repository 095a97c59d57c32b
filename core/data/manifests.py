"""Manifests: CSV, Parquet and JSONL tables with one row per image. Columns are found by their usual names."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pandas as pd

from core.data.listing import READERS, Listing, split_word
from core.data.tables import TABLE_ENDINGS, read_table, several_words, some, words
from core.errors import BadInput
from core.progress import Cancel, OnProgress

USUAL = {
    "path": ("path", "file", "filename", "file_name", "filepath", "file_path", "image", "image_path", "img",
             "img_path", "image_file", "imagepath", "picture", "photo"),
    "id": ("id", "image_id", "item_id", "uid", "uuid", "sku", "key"),
    "label": ("label", "class", "category", "target", "class_name", "label_name", "species", "y", "ground_truth"),
    "labels": ("labels", "tags", "classes", "categories", "label_names"),
    "instance": ("instance", "instance_id", "product_id", "object_id", "identity", "person_id", "pid", "landmark_id"),
    "split": ("split", "set", "subset", "partition", "fold"),
    "title": ("title", "name", "headline", "product_name"),
    "description": ("description", "text", "caption", "desc", "body", "alt"),
}  # fmt: skip
"""Our columns → the names under which people keep them, likeliest first."""
OPTIONS = {
    "columns": "Which of the file's columns is which of ours, where the names are unusual: {ours: theirs}.",
    "missing": "What to do with rows whose file does not exist: refuse (default) or quarantine (no path: left out).",
    "images": "The folder that paths are relative to; by default the manifest's own.",
}
_OWN = {"path", "size", "mtime_ns", "width", "height", "instance", "id", "key", "label_code", "split_word",
        "label_codes", "instance_code", "offset", "member_size"}  # fmt: skip


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
        if theirs is not None:
            found[ours] = theirs
            taken.add(theirs)
    return found


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
    if "path" not in named:
        raise BadInput(
            f"{where} has no column with the images' paths: call it path, file or image, or map it by hand; "
            f"it has {some(list(frame.columns), 12)}."
        )
    if not len(frame):
        raise BadInput(f"{where} has a header but no rows.")
    listing = Listing(str(root))
    given = [words(value) for value in frame[named["path"]]]
    if missing == "quarantine" and not all(given) and any(given):
        frame = frame[[bool(text) for text in given]]
        listing.notes.append(f"{len(given) - len(frame):,} rows name no picture; a catalogue still finds their text.")
        given = [text for text in given if text]
    _refuse_paths(given, frame.index, named["path"], where)
    base = _base(root, given)
    if base != root:
        listing.notes.append(f"Paths are relative to the folder {base.name!r}.")
    listing.paths = [os.path.normpath(os.path.join(base, text)) for text in given]
    ids = [words(value) for value in frame[named["id"]]] if "id" in named else given
    listing.ids = ids
    _refuse_repeated(ids, frame.index, named.get("id", named["path"]), where)
    _add_columns(listing, frame, named, where)
    absent = [i for i, path in enumerate(listing.paths) if not os.path.exists(path)]
    if absent and (missing == "refuse" or len(absent) == len(listing)):
        raise BadInput(
            f"{where}, column {named['path']!r}: {len(absent):,} of {len(listing):,} files do not exist below {base}, "
            f"the first in row {frame.index[absent[0]]}: {some([given[i] for i in absent])}."
        )
    return listing


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


def _add_columns(listing: Listing, frame: pd.DataFrame, named: dict[str, str], where: str) -> None:
    used = {named[ours] for ours in ("path", "id", "instance", "split") if ours in named}
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


@READERS.register(
    "manifest",
    label="A table with a path column (CSV, Parquet, JSONL)",
    detect=lambda path: path.is_file() and path.suffix.lower() in TABLE_ENDINGS,
    options=OPTIONS,
    choices={"missing": ("refuse", "quarantine")},
)
def manifest(
    path: Path,
    *,
    columns: dict[str, str] | None = None,
    missing: str = "refuse",
    images: str | None = None,
    on_progress: OnProgress | None = None,
    cancel: Cancel | None = None,
) -> Listing:
    """One row per image; paths are relative to the manifest."""
    root = path.parent if images is None else Path(images).expanduser().resolve()
    return from_frame(read_table(path), root, str(path), columns, missing)
