"""A system: one backbone or one fusion over the vectors of a split, ready to be ranked."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from core import arrays
from core.errors import BadInput, NotComputed, ShapeMismatch
from core.fusion import FusionSpec, Step, early
from core.studies import reranking
from core.studies.vector_set import VectorSet, call_strategy, learned_arrays

BLOCK_ENTRIES = 4_000_000
"""Scores of one block: queries times gallery, so that memory stays bounded whatever the dataset."""


@dataclass(frozen=True)
class System:
    """A row of the leaderboard: a backbone, or a fusion of several, over a `VectorSet`.

    A fusion of one backbone is that backbone with what is done before and after the search.

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
    def prepared(self) -> VectorSet:
        """`space` after the system's preparation; `space` itself without one."""
        return self.space if self.spec is None else self.space.prepared(self.spec.prepare)

    @property
    def rerank(self) -> Step | None:
        """How the list is ranked once more, if it is."""
        return None if self.spec is None else self.spec.rerank

    @cached_property
    def before(self) -> System:
        """The same system without its re-ranking; itself without one."""
        if self.spec is None or self.spec.rerank is None:
            return self
        return dataclasses.replace(self, spec=dataclasses.replace(self.spec, rerank=None))

    @cached_property
    def is_linear(self) -> bool:
        """True when a `LiveEngine` gives exactly this system from its `shares`, so that weights may change live.

        The engine knows the missing-parts rule of concatenations; a score sum counts a missing part as 0 instead, so
        it is served only where nothing is missing.
        """
        if self.rerank is not None:
            return False
        if self.spec is None or (self.spec.kind == "concat" and self.spec.is_linear):
            return True
        return self.spec.is_linear and not self.prepared.missing(self.spec.active)

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
            return sum(self.prepared.get(name).shape[1] for name in self.spec.active)
        return None if self.vectors is None else self.vectors.shape[1]

    @property
    def vectors(self) -> np.ndarray | None:
        """(n_images, dim) float32 unit vectors, for maps and clustering; None for fusions of scores and ranks."""
        if self.spec is None:
            return self.space.get(self.name)
        return self.prepared.fused(self._plain) if self.has_vectors else None

    def block(self, start: int, stop: int) -> np.ndarray:
        """Scores of queries start to stop against the whole gallery.

        Returns:
            (stop − start, n_gallery) float32 or float64, higher is closer; −inf is "not retrieved", and so is the
            query's own position.
        Raises:
            BadInput: a score is NaN or +inf.
        """
        stop = min(stop, self.n_queries)
        self_position = self.space.self_position[start:stop]
        scores = self._fuse(start, stop, self_position)
        self._check(scores)
        rows = np.flatnonzero(self_position >= 0)
        scores[rows, self_position[rows]] = -np.inf
        if self.rerank is None:
            return scores
        made = reranking.scores_of(self.prepared, self._fusion(), self.rerank, scores, start, stop)
        self._check(made)
        return made

    def _check(self, scores: np.ndarray) -> None:
        """Every score is a number below infinity."""
        highest = scores.max(initial=-np.inf)  # NaN where there is any
        if not highest < np.inf:
            what = "numbers that are infinite" if highest == np.inf else "what is no number (NaN)"
            raise BadInput(
                f"The scores of {self.name!r} ({self.kind}) hold {what}; every score must be finite, or −inf for what "
                "is not retrieved. Mend its weights or its strategy, or take it out."
            )

    def blocks(self) -> Iterator[tuple[int, int, np.ndarray]]:
        """(start, stop, scores) over all queries, memory bounded."""
        rows = max(1, BLOCK_ENTRIES // max(self.n_gallery, 1))
        for part in arrays.chunks(self.n_queries, rows):
            yield part.start, part.stop, self.block(part.start, part.stop)

    def _fuse(self, start: int, stop: int, self_position: np.ndarray) -> np.ndarray:
        space, spec = self.prepared, self.spec
        if spec is None:
            return np.array(space.scores(self.name, start, stop))
        if spec.kind == "concat":
            return self._concat(start, stop)
        if spec.strategy.joins == "vectors":
            rows = space.fused(self._plain)
            return space.cosines(rows[space.split.queries[start:stop]], self._fused_gallery, self._first)
        strategy = spec.strategy
        needs_scores = strategy.joins != "ranks" or "ranked" not in strategy.accepts
        scores = [space.scores(name, start, stop) for name in spec.active] if needs_scores else []
        if strategy.is_plugin:
            scores = [np.array(rows) for rows in scores]
        keywords = strategy.keywords(
            own=self_position,
            names=spec.active,
            learned=learned_arrays(spec, space),
            ranked=lambda position: space.ranks(spec.active[position], start, stop),
            **spec.settings,
        )
        if "queries" in strategy.accepts:
            keywords["queries"] = [space.get(name)[space.split.queries[start:stop]] for name in spec.active]
        fused = np.array(call_strategy(spec, scores, keywords))
        expected = (len(self_position), space.n_gallery)
        if fused.shape != expected:
            raise ShapeMismatch(
                f"Strategy {spec.kind!r} gave scores of shape {fused.shape} for {expected}; "
                "it must return one score per query and gallery image."
            )
        return fused

    def _fusion(self) -> FusionSpec:
        assert self.spec is not None, "only fusions are fused"
        return self.spec

    @cached_property
    def _plain(self) -> FusionSpec:
        """The fusion without its steps: what it makes of vectors that are prepared already."""
        spec = self._fusion()
        return dataclasses.replace(spec, prepare=None, rerank=None) if spec.steps else spec

    def _concat(self, start: int, stop: int) -> np.ndarray:
        """Cosines of the concatenation from those of the parts: missing parts cost the other side's length."""
        space, spec = self.prepared, self._fusion()
        scores = [space.scores(name, start, stop) for name in spec.active]
        if not space.missing(spec.active):
            return early.concat_scores(scores, spec.active_weights)
        queries = space.split.queries[start:stop]
        query_present = np.stack([early.present(space.get(name)[queries]) for name in spec.active], axis=1)
        gallery_present = np.stack([early.present(space.gallery(name)) for name in spec.active], axis=1)
        return early.concat_scores(scores, spec.active_weights, query_present, gallery_present)

    @cached_property
    def _fused_gallery(self) -> np.ndarray:
        return np.ascontiguousarray(self.prepared.fused(self._plain)[self.space.split.gallery])

    @cached_property
    def _first(self) -> np.ndarray:
        return self.prepared.first_in_gallery(tuple(sorted(self._fusion().active)))


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
