"""Rows of other programs in the order of a dataset: by id, by an id that is written otherwise, or by row number."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from core.data.table_files import some
from core.data.vector_files import VectorFile
from core.errors import BadInput

Note = Callable[[str], None]
_BYTES = re.compile(r"^b(['\"])(.*)\1$")
"""How bytes look that were printed as text: b'0.jpg'."""


def _as_path(text: str) -> str:
    text = _BYTES.sub(r"\2", text)
    text = unicodedata.normalize("NFC", text.replace("\\", "/"))
    return text.removeprefix("file://").removeprefix("./").lstrip("/")


_READINGS: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("as paths", _as_path),
    ("by file name", lambda text: PurePosixPath(_as_path(text)).name),
    ("by path without its ending", lambda text: str(PurePosixPath(_as_path(text)).with_suffix("")) if text else ""),
    ("by file name without its ending", lambda text: PurePosixPath(_as_path(text)).stem),
)
"""How an id may be meant when it does not stand in the dataset as it is, strictest first."""


def aligned(
    vectors: VectorFile,
    ids: Sequence[str],
    path: str | Path,
    where: str,
    *,
    extra: str = "refuse",
    tell: Note | None = None,
) -> np.ndarray:
    """The rows in the order of `ids`.

    Args:
        where: what the ids belong to, for sentences ("labels.csv", "dataset 'photos'").
        extra: "refuse" rows whose id is not wanted, or "drop" them.
        tell: told in a sentence what was read otherwise than it is written.
    Raises:
        BadInput: another number of rows, or ids that do not match.
    """
    tell = tell or (lambda sentence: None)
    for note in vectors.notes:
        tell(note)
    row_ids = vectors.ids
    if row_ids is None and vectors.index is not None:
        row_ids = _index_as_ids(vectors.index, ids, path)
    if row_ids is None:
        if len(vectors.rows) != len(ids):
            raise BadInput(
                f"{path} has {len(vectors.rows):,} rows, {where} has {len(ids):,}; give one vector per row, in the "
                "same order, or add ids."
            )
        return vectors.rows
    row_of = {text: row for row, text in enumerate(row_ids)}
    missing = [text for text in ids if text not in row_of]
    if missing:
        rows = _other_reading(row_ids, ids, missing, path, where, tell)
    else:
        rows = [row_of[text] for text in ids]
    if len(row_ids) > len(ids):
        wanted = set(rows)
        unknown = [text for row, text in enumerate(row_ids) if row not in wanted]
        if extra == "refuse":
            raise BadInput(f"{path} has {len(unknown):,} ids that {where} does not have: {some(unknown)}.")
        tell(
            f"{path}: {len(unknown):,} of its {len(row_ids):,} ids are not in {where} and are left out: {some(unknown)}."
        )
    return vectors.rows[rows]


def _index_as_ids(index: tuple[str, ...], ids: Sequence[str], path: str | Path) -> tuple[str, ...] | None:
    """A column without a name as ids where it holds them; refused where it is a shuffled count of rows."""
    if len(set(index)) == len(index) and set(ids) <= set(index):
        return index
    if sorted(index) == sorted(map(str, range(len(index)))):
        raise BadInput(
            f"{path}: the column without a name counts the rows in another order than they stand in, so their order "
            "has two readings; add a column 'id'."
        )
    return None


def _other_reading(
    row_ids: Sequence[str], ids: Sequence[str], missing: list[str], path: str | Path, where: str, tell: Note
) -> list[int]:
    """The row of each id where one other reading of the ids fits all of them, each once.

    Raises:
        BadInput: no reading does; the sentence names what is near.
    """
    hint = ""
    for words, key in _READINGS:
        rows: dict[str, int] = {}
        twice = ""
        for row, text in enumerate(row_ids):
            if rows.setdefault(key(text), row) != row:
                twice = twice or key(text)
        wanted = [key(text) for text in ids]
        if len(set(wanted)) == len(wanted) and not twice and all(text in rows for text in wanted):
            tell(f"{path}: its ids are matched {words} ({row_ids[rows[wanted[0]]]!r} is {ids[0]!r} of {where}).")
            return [rows[text] for text in wanted]
        if not hint and all(text in rows for text in wanted):
            again = twice or Counter(wanted).most_common(1)[0][0]
            hint = f" They would match {words}, but {again!r} stands there more than once."
    raise BadInput(
        f"{path} lacks {len(missing):,} of the {len(ids):,} ids of {where}: {some(missing)}; it has "
        f"{some(list(row_ids), 3)}.{hint}"
    )


def row_order(ids: Sequence[str], by_path: bool, path: str | Path) -> tuple[list[str], str]:
    """The ids in the order in which rows without ids stand, and how that order is called.

    Datasets of folders are read by other programs in the order of their sorted paths; a table keeps its own order.

    Args:
        by_path: the dataset was read from folders, not from a list.
    Raises:
        BadInput: sorting whole paths and sorting folder by folder give two orders; ids are asked for then.
    """
    if not by_path:
        return list(ids), "sorted ids" if list(ids) == sorted(ids) else "as its table lists them"
    plain = sorted(ids)
    by_folder = sorted(ids, key=lambda text: text.split("/"))
    if plain != by_folder:
        at = next(i for i, (plain_id, folder_id) in enumerate(zip(plain, by_folder)) if plain_id != folder_id)
        raise BadInput(
            f"{path} has rows without ids, and two orders of the dataset are in use: by whole path row {at + 1} is "
            f"{plain[at]!r}, folder by folder it is {by_folder[at]!r}. Give an .npz with ids and vectors, or a table "
            "with an id column."
        )
    return plain, "sorted ids"
