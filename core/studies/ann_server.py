"""A large gallery on a search server that others run: brought there once, then only what is new."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from core import paths
from core.search.postgres import PostgresGallery
from core.studies.ann_index import key_of, row_hashes
from core.studies.vector_set import VectorSet
from core.task import NO_TASK, Task


@dataclass(frozen=True)
class ServedGallery:
    """A gallery on a search server; it answers as an `IndexedGallery` does.

    Attributes:
        key: holds everything that changes it.
        names: the backbones whose vectors are there.
        server: where it lies.
        sent: how many rows were sent when it was brought up to date.
    """

    key: str
    names: tuple[str, ...]
    server: PostgresGallery = field(repr=False)
    sent: int
    sorted_hashes: np.ndarray = field(repr=False)
    order: np.ndarray = field(repr=False)

    def candidates(self, queries: Mapping[str, np.ndarray], shares: Mapping[str, float], k: int) -> np.ndarray:
        """(n_queries, ≥ k) int64 gallery positions that seem nearest, best first; −1 is none.

        Images with equal vectors share a row of the server, and all of them are listed.
        """
        hashes = self.server.candidates(queries, shares, k)
        lists = [self._positions(row[row > 0]) for row in hashes]
        items = np.full((len(lists), max(k, *map(len, lists))), -1, np.int64)
        for at, positions in enumerate(lists):
            items[at, : len(positions)] = positions
        return items

    def _positions(self, hashes: np.ndarray) -> np.ndarray:
        low = np.searchsorted(self.sorted_hashes, hashes, "left")
        high = np.searchsorted(self.sorted_hashes, hashes, "right")
        return np.concatenate([self.order[a:b] for a, b in zip(low, high)] or [np.empty(0, np.int64)])


def served_key(space: VectorSet, names: Sequence[str]) -> str:
    """The name of a gallery on the server in use: its vectors, and which server."""
    text = f"{key_of(space, names)} {paths.search_server()}"  # hashed: an address may hold a password
    return f"served-{hashlib.sha256(text.encode()).hexdigest()[:32]}"


def sync(space: VectorSet, names: Sequence[str], scope: str, task: Task = NO_TASK) -> ServedGallery:
    """The gallery on the search server, up to date.

    Args:
        scope: tells it from other galleries on the server: the dataset's name.
    Raises:
        StoreUnusable: the server does not answer.
        Cancelled: the task was cancelled; what was sent stays.
    """
    hashes = row_hashes(space, names, task)
    dims = {name: space.get(name).shape[1] for name in names}
    server = PostgresGallery(paths.search_server(), f"{paths.home()}\n{scope}", dims)
    sent = server.sync(hashes, lambda positions: {name: space.gallery(name)[positions] for name in names}, task)
    order = np.argsort(hashes, kind="stable")
    return ServedGallery(served_key(space, names), tuple(names), server, sent, hashes[order], order)
