"""Exact ranks of relevant items and the best k of every query, from any scores, by blocks of queries."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from core import arrays, paths
from core.errors import BadInput, ShapeMismatch
from core.search.score_cache import BLOCK_BYTES
from core.search.scores import BlockScores, ScoreSource
from core.task import NO_TASK, Task
from core.types import Ranking, Relevance, RelevantRanks


@dataclass(frozen=True)
class RankingResult:
    """One system's lists, as far as anybody asked.

    Attributes:
        ranks: where the relevant items stand.
        mixed_ties: (n_queries,) bool, a relevant and another item have equal scores.
        best: the best k of every query, None when k was 0.
        queries: (n,) int64 which queries of the split these are, None when all.
    """

    ranks: RelevantRanks
    mixed_ties: np.ndarray
    best: Ranking | None = None
    queries: np.ndarray | None = None

    @property
    def items(self) -> np.ndarray:
        """(n_queries, k) int64 of the best; (n_queries, 0) when k was 0."""
        return np.empty((self.ranks.n_queries, 0), np.int64) if self.best is None else self.best.items


@dataclass
class RelevanceCSR:
    """A `Relevance` as the kernel reads it: which items are relevant, as slices of one array, and what to leave out."""

    truth: Relevance
    starts: np.ndarray
    ends: np.ndarray
    items: np.ndarray
    self_position: np.ndarray
    junk_indptr: np.ndarray
    junk_items: np.ndarray
    indptr: np.ndarray

    @classmethod
    def of(cls, truth: Relevance) -> RelevanceCSR:
        """Single labels need no list per query: one order of the gallery, class by class, serves all."""
        if truth.by_class:
            query_classes, gallery_classes = truth.classes
            order = np.argsort(gallery_classes, kind="stable")
            ordered = gallery_classes[order]
            starts = np.searchsorted(ordered, query_classes, "left")
            ends = np.searchsorted(ordered, query_classes, "right")
            ends = np.where(query_classes < 0, starts, ends)
        else:
            order, starts, ends = truth.items, truth.indptr[:-1], truth.indptr[1:]
        indptr = np.concatenate([[0], np.cumsum(truth.n_relevant)])
        # Copies: the kernel is compiled for writable arrays, and those of `Relevance` are read-only.
        return cls(
            truth,
            np.array(starts, np.int64),
            np.array(ends, np.int64),
            np.array(order, np.int32),
            np.array(truth.self_position, np.int64),
            np.array(truth.junk_indptr, np.int64),
            np.array(truth.junk_items, np.int64),
            np.array(indptr, np.int64),
        )


class RankAccumulator:
    """Collects the ranks of all queries while blocks of scores pass by.

    Args:
        lists: the truth.
        k: how many of the best to keep per query; 0 for none.
        hits: also keep which item stands at each rank.
        dtype: type of the scores, float32 or float64.
        threads: how many share a block.
    """

    def __init__(
        self, lists: RelevanceCSR, k: int = 0, hits: bool = False, dtype: type = np.float32, threads: int = 0
    ) -> None:
        self.lists, self.k, self.dtype = lists, min(int(k), lists.truth.n_gallery), np.dtype(dtype)
        self.threads = threads or paths.cpu_count()
        n, total = lists.truth.n_queries, int(lists.indptr[-1])
        self.wants_hits = hits or lists.truth.gains is not None
        self.ranks = np.empty(total, np.int32)
        self.retrieved = np.zeros(n, np.int32)
        self.hits = np.empty(total if self.wants_hits else 0, np.int32)
        self.mixed = np.zeros(n, np.bool_)
        self.items = np.empty((n, self.k), np.int64)
        self.scores = np.empty((n, self.k), self.dtype)

    def update(
        self,
        first: int,
        stop: int,
        base: int,
        blocks: Sequence[np.ndarray],
        weights: Sequence[float] | np.ndarray,
        factor: np.ndarray | None = None,
    ) -> None:
        """Rank the queries first ... stop − 1, whose scores lie in rows first − base ... of the blocks."""
        from core.search import kernel_arrays, kernels

        factors = np.asarray(weights, self.dtype)
        if len(blocks) > kernels.MOST_BLOCKS:
            # The same order of addition as in the kernel, so the same bits.
            fused = factors[0] * blocks[0][first - base : stop - base]
            for weight, block in zip(factors[1:], blocks[1:]):
                fused += weight * block[first - base : stop - base]
            blocks, factors, base = [fused], np.ones(1, self.dtype), first
        filled = [self._block(block) for block in blocks]
        filled += [np.empty((0, filled[0].shape[1]), self.dtype)] * (kernels.MOST_BLOCKS - len(blocks))
        padded = np.zeros(kernels.MOST_BLOCKS, self.dtype)
        padded[: len(factors)] = factors
        columns = np.empty(0, self.dtype) if factor is None else np.array(factor, self.dtype)
        scores = kernel_arrays.ScoreBlocks(base, len(blocks), padded, tuple(filled), columns)
        relevant = kernel_arrays.RelevantItems(
            *(getattr(self.lists, name) for name in kernel_arrays.RelevantItems._fields)
        )
        out = kernel_arrays.RankArrays(self.ranks, self.retrieved, self.hits, self.mixed, self.items, self.scores)
        run = partial(kernels.rank_rows, scores=scores, relevant=relevant, out=out)
        # Four pieces a thread: an uneven neighbour on one core then costs a quarter of its share, not all of it.
        pieces = max(1, min(4 * self.threads, (stop - first) // 32)) if self.threads > 1 else 1
        arrays.in_pieces(run, first, stop, pieces)

    def _block(self, block: np.ndarray) -> np.ndarray:
        if block.shape[1] != self.lists.truth.n_gallery:
            raise ShapeMismatch(
                f"Scores for {block.shape[1]} items where the gallery has {self.lists.truth.n_gallery}."
            )
        return np.require(block, self.dtype, ["C", "W"])

    def result(self, queries: np.ndarray | None = None) -> RankingResult:
        """Everything collected, once every query was fed."""
        truth = self.lists.truth
        gains, ideal = (None, None) if truth.gains is None else self._gains(truth.gains)
        ranks = RelevantRanks(
            self.lists.indptr,
            self.ranks,
            self.retrieved,
            truth.list_length,
            gains,
            ideal,
            self.hits if self.wants_hits else None,
            truth.pooled,
        )
        with np.errstate(over="ignore"):  # what is shown is float32; the order was found in the type of the scores
            best = Ranking(self.items, self.scores.astype(np.float32)) if self.k else None
        return RankingResult(ranks, self.mixed, best, queries)

    def _gains(self, gains_of_items: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The gain at each rank, and the gains of each query falling."""
        truth, indptr = self.lists.truth, self.lists.indptr
        owners = np.repeat(np.arange(truth.n_queries), np.diff(indptr))
        retrieved = self.ranks != RelevantRanks.NOT_RETRIEVED
        keys = owners * truth.n_gallery + truth.items
        gains = np.zeros(len(self.ranks))
        hit_keys = owners[retrieved] * truth.n_gallery + self.hits[retrieved]
        gains[retrieved] = gains_of_items[np.searchsorted(keys, hit_keys)]
        return gains, gains_of_items[np.lexsort((-gains_of_items, owners))]


def rank_scores(
    source: ScoreSource | np.ndarray,
    truth: Relevance,
    *,
    k: int = 0,
    hits: bool = False,
    threads: int = 0,
    task: Task = NO_TASK,
) -> RankingResult:
    """Ranks of all relevant items, and the best k, of any source of scores.

    Order: descending score, equal scores by ascending gallery position; the query itself and its junk left out.

    Args:
        source: a `ScoreSource`, or the whole (n_queries, n_gallery) matrix; −inf is "not retrieved".
    Raises:
        ShapeMismatch: the scores do not belong to the truth.
        BadInput: a score is NaN.
    """
    source = BlockScores(source) if isinstance(source, np.ndarray) else source
    if (source.n_queries, source.n_gallery) != (truth.n_queries, truth.n_gallery):
        raise ShapeMismatch(
            f"Scores are ({source.n_queries}, {source.n_gallery}) where the truth has {truth.n_queries} queries "
            f"and {truth.n_gallery} gallery items."
        )
    lists, accumulator = RelevanceCSR.of(truth), None
    step = max(1, BLOCK_BYTES // (8 * max(1, truth.n_gallery)))
    for rows in task.chunks("Ranking", truth.n_queries, step, "queries"):
        start, stop = rows.start, rows.stop
        block = np.asarray(source.block(start, stop))
        if np.isnan(block).any():
            raise BadInput(
                f"Scores of queries {start} to {stop - 1} hold NaN; leave such rows out, or score them −inf."
            )
        if accumulator is None:
            dtype = np.float64 if block.dtype == np.float64 else np.float32
            accumulator = RankAccumulator(lists, k, hits, dtype, threads)
        accumulator.update(start, stop, start, [block], [1.0])
    return (accumulator or RankAccumulator(lists, k, hits)).result()


_warming = threading.Lock()
_warm: set[str] = set()


def precompile(dtypes: Sequence[type] = (np.float32, np.float64)) -> None:
    """Compile the kernel, or read it from the disk, so that nobody waits for it later. Safe to call from any thread."""
    with _warming:
        for dtype in dtypes:
            name = np.dtype(dtype).name
            if name not in _warm:
                classes = np.array([0, 0, 1])
                truth = Relevance(3, 3, self_position=np.arange(3), query_classes=classes, gallery_classes=classes)
                rank_scores(np.eye(3, dtype=dtype), truth, k=1, threads=1)
                _warm.add(name)
