"""Live ranking: per-backbone scores are kept, and new shares stream them once."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

import numpy as np

from core import arrays
from core.errors import BadInput, ShapeMismatch, UnknownName
from core.search.ranking import RankAccumulator, RankingResult, RelevanceCSR, precompile
from core.search.score_cache import BLOCK_BYTES, MatrixCache, half_of_free_memory
from core.search.scores import CosineScores, missing_factors, rows_at
from core.task import NO_TASK, Task
from core.types import Ranking, Relevance, Split


class LiveEngine:
    """Ranks every query of a split under any shares of several backbones, at the pace of a slider.

    The score of a fusion by shares is the weighted sum of the backbones' cosines (DEFINITIONS.md, section 8). The
    (n_queries, n_gallery) float32 scores of a backbone are computed when it is first asked for and kept while they fit
    in `memory_bytes`; what does not fit is computed again from the vectors, block by block, by the same code.

    Args:
        vectors: backbone → (n_images, dim) unit float32 in dataset order.
        split: who asks and who is searched.
        truth: what is relevant, for that split.
        memory_bytes: what kept scores may take; None for half of the free memory.
        threads: of the kernel; 0 for all processors of this process.
        background: compile the kernel in a thread of its own as soon as the engine is built.
    """

    def __init__(
        self,
        vectors: Mapping[str, np.ndarray],
        split: Split,
        truth: Relevance,
        *,
        memory_bytes: int | None = None,
        threads: int = 0,
        background: bool = True,
    ) -> None:
        if (len(split.queries), len(split.gallery)) != (truth.n_queries, truth.n_gallery):
            raise ShapeMismatch("The split and the truth have different numbers of queries or gallery items.")
        self.split, self.truth, self.threads = split, truth, threads
        self.memory_bytes = half_of_free_memory() if memory_bytes is None else int(memory_bytes)
        self._sources: dict[str, CosineScores] = {}
        self._scores = MatrixCache(truth.n_queries, truth.n_gallery, self.memory_bytes)
        self._lists = RelevanceCSR.of(truth)
        for name, array in vectors.items():
            self.add(name, array)
        if background:
            threading.Thread(target=precompile, args=((np.float32,),), daemon=True, name="compile ranking").start()

    def add(self, name: str, vectors: np.ndarray) -> None:
        """One more backbone: (n_images, dim) unit float32 in dataset order. Its scores come when they are needed."""
        highest = max(self.split.queries.max(initial=-1), self.split.gallery.max(initial=-1))
        if vectors.ndim != 2 or len(vectors) <= highest:
            raise ShapeMismatch(f"Vectors of {name!r} have shape {vectors.shape}; the split needs {highest + 1} rows.")
        gallery = rows_at(vectors, self.split.gallery)
        queries = gallery if self.split.is_self_retrieval else vectors[self.split.queries]
        self._sources[name] = CosineScores(queries, gallery)
        self._scores.drop(name)

    @property
    def names(self) -> tuple[str, ...]:
        """The backbones, in the order in which they were given."""
        return tuple(self._sources)

    @property
    def bytes_per_backbone(self) -> int:
        """Memory of one backbone's kept scores: float32, every query against the gallery."""
        return self._scores.bytes_per_matrix

    def fits(self, names: tuple[str, ...] = ()) -> bool:
        """True when the scores of all these backbones (all, if none is named) are kept at once."""
        return len(names or self.names) * self.bytes_per_backbone <= self.memory_bytes

    def keep(self, task: Task = NO_TASK) -> None:
        """Compute now what would be computed at the first move, as far as memory allows."""
        for name in self.names:
            self._kept_scores(name, task)

    def present_scores(self, name: str) -> np.ndarray | None:
        """(n_queries, n_gallery) float32 cosines of a backbone as they are kept; None when they are not."""
        return self._scores.get(name)

    def _kept_scores(self, name: str, task: Task = NO_TASK) -> np.ndarray | None:
        """All scores of a backbone, or None when they do not fit."""
        block = self._sources[name].block
        return self._scores.fill(name, block, task=task)

    def shares(self, shares: Mapping[str, float]) -> dict[str, float]:
        """Shares divided by their sum, those of 0 left out, in the order of the engine.

        Raises:
            UnknownName: a backbone that the engine does not have.
            BadInput: a negative share, or none above 0.
        """
        for name, share in shares.items():
            if name not in self._sources:
                raise UnknownName(f"The engine has no backbone {name!r}; it has {', '.join(map(repr, self.names))}.")
            if not 0 <= share < np.inf:
                raise BadInput(f"The share of {name!r} is {share}; give 0 or more.")
        total = sum(shares.values())
        if not total > 0:
            raise BadInput("All shares are 0; give at least one backbone a share above 0.")
        return {name: shares[name] / total for name in self._sources if shares.get(name, 0) > 0}

    def rank(
        self,
        shares: Mapping[str, float],
        *,
        k: int = 0,
        hits: bool = False,
        queries: np.ndarray | None = None,
        task: Task = NO_TASK,
    ) -> RankingResult:
        """Exact ranks of all relevant items, and the best k, under these shares.

        Args:
            shares: backbone → share; they are divided by their sum. One backbone alone is that system itself.
            k: how many of the best to list.
            hits: also say which item stands at each rank.
            queries: (n,) int64 queries to rank instead of all, rising: see `query_sample`.
        """
        return self.rank_several([shares], k=k, hits=hits, queries=queries, task=task)[0]

    def rank_several(
        self,
        several: Sequence[Mapping[str, float]],
        *,
        k: int = 0,
        hits: bool = False,
        queries: np.ndarray | None = None,
        task: Task = NO_TASK,
    ) -> list[RankingResult]:
        """The same under several shares: scores that are computed on the way are computed once for all of them."""
        parts = [self.shares(shares) for shares in several]
        names = [name for name in self._sources if any(name in part for part in parts)]
        lists = self._lists if queries is None else RelevanceCSR.of(self.truth.take(queries))
        accumulators = [RankAccumulator(lists, k, hits, np.float32, self.threads) for _ in parts]
        weights = [np.array(list(part.values()), np.float32) for part in parts]
        factors = [
            missing_factors(list(part.values()), [self._sources[name].gallery_present for name in part])
            for part in parts
        ]
        # Some of the queries are ranked where all are too many to keep, so they never fill the memory by themselves.
        matrices = {
            name: self.present_scores(name) if queries is not None else self._kept_scores(name) for name in names
        }
        n = lists.truth.n_queries
        step = n if queries is None and all(m is not None for m in matrices.values()) else self._step(len(names))
        for chunk in task.chunks("Ranking", n, step, "queries"):
            start, stop = chunk.start, chunk.stop
            rows = chunk if queries is None else queries[chunk]
            blocks = {name: self._sources[name].rows(rows) if m is None else m[rows] for name, m in matrices.items()}
            for part, accumulator, weight, factor in zip(parts, accumulators, weights, factors):
                accumulator.update(start, stop, start, [blocks[name] for name in part], weight, factor)
        return [
            self._with_query_norms(accumulator.result(queries), part, queries)
            for accumulator, part in zip(accumulators, parts)
        ]

    def _step(self, n_blocks: int) -> int:
        """Queries per block when scores are computed on the way."""
        return max(32, BLOCK_BYTES // (4 * max(1, self.truth.n_gallery) * n_blocks))

    def _with_query_norms(
        self, ranked: RankingResult, parts: Mapping[str, float], queries: np.ndarray | None
    ) -> RankingResult:
        """The norm of a query with missing parts changes no order, only the scores that are shown."""
        if ranked.best is None:
            return ranked
        rows = slice(None) if queries is None else queries
        norms = missing_factors(list(parts.values()), [self._sources[name].query_present[rows] for name in parts])
        if norms is None:
            return ranked
        best = Ranking(ranked.best.items, ranked.best.scores * norms[:, None])
        return RankingResult(ranked.ranks, ranked.mixed_ties, best, ranked.queries)

    def query_sample(self, size: int, seed: int = 0) -> np.ndarray | None:
        """(size,) int64, rising: a seeded sample of the valid queries; None when all of them are no more."""
        valid = np.flatnonzero(self.truth.n_relevant > 0)
        if len(valid) <= size:
            return None
        return arrays.sample(valid, size, seed)
