"""What the rows of a gallery on a PostgreSQL server can be filtered by: the columns of their images, in a table beside."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from core.errors import BadInput
from core.task import Task

if TYPE_CHECKING:
    import psycopg

_TYPES = {"numbers": "double precision", "choices": "text[]", "text": "text"}
_ROWS_AT_ONCE = 20_000


@dataclass(frozen=True)
class ItemColumn:
    """One column of the gallery's images.

    Attributes:
        name: as people know it.
        kind: "numbers", "choices" (any of several values may be one of the image's) or "text" (a part is looked for).
        values: one per gallery image: a number or None; a tuple of texts; a text in lower case.
    """

    name: str
    kind: str
    values: Sequence[Any]


class ItemTable:
    """The columns of the images behind the rows of a table.

    A row of vectors belongs to every image with these vectors, so a line here is one combination of values of a row.

    Args:
        gallery: the table with the vectors.

    Attributes:
        columns: the names of what was sent, in order; () before `sync`.
    """

    def __init__(self, gallery: str) -> None:
        self.table = f"{gallery}_items"
        self.columns: tuple[str, ...] = ()

    def sync(self, connection: psycopg.Connection, rows: np.ndarray, columns: Sequence[ItemColumn], task: Task) -> int:
        """Bring the table to what the images say: new lines are sent, others are deleted; how many were sent.

        Args:
            rows: (n_gallery,) int64, the row of each image's vectors.
        Raises:
            Cancelled: the task was cancelled; the next call goes on.
        """
        self.columns = tuple(column.name for column in columns)
        self._make(connection, columns)
        lines = _lines(rows, columns, task)
        there = {line for (line,) in connection.execute(f"SELECT line FROM {self.table}")}
        gone = list(there - lines.keys())
        if gone:
            connection.execute(f"DELETE FROM {self.table} WHERE line = ANY(%s)", [gone])
        missing = [line for line in lines if line not in there]
        for part in task.chunks("Sending columns to the search server", len(missing), _ROWS_AT_ONCE):
            with connection.cursor().copy(f"COPY {self.table} FROM STDIN") as copy:
                for line in missing[part]:
                    at = lines[line]
                    copy.write_row((line, int(rows[at]), *(_value(column, at) for column in columns)))
            connection.commit()
        connection.execute(f"ANALYZE {self.table}")
        connection.commit()
        return len(missing)

    def _make(self, connection: psycopg.Connection, columns: Sequence[ItemColumn]) -> None:
        """The table, with these columns: one of others is made anew."""
        kinds = json.dumps([[column.name, column.kind] for column in columns])
        noted = connection.execute("SELECT obj_description(to_regclass(%s))", [self.table]).fetchone()
        if noted is not None and noted[0] == kinds:
            return
        connection.execute(f"DROP TABLE IF EXISTS {self.table}")
        typed = "".join(f", c{number} {_TYPES[column.kind]}" for number, column in enumerate(columns))
        connection.execute(f"CREATE TABLE {self.table} (line bigint PRIMARY KEY, row bigint NOT NULL{typed})")
        connection.execute(f"CREATE INDEX ON {self.table} (row)")
        for number, column in enumerate(columns):
            if column.kind != "text":
                method = "gin" if column.kind == "choices" else "btree"
                connection.execute(f"CREATE INDEX ON {self.table} USING {method} (c{number})")
        from psycopg import sql

        connection.execute(sql.SQL("COMMENT ON TABLE {} IS {}").format(sql.Identifier(self.table), sql.Literal(kinds)))
        connection.commit()

    def condition(self, chosen: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """What SQL asks of a line `i`, and the values it names; "" where nothing was chosen.

        Args:
            chosen: column → (low, high) of numbers, values of which one must be there, or a part of a text.
        Raises:
            BadInput: a column was not sent.
        """
        parts: list[str] = []
        values: dict[str, Any] = {}
        for number, (name, wanted) in enumerate(chosen.items()):
            if name not in self.columns:
                raise BadInput(f"The search server does not know the column {name!r}; search exactly.")
            column = f"i.c{self.columns.index(name)}"
            if isinstance(wanted, tuple):
                parts.append(f"{column} BETWEEN %(low{number})s AND %(high{number})s")
                values |= {f"low{number}": float(wanted[0]), f"high{number}": float(wanted[1])}
            elif isinstance(wanted, str):
                parts.append(f"position(%(part{number})s in {column}) > 0")
                values[f"part{number}"] = wanted.casefold()
            else:
                parts.append(f"{column} && %(any{number})s::text[]")
                values[f"any{number}"] = [str(value) for value in wanted]
        return " AND ".join(parts), values


def _lines(rows: np.ndarray, columns: Sequence[ItemColumn], task: Task) -> dict[int, int]:
    """What tells a combination of row and values → an image that has it."""
    lines: dict[int, int] = {}
    for part in task.chunks("Looking for columns that are new", len(rows), _ROWS_AT_ONCE):
        for at in range(part.start, part.stop):
            text = repr((int(rows[at]), *(_value(column, at) for column in columns)))
            lines.setdefault(
                int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little", signed=True), at
            )
    return lines


def _value(column: ItemColumn, at: int) -> Any:
    value = column.values[at]
    if column.kind == "numbers":
        return None if value is None or value != value else float(value)
    if column.kind == "choices":
        return [text.replace("\0", "") for text in value]
    return str(value).replace("\0", "")
