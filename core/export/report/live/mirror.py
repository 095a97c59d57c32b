"""What the file's engine (kernel.js) computes, in Python: to measure, before anybody plays, how near it is to exact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core import metrics
from core.export.report.live.packing import Codes
from core.metrics import curves, resampling
from core.search import LiveEngine, RankingResult, rank_scores
from core.task import NO_TASK, Task
from core.types import Relevance

MOST_KEY_BITS = 18
WEIGHTINGS = 20
"""Random weightings at which a file is compared with exact figures."""


class Mirror:
    """Ranks the queries of a file as its engine does: the same whole numbers, the same order, to the last bit.

    Args:
        codes: of each backbone.
        truth: of the file's queries.
        present: per backbone, (n_queries,) and (n_gallery,) bool: which images it has something for.
    """

    def __init__(
        self, codes: Sequence[Codes], truth: Relevance, present: Sequence[tuple[np.ndarray, np.ndarray]] = ()
    ) -> None:
        self.codes, self.truth = list(codes), truth
        self.present = [gallery for _, gallery in present] or [np.ones(truth.n_gallery, bool)] * len(self.codes)

    def keys(self, weights: Sequence[float]) -> np.ndarray:
        """(n_queries, n_gallery) float64 of whole numbers that are ordered as the fused scores, as near as codes tell.

        Args:
            weights: one per backbone, together 1.
        """
        used = [m for m, weight in enumerate(weights) if weight > 0]
        factors = [weights[m] * self.codes[m].step for m in used]
        key_bits = min(MOST_KEY_BITS, 32 - max(1, int(np.ceil(np.log2(self.truth.n_gallery)))))
        span, base, low = 0.0, 0.0, 0.0
        for factor, m in zip(factors, used):
            span += factor * (2 ** self.codes[m].bits - 1)
            base += weights[m] * self.codes[m].low
        inverse = None
        if not all(self.present[m].all() for m in used):
            total = np.zeros(self.truth.n_gallery)
            for m in used:
                total += weights[m] * self.present[m]
            inverse = np.where(total > 0, 1 / np.sqrt(np.where(total > 0, total, 1)), 0)
            low = min(base, 0) * inverse.max()
            span = max(base + span, 0) * inverse.max() - low
        fused = np.full(self.codes[0].values.shape, base if inverse is not None else 0.0)
        for factor, m in zip(factors, used):
            fused += factor * self.codes[m].values
        scale = (2**key_bits - 1) / span if span > 0 else 0.0
        return np.trunc((fused * inverse - low) * scale + 0.5 if inverse is not None else fused * scale + 0.5)

    def rank(self, weights: Sequence[float]) -> RankingResult:
        """The ranks of all relevant images under weights that sum to 1."""
        return rank_scores(self.keys(weights), self.truth)


@dataclass(frozen=True)
class Nearness:
    """How far the figures of a file are from exact ones, at most, over some random weightings.

    Attributes:
        n: how many weightings.
        means: metric key → largest difference of a mean, over the same queries.
        curve: largest difference of a point of the precision-recall curve.
        intervals: metric key → how much narrower on either side its interval is than the report's, at most.
        sample: metric key → largest difference from the mean over all queries; {} where all are held.
    """

    n: int
    means: dict[str, float]
    curve: float
    intervals: dict[str, float]
    sample: dict[str, float]


def random_weights(n_backbones: int, n: int = WEIGHTINGS, seed: int = 0) -> np.ndarray:
    """(n, n_backbones) float64: uniform on the simplex, each row together 1."""
    return np.random.default_rng([seed, 17]).dirichlet(np.ones(n_backbones), n)


def nearness(
    mirror: Mirror,
    engine: LiveEngine,
    queries: np.ndarray | None,
    keys: Sequence[str],
    groups: np.ndarray | None,
    *,
    n: int = WEIGHTINGS,
    task: Task = NO_TASK,
) -> Nearness:
    """Compare the engine of a file with exact ranking.

    Args:
        engine: exact, over all queries of the split, with the same backbones in the same order.
        queries: (n_queries,) int64 those of the file, None for all.
        keys: list metrics.
        groups: (n_queries,) int64 classes of the file's queries that are drawn as a whole, None for single queries.
    """
    means, ends, sample = dict.fromkeys(keys, 0.0), dict.fromkeys(keys, 0.0), dict.fromkeys(keys, 0.0)
    curve = 0.0
    for weights in task.each("Comparing with exact figures", random_weights(len(mirror.codes), n), "weightings"):
        shares = dict(zip(engine.names, map(float, weights)))
        near, exact = mirror.rank(list(shares.values())), engine.rank(shares, queries=queries)
        here, there = metrics.compute(near.ranks, keys), metrics.compute(exact.ranks, keys)
        levels = [curves.average_curve(curves.levels(ranked.ranks)) for ranked in (near, exact)]
        curve = max(curve, float(np.abs(levels[0] - levels[1]).max()))
        columns = np.stack([there[key] for key in keys], axis=1)
        wide = np.stack(resampling.intervals(columns, classes=groups))
        narrow = np.stack(resampling.intervals(columns, draws=0, classes=groups))
        short = np.abs(wide - narrow).max(axis=0)
        whole = metrics.compute(engine.rank(shares).ranks, keys) if queries is not None else {}
        for key, gap in zip(keys, short):
            means[key] = max(means[key], abs(metrics.mean(here[key]) - metrics.mean(there[key])))
            ends[key] = max(ends[key], float(gap))
            if whole:
                sample[key] = max(sample[key], abs(metrics.mean(here[key]) - metrics.mean(whole[key])))
    return Nearness(n, means, curve, ends, sample if queries is not None else {})
