"""A system: one backbone or one fusion over the vectors of a split, ready to be ranked."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from core import arrays, paths
from core.errors import BadInput, CoreError, NotComputed, ShapeMismatch
from core.fusion import FUSIONS, FusionSpec, early, rank
from core.search import rows_at
from core.types import Split

BLOCK_ENTRIES = 4_000_000
"""Scores of one block: queries times gallery, so that memory stays bounded whatever the dataset."""

MOST_FUSED = 4
"""Fusions of vectors that a space keeps; each is as large as a backbone's vectors."""


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


class VectorSet:
    """The vectors of several backbones over one split: what systems are made of.

    Args:
        vectors: name → (n_images, dim) float32 unit vectors in dataset order; zero rows mean "nothing here".
        split: who asks, who is searched.
        shared: what another set has worked out about the same gallery; None starts afresh.
    """

    def __init__(self, vectors: Mapping[str, np.ndarray], split: Split, shared: GalleryVectors | None = None) -> None:
        self.vectors = dict(vectors)
        self.split = split
        lengths = {len(rows) for rows in self.vectors.values()}
        if len(lengths) > 1:
            said = ", ".join(f"{name} {len(rows)}" for name, rows in self.vectors.items())
            raise ShapeMismatch(f"The backbones have different numbers of rows ({said}); each needs one row per image.")
        self.shared = shared or GalleryVectors(self.vectors, split.gallery)
        self._fused: dict[str, np.ndarray] = {}
        self._query_gaps: dict[str, bool] = {}
        self._whole: dict[tuple[str, str], np.ndarray] = {}
        self._budget = 0
        self._lock = threading.Lock()

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
    def own(self) -> np.ndarray:
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
        smaller = VectorSet(self.vectors, split, self.shared)
        smaller._fused = self._fused
        return smaller

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

    def _computed(self, name: str, start: int, stop: int) -> np.ndarray:
        asked = self.get(name)[self.split.queries[start:stop]]
        return self.cosines(asked, self.gallery(name), self.first_in_gallery((name,)))

    def cosines_with(self, name: str, query: int, items: np.ndarray) -> np.ndarray:
        """(n_items,) float64 cosines of one query with some gallery pictures; equal rows score equal to the last bit."""
        asks = np.asarray(self.get(name)[self.split.queries[query : query + 1]][0], np.float64)
        return (self.gallery(name)[items] * asks).sum(axis=1)

    def keep(self, bytes_at_most: int | None = None) -> None:
        """From now on keep scores and ranks that were worked out, while they fit: weights then move at once.

        Args:
            bytes_at_most: None for a quarter of the free memory.
        """
        if bytes_at_most is None:
            import psutil

            bytes_at_most = psutil.virtual_memory().available // 4
        self._budget = int(bytes_at_most)

    def _kept(self, what: str, name: str, dtype: type) -> np.ndarray | None:
        """All queries' scores or ranks of a backbone, worked out once; None when they are not to be kept."""
        with self._lock:
            if (what, name) in self._whole:
                return self._whole[what, name]
            size = self.n_queries * self.n_gallery * 4
            if sum(array.nbytes for array in self._whole.values()) + size > self._budget:
                return None
            whole = np.empty((self.n_queries, self.n_gallery), dtype)
            rows = max(1, BLOCK_ENTRIES // max(self.n_gallery, 1))
            for part in arrays.chunks(self.n_queries, rows):
                scores = self._computed(name, part.start, part.stop)
                whole[part] = scores if what == "scores" else rank.ranks(scores, self.own[part])
            self._whole[what, name] = whole
            return whole

    def scores(self, name: str, start: int, stop: int) -> np.ndarray:
        """Cosines of one backbone for queries start to stop: (stop − start, n_gallery) float32; do not write to it."""
        kept = self._kept("scores", name, np.float32)
        return self._computed(name, start, stop) if kept is None else kept[start:stop]

    def ranks(self, name: str, start: int, stop: int) -> np.ndarray:
        """Ranks of one backbone, (stop − start, n_gallery) int32, from 1; 0 at the query's own place."""
        kept = self._kept("ranks", name, np.int32)
        return rank.ranks(self.scores(name, start, stop), self.own[start:stop]) if kept is None else kept[start:stop]

    def missing(self, names: Sequence[str]) -> bool:
        """True when any of these backbones has nothing for some query or gallery image."""
        return any(self.shared.incomplete(name) or self._asked_without(name) for name in names)

    def _asked_without(self, name: str) -> bool:
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
                gallery=self.split.gallery, names=spec.active, learned=_learned(spec, self), **spec.settings
            )
            try:
                rows = np.asarray(_called(spec, parts, keywords))
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


def _called(spec: FusionSpec, given: Sequence[np.ndarray], keywords: Mapping[str, object]) -> object:
    """What the strategy of a fusion makes of vectors or scores.

    Raises:
        BadInput: a user's own strategy failed; its sentence.
    """
    try:
        return spec.strategy.function(given, spec.active_weights, **keywords)
    except CoreError:
        raise
    except Exception as error:
        if not spec.strategy.own:
            raise
        raise BadInput(
            f"Your strategy {spec.kind!r} could not be used: {type(error).__name__}: {str(error).rstrip('.')}. Mend or remove it."
        ) from error


def _learned(spec: FusionSpec, space: VectorSet) -> dict[str, np.ndarray]:
    """The arrays of a trained fusion, which fit each other; they must fit the vectors too."""
    if spec.strategy.learned and not spec.learned:
        raise BadInput(f"Fusion {spec.name!r} ({spec.kind}) was not trained yet. Train it in the Fusion lab first.")
    found = {array.name: array.values for array in spec.learned}
    joined = sum(space.get(name).shape[1] for name in spec.active)
    for name, axes in spec.strategy.arrays:
        for at, axis in enumerate(axes):
            if axis == "joined" and found[name].shape[at] != joined:
                raise ShapeMismatch(
                    f"Fusion {spec.name!r} was trained on vectors of {found[name].shape[at]:,} numbers together, but "
                    f"{' and '.join(spec.active)} have {joined:,} here. Train it again on these backbones."
                )
    return found


@dataclass(frozen=True)
class System:
    """A row of the leaderboard: a backbone, or a fusion of several, over a `JointSpace`.

    Attributes:
        name: unique among the systems compared.
        space: where its vectors are.
        spec: None for a backbone.
    """

    name: str
    space: VectorSet = field(repr=False)
    spec: FusionSpec | None = None

    @property
    def kind(self) -> str:
        """ "backbone", or the fusion's kind."""
        return "backbone" if self.spec is None else self.spec.kind

    @property
    def backbones(self) -> tuple[str, ...]:
        """The backbones that have a say."""
        return (self.name,) if self.spec is None else self.spec.active

    @property
    def n_queries(self) -> int:
        """How many queries ask."""
        return self.space.n_queries

    @property
    def n_gallery(self) -> int:
        """How many images are searched."""
        return self.space.n_gallery

    @cached_property
    def is_linear(self) -> bool:
        """True when a `LiveEngine` gives exactly this system from its `shares`, so that weights may change live.

        The engine knows the missing-parts rule of concatenations; a score sum counts a missing part as 0 instead, so
        it is served only where nothing is missing.
        """
        if self.spec is None or (self.spec.kind == "concat" and self.spec.is_linear):
            return True
        return self.spec.is_linear and not self.space.missing(self.spec.active)

    @property
    def shares(self) -> dict[str, float]:
        """What each backbone counts, summing to 1."""
        return {self.name: 1.0} if self.spec is None else self.spec.shares

    @property
    def has_vectors(self) -> bool:
        """Whether it has vectors of its own; fusions of scores and ranks have none."""
        return self.spec is None or self.spec.strategy.joins == "vectors"

    @property
    def dim(self) -> int | None:
        """Length of the vectors; None for fusions of scores and ranks."""
        if self.spec is not None and self.spec.kind == "concat":
            return sum(self.space.get(name).shape[1] for name in self.spec.active)
        return self.vectors.shape[1] if self.has_vectors else None

    @property
    def vectors(self) -> np.ndarray | None:
        """(n_images, dim) float32 unit vectors, for maps and clustering; None for fusions of scores and ranks."""
        if self.spec is None:
            return self.space.get(self.name)
        return self.space.fused(self.spec) if self.has_vectors else None

    def block(self, start: int, stop: int) -> np.ndarray:
        """Scores of queries start to stop against the whole gallery.

        Returns:
            (stop − start, n_gallery) float32 or float64, higher is closer; −inf is "not retrieved", and so is the
            query's own place.
        Raises:
            BadInput: a score is NaN or +inf.
        """
        stop = min(stop, self.n_queries)
        own = self.space.own[start:stop]
        scores = self._fuse(start, stop, own)
        rows = np.flatnonzero(own >= 0)
        scores[rows, own[rows]] = -np.inf
        highest = scores.max(initial=-np.inf)  # NaN where there is any
        if not highest < np.inf:
            what = "numbers that are infinite" if highest == np.inf else "what is no number (NaN)"
            raise BadInput(
                f"The scores of {self.name!r} ({self.kind}) hold {what}; every score must be finite, or −inf for what "
                "is not retrieved. Mend its weights or its strategy, or take it out."
            )
        return scores

    def blocks(self) -> Iterator[tuple[int, int, np.ndarray]]:
        """(start, stop, scores) over all queries, memory bounded."""
        rows = max(1, BLOCK_ENTRIES // max(self.n_gallery, 1))
        for part in arrays.chunks(self.n_queries, rows):
            yield part.start, part.stop, self.block(part.start, part.stop)

    def _fuse(self, start: int, stop: int, own: np.ndarray) -> np.ndarray:
        space, spec = self.space, self.spec
        if spec is None:
            return np.array(space.scores(self.name, start, stop))
        if spec.kind == "concat":
            return self._concat(start, stop)
        if spec.strategy.joins == "vectors":
            rows = space.fused(spec)
            return space.cosines(rows[space.split.queries[start:stop]], self._fused_gallery, self._first)
        strategy = spec.strategy
        needs_scores = strategy.joins != "ranks" or "ranked" not in strategy.accepts
        scores = [space.scores(name, start, stop) for name in spec.active] if needs_scores else []
        if strategy.own:
            scores = [np.array(one) for one in scores]
        keywords = strategy.keywords(
            own=own,
            names=spec.active,
            learned=_learned(spec, space),
            ranked=lambda position: space.ranks(spec.active[position], start, stop),
            **spec.settings,
        )
        if "queries" in strategy.accepts:
            keywords["queries"] = [space.get(name)[space.split.queries[start:stop]] for name in spec.active]
        fused = np.array(_called(spec, scores, keywords))
        expected = (len(own), space.n_gallery)
        if fused.shape != expected:
            raise ShapeMismatch(
                f"Strategy {spec.kind!r} gave scores of shape {fused.shape} for {expected}; "
                "it must return one score per query and gallery image."
            )
        return fused

    def _concat(self, start: int, stop: int) -> np.ndarray:
        """Cosines of the concatenation from those of the parts: missing parts cost the other side's length."""
        space, spec = self.space, self.spec
        scores = [space.scores(name, start, stop) for name in spec.active]
        if not space.missing(spec.active):
            return early.concat_scores(scores, spec.active_weights)
        here, there = space.split.queries[start:stop], space.split.gallery
        asked = np.stack([early.present(space.get(name)[here]) for name in spec.active], axis=1)
        found = np.stack([early.present(space.get(name)[there]) for name in spec.active], axis=1)
        return early.concat_scores(scores, spec.active_weights, asked, found)

    @cached_property
    def _fused_gallery(self) -> np.ndarray:
        return np.ascontiguousarray(self.space.fused(self.spec)[self.space.split.gallery])

    @cached_property
    def _first(self) -> np.ndarray:
        return self.space.first_in_gallery(tuple(sorted(self.spec.active)))


def build(space: VectorSet, backbones: Sequence[str], fusions: Sequence[FusionSpec] = ()) -> list[System]:
    """One system per backbone, then one per fusion.

    Raises:
        BadInput: two systems of one name.
        NotComputed: a fusion names a backbone that the space does not have.
    """
    systems = [System(name, space) for name in backbones]
    systems += [System(spec.name, space, spec) for spec in fusions]
    names = [system.name for system in systems]
    for system in systems:
        if names.count(system.name) > 1:
            raise BadInput(f"Two systems are named {system.name!r}; give the fusion another name.")
        for name in system.backbones if system.spec is None else system.spec.backbones:
            if name not in space.vectors:
                where = f"Fusion {system.name!r} names the backbone" if system.spec else "There is no backbone"
                raise NotComputed(
                    f"{where} {name!r}, of which there are no vectors; there are {', '.join(space.names)}."
                )
    return systems


def load_plugins(folder: Path | None = None) -> tuple[str, ...]:
    """Run the user's own Python files, which register strategies; a file is run once, and one that is gone is forgotten.

    A file looks like this:

        import numpy as np
        from core.fusion import FUSIONS

        @FUSIONS.register("max", label="Highest score", joins="scores", sentence="The most certain backbone decides.")
        def highest(scores, weights):
            return np.max(scores, axis=0)

    Returns:
        One sentence per file that could not be used; all others work.
    """
    folder = folder or paths.plugins()
    faults = []
    files = {_module_of(path): path for path in sorted(folder.glob("*.py"))} if folder.is_dir() else {}
    for module in [name for name in sys.modules if name.startswith(_PLUGIN)]:
        if module not in files:
            _forget(module)
    for module, path in files.items():
        stamp = path.stat().st_mtime_ns
        if getattr(sys.modules.get(module), "loaded_at", None) == stamp:
            continue
        _forget(module)
        before = set(FUSIONS.names)
        try:
            _run_plugin(module, path, stamp)
        except Exception as error:  # noqa: BLE001  whatever a stranger's file raises becomes its sentence
            for name in set(FUSIONS.names) - before:
                FUSIONS.discard(name)
            sys.modules.pop(module, None)
            faults.append(
                f"The plug-in {path.name} could not be used: {type(error).__name__}: {error}. Mend or remove it."
            )
    return tuple(faults)


_PLUGIN = "fusionscope_plugin_"


def _module_of(path: Path) -> str:
    """The name under which a plug-in is loaded."""
    return f"{_PLUGIN}{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"


def _run_plugin(module: str, path: Path, stamp: int) -> None:
    before = set(FUSIONS.names)
    spec = importlib.util.spec_from_file_location(module, path)
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[module] = loaded
    spec.loader.exec_module(loaded)
    loaded.loaded_at = stamp
    loaded.registered = tuple(name for name in FUSIONS.names if name not in before)
    for name in loaded.registered:
        object.__setattr__(FUSIONS.get(name), "own", True)


def _forget(module: str) -> None:
    """What a plug-in registered goes: it was edited and is loaded afresh, or its file is gone."""
    for name in getattr(sys.modules.get(module), "registered", ()):
        FUSIONS.discard(name)
    sys.modules.pop(module, None)
