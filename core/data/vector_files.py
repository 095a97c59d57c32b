"""Vectors that another program made: .npy, .npz, .parquet, .safetensors and .csv, by row or by id."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from core.data import table_files
from core.errors import BadInput

VECTOR_ENDINGS = (".npy", ".npz", ".parquet", ".safetensors", ".csv", ".tsv")
_ARRAYS = ("vectors", "embeddings", "features", "x", "arr_0")
_IDS = ("id", "ids", "image_id", "item_id", "path", "paths", "file", "filename", "file_name", "name", "names", "key")
_MOST_BLOWN_UP = 200
"""A compressed file that grows by more than this is taken for a bomb."""


@dataclass(frozen=True)
class VectorFile:
    """What a file holds: (n, dim) float32 or float64 rows, and the id of each row when the file has ids."""

    rows: np.ndarray
    ids: tuple[str, ...] | None


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
        raise BadInput(f"{path} is no vector file; give one of {', '.join(VECTOR_ENDINGS)}.")
    try:
        rows, ids = _READ[ending](path)
    except BadInput:
        raise
    except MemoryError as error:
        raise BadInput(f"{path} needs more memory than there is.") from error
    except Exception as error:  # each format's library raises what it likes on a damaged file
        text = " ".join(str(error).split())[:160] or type(error).__name__
        if "allow_pickle" in text or "pickle" in text.lower():
            text = "it holds Python objects, which are never loaded; save plain numbers"
        raise BadInput(f"{path} cannot be read as vectors: {text}.") from error
    if ids is not None:
        ids = tuple(table_files.words(value) for value in ids)
        if len(ids) != len(rows):
            raise BadInput(f"{path} has {len(rows):,} vectors but {len(ids):,} ids.")
        if len(set(ids)) != len(ids):
            twice = next(text for text in ids if ids.count(text) > 1)
            raise BadInput(f"{path} has the id {twice!r} twice.")
    return VectorFile(_numbers(rows, path), ids)


def _numbers(rows: np.ndarray, path: Path) -> np.ndarray:
    rows = np.asarray(rows)
    if rows.ndim != 2 or rows.shape[1] < 1:
        raise BadInput(f"{path} holds an array of shape {rows.shape}; vectors are (rows, numbers per row).")
    if rows.dtype.kind not in "fiu":
        raise BadInput(f"{path} holds values of type {rows.dtype}; vectors are real numbers (float32 is best).")
    if not len(rows):
        raise BadInput(f"{path} holds no rows.")
    wanted = np.float64 if rows.dtype.itemsize >= 8 else np.float32
    return np.ascontiguousarray(rows, wanted)


def _npy(path: Path) -> tuple[np.ndarray, None]:
    return np.load(path, allow_pickle=False), None


def _npz(path: Path) -> tuple[np.ndarray, Any]:
    with zipfile.ZipFile(path) as archive:
        whole = sum(member.file_size for member in archive.infolist())
    if whole > max(64 * 2**20, path.stat().st_size * _MOST_BLOWN_UP):
        raise BadInput(
            f"{path} would grow from {path.stat().st_size:,} to {whole:,} bytes; that is no file of vectors."
        )
    with np.load(path, allow_pickle=False) as held:
        names = {name.lower(): name for name in held.files}
        flat = [name for name in held.files if held[name].ndim == 2]
        name = next((names[usual] for usual in _ARRAYS if usual in names), flat[0] if len(flat) == 1 else None)
        if name is None:
            raise BadInput(f"{path} holds {table_files.some(held.files)}; name the array of vectors 'vectors'.")
        ids = next((held[names[usual]] for usual in _IDS if usual in names), None)
        return held[name], None if ids is None else ids.tolist()


def _safetensors(path: Path) -> tuple[np.ndarray, None]:
    from safetensors.numpy import load_file

    held = load_file(path)
    flat = [name for name in held if held[name].ndim == 2]
    name = next((usual for usual in _ARRAYS if usual in held), flat[0] if len(flat) == 1 else None)
    if name is None:
        raise BadInput(f"{path} holds {table_files.some(list(held))}; name the tensor of vectors 'vectors'.")
    return held[name], None


def _parquet(path: Path) -> tuple[np.ndarray, Any]:
    frame = pd.read_parquet(path)
    frame.columns = [str(name) for name in frame.columns]
    ids_name = _id_column(frame)
    rest = [name for name in frame.columns if name != ids_name]
    lists = [name for name in rest if len(frame) and _is_list(frame[name].iloc[0])]
    if len(lists) == 1 or (set(lists) & set(_ARRAYS)):
        name = next((usual for usual in _ARRAYS if usual in lists), lists[0] if lists else "")
        lengths = {len(value) for value in frame[name]}
        if len(lengths) > 1:
            raise BadInput(
                f"{path}, column {name!r}: the vectors have different lengths ({min(lengths)} to {max(lengths)})."
            )
        rows = np.stack([np.asarray(value) for value in frame[name]])
    else:
        words = [name for name in rest if frame[name].dtype.kind not in "fiu"]
        if words:
            raise BadInput(f"{path}, column {words[0]!r}: these are not numbers; keep one id column and numbers.")
        rows = frame[rest].to_numpy()
    return rows, None if ids_name is None else frame[ids_name].tolist()


def _is_list(value: object) -> bool:
    return hasattr(value, "__len__") and not isinstance(value, (str, bytes))


def _id_column(frame: pd.DataFrame) -> str | None:
    lower = {name.lower(): name for name in frame.columns}
    return next((lower[usual] for usual in _IDS if usual in lower), None)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _csv(path: Path) -> tuple[np.ndarray, Any]:
    frame = table_files.read_table(path)
    header = list(frame.columns)
    if all(_is_number(name) for name in header):  # no header: the first line is a vector too
        frame = _headless(path)
        header = list(frame.columns)
    ids_name = _id_column(frame)
    if ids_name is None and len(frame) and not _is_number(frame[header[0]].iloc[0] or "x"):
        ids_name = header[0]
    numbers = [name for name in header if name != ids_name]
    rows = np.empty((len(frame), len(numbers)), np.float64)
    for at, name in enumerate(numbers):
        column = frame[name]
        try:
            rows[:, at] = column.to_numpy(np.float64)
        except ValueError:
            row, value = next((r, v) for r, v in column.items() if not _is_number(v))
            raise BadInput(f"{path}, row {row}, column {name!r}: {str(value)[:40]!r} is not a number.") from None
    return rows, None if ids_name is None else frame[ids_name].tolist()


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


def aligned(
    given: VectorFile, ids: Sequence[str], path: str | Path, where: str, *, extra: str = "refuse"
) -> np.ndarray:
    """The rows in the order of `ids`.

    Args:
        where: what the ids belong to, for sentences ("labels.csv", "dataset 'photos'").
        extra: "refuse" rows whose id is not wanted, or "drop" them.
    Raises:
        BadInput: another number of rows, or ids that do not match.
    """
    if given.ids is None:
        if len(given.rows) != len(ids):
            raise BadInput(
                f"{path} has {len(given.rows):,} rows, {where} has {len(ids):,}; give one vector per row, in the "
                "same order, or add ids."
            )
        return given.rows
    row_of = {text: row for row, text in enumerate(given.ids)}
    missing = [text for text in ids if text not in row_of]
    if missing:
        raise BadInput(
            f"{path} lacks {len(missing):,} of the {len(ids):,} ids of {where}: {table_files.some(missing)}."
        )
    if extra == "refuse" and len(given.ids) > len(ids):
        wanted = set(ids)
        unknown = [text for text in given.ids if text not in wanted]
        raise BadInput(f"{path} has {len(unknown):,} ids that {where} does not have: {table_files.some(unknown)}.")
    return given.rows[[row_of[text] for text in ids]]
