"""Which column of somebody's table is which of ours: by its usual name, and by whether its cells can be that."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

import pandas as pd

from core.data.images import looks_like_one
from core.data.listing import known_split
from core.data.table_files import several_words, some, words
from core.errors import BadInput

USUAL = {
    "path": (
        "path", "file", "filename", "file_name", "filepath", "file_path", "image", "image_path", "img", "img_path",
        "image_file", "imagepath", "picture", "photo",
    ),
    "id": ("id", "image_id", "item_id", "uid", "uuid", "sku", "key"),
    "label": ("label", "class", "category", "target", "class_name", "label_name", "species", "y", "ground_truth"),
    "labels": ("labels", "tags", "classes", "categories", "label_names"),
    "instance": ("instance", "instance_id", "product_id", "object_id", "identity", "person_id", "pid", "landmark_id"),
    "split": ("split", "set", "subset", "partition", "fold"),
    "title": ("title", "name", "headline", "product_name"),
    "description": ("description", "text", "caption", "desc", "body", "alt"),
    "pictures": ("pictures", "images", "photos", "image_paths", "additional_images", "more_images", "other_images"),
}  # fmt: skip
"""Our columns → the names under which people keep them, likeliest first."""
NO_LABEL = (
    "nan", "-nan", "none", "null", "nil", "na", "n/a", "n.a.", "#n/a", "#na", "<na>", "nat", "1.#qnan", "1.#ind",
    "(null)", "(none)", "<null>", "<none>", "#null!", "undefined", "-", "--", "?", "{}", "''", '""',
)  # fmt: skip
"""What programs write where there is no label, in lower case."""
UNLABELLED = "Words that mean no label, with commas between them, any letter case; by default nan, none, null, n/a and their like."
_NUMBERED = re.compile(r"(.*?)[ _-]?(\d{1,2})")
_WHOLE = re.compile(r"[+-]?\d+\.0+")
_FRACTION = re.compile(r"[+-]?\d*\.\d*[1-9]\d*(e[+-]?\d+)?", re.IGNORECASE)
_HINT = "`--option columns={ours}:{theirs}` takes it all the same"


def guess_columns(names: list[str], mapping: dict[str, str] | None = None, where: str = "The table") -> dict[str, str]:
    """Ours → theirs, by the usual names (letter case aside); `mapping` wins, and "" there means "none".

    Raises:
        BadInput: `mapping` names a column that is not there, or one of ours that does not exist.
    """
    guessed: dict[str, str] = {}
    lower = {name.strip().lower(): name for name in reversed(names)}
    for ours, theirs in (mapping or {}).items():
        if ours not in USUAL:
            raise BadInput(f"{ours!r} is no column of ours; these are: {', '.join(USUAL)}.")
        if theirs and theirs not in names:
            raise BadInput(f"{where} has no column {theirs!r}; it has {some(names, 12)}.")
        if theirs:
            guessed[ours] = theirs
    taken = set(guessed.values())
    for ours, usual in USUAL.items():
        if ours in (mapping or {}):
            continue
        usable = [lower[name] for name in usual if name in lower and lower[name] not in taken]
        if not usable and ours == "path":
            usable = [name for name in _numbered(names) if name not in taken]
        if usable:
            guessed[ours] = usable[0]
            taken.add(usable[0])
    return guessed


def checked_columns(
    frame: pd.DataFrame, mapping: dict[str, str] | None, where: str
) -> tuple[dict[str, str], list[str]]:
    """The guess, without columns whose cells cannot be what their name says; and sentences about it.

    Coordinates under the name of a label, and numbers under the name of a split (folds), are neither.
    """
    named = guess_columns(list(frame.columns), mapping, where)
    notes = []
    for ours in ("label", "labels", "split"):
        theirs = named.get(ours)
        if theirs is None or ours in (mapping or {}):
            continue
        reason = _no_split(frame[theirs]) if ours == "split" else _no_label(frame[theirs], theirs, list(frame.columns))
        if reason:
            del named[ours]
            what = "split" if ours == "split" else "label"
            notes.append(
                f"The column {theirs!r} {reason}, so it is no {what}; {_HINT.format(ours=ours, theirs=theirs)}."
            )
            again = guess_columns([name for name in frame.columns if name != theirs], mapping, where)
            if ours in again and again[ours] not in named.values():
                named[ours] = again[ours]
    roles = [f"{ours} from {theirs!r}" for ours, theirs in named.items() if ours not in (mapping or {})]
    if roles:
        notes.insert(0, f"Columns by their names: {', '.join(roles)}; `--option columns=ours:theirs` changes that.")
    return named, notes


def _no_label(column: pd.Series, name: str, names: list[str]) -> str:
    """Why cells cannot be labels; "" where they can."""
    lower = {other.strip().lower() for other in names}
    if name.strip().lower() == "y" and "x" in lower:
        return "stands beside 'x' (coordinates)"
    cells = [text for text in map(words, islice(column, 1000)) if text]
    fractions = sum(bool(_FRACTION.fullmatch(text)) for text in cells)
    return "holds fractions (measures)" if cells and fractions * 2 > len(cells) else ""


def _no_split(column: pd.Series) -> str:
    """Why cells cannot be parts of a split; "" where some are."""
    texts = {text for text in map(words, column.iloc[:1000]) if text}
    if texts and not any(known_split(text) for text in texts) and all(text.lstrip("-").isdigit() for text in texts):
        return "holds numbers (folds)"
    return "" if texts else "is empty"


def _numbered(names: Iterable[str]) -> list[str]:
    """Columns such as picture_2 or "image 3", by their number."""
    matches = [(name, _NUMBERED.fullmatch(name.strip().lower())) for name in names]
    numbered = [(int(match[2]), name) for name, match in matches if match and match[1] in USUAL["path"]]
    return [name for _, name in sorted(numbered)]


def image_columns(frame: pd.DataFrame, named: dict[str, str], mapping: dict[str, str] | None = None) -> list[str]:
    """The columns that name images, in the order in which an item's images are numbered.

    A column that was only guessed by its name must hold names of image files; {"pictures": ""} in `mapping` leaves all
    but the path column out.

    Args:
        named: what `guess_columns` found.
    """
    mapping = mapping or {}
    columns = [named["path"]] if "path" in named else []
    if mapping.get("pictures") == "":
        return columns
    if mapping.get("pictures"):
        return list(dict.fromkeys([*columns, mapping["pictures"]]))
    used = set(named.values()) - {named.get("pictures")}
    guessed = [*(name for name in _numbered(frame.columns) if name not in used), *filter(None, [named.get("pictures")])]
    return [*columns, *(name for name in guessed if _names_images(frame[name]))]


def _names_images(column: pd.Series) -> bool:
    """Whether cells name image files: an address, a count or a caption does not."""
    parts = list(islice((part for value in column for part in several_words(value)), 200))
    return bool(parts) and all("://" not in part[:12] and looks_like_one(part) for part in parts)


def labels_of(values: Sequence[Any], unlabelled: str | None = None) -> tuple[list[tuple[str, ...]], list[str]]:
    """The labels in a column, and a sentence where words were taken for "no label".

    Whole numbers are one label however they are written (1 and 1.0).

    Args:
        unlabelled: words that mean no label, as `UNLABELLED` says; None for the usual ones.

    >>> labels_of(["cat", "NaN", 1.0, "1"])[0]
    [('cat',), (), ('1',), ('1',)]
    """
    nothing = NO_LABEL if unlabelled is None else tuple(word.strip().lower() for word in unlabelled.split(","))
    passed: Counter[str] = Counter()
    labels = []
    for value in values:
        row = []
        for text in several_words(value):
            if text.lower() in nothing:
                passed[text] += 1
            else:
                row.append(text.partition(".")[0].lstrip("+") if _WHOLE.fullmatch(text) else text)
        labels.append(tuple(dict.fromkeys(row)))
    notes = []
    if passed:
        counts = ", ".join(f"{text!r} ({count:,} times)" for text, count in passed.most_common(5))
        notes.append(f"Read as no label: {counts}; `--option unlabelled=WORD,WORD` says which words are.")
    return labels, notes
