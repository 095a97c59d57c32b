"""Small tables from files that people wrote: CSV, JSONL, Parquet. What is wrong is named by file, row and column."""

from __future__ import annotations

import codecs
import csv
import io
import json
from pathlib import Path

import pandas as pd

from core.errors import BadInput

_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
TABLE_ENDINGS = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
_LARGEST = 2**31


def read_table(path: Path) -> pd.DataFrame:
    """A CSV, TSV, JSONL or Parquet file as a frame of its columns, in file order.

    The index is the row number as people count it: in a CSV the header is row 1.

    Raises:
        BadInput: the file is missing, empty, of another kind, or damaged; file and row are named.
    """
    ending = path.suffix.lower()
    try:
        if path.stat().st_size == 0:
            raise BadInput(f"{path} is empty.")
        if ending == ".parquet":
            frame = pd.read_parquet(path)
            return frame.set_axis(range(1, len(frame) + 1))
        if path.stat().st_size > _LARGEST:
            raise BadInput(f"{path} has more than 2 GB; save it as Parquet.")
        text = decode(path.read_bytes(), path)
    except FileNotFoundError as error:
        raise BadInput(f"{path} does not exist; check the spelling.") from error
    except (OSError, ValueError) as error:
        raise BadInput(f"{path} cannot be read: {' '.join(str(error).split())[:200]}.") from error
    if ending in (".jsonl", ".ndjson"):
        return _json_lines(text, path)
    return _csv(text, path)


def from_text(text: str, name: str) -> pd.DataFrame:
    """The same from the text of a CSV or TSV that lies in no file here.

    Args:
        name: of the file that it came from, for sentences.
    Raises:
        BadInput: it is empty or damaged.
    """
    return _csv(text, Path(name))


def decode(data: bytes, path: Path) -> str:
    """Text of a file: UTF-8 with or without its mark, or UTF-16 with its mark.

    Raises:
        BadInput: another encoding; the line is named.
    """
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise BadInput(f"{path}, row {line}: the text is not UTF-8; save the file as UTF-8.") from error
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise BadInput(f"{path}, row {line}: there is a NUL byte, so this is no text table.")
    return text


def _separator(header: str) -> str:
    counts = {mark: header.count(mark) for mark in ("\t", ";", ",")}
    best = max(counts, key=lambda mark: counts[mark])
    return best if counts[best] else ","


def _csv(text: str, path: Path) -> pd.DataFrame:
    csv.field_size_limit(16 * 2**20)
    mark = _separator(text.splitlines()[0] if text.strip() else "")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=mark, strict=True)
    rows: list[list[str]] = []
    numbers: list[int] = []
    header: list[str] | None = None
    try:
        for number, row in enumerate(reader, start=1):
            if not row or (len(row) == 1 and not row[0].strip()):
                continue
            if header is None:
                header = [name.strip() for name in row]
                continue
            if len(row) != len(header):
                raise BadInput(
                    f"{path}, row {number}: {len(row)} columns where the header has {len(header)}; "
                    f"use {_NAMES[mark]} as separator everywhere, and quotes around text that holds one."
                )
            rows.append(row)
            numbers.append(number)
    except csv.Error as error:
        raise BadInput(f"{path}, line {reader.line_num}: {error}.") from error
    if header is None:
        raise BadInput(f"{path} is empty.")
    twice = next((name for name in header if header.count(name) > 1), None)
    if twice is not None:
        raise BadInput(f"{path}: the header names the column {twice!r} twice.")
    columns = {name: [row[i] for row in rows] for i, name in enumerate(header)}
    return pd.DataFrame(columns, index=numbers, dtype=object)


_NAMES = {",": "a comma", ";": "a semicolon", "\t": "a tab"}


def _json_lines(text: str, path: Path) -> pd.DataFrame:
    rows, numbers = [], []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise BadInput(f"{path}, row {number}: this is not JSON ({error}).") from error
        if not isinstance(row, dict):
            raise BadInput(f"{path}, row {number}: each line is one object with the columns as keys.")
        rows.append(row)
        numbers.append(number)
    return pd.DataFrame(rows, index=numbers, dtype=object)


def words(value: object) -> str:
    """A cell as text: nothing for what is missing, 7 for 7.0."""
    if value is None or value != value or value is pd.NA:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def several_words(value: object) -> tuple[str, ...]:
    """A cell of labels: a list, or text with `|` between them; each once, in order.

    >>> several_words(" cat|dog||cat ")
    ('cat', 'dog')
    """
    parts = value if isinstance(value, (list, tuple, set)) or hasattr(value, "tolist") else words(value).split("|")
    parts = parts.tolist() if hasattr(parts, "tolist") else parts
    parts = parts if isinstance(parts, (list, tuple, set)) else [parts]
    return tuple(dict.fromkeys(text for text in map(words, parts) if text))


def some(values: list[str], most: int = 5) -> str:
    """The first few of a list, for a sentence."""
    shown = ", ".join(repr(value) for value in values[:most])
    return shown + (" ..." if len(values) > most else "")
