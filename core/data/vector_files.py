"""Vectors that another program made: .npy, .npz, .parquet, .safetensors and .csv, by row or by id."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from core.data import file_kinds, table_files
from core.data.readers.columns import USUAL
from core.errors import BadInput

VECTOR_ENDINGS = (".npy", ".npz", ".parquet", ".safetensors", ".csv", ".tsv")
_ARRAYS = ("vectors", "embeddings", "features", "x", "arr_0")
_IDS = ("id", "ids", "image_id", "item_id", "path", "paths", "file", "filename", "file_name", "name", "names", "key")
_ABOUT = {
    *(name for ours in ("label", "labels", "instance", "split", "title", "description") for name in USUAL[ours]),
    *("row", "row_id", "class_id", "label_id", "category_id", "cluster"),
}
"""Columns, in lower case, that say something about an image and are never a number of its vector."""
_UNNAMED = re.compile(r"(unnamed: ?\d+(_level_\d+)?|index|level_0|__index_level_0__)?", re.IGNORECASE)
_NUMBERED = re.compile(r"(.*?)(\d+)")
_PROGRAMS_OWN = (".pt", ".pth", ".pkl", ".pickle", ".joblib", ".h5", ".hdf5", ".mat", ".feather", ".json", ".jsonl")
_SAVE_ANEW = 'numpy.savez("vectors.npz", ids=ids, vectors=vectors) writes one.'
_MOST_BLOWN_UP = 200
"""A compressed file that grows by more than this is taken for a bomb."""


@dataclass(frozen=True)
class VectorFile:
    """What a file holds.

    Attributes:
        rows: (n, dim) float32 or float64.
        ids: of each row, when the file has ids.
        notes: what was left out or read otherwise than it stands there, as sentences.
        index: the values of a column without a name, where they may be ids: whole numbers that do not count rows.
    """

    rows: np.ndarray
    ids: tuple[str, ...] | None
    notes: tuple[str, ...] = ()
    index: tuple[str, ...] | None = None


@dataclass
class _Content:
    """What one format's reader found."""

    rows: np.ndarray
    ids: Sequence[Any] | None = None
    notes: list[str] = field(default_factory=list)
    index: list[str] | None = None


def read(path: str | Path) -> VectorFile:
    """Read vectors; values are kept as they are (no normalisation), NaN and infinity included.

    Raises:
        BadInput: missing or damaged file, no two-dimensional numbers in it, a bomb, or something that would have
            to be unpickled.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise BadInput(f"The vector file {path} does not exist; check the spelling.")
    ending = path.suffix.lower()
    if ending not in _READ:
        foreign = _SAVE_ANEW if ending in _PROGRAMS_OWN else file_kinds.foreign_file(path)
        raise BadInput(f"{path} is no vector file; give one of {', '.join(VECTOR_ENDINGS)}. {foreign}".strip())
    try:
        content = _READ[ending](path)
    except BadInput:
        raise
    except MemoryError as error:
        raise BadInput(f"{path} needs more memory than there is.") from error
    except Exception as error:  # each format's library raises what it likes on a damaged file
        text = " ".join(str(error).split())[:160] or type(error).__name__
        if "allow_pickle" in text or "pickle" in text.lower():
            text = "it holds Python objects, which are never loaded; save plain numbers"
        foreign = file_kinds.foreign_file(path) if ending != ".npz" else ""
        raise BadInput(f"{path} cannot be read as vectors: {foreign or f'{text}.'}") from error
    rows = _numbers(content.rows, path)
    ids = None if content.ids is None else _checked_ids(content.ids, len(rows), path)
    index = None if content.index is None or len(content.index) != len(rows) else tuple(content.index)
    return VectorFile(rows, ids, tuple(f"{path.name}: {note}" for note in content.notes), index)


def _checked_ids(values: Sequence[Any], n: int, path: Path) -> tuple[str, ...]:
    ids = tuple(table_files.words(value) for value in values)
    if len(ids) != n:
        raise BadInput(f"{path} has {n:,} vectors but {len(ids):,} ids.")
    if again := table_files.repeated(ids):
        raise BadInput(f"{path} has the id {ids[again[0]]!r} twice.")
    return ids


def _numbers(rows: np.ndarray, path: Path) -> np.ndarray:
    rows = np.asarray(rows)
    if rows.ndim > 2:  # (n, 1, dim) and (n, dim, 1, 1) are how networks leave a pooled vector
        axes = tuple(axis for axis in range(1, rows.ndim) if rows.shape[axis] == 1)
        flat = rows.squeeze(axes[: rows.ndim - 2])
        rows = flat.squeeze(0) if flat.ndim == 3 and len(flat) == 1 else flat
    if rows.ndim != 2 or rows.shape[1] < 1:
        raise BadInput(f"{path} holds an array of shape {rows.shape}; vectors are (rows, numbers per row).")
    if rows.dtype.kind not in "fiu":
        raise BadInput(f"{path} holds values of type {rows.dtype}; vectors are real numbers (float32 is best).")
    if not len(rows):
        raise BadInput(f"{path} holds no rows.")
    wanted = np.float64 if rows.dtype.itemsize >= 8 else np.float32
    return np.ascontiguousarray(rows, wanted)


def _npy(path: Path) -> _Content:
    return _Content(np.load(path, allow_pickle=False))


def _npz(path: Path) -> _Content:
    with zipfile.ZipFile(path) as archive:
        whole = sum(member.file_size for member in archive.infolist())
    if whole > max(64 * 2**20, path.stat().st_size * _MOST_BLOWN_UP):
        raise BadInput(
            f"{path} would grow from {path.stat().st_size:,} to {whole:,} bytes; that is no file of vectors."
        )
    with np.load(path, allow_pickle=False) as arrays:
        names = {name.lower(): name for name in arrays.files}
        ids_name = next((names[usual] for usual in _IDS if usual in names), None)
        name = next((names[usual] for usual in _ARRAYS if usual in names), None)
        if name is None:
            shaped = [other for other in arrays.files if other != ids_name and arrays[other].ndim >= 2]
            if len(shaped) != 1:
                raise BadInput(f"{path} holds {table_files.some(arrays.files)}; name the array of vectors 'vectors'.")
            name = shaped[0]
        try:
            ids = None if ids_name is None else arrays[ids_name]
        except ValueError as error:
            raise BadInput(
                f"{path}: the ids are Python objects, which are never loaded; save them as text: ids.astype(str)."
            ) from error
        return _Content(arrays[name], None if ids is None else ids.ravel().tolist())


def _safetensors(path: Path) -> _Content:
    from safetensors import safe_open

    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length)) if length < min(100 * 2**20, path.stat().st_size) else {}
    tensors = {name: tensor for name, tensor in header.items() if name != "__metadata__"}
    shaped = [name for name, tensor in tensors.items() if len(tensor["shape"]) >= 2]
    name = next((usual for usual in _ARRAYS if usual in tensors), shaped[0] if len(shaped) == 1 else None)
    if name is None:
        raise BadInput(f"{path} holds {table_files.some(list(tensors))}; name the tensor of vectors 'vectors'.")
    if tensors[name]["dtype"] == "BF16":  # numpy has no such type: it is the upper half of a float32
        start, end = tensors[name]["data_offsets"]
        with path.open("rb") as file:
            file.seek(8 + length + start)
            halves = np.frombuffer(file.read(end - start), "<u2").astype(np.uint32) << 16
        return _Content(halves.view(np.float32).reshape(tensors[name]["shape"]))
    with safe_open(path, "np") as tensors_file:
        return _Content(tensors_file.get_tensor(name))


def _parquet(path: Path) -> _Content:
    frame = table_files.read_table(path)
    frame.columns = [str(name) for name in frame.columns]
    ids_name = _id_column(frame) or _text_column(frame)
    rest = [name for name in frame.columns if name != ids_name]
    first = {name: frame[name].iloc[0] for name in rest if len(frame)}
    lists = {name: len(value) for name, value in first.items() if _is_list(value)}
    ids = None if ids_name is None else frame[ids_name].tolist()
    if name := _list_column(lists, rest):
        lengths = {len(value) if _is_list(value) else 0 for value in frame[name]}
        if len(lengths) > 1:
            raise BadInput(
                f"{path}, column {name!r}: the vectors have different lengths ({min(lengths)} to {max(lengths)})."
            )
        return _Content(np.stack([np.asarray(value) for value in frame[name]]), ids)
    content = _Content(np.empty((0, 0)), ids)
    numbers = _vector_columns(frame, rest, content)
    texts = [name for name in numbers if frame[name].dtype.kind not in "fiu"]
    if texts:
        raise BadInput(f"{path}, column {texts[0]!r}: these are not numbers; keep one id column and numbers.")
    content.rows = frame[numbers].to_numpy()
    return content


def _is_list(value: object) -> bool:
    return hasattr(value, "__len__") and not isinstance(value, (str, bytes, dict))


def _list_column(lengths: Mapping[str, int], names: list[str]) -> str:
    """Of the columns that hold lists the one with the vectors; "" where there is none.

    A list of labels is no vector, nor is one that is shorter than the row of columns that are counted through (f0, f1, f2
    ...), such as a box.

    Args:
        lengths: column → how many numbers its first list has.
    """
    if usual := next((usual for usual in _ARRAYS if usual in lengths), ""):
        return usual
    vectors = [name for name in lengths if name.strip().lower() not in _ABOUT]
    return vectors[0] if len(vectors) == 1 and lengths[vectors[0]] >= len(_counted(names)) else ""


def _id_column(frame: pd.DataFrame) -> str | None:
    lower = {name.strip().lower(): name for name in reversed(list(frame.columns))}
    return next((lower[usual] for usual in _IDS if usual in lower), None)


def _text_column(frame: pd.DataFrame) -> str | None:
    """The first column, where it holds text that says nothing about labels or splits: the ids, under another name."""
    for name in list(frame.columns) if len(frame) else []:
        value = frame[name].iloc[0]
        if _UNNAMED.fullmatch(name.strip()) or name == frame.columns[0]:
            is_text = isinstance(value, (str, bytes)) and not _is_number(table_files.words(value) or "x")
            return name if is_text and name.strip().lower() not in _ABOUT else None
    return None


def _vector_columns(frame: pd.DataFrame, names: list[str], content: _Content) -> list[str]:
    """The columns that are the numbers of a vector; what is left out is noted.

    Columns without a name (an index), columns under a usual name for a label, split and the like, and, beside columns
    that are counted through (f0, f1, f2 ...), those that are not.
    """
    counted = _counted(names)
    left_out = []
    numbers = []
    for name in names:
        lower = name.strip().lower()
        if _UNNAMED.fullmatch(lower):
            values = [table_files.words(value) for value in frame[name]]
            if any(values):
                left_out.append(repr(name))
                counts_rows = values in ([str(i) for i in range(len(values))], [str(i + 1) for i in range(len(values))])
                content.index = content.index if counts_rows else values
        elif name not in counted and (
            counted or (lower in _ABOUT and not _is_coordinate(lower, names)) or lower in _IDS
        ):
            left_out.append(repr(name))
        else:
            numbers.append(name)
    if left_out:
        content.notes.append(
            f"{'column' if len(left_out) == 1 else 'columns'} {', '.join(left_out[:8])}{' ...' if len(left_out) > 8 else ''}"
            f" left out (no numbers of a vector); {len(numbers):,} numbers per vector."
        )
    return numbers


def _is_coordinate(lower: str, names: list[str]) -> bool:
    """Whether `y` is the second of two coordinates that are the whole vector."""
    return lower == "y" and "x" in {name.strip().lower() for name in names}


def _counted(names: list[str]) -> set[str]:
    """Columns of one beginning that are counted through from 0 or 1, at least three and most of all; else none."""
    groups: dict[str, dict[int, str]] = {}
    for name in names:
        if match := _NUMBERED.fullmatch(name.strip()):
            groups.setdefault(match[1], {})[int(match[2][-9:])] = name
    largest = max(groups.values(), key=len, default={})
    first = min(largest, default=0)
    whole = len(largest) >= 3 and first in (0, 1) and max(largest) - first == len(largest) - 1
    return set(largest.values()) if whole and 2 * len(largest) > len(names) else set()


def _with_point(text: str) -> str:
    """A number as a spreadsheet writes it, with a point before its fraction."""
    return text.replace(",", ".") if text.count(",") == 1 and "." not in text else text


def _is_number(text: str) -> bool:
    try:
        float(_with_point(text))
    except ValueError:
        return False
    return True


def _csv(path: Path) -> _Content:
    frame = table_files.read_table(path)
    header = list(frame.columns)
    headless = all(_is_number(name) for name in header) and not _counts(header)
    if headless:  # the first line is a vector too
        frame = _headless(path)
        header = list(frame.columns)
    ids_name = _id_column(frame) or _text_column(frame)
    content = _Content(
        np.empty((0, 0)), None if ids_name is None else frame[ids_name].tolist(), table_files.notes_of(frame)
    )
    rest = [name for name in header if name != ids_name]
    first = {name: str(frame[name].iloc[0]).strip() for name in rest if len(frame)}
    lists = {name: len(cell.replace(",", " ").split()) for name, cell in first.items() if cell.startswith("[")}
    if name := _list_column(lists, rest):
        content.rows = np.stack(_written_lists(frame[name], name, path))
        return content
    if headless and len(rest) > 1 and _counts(frame[rest[0]].tolist()) and len(frame) > 2:
        content.notes.append("the first column counts the rows, so it is left out.")
        numbers = rest[1:]
    else:
        numbers = _vector_columns(frame, rest, content)
    rows = np.empty((len(frame), len(numbers)), np.float64)
    for at, name in enumerate(numbers):
        rows[:, at] = _column(frame[name], name, path)
    content.rows = rows
    return content


def _written_lists(column: pd.Series, name: str, path: Path) -> list[np.ndarray]:
    """Vectors that stand in one cell each, as pandas writes lists and arrays: "[0.1, 0.2]" or "[0.1 0.2]".

    Raises:
        BadInput: a cell that was shortened ("...") when it was written, is no list of numbers, or has another length.
    """
    rows: list[np.ndarray] = []
    for at, cell in column.items():
        words = str(cell).strip().removeprefix("[").removesuffix("]").replace(",", " ").split()
        if "..." in words:
            raise BadInput(
                f"{path}, row {at}, column {name!r}: '...' stands where numbers were left out when the file was written. "
                + _SAVE_ANEW
            )
        odd = next((word for word in words if not _is_number(word)), None)
        if odd is not None or not words:
            raise BadInput(f"{path}, row {at}, column {name!r}: {str(cell)[:40]!r} is not a list of numbers.")
        rows.append(np.array(words, np.float64))
        if len(words) != len(rows[0]):
            raise BadInput(
                f"{path}, row {at}, column {name!r}: {len(words)} numbers where the first row has {len(rows[0])}."
            )
    return rows


def _column(column: pd.Series, name: str, path: Path) -> np.ndarray:
    """The numbers of a column; a spreadsheet may write a comma before the fraction.

    Raises:
        BadInput: a cell that is no number; it is named.
    """
    try:
        return column.to_numpy(np.float64)
    except ValueError:
        points = [_with_point(str(cell)) for cell in column]
        odd = next((at for at, text in enumerate(points) if not _is_number(text)), None)
        if odd is not None:
            cell = str(column.iloc[odd])[:40]
            raise BadInput(f"{path}, row {column.index[odd]}, column {name!r}: {cell!r} is not a number.") from None
        return np.array(points, np.float64)


def _counts(texts: Sequence[str]) -> bool:
    """Whether texts are 0, 1, 2 ... or 1, 2, 3 ...: names of columns, or numbers of rows."""
    start = str(texts[0]).strip().removesuffix(".0") if len(texts) else ""
    if start not in ("0", "1"):
        return False
    return all(str(text).strip().removesuffix(".0") == str(int(start) + at) for at, text in enumerate(texts))


def _headless(path: Path) -> pd.DataFrame:
    lines = [line for line in table_files.decode(path.read_bytes(), path).splitlines() if line.strip()]
    mark = next((mark for mark in ("\t", ";", ",") if mark in lines[0]), ",")
    rows = [[cell.strip() for cell in line.split(mark)] for line in lines]
    odd = next((at for at, row in enumerate(rows) if len(row) != len(rows[0])), None)
    if odd is not None:
        raise BadInput(f"{path}, row {odd + 1}: {len(rows[odd])} numbers where the first row has {len(rows[0])}.")
    return pd.DataFrame(rows, columns=[f"number {i + 1}" for i in range(len(rows[0]))], index=range(1, len(rows) + 1))


_READ = {
    ".npy": _npy,
    ".npz": _npz,
    ".parquet": _parquet,
    ".safetensors": _safetensors,
    ".csv": _csv,
    ".tsv": _csv,
}
