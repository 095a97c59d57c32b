"""A large gallery on a search server that others run: brought there once, then only what is new."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from core import paths
from core.search.postgres import PostgresGallery
from core.search.postgres_items import ItemColumn
from core.studies import column_filters
from core.studies.ann_index import key_of, row_hashes
from core.studies.column_filters import LABEL, GalleryFilter
from core.studies.vector_set import VectorSet
from core.task import NO_TASK, Task
from core.types import Dataset


@dataclass(frozen=True)
class ServedGallery:
    """A gallery on a search server; it answers as an `IndexedGallery` does.

    Attributes:
        key: holds everything that changes it.
        names: the backbones whose vectors are there.
        server: where it lies.
        sent: how many rows were sent when it was brought up to date.
    """

    filters = True
    key: str
    names: tuple[str, ...]
    server: PostgresGallery = field(repr=False)
    sent: int
    sorted_hashes: np.ndarray = field(repr=False)
    order: np.ndarray = field(repr=False)

    def candidates(
        self,
        queries: Mapping[str, np.ndarray],
        shares: Mapping[str, float],
        k: int,
        only: GalleryFilter | None = None,
    ) -> np.ndarray:
        """(n_queries, ≥ k) int64 gallery positions that seem nearest, best first; −1 is none.

        Images with equal vectors share a row of the server, and all of them that pass are listed. Filters are asked of
        the server, so that k images are listed where so many pass.
        """
        if only is None:
            hashes = self.server.candidates(queries, shares, k)
        else:
            passing = int(only.keep.sum())
            hashes = self.server.candidates(queries, shares, k, chosen=only.chosen, n_passing=passing)
        lists = [self._positions(row[row > 0]) for row in hashes]
        if only is not None:
            lists = [positions[only.keep[positions]] for positions in lists]
        items = np.full((len(lists), max(k, *map(len, lists))), -1, np.int64)
        for at, positions in enumerate(lists):
            items[at, : len(positions)] = positions
        return items

    def _positions(self, hashes: np.ndarray) -> np.ndarray:
        low = np.searchsorted(self.sorted_hashes, hashes, "left")
        high = np.searchsorted(self.sorted_hashes, hashes, "right")
        return np.concatenate([self.order[a:b] for a, b in zip(low, high)] or [np.empty(0, np.int64)])


def served_key(space: VectorSet, names: Sequence[str], version: str = "") -> str:
    """The name of a gallery on the server in use: its vectors, the version of its columns, and which server."""
    text = f"{key_of(space, names)} {version} {paths.search_server()}"  # hashed: an address may hold a password
    return f"served-{hashlib.sha256(text.encode()).hexdigest()[:32]}"


def item_columns(dataset: Dataset) -> tuple[ItemColumn, ...]:
    """What the gallery of a dataset can be filtered by, as the server keeps it."""
    gallery, columns = dataset.split.gallery, []
    for name, facet in column_filters.facets(dataset).items():
        if name == LABEL and len(dataset.label_names) > 1:
            values: Sequence[object] = _labels(dataset, gallery)
        else:
            column = dataset.items[name].iloc[gallery]
            if facet.kind == "numbers":
                values = column.to_numpy(np.float64, na_value=np.nan).tolist()
            else:
                texts = column_filters.texts(column)
                values = [(text,) for text in texts] if facet.kind == "choices" else [t.casefold() for t in texts]
        columns.append(ItemColumn(name, facet.kind, values))
    return tuple(columns)


def _labels(dataset: Dataset, gallery: np.ndarray) -> list[tuple[str, ...]]:
    names = [str(name) for name in dataset.label_names]
    if dataset.label_matrix is None:
        return [(names[code],) if code >= 0 else () for code in dataset.labels[gallery].tolist()]
    matrix = dataset.label_matrix[gallery]
    return [tuple(names[code] for code in matrix.indices[a:b]) for a, b in zip(matrix.indptr[:-1], matrix.indptr[1:])]


def sync(
    space: VectorSet,
    names: Sequence[str],
    scope: str,
    task: Task = NO_TASK,
    columns: Sequence[ItemColumn] = (),
    version: str = "",
) -> ServedGallery:
    """The gallery on the search server, up to date.

    Args:
        scope: tells it from other galleries on the server: the dataset's name.
        columns: what its images can be filtered by (`item_columns`).
        version: changes when they do.
    Raises:
        StoreUnusable: the server does not answer.
        Cancelled: the task was cancelled; what was sent stays.
    """
    hashes = row_hashes(space, names, task)
    dims = {name: space.get(name).shape[1] for name in names}
    server = PostgresGallery(paths.search_server(), f"{paths.home()}\n{scope}", dims)
    sent = server.sync(
        hashes, lambda positions: {name: space.gallery(name)[positions] for name in names}, task, columns
    )
    order = np.argsort(hashes, kind="stable")
    return ServedGallery(served_key(space, names, version), tuple(names), server, sent, hashes[order], order)
