"""Small tables from files that people wrote: CSV, JSONL, Parquet. What is wrong is named by file, row and column."""

from __future__ import annotations

import ast
import codecs
import csv
import io
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from core.data import file_kinds
from core.errors import BadInput

_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
TABLE_ENDINGS = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
_LARGEST = 2**31
_SEPARATORS = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar"}


def read_table(path: Path, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """A CSV, TSV, JSONL or Parquet file as a frame of its columns, in file order.

    The index is the row number as people count it: in a CSV the header is row 1. `frame.attrs["notes"]` holds a
    sentence for each thing that was guessed or left out on reading.

    Args:
        columns: of a Parquet file, where only some are wanted.
    Raises:
        BadInput: the file is missing, empty, of another kind, or damaged; file and row are named.
    """
    ending = path.suffix.lower()
    try:
        if not path.is_file():
            what = "is a folder" if path.is_dir() else "is no file" if path.exists() else "does not exist"
            raise BadInput(f"{path} {what}; check the spelling.")
        if path.stat().st_size == 0:
            raise BadInput(f"{path} is empty.")
        _refuse_foreign(path)
        if ending == ".parquet":
            frame = pd.read_parquet(path, columns=columns)
            frame.attrs = {}
            if not isinstance(frame.index, pd.RangeIndex) and not set(frame.index.names) & set(frame.columns):
                frame = frame.reset_index()  # what pandas kept as its index is a column
            return frame.set_axis(range(1, len(frame) + 1))
        if path.stat().st_size > _LARGEST:
            raise BadInput(f"{path} has more than 2 GB; save it as Parquet.")
        text, notes = decode_noted(path.read_bytes(), path)
    except BadInput:
        raise
    except FileNotFoundError as error:
        raise BadInput(f"{path} does not exist; check the spelling.") from error
    except Exception as error:  # a damaged Parquet file makes its library raise what it likes
        raise BadInput(f"{path} cannot be read: {' '.join(str(error).split())[:200]}.") from error
    frame = _json_lines(text, path) if ending in (".jsonl", ".ndjson") else _csv(text, path, notes)
    frame.attrs["notes"] = notes
    return frame


def notes_of(frame: pd.DataFrame) -> list[str]:
    """What was guessed or left out when a table was read, as sentences."""
    return list(frame.attrs.get("notes", []))


def _refuse_foreign(path: Path) -> None:
    with path.open("rb") as file:
        start = file.read(2048)
    sentence = file_kinds.foreign(start, path)
    if sentence:
        raise BadInput(f"{path} is no table. {sentence}")


def from_text(text: str, name: str) -> pd.DataFrame:
    """The same from the text of a CSV or TSV that lies in no file here.

    Args:
        name: of the file that it came from, for sentences.
    Raises:
        BadInput: it is empty or damaged.
    """
    return _csv(text, Path(name), [])


def decode(data: bytes, path: Path) -> str:
    """Text of a file: UTF-8 with or without its mark, UTF-16 with its mark, else Windows-1252.

    Raises:
        BadInput: it is no text; the line is named.
    """
    return decode_noted(data, path)[0]


def decode_noted(data: bytes, path: Path) -> tuple[str, list[str]]:
    """The same, and a sentence where the encoding is a guess."""
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), "utf-8")
    notes = []
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        try:
            text = data.decode("cp1252") if encoding == "utf-8" and b"\0" not in data else ""
        except UnicodeDecodeError:
            text = ""
        if not text:
            raise BadInput(f"{path}, row {line}: the text is not UTF-8; save the file as UTF-8.") from error
        notes.append(f"{path.name} is read as Windows-1252 (row {line} is not UTF-8); save it as UTF-8 to be sure.")
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise BadInput(f"{path}, row {line}: there is a NUL byte, so this is no text table.")
    return text, notes


def _separator(header: str) -> str:
    counts = {mark: header.count(mark) for mark in ("\t", ";", ",")}
    best = max(counts, key=lambda mark: counts[mark])
    return best if counts[best] else ","


def _csv(text: str, path: Path, notes: list[str]) -> pd.DataFrame:
    csv.field_size_limit(16 * 2**20)
    first, _, rest = text.partition("\n")
    stated = re.fullmatch(r'"?sep=(.)"?', first.strip("\r ").lower() if first.strip("\r ") != "sep=\t" else first)
    skipped = 0
    if stated:  # spreadsheets write their separator into a line of its own
        text, skipped = rest, 1
    mark = stated[1] if stated else _separator(text.splitlines()[0] if text.strip() else "")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=mark, strict=True)
    rows: list[list[str]] = []
    numbers: list[int] = []
    header: list[str] | None = None
    try:
        for number, row in enumerate(reader, start=1 + skipped):
            if not any(cell.strip() for cell in row):
                continue
            if header is None:
                header = [name.strip() for name in row]
                while len(header) > 1 and not header[-1]:
                    header.pop()
                continue
            if len(row) > len(header) and not any(cell.strip() for cell in row[len(header) :]):
                row = row[: len(header)]
            if len(row) != len(header):
                raise BadInput(
                    f"{path}, row {number}: {len(row)} columns where the header has {len(header)}; "
                    f"use {_SEPARATORS.get(mark, repr(mark))} as separator everywhere, and quotes around text that "
                    "holds one."
                )
            rows.append(row)
            numbers.append(number)
    except csv.Error as error:
        raise BadInput(f"{path}, line {reader.line_num + skipped}: {error}.") from error
    if header is None:
        raise BadInput(f"{path} is empty.")
    if again := repeated(header):
        raise BadInput(f"{path}: the header names the column {header[again[0]]!r} twice.")
    columns = {name: [row[i] for row in rows] for i, name in enumerate(header)}
    return pd.DataFrame(columns, index=numbers, dtype=object)


def _json_lines(text: str, path: Path) -> pd.DataFrame:
    rows, numbers = [], []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise BadInput(f"{path}, row {number}: this is not JSON ({str(error)[:80]}).") from error
        if not isinstance(row, dict):
            raise BadInput(f"{path}, row {number}: each line is one object with the columns as keys.")
        rows.append(row)
        numbers.append(number)
    return pd.DataFrame(rows, index=numbers, dtype=object)


# ------------------------------------------------------------------------------------------- cells


def words(value: object) -> str:
    """A cell as text: nothing for what is missing, 7 for 7.0, a list or record as it is written."""
    if value is None or value is pd.NA or value is pd.NaT:
        return ""
    if isinstance(value, str):
        return _encodable(value.strip())
    if isinstance(value, (float, np.floating)):
        return "" if value != value else str(int(value)) if float(value).is_integer() else str(value)
    if isinstance(value, (bytes, bytearray)):
        return _encodable(bytes(value).decode("utf-8", "backslashreplace").strip())
    if isinstance(value, np.ndarray):
        value = value.tolist()
    return _encodable(str(value).strip())


def _encodable(text: str) -> str:
    """Text without lone surrogates, which no table and no file name can hold."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def several_words(value: object) -> tuple[str, ...]:
    """A cell of labels: a list, a list written as text, or text with `|` between them; each once, in order.

    >>> several_words(" cat|dog||cat "), several_words("['cat', 'dog']")
    (('cat', 'dog'), ('cat', 'dog'))
    """
    if isinstance(value, str):
        value = _written_list(value)
    elif isinstance(value, np.ndarray) or hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, str):
        value = value.split("|")
    parts = value if isinstance(value, (list, tuple, set, frozenset)) else [value]
    return tuple(dict.fromkeys(text for text in map(words, parts) if text))


def _written_list(text: str) -> object:
    """The list that text like "['a', 'b']" or '["a"]' is; other text as it is."""
    bare = text.strip()
    if len(bare) < 2 or bare[0] + bare[-1] not in ("[]", "()", "{}") or len(bare) > 100_000:
        return text
    parts = re.sub(r"""(['"])\s+(['"])""", r"\1, \2", bare)  # numpy prints ['a' 'b'], which Python reads as ['ab']
    for parse in (json.loads, ast.literal_eval):
        try:
            value = parse(parts)
        except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
            continue
        is_list = isinstance(value, (list, tuple, set, frozenset))
        if is_list and all(isinstance(part, (str, int, float, type(None))) for part in value):
            return sorted(map(str, value)) if isinstance(value, (set, frozenset)) else list(value)
        return text
    return bare[1:-1].split(",") if bare[0] == "[" and "," in bare else text


def repeated(values: Sequence[str]) -> tuple[int, int] | None:
    """Where the first value that stands there twice stands, both times; None where each stands once.

    >>> repeated(["a", "b", "a"])
    (0, 2)
    """
    first: dict[str, int] = {}
    for at, value in enumerate(values):
        if first.setdefault(value, at) != at:
            return first[value], at
    return None


def check_ids(ids: Sequence[str], rows: Sequence[object], where: str, column: str) -> None:
    """Refuse ids that cannot tell rows apart.

    Args:
        rows: the row number of each id, for the sentence.
        where: the file, for the sentence too.
    Raises:
        BadInput: an id is empty, or stands there twice.
    """
    empty = next((row for text, row in zip(ids, rows) if not text), None)
    if empty is not None:
        raise BadInput(f"{where}, row {empty}, column {column!r}: the id is empty.")
    if again := repeated(ids):
        first, second = again
        raise BadInput(
            f"{where}, row {rows[second]}, column {column!r}: {ids[first]!r} stands in row {rows[first]} already."
        )


def some(values: Iterable[str], most: int = 5) -> str:
    """The first few of a list, for a sentence."""
    values = list(values)
    shown = ", ".join(repr(value) for value in values[:most])
    return shown + (" ..." if len(values) > most else "")
