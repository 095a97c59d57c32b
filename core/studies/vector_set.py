"""The vectors of several backbones over one split, and what is worked out about them once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence

import numpy as np

from core import arrays
from core.errors import BadInput, CoreError, NotComputed, ShapeMismatch
from core.fusion import FusionSpec, Step, early, rank
from core.fusion.gallery_graph import GalleryGraph
from core.fusion.preparations import FittedPreparation
from core.registry import did_you_mean
from core.search import rows_at
from core.search.score_cache import MatrixCache
from core.studies import column_filters
from core.studies.column_filters import FILE_COLUMNS, LABEL
from core.types import Affine, Dataset, Split

MOST_FUSED = 4
"""Fusions of vectors that a set keeps; each is as large as a backbone's vectors."""
MOST_PREPARED = 4
"""Preparations that a set keeps; each is as large as all of its vectors that were read."""
MOST_GRAPHS = 4
"""Systems whose gallery is kept as re-rankings see it."""

Groups = Callable[[str], np.ndarray]
"""A column's name → the text of each image, (n_images,) object; raises BadInput where there is no such column."""


class GalleryVectors:
    """What is worked out about a gallery once, whoever searches it: rows, equal rows, gaps and digests per backbone.

    Args:
        vectors: name → (n_images, dim) float32 unit vectors in dataset order; read only when they are first needed.
        positions: (n_gallery,) int64, the images that are searched.
    """

    def __init__(self, vectors: Mapping[str, np.ndarray], positions: np.ndarray) -> None:
        self.vectors, self.positions = vectors, positions
        self._rows: dict[str, np.ndarray] = {}
        self._first: dict[tuple[str, ...], np.ndarray] = {}
        self._incomplete: dict[str, bool] = {}
        self._digests: dict[str, str] = {}
        self.fused: dict[str, np.ndarray] = {}
        self._prepared: dict[str, GalleryVectors] = {}
        self._graphs: dict[Hashable, GalleryGraph] = {}

    def prepared(self, step: Step, groups: Groups | None) -> GalleryVectors:
        """The same gallery after a preparation, which is fitted on it alone, once."""
        if step.text not in self._prepared:
            while len(self._prepared) >= MOST_PREPARED:
                self._prepared.pop(next(iter(self._prepared)))
            vectors = PreparedVectors(self, step, groups)
            self._prepared[step.text] = GalleryVectors(vectors, self.positions)
        return self._prepared[step.text]

    def graph(self, key: Hashable, make: Callable[[], GalleryGraph]) -> GalleryGraph:
        """What a re-ranking knows about this gallery under one system; the last few are kept."""
        if key not in self._graphs:
            while len(self._graphs) >= MOST_GRAPHS:
                self._graphs.pop(next(iter(self._graphs)))
            self._graphs[key] = make()
        return self._graphs[key]

    def rows(self, name: str) -> np.ndarray:
        """(n_gallery, dim) float32, contiguous."""
        if name not in self._rows:
            self._rows[name] = rows_at(self.vectors[name], self.positions)
        return self._rows[name]

    def first_equal(self, names: Sequence[str]) -> np.ndarray:
        """(n_gallery,) int64: the first gallery row that equals this one in all of these backbones."""
        key = tuple(names)
        if key not in self._first:
            if len(key) == 1:
                self._first[key] = arrays.first_equal_rows(self.rows(key[0]))
            else:
                # Rows are equal in all when the tuples of their first equals are.
                codes = np.stack([self.first_equal((name,)) for name in key], axis=1)
                self._first[key] = arrays.first_of_equal(codes)
        return self._first[key]

    def incomplete(self, name: str) -> bool:
        """True when the backbone has nothing (a zero vector) for some gallery image."""
        if name not in self._incomplete:
            self._incomplete[name] = not early.present(self.rows(name)).all()
        return self._incomplete[name]

    def digest(self, name: str) -> str:
        """BLAKE2b (32 hex digits) of a backbone's gallery rows."""
        if name not in self._digests:
            self._digests[name] = hashlib.blake2b(
                np.ascontiguousarray(self.rows(name)).data, digest_size=16
            ).hexdigest()
        return self._digests[name]


class PreparedVectors(Mapping[str, np.ndarray]):
    """name → (n_images, dim) float32 unit vectors after a preparation, made when they are first read.

    Args:
        base: the gallery that the preparation is fitted on.
        groups: of the dataset's images, for a preparation that needs them.
    """

    def __init__(self, base: GalleryVectors, step: Step, groups: Groups | None) -> None:
        self.base, self.step = base, step
        self.groups = _codes(step, groups, base.positions)
        self._fitted: dict[str, FittedPreparation] = {}
        self._made: dict[str, np.ndarray] = {}

    def fitted(self, name: str) -> FittedPreparation:
        """The preparation of one backbone."""
        if name not in self._fitted:
            groups = None if self.groups is None else self.groups[self.base.positions]
            self._fitted[name] = FittedPreparation(self.step.method, self.step.settings, self.base.rows(name), groups)
        return self._fitted[name]

    def affine(self, name: str, position: int) -> Affine | None:
        """What it does to the vector of an image of the dataset, or (a position behind them all) of an upload."""
        is_known = self.groups is not None and position < len(self.groups)
        return self.fitted(name).affine(int(self.groups[position]) if is_known and self.groups is not None else -1)

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self._made:
            self._made[name] = self.fitted(name)(self.base.vectors[name], self.groups)
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.base.vectors)

    def __len__(self) -> int:
        return len(self.base.vectors)


def _codes(step: Step, groups: Groups | None, gallery: np.ndarray) -> np.ndarray | None:
    """(n_images,) int64 groups that a preparation needs, numbered as in the gallery, −1 where it has none; else None."""
    if "groups" not in step.method.accepts:
        return None
    column = str(step.settings.get("column", ""))
    if not column:
        raise BadInput(f"{step.method.label} needs a column of the dataset, e.g. {step.name}:column=domain.")
    if groups is None:
        raise BadInput(f"{step.method.label} needs a dataset with columns; vectors from files alone have none.")
    values = groups(column)
    known = {value: code for code, value in enumerate(dict.fromkeys(values[gallery].tolist())) if value != ""}
    return np.array([known.get(value, -1) for value in values.tolist()], np.int64)


class VectorSet:
    """The vectors of several backbones over one split: what systems are made of.

    Args:
        vectors: name → (n_images, dim) float32 unit vectors in dataset order; zero rows mean "nothing here".
        split: who asks, who is searched.
        shared: what another set has worked out about the same gallery; None starts afresh.
        groups: a column of the dataset → the text of each image, for preparations by group; None without a dataset.
    """

    def __init__(
        self,
        vectors: Mapping[str, np.ndarray],
        split: Split,
        shared: GalleryVectors | None = None,
        groups: Groups | None = None,
    ) -> None:
        is_prepared = isinstance(vectors, PreparedVectors)
        self.vectors: Mapping[str, np.ndarray] = vectors if is_prepared else dict(vectors)
        self.split, self.groups = split, groups
        lengths = set() if is_prepared else {len(rows) for rows in self.vectors.values()}
        if len(lengths) > 1:
            counts = ", ".join(f"{name} {len(rows)}" for name, rows in self.vectors.items())
            raise ShapeMismatch(
                f"The backbones have different numbers of rows ({counts}); each needs one row per image."
            )
        self.shared = shared or GalleryVectors(self.vectors, split.gallery)
        self._fused = self.shared.fused
        self._prepared: dict[str, VectorSet] = {}
        self._query_gaps: dict[str, bool] = {}
        self._matrices = MatrixCache(self.n_queries, self.n_gallery)

    @property
    def names(self) -> tuple[str, ...]:
        """The backbones, in the order in which they were given."""
        return tuple(self.vectors)

    @property
    def n_queries(self) -> int:
        """How many queries ask."""
        return len(self.split.queries)

    @property
    def n_gallery(self) -> int:
        """How many images are searched."""
        return len(self.split.gallery)

    @property
    def self_position(self) -> np.ndarray:
        """(n_queries,) int64, where the query itself stands in the gallery, −1 is nowhere."""
        return self.split.self_position

    def get(self, name: str) -> np.ndarray:
        """The vectors of one backbone.

        Raises:
            NotComputed: this space does not have it.
        """
        if name not in self.vectors:
            raise NotComputed(
                f"There are no vectors of {name!r} here; there are {', '.join(self.names) or 'none'}. "
                f"Embed the dataset with it first, or take it out of the fusion."
            )
        return self.vectors[name]

    def only(self, queries: np.ndarray) -> VectorSet:
        """The same gallery, asked by these queries only (positions among the present ones)."""
        split = Split(self.split.queries[queries], self.split.gallery, self.split.train)
        return VectorSet(self.vectors, split, self.shared, self.groups)

    def prepared(self, step: Step | None) -> VectorSet:
        """The same queries and gallery after a preparation, which is fitted on the gallery alone; itself without one.

        Raises:
            BadInput: it needs a column that the dataset does not have.
        """
        if step is None:
            return self
        if step.text not in self._prepared:
            while len(self._prepared) >= MOST_PREPARED:
                self._prepared.pop(next(iter(self._prepared)))
            self._prepared[step.text] = self._prepare(step)
        made = self._prepared[step.text]
        made._matrices.memory_bytes = self._matrices.memory_bytes
        return made

    def _prepare(self, step: Step) -> VectorSet:
        shared = self.shared.prepared(step, self.groups)
        return VectorSet(shared.vectors, self.split, shared)

    def gallery(self, name: str) -> np.ndarray:
        """(n_gallery, dim) float32, contiguous."""
        self.get(name)
        return self.shared.rows(name)

    def first_in_gallery(self, names: Sequence[str]) -> np.ndarray:
        """(n_gallery,) int64: the first gallery row that equals this one in all of these backbones."""
        return self.shared.first_equal(names)

    def cosines(self, queries: np.ndarray, gallery: np.ndarray, first: np.ndarray) -> np.ndarray:
        """Dot products, the score of the first of equal rows copied to the others: (n_queries, n_gallery) float32."""
        scores = queries @ gallery.T
        later = np.flatnonzero(first != np.arange(len(first)))
        if len(later):
            scores[:, later] = scores[:, first[later]]
        return scores

    def _cosines_of(self, name: str, start: int, stop: int) -> np.ndarray:
        queries = self.get(name)[self.split.queries[start:stop]]
        return self.cosines(queries, self.gallery(name), self.first_in_gallery((name,)))

    def cosines_with(self, name: str, query: int, items: np.ndarray) -> np.ndarray:
        """(n_items,) float64 cosines of one query with some gallery images; equal rows score equal to the last bit."""
        vector = np.asarray(self.get(name)[self.split.queries[query : query + 1]][0], np.float64)
        return (self.gallery(name)[items] * vector).sum(axis=1)

    def keep(self, bytes_at_most: int | None = None) -> None:
        """From now on keep scores and ranks that were worked out, while they fit: weights then move at once.

        Args:
            bytes_at_most: None for a quarter of the free memory.
        """
        if bytes_at_most is None:
            import psutil

            bytes_at_most = psutil.virtual_memory().available // 4
        self._matrices.memory_bytes = int(bytes_at_most)

    def scores(self, name: str, start: int, stop: int) -> np.ndarray:
        """Cosines of one backbone for queries start to stop: (stop − start, n_gallery) float32; do not write to it."""

        def block(low: int, high: int, out: np.ndarray) -> None:
            out[:] = self._cosines_of(name, low, high)

        matrix = self._matrices.fill(("scores", name), block)
        return self._cosines_of(name, start, stop) if matrix is None else matrix[start:stop]

    def ranks(self, name: str, start: int, stop: int) -> np.ndarray:
        """Ranks of one backbone, (stop − start, n_gallery) int32, from 1; 0 at the query's own position."""

        def block(low: int, high: int, out: np.ndarray) -> None:
            out[:] = rank.ranks(self.scores(name, low, high), self.self_position[low:high])

        matrix = self._matrices.fill(("ranks", name), block, np.int32)
        if matrix is not None:
            return matrix[start:stop]
        return rank.ranks(self.scores(name, start, stop), self.self_position[start:stop])

    def missing(self, names: Sequence[str]) -> bool:
        """True when any of these backbones has nothing for some query or gallery image."""
        return any(self.shared.incomplete(name) or self._lacks_queries(name) for name in names)

    def _lacks_queries(self, name: str) -> bool:
        """True when a query has no vector of this backbone."""
        if name not in self._query_gaps:
            self._query_gaps[name] = not early.present(self.get(name)[self.split.queries]).all()
        return self._query_gaps[name]

    def fused(self, spec: FusionSpec) -> np.ndarray:
        """(n_images, dim) float32 unit vectors of a fusion of vectors; the last few are kept."""
        key = spec.fingerprint
        if key not in self._fused:
            parts = [self.whole(name) for name in spec.active]
            keywords = spec.strategy.keywords(
                gallery=self.split.gallery, names=spec.active, learned=learned_arrays(spec, self), **spec.settings
            )
            try:
                rows = np.asarray(call_strategy(spec, parts, keywords))
            except CoreError as error:
                raise type(error)(f"Fusion {spec.name!r}: {error}") from None
            if rows.ndim != 2 or len(rows) != len(parts[0]) or not np.isfinite(rows).all():
                raise BadInput(
                    f"Strategy {spec.kind!r} gave vectors of shape {rows.shape}, or such as are not finite; it must "
                    f"return one finite vector for each of {len(parts[0]):,} images. Mend it, or take it out."
                )
            self.remember(spec, rows)
        return self._fused[key]

    def whole(self, name: str) -> np.ndarray:
        """The vectors of one backbone as one array, for fusions of vectors."""
        return self.get(name)

    def remember(self, spec: FusionSpec, rows: np.ndarray) -> None:
        """Keep the vectors of a fusion, (n_images, dim) float32 unit; those kept longest go when there are many."""
        while len(self._fused) >= MOST_FUSED:
            self._fused.pop(next(iter(self._fused)))
        self._fused[spec.fingerprint] = np.ascontiguousarray(rows, np.float32)


def group_columns(dataset: Dataset) -> list[str]:
    """Columns that can group images: not those of files, and not the label, which is what is evaluated."""
    return [str(name) for name in dataset.items.columns if name not in FILE_COLUMNS and name != LABEL]


def groups_of(dataset: Dataset) -> Groups:
    """The columns of a dataset as preparations by group read them."""

    def texts(column: str) -> np.ndarray:
        """(n_images,) object array: the group of each image by this column; BadInput for one that cannot group."""
        known = group_columns(dataset)
        if column not in known:
            hint = did_you_mean(column, known)
            raise BadInput(
                f"{dataset.name!r} has no column {column[:60]!r} to group its images by.{hint} There are "
                f"{', '.join(known) or 'none'}."
            )
        return np.array(column_filters.texts(dataset.items[column]), object)

    return texts


def call_strategy(spec: FusionSpec, inputs: Sequence[np.ndarray], keywords: Mapping[str, object]) -> object:
    """What the strategy of a fusion makes of vectors or scores.

    Raises:
        BadInput: a user's own strategy failed; its sentence.
    """
    try:
        return spec.strategy.function(inputs, spec.active_weights, **keywords)
    except CoreError:
        raise
    except Exception as error:
        if not spec.strategy.is_plugin:
            raise
        raise BadInput(
            f"Your strategy {spec.kind!r} could not be used: {type(error).__name__}: {str(error).rstrip('.')}. Mend or remove it."
        ) from error


def learned_arrays(spec: FusionSpec, space: VectorSet) -> dict[str, np.ndarray]:
    """The arrays of a trained fusion, which fit each other; they must fit the vectors too.

    Raises:
        BadInput: it was not trained. ShapeMismatch: it was trained on vectors of another length.
    """
    if spec.strategy.learned and not spec.learned:
        raise BadInput(f"Fusion {spec.name!r} ({spec.kind}) was not trained yet. Train it in the Fusion lab first.")
    arrays = {array.name: array.values for array in spec.learned}
    joined = sum(space.get(name).shape[1] for name in spec.active)
    for name, axes in spec.strategy.arrays:
        for position, axis in enumerate(axes):
            if axis == "joined" and arrays[name].shape[position] != joined:
                raise ShapeMismatch(
                    f"Fusion {spec.name!r} was trained on vectors of {arrays[name].shape[position]:,} numbers together, but "
                    f"{' and '.join(spec.active)} have {joined:,} here. Train it again on these backbones."
                )
    return arrays
