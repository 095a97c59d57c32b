"""Images that lie in the cells of a Parquet table, read where they are: batch by batch, nothing is unpacked."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.errors import BadInput

_BATCH = 32
_BATCHES_KEPT = 8
_TABLES_KEPT = 4
_NAMES = ("image", "img", "picture", "photo", "bytes", "image_bytes", "jpg", "jpeg", "png", "webp", "data", "content")


def byte_columns(path: Path) -> dict[str, bool]:
    """The columns of a Parquet table that hold bytes, each with whether they are {bytes, path} as Hugging Face writes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        schema = pq.read_schema(path)
    except (OSError, ValueError, pa.ArrowException):
        return {}
    columns = {}
    for field in schema:
        is_struct = pa.types.is_struct(field.type) and field.type.get_field_index("bytes") >= 0
        if is_struct or pa.types.is_binary(field.type) or pa.types.is_large_binary(field.type):
            columns[field.name] = is_struct
    return columns


def image_column(path: Path, wanted: str | None = None) -> str | None:
    """The column of a Parquet table that holds images as bytes; None where none does.

    With several of them the likeliest name counts; plain bytes need a usual name.

    Args:
        wanted: the name that a person gave; only this column is looked at then.
    """
    columns = byte_columns(path)
    if wanted is not None:
        return wanted if wanted in columns else None
    names = [name for name, is_struct in columns.items() if is_struct or name.lower() in _NAMES]
    return min(names, key=lambda name: (*_NAMES, name.lower()).index(name.lower()), default=None)


class _Table:
    """The image column of one table, read forward; what was read last stays in memory."""

    def __init__(self, path: str, column: str) -> None:
        import pyarrow.parquet as pq

        self.column = column
        self._file = pq.ParquetFile(path, buffer_size=2**20)  # else a whole group of rows is read at once
        counts = [self._file.metadata.row_group(i).num_rows for i in range(self._file.metadata.num_row_groups)]
        self._starts = [sum(counts[:i]) for i in range(len(counts))]
        self._stop = sum(counts)
        self._batches: OrderedDict[int, Any] = OrderedDict()
        self._stream: Iterator[tuple[int, Any]] = iter(())
        self._next = -1

    def cell(self, row: int) -> bytes:
        """The bytes of the image in a row, counted from 0; rows asked for in rising order are read once.

        Raises:
            BadInput: the table has no such row any more.
        """
        if not 0 <= row < self._stop:
            raise BadInput("The table has fewer rows than it had; load the dataset again.")
        for start, batch in reversed(self._batches.items()):
            if start <= row < start + len(batch):
                return _bytes(batch[row - start].as_py())
        group_start = max(start for start in self._starts if start <= row)
        if not max(self._next, 0) <= row or self._next < group_start:
            self._stream, self._next = self._forward(self._starts.index(group_start)), group_start
        for start, batch in self._stream:
            self._batches[start] = batch
            self._next = start + len(batch)
            if len(self._batches) > _BATCHES_KEPT:
                self._batches.popitem(last=False)
            if row < self._next:
                return _bytes(batch[row - start].as_py())
        raise BadInput("The table is cut off; load the dataset again.")

    def _forward(self, group: int) -> Iterator[tuple[int, Any]]:
        groups = list(range(group, len(self._starts)))
        at = self._starts[group]
        for batch in self._file.iter_batches(_BATCH, row_groups=groups, columns=[self.column]):
            yield at, batch.column(0)
            at += len(batch)


def _bytes(value: Any) -> bytes:
    content = value.get("bytes") if isinstance(value, dict) else value
    if not content:
        raise BadInput("The cell holds no image.")
    return bytes(content)


_TABLES: OrderedDict[tuple[str, int, str], _Table] = OrderedDict()
_LOCK = threading.Lock()


def read(path: str, column: str, row: int) -> bytes:
    """The bytes of the image in one cell.

    Raises:
        BadInput: the cell is empty, or the table is damaged.
        OSError: as the system says.
    """
    import pyarrow as pa

    key = (path, os.stat(path).st_mtime_ns, column)
    with _LOCK:
        try:
            if key not in _TABLES:
                _TABLES[key] = _Table(path, column)
                while len(_TABLES) > _TABLES_KEPT:
                    _TABLES.popitem(last=False)
            _TABLES.move_to_end(key)
            return _TABLES[key].cell(row)
        except (pa.ArrowException, ValueError, KeyError, IndexError) as error:
            _TABLES.pop(key, None)
            raise BadInput(f"The table is damaged: {' '.join(str(error).split())[:120]}.") from error
