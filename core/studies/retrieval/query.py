"""One query and the gallery it searches: an image of the dataset, or uploaded images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from core import data
from core.errors import BadInput, UnknownName
from core.fusion import FusionSpec, Step
from core.studies.systems import System
from core.studies.vector_set import PreparedVectors, VectorSet
from core.types import Dataset, Relevance, Split, unit


class _RowsWithUpload:
    """The rows of a dataset and a few more behind them, read by position without copying the dataset."""

    def __init__(self, rows: np.ndarray, more: np.ndarray) -> None:
        self.rows, self.more = rows, np.asarray(more, np.float32)
        self.shape = (len(rows) + len(more), rows.shape[1])

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, positions: np.ndarray) -> np.ndarray:
        positions = np.asarray(positions)
        if positions.max(initial=0) < len(self.rows):
            return self.rows[positions]
        if positions.min(initial=len(self.rows)) >= len(self.rows):
            return self.more[positions - len(self.rows)]
        return np.stack([self.more[p - len(self.rows)] if p >= len(self.rows) else self.rows[p] for p in positions])

    def whole(self) -> np.ndarray:
        """Both as one array."""
        return np.concatenate([self.rows, self.more])


class _SingleQueryVectors(VectorSet):
    """One query over the gallery of another set; what was worked out about the gallery is shared.

    Args:
        base: the set that has the gallery.
        position: the query image; None when it is no image of the dataset.
        uploaded: name → (1, dim) float32 unit vectors of a query that is no image of the dataset.
    """

    def __init__(self, base: VectorSet, position: int | None, uploaded: Mapping[str, np.ndarray] | None = None) -> None:
        if uploaded is None:
            vectors: Mapping[str, Any] = base.vectors
            query = position
        else:
            vectors = {name: _RowsWithUpload(base.get(name), rows) for name, rows in uploaded.items()}
            query = max(len(base.get(name)) for name in uploaded)
        super().__init__(vectors, Split(np.array([query]), base.split.gallery), base.shared, base.groups)
        self.base, self.uploaded, self.position = base, uploaded, position
        if uploaded is not None:
            self._fused = {}  # as long as the dataset and the upload behind it

    def fused(self, spec: FusionSpec) -> np.ndarray:
        """(n_images, dim) fused vectors; for an upload they are made once more, with the upload behind the dataset."""
        return self.base.fused(spec) if self.uploaded is None else super().fused(spec)

    def _prepare(self, step: Step) -> VectorSet:
        """An upload is prepared as what was fitted on the gallery says; nobody knows its group."""
        base = self.base.prepared(step)
        if self.uploaded is None:
            return _SingleQueryVectors(base, self.position)
        prepared = base.vectors
        assert isinstance(prepared, PreparedVectors)
        rows = {name: prepared.fitted(name)(np.asarray(row)) for name, row in self.uploaded.items()}
        return _SingleQueryVectors(base, None, rows)

    def whole(self, name: str) -> np.ndarray:
        """(n_images, dim): the dataset's vectors, those of an upload behind them."""
        rows = self.get(name)
        return rows.whole() if isinstance(rows, _RowsWithUpload) else rows


@dataclass(frozen=True)
class Query:
    """One query and the gallery it searches.

    Attributes:
        space: one query, the whole gallery.
        truth: what is relevant to it (one query); None when nobody can know.
        position: of the query image, or of the image that the query is cut from; None for images from elsewhere.
        weights: backbone → (n_images,) float64, c of each image that the query's vector Σ c x is made of: those given,
            then those it was moved by; None for an image of the dataset.
    """

    space: VectorSet = field(repr=False)
    truth: Relevance | None = None
    position: int | None = None
    weights: Mapping[str, np.ndarray] | None = field(default=None, repr=False)

    @property
    def n_images(self) -> int:
        """How many images ask together."""
        return 1 if self.weights is None else len(next(iter(self.weights.values())))

    def preparation(self, step: Step) -> PreparedVectors:
        """What a preparation, fitted on the gallery, does to the vectors."""
        base = self.space.base if isinstance(self.space, _SingleQueryVectors) else self.space
        prepared = base.prepared(step).vectors
        assert isinstance(prepared, PreparedVectors), "a step prepares"
        return prepared

    def system(self, name: str, spec: FusionSpec | None = None) -> System:
        """A backbone or a fusion, ready to answer this query."""
        return System(name, self.space, spec)


def gallery_image_query(dataset: Dataset, space: VectorSet, position: int, truth: Relevance | None = None) -> Query:
    """An image of the dataset as the query, whether or not the split counts it among the queries.

    Args:
        truth: of the whole split, if at hand; else it is derived for this image.
    Raises:
        UnknownName: there is no such position.
    """
    if not 0 <= position < len(dataset):
        raise UnknownName(f"{dataset.name!r} has no image number {position}; it has {len(dataset):,}.")
    vectors = _SingleQueryVectors(space, position)
    numbers = np.flatnonzero(dataset.split.queries == position)
    if truth is not None and len(numbers) and dataset.has_labels:
        relevance: Relevance | None = truth.take(numbers[:1])
    else:
        relevance = data.relevance(dataset, vectors.split) if dataset.has_labels else None
    return Query(vectors, relevance, position)


def uploaded_image_query(
    dataset: Dataset, space: VectorSet, vectors: Mapping[str, np.ndarray], part_of: int | None = None
) -> Query:
    """Images that are not in the dataset as one query: the mean of their unit vectors, unit again.

    Args:
        vectors: backbone → (n_images, dim) unit vectors.
        part_of: the image that the upload is cut from: what is relevant to it counts, and it leaves its own list.
    Raises:
        BadInput: no image, or the images cancel out.
    """
    single = _SingleQueryVectors(space, None, {name: mean_vector(rows) for name, rows in vectors.items()})
    weights = {}
    for name, rows in vectors.items():
        length = float(np.linalg.norm(np.asarray(rows, np.float64).mean(axis=0))) or 1.0
        weights[name] = np.full(len(rows), 1 / (len(rows) * length))
    truth = None if part_of is None else gallery_image_query(dataset, space, part_of).truth
    return Query(single, truth, part_of, weights)


def mean_vector(rows: np.ndarray) -> np.ndarray:
    """(n, dim) unit vectors → (1, dim) float32: their mean, unit again.

    >>> mean_vector(np.array([[1.0, 0.0], [0.0, 1.0]])).round(3)
    array([[0.707, 0.707]], dtype=float32)
    """
    if not len(rows):
        raise BadInput("There is no image to search with; give at least one.")
    return unit(np.asarray(rows, np.float64).mean(axis=0, keepdims=True))


def browse(dataset: Dataset, label: str = "", words: str = "") -> np.ndarray:
    """Positions of the images of a class whose id, file name or title holds all of the words, in dataset order."""
    matches = np.ones(len(dataset), bool)
    if label:
        matches &= np.isin(np.arange(len(dataset)), positions_of_label(dataset, label))
    terms = words.casefold().split()
    if terms:
        texts = dataset.search_texts
        for term in terms:
            matches &= np.char.find(texts, term) >= 0
    return np.flatnonzero(matches)


def sample_positions(dataset: Dataset, count: int) -> list[int]:
    """Positions that show a dataset well: one of each class in turn, the same every time."""
    order = np.random.default_rng(0).permutation(len(dataset))
    _, first = np.unique(dataset.labels[order], return_index=True)
    mixed = [*order[np.sort(first)], *order]
    return [int(position) for position in dict.fromkeys(mixed)][:count]


def positions_of_label(dataset: Dataset, label: str) -> np.ndarray:
    """Positions of the images that carry a label; none when there is no such label."""
    if label not in dataset.label_names:
        return np.empty(0, np.int64)
    code = dataset.label_names.index(label)
    if dataset.label_matrix is not None:
        return np.sort(dataset.label_matrix.tocsc()[:, [code]].indices.astype(np.int64))
    return np.flatnonzero(dataset.labels == code)


def text_key(key: bytes | str) -> str:
    """A content key as text."""
    return key.decode() if isinstance(key, bytes) else str(key)
