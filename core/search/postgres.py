"""A PostgreSQL server with pgvector as the index of a gallery: a column of half precision and an HNSW graph a backbone.

Candidates come from each backbone's column, and the exact weighted sum over their union ranks them, in one statement. So
no weights are in the server, and nothing is built again when they move.

Source: pgvector 0.8, halfvec and HNSW (Malkov and Yashunin 2020, doi:10.1109/TPAMI.2018.2889473).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np

from core.errors import BadInput, StoreUnusable
from core.search.postgres_items import ItemColumn, ItemTable
from core.task import NO_TASK, Task

if TYPE_CHECKING:
    import psycopg

SCHEMES = ("postgresql", "postgres")
MOST_INDEXED = 4_000
"""Numbers of a vector that pgvector indexes at most; longer ones are compared with every row."""
DEPTH = 400
"""Candidates that each backbone's column gives."""
MOST_SCORED = 20_000
"""Of so few images that pass a filter all are scored: a graph would be walked far for the few that do."""
_MOST_SEARCHED = 1_000
"""The largest `hnsw.ef_search`."""
_MOST_VISITED = 500_000
"""Rows of a graph that a search with a filter looks at, at most; pgvector's own bound is 20,000."""
_ROWS_AT_ONCE = 2_000
_SECONDS_TO_CONNECT = 5
_HEAD = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
_END = b"\xff\xff"

Rows = Callable[[np.ndarray], Mapping[str, np.ndarray]]
"""(n,) positions of the gallery → backbone → (n, dim) unit vectors."""


def public_address(url: str) -> str:
    """An address without user and password, to be shown.

    >>> public_address("postgresql://me:secret@db.example:5432/images?sslmode=require")
    'postgresql://db.example:5432/images'
    """
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


class PostgresGallery:
    """The gallery of some backbones in one table of a server.

    Rows are known by a 64-bit hash of their vectors; images with equal vectors share a row.

    Args:
        url: postgresql://user@host:port/database; a password may stand in PGPASSWORD or a .pgpass file instead.
        scope: what tells this gallery from others on the server.
        dims: backbone → numbers of its vectors.
    """

    def __init__(self, url: str, scope: str, dims: Mapping[str, int]) -> None:
        if urlsplit(url).scheme not in SCHEMES:
            raise BadInput(
                f"A search server has an address such as postgresql://host/database, not {public_address(url)!r}."
            )
        self.url, self.dims = url, dict(dims)
        text = "\n".join([scope, *(f"{name} {dim}" for name, dim in self.dims.items())])
        self._digest = hashlib.sha256(text.encode()).hexdigest()
        self.table = f"fusionscope_{self._digest[:24]}"
        self.items = ItemTable(self.table)
        self._columns = {name: f"v{number}" for number, name in enumerate(self.dims)}

    @contextmanager
    def _connected(self) -> Iterator[psycopg.Connection]:
        """A connection whose failures are sentences.

        Raises:
            BadInput: the library is not installed.
            StoreUnusable: the server cannot be reached, lacks pgvector, or refuses.
        """
        try:
            import psycopg
        except ImportError as error:
            raise BadInput(
                "A search server needs psycopg, which is not installed: pip install -r requirements-distributed.txt"
            ) from error
        try:
            with psycopg.connect(self.url, connect_timeout=_SECONDS_TO_CONNECT) as connection:
                yield connection
        except psycopg.Error as error:
            reason = " ".join(str(error).split()).rstrip(".").replace(self.url, public_address(self.url))[:200]
            raise StoreUnusable(
                f"The search server {public_address(self.url)} did not answer as it should ({reason}). Start it, or "
                "search exactly."
            ) from error

    def sync(self, hashes: np.ndarray, rows: Rows, task: Task = NO_TASK, columns: Sequence[ItemColumn] = ()) -> int:
        """Bring the table to what the gallery is: only what is new is sent, what is gone is deleted.

        Work of another process on the same table is waited for; after a stop the next call sends what is missing.

        Args:
            hashes: (n_gallery,) uint64, what tells each row.
            rows: gives vectors by position.
            columns: what the rows of the gallery may be filtered by.
        Returns:
            How many rows were sent.
        Raises:
            Cancelled: the task was cancelled; the rows before are there.
        """
        wanted, first = np.unique(hashes.astype(np.uint64).view(np.int64), return_index=True)
        with self._connected() as connection:
            self._make(connection)
            connection.execute("SELECT pg_advisory_lock(%s)", [int(self._digest[:15], 16)])
            connection.commit()
            there = np.array([row for (row,) in connection.execute(f"SELECT row FROM {self.table}")], np.int64)
            gone = np.setdiff1d(there, wanted)
            if len(gone):
                connection.execute(f"DELETE FROM {self.table} WHERE row = ANY(%s)", [gone.tolist()])
            missing = np.flatnonzero(~np.isin(wanted, there))
            for part in task.chunks("Sending to the search server", len(missing), _ROWS_AT_ONCE):
                numbers = missing[part]
                with connection.cursor().copy(f"COPY {self.table} FROM STDIN (FORMAT binary)") as copy:
                    copy.write(self._binary(wanted[numbers], rows(first[numbers])))
                connection.commit()
            for name, column in task.each("Indexing on the search server", self._columns.items(), "backbones"):
                if self.dims[name] <= MOST_INDEXED:
                    connection.execute(
                        f"CREATE INDEX IF NOT EXISTS {self.table}_{column} ON {self.table} "
                        f"USING hnsw ({column} halfvec_ip_ops)"
                    )
                    connection.commit()
            self.items.sync(connection, hashes.astype(np.uint64).view(np.int64), columns, task)
            connection.execute(f"ANALYZE {self.table}")
            connection.execute("SELECT pg_advisory_unlock(%s)", [int(self._digest[:15], 16)])
        return len(missing)

    def _make(self, connection: psycopg.Connection) -> None:
        """The extension and the table, unless they are there."""
        if connection.execute("SELECT 1 FROM pg_extension WHERE extname = 'vector'").fetchone() is None:
            connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
        columns = ", ".join(f"{self._columns[name]} halfvec({dim}) STORAGE EXTERNAL" for name, dim in self.dims.items())
        connection.execute(f"CREATE TABLE IF NOT EXISTS {self.table} (row bigint PRIMARY KEY, {columns})")
        connection.commit()

    def _binary(self, numbers: np.ndarray, rows: Mapping[str, np.ndarray]) -> bytes:
        """Rows in the binary form of COPY: a halfvec is its length, a zero, and big-endian numbers of 16 bits."""
        fields: list[tuple[Any, ...]] = [("fields", ">i2"), ("row size", ">i4"), ("row", ">i8")]
        for name, dim in self.dims.items():
            fields += [(f"size {name}", ">i4"), (f"dim {name}", ">i2"), (f"zero {name}", ">i2")]
            fields.append((f"numbers {name}", ">f2", (dim,)))
        table = np.zeros(len(numbers), np.dtype(fields))
        table["fields"], table["row size"], table["row"] = 1 + len(self.dims), 8, numbers
        for name, dim in self.dims.items():
            table[f"size {name}"], table[f"dim {name}"], table[f"numbers {name}"] = 4 + 2 * dim, dim, rows[name]
        return _HEAD + table.tobytes() + _END

    def candidates(
        self,
        queries: Mapping[str, np.ndarray],
        shares: Mapping[str, float],
        k: int,
        depth: int = DEPTH,
        chosen: Mapping[str, Any] | None = None,
        n_passing: int = 0,
    ) -> np.ndarray:
        """The hashes of the rows that are nearest under some weighting, best first.

        Args:
            queries: backbone → (n_queries, dim) unit vectors of those that have a share.
            shares: backbone → what its cosine counts; left out is 0.
            k: how many.
            depth: candidates of each backbone; at least k are taken.
            chosen: column → (low, high), values, or a text: only rows of an image that passes all of them.
            n_passing: how many images pass. Up to `MOST_SCORED` of them are all scored, so that none is missed.
        Returns:
            (n_queries, k) uint64, 0 is none.
        """
        counting = {name: share for name, share in shares.items() if share}
        depth = max(depth, k)
        n = len(queries[next(iter(counting))])
        hashes = np.zeros((n, k), np.uint64)
        condition, values = self.items.condition(chosen or {})
        statement = self._statement(counting, depth, k, condition, bool(condition) and n_passing <= MOST_SCORED)
        with self._connected() as connection:
            connection.execute(f"SET hnsw.ef_search = {min(depth, _MOST_SEARCHED)}")
            if depth > _MOST_SEARCHED or condition:
                connection.execute("SET hnsw.iterative_scan = strict_order")
                connection.execute(f"SET hnsw.max_scan_tuples = {_MOST_VISITED}")
            connection.execute("SET plan_cache_mode = force_custom_plan")
            for at in range(n):
                texts = {f"q{self._columns[name]}": _as_text(queries[name][at]) for name in counting}
                rows = connection.execute(statement, {**texts, **values}).fetchall()
                hashes[at, : len(rows)] = np.array([row for row, _ in rows], np.int64).view(np.uint64)
        return hashes

    def _statement(self, counting: Mapping[str, float], depth: int, k: int, condition: str, score_all: bool) -> Any:
        """One statement: the union of each column's candidates, ranked by the exact weighted sum.

        Args:
            condition: of the items that may be listed, "" for all.
            score_all: take every row of them instead of each column's candidates.
        """
        distance = {
            name: f"({{}}{self._columns[name]} <#> %(q{self._columns[name]})s::halfvec({self.dims[name]}))"
            for name in counting
        }
        passing = f"SELECT i.row FROM {self.items.table} i WHERE {condition}"
        only = f" n WHERE EXISTS ({passing} AND i.row = n.row)" if condition else " n"
        lists = " UNION ".join(
            f"(SELECT row FROM {self.table}{only} ORDER BY {distance[name].format('n.')} LIMIT {depth})"
            for name in counting
        )
        if score_all:
            lists = passing.replace("SELECT", "SELECT DISTINCT", 1)
        score = " + ".join(f"{float(share)!r} * {distance[name].format('t.')}" for name, share in counting.items())
        return (
            f"WITH near AS MATERIALIZED ({lists}) SELECT t.row, {score} AS far FROM near JOIN {self.table} t USING (row) "
            f"ORDER BY far, t.row LIMIT {k}"
        )

    def drop(self) -> None:
        """Remove the table."""
        with self._connected() as connection:
            connection.execute(f"DROP TABLE IF EXISTS {self.table}, {self.items.table}")


def _as_text(row: np.ndarray) -> str:
    return "[" + ",".join(map(repr, np.asarray(row, np.float32).astype(float).tolist())) + "]"
