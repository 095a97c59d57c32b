"""Figures of a fusion while its weights move: what does not change with them is worked out once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from core import metrics
from core.fusion import FusionSpec
from core.metrics import curves, resampling, significance
from core.metrics.significance import Difference
from core.studies import fusion_baseline, retrieval
from core.studies.comparison import ResamplingUnit
from core.studies.fusion_evaluator import FusionEvaluator
from core.types import Dataset

KINDS = ("not", "relevant", "unknown")
"""What a result is to the query, by its number in `LiveResults.relevance`."""


@dataclass(frozen=True)
class LiveFigures:
    """A fusion under the weights that were asked for.

    Attributes:
        means, lows, highs: (n_metrics,) float64 over valid queries and 95 % intervals, NaN where undefined.
        changes: (n_metrics,) float64, the means less those of the baseline on the same queries.
        systems: (n_systems, 3) float64 mean, low and high in the metric of `versus`: the single backbones, equal weights,
            the baseline where it is another one, and the best of all of them and the fusion per query.
        curve: (11,) float64 interpolated precision.
        versus: less the best single backbone, in one metric, Holm-corrected; None for that backbone itself.
        gain: it is shown to be better than the best single backbone.
        verdict: in words.
        n_valid: queries that the figures rest on.
    """

    means: np.ndarray
    lows: np.ndarray
    highs: np.ndarray
    changes: np.ndarray
    systems: np.ndarray
    curve: np.ndarray
    versus: Difference | None
    gain: bool
    verdict: str
    n_valid: int


@dataclass(frozen=True)
class LiveResults:
    """The first results of one query.

    Attributes:
        items: (k,) int64 gallery positions, best first.
        images: (k,) int64 positions in the dataset.
        scores: (k,) float32.
        relevance: (k,) uint8: 1 relevant, 0 not, 2 where nobody knows.
        shares: (k, n_backbones) float64, each backbone's part in a score, rows sum to 1; NaN where unknown.
        ranks: (k, n_backbones) int64, each backbone's own rank; 0 is "not there".
        cosines: (k, n_backbones) float32, its own score; NaN for a backbone of weight 0.
    """

    items: np.ndarray
    images: np.ndarray
    scores: np.ndarray
    relevance: np.ndarray
    shares: np.ndarray
    ranks: np.ndarray
    cosines: np.ndarray


@dataclass(frozen=True)
class _Others:
    """What stands beside a fusion in one metric, whatever its weights are.

    Attributes:
        best: the best single backbone; values: its (n_queries,) values.
        differences: of every other row to it, corrected together with that of the fusion.
        figures: (n_rows, 3) float64 mean, low, high of every row but the fusion and the oracle.
        highest: (n_queries,) the best value of these rows.
    """

    best: str
    values: np.ndarray
    differences: tuple[Difference, ...]
    figures: np.ndarray
    highest: np.ndarray


class LiveEvaluator:
    """The figures of one strategy over one set of queries, under any weights; equal to those of `compare_to_baseline`.

    Args:
        evaluator: of these queries.
        spec: strategy, parameters and backbones; its weights do not matter.
        keys: list metrics, as `metrics.compute` takes them.
        baseline: key → (n_queries,) values of the baseline; None where there is none.
        shows_baseline: the baseline has a row of its own among `systems`.
        by_class: whole classes are drawn and flipped where queries share them.
    """

    def __init__(
        self,
        evaluator: FusionEvaluator,
        spec: FusionSpec,
        keys: Sequence[str],
        *,
        baseline: Mapping[str, np.ndarray] | None = None,
        shows_baseline: bool = False,
        by_class: bool = True,
    ) -> None:
        self.evaluator, self.spec, self.keys = evaluator, spec, tuple(keys)
        self.unit = ResamplingUnit.of(evaluator.truth, by_class)
        self.baseline, self.shows_baseline = baseline, shows_baseline and baseline is not None
        before = [np.nan if baseline is None else metrics.mean(baseline[key]) for key in self.keys]
        self._before = np.array(before, np.float64)
        self._others: dict[str, _Others] = {}

    def at(self, shares: Mapping[str, float], metric: str) -> LiveFigures:
        """The figures under these shares.

        Args:
            shares: backbone → share, at least 0, not all 0.
            metric: one of `keys`, for the comparison with the best single backbone.
        """
        spec = self.spec.with_shares(shares)
        ranks = self.evaluator.ranker.rank(self.evaluator.system(spec)).ranks
        values, others = metrics.compute(ranks, self.keys), self._compared_with(metric)
        oracle = np.maximum(others.highest, values[metric])
        columns = np.stack([*(values[key] for key in self.keys), oracle], axis=1)
        lows, highs = resampling.intervals(columns, classes=self.unit.groups)
        means = np.array([metrics.mean(column) for column in columns.T])
        versus, n_valid = self._versus(spec, values[metric], others), int((~np.isnan(oracle)).sum())
        return LiveFigures(
            means=means[:-1],
            lows=lows[:-1],
            highs=highs[:-1],
            changes=means[:-1] - self._before,
            systems=np.vstack([others.figures, [means[-1], lows[-1], highs[-1]]]),
            curve=curves.average_curve(curves.levels(ranks)),
            versus=versus,
            gain=fusion_baseline.is_gain(versus),
            verdict=fusion_baseline.verdict(versus, others.best, n_valid),
            n_valid=n_valid,
        )

    def _versus(self, spec: FusionSpec, values: np.ndarray, others: _Others) -> Difference | None:
        """The difference to the best single backbone, Holm-corrected together with all others."""
        if (spec.active == (others.best,) and not spec.steps) or np.isnan(values).all():
            return None
        plain = significance.compare(values, others.values, classes=self.unit.groups)
        return significance.corrected(dict(enumerate([plain, *others.differences])))[0]

    def _compared_with(self, metric: str) -> _Others:
        """What stands beside the fusion in a metric, worked out at the first move."""
        if metric not in self._others:
            even = self.spec.with_shares(dict.fromkeys(self.spec.backbones, 1.0))
            by_class = self.unit.name == "classes"
            compared = fusion_baseline.compare_to_baseline(self.evaluator, even, metric=metric, by_class=by_class)
            rows = [row for row in compared.rows if row.role in ("backbone", "equal")]
            figures = [(row.mean, row.low, row.high) for row in rows]
            if self.shows_baseline and self.baseline is not None:
                values = self.baseline[metric]
                figures.append((metrics.mean(values), *resampling.interval(values, classes=self.unit.groups)))
            best = next(row for row in rows if row.role == "backbone" and row.name == compared.best)
            differences = tuple(row.versus for row in rows if row.versus is not None)
            highest = np.stack([row.per_query for row in rows]).max(axis=0)
            self._others[metric] = _Others(compared.best, best.per_query, differences, np.array(figures), highest)
        return self._others[metric]


def results(dataset: Dataset, question: retrieval.Query, spec: FusionSpec, k: int) -> LiveResults:
    """The first k results of a query under a fusion, as the retrieval study gives them."""
    answer = retrieval.retrieve(question, question.system(spec.name, spec))
    items = answer.order[:k]
    images = question.space.split.gallery[items]
    kinds = [answer.relevance_kind(dataset, int(item)) for item in items]
    relevance = np.array([KINDS.index(kind) for kind in kinds], np.uint8)
    parts = answer.parts(items)
    columns = [spec.backbones.index(name) for name in parts.backbones]
    shape = (len(items), len(spec.backbones))
    shares, ranks, cosines = np.zeros(shape), np.zeros(shape, np.int64), np.full(shape, np.nan, np.float32)
    shares[:, columns], ranks[:, columns], cosines[:, columns] = parts.shares, parts.ranks, parts.scores
    scores = answer.scores[items].astype(np.float32)
    return LiveResults(items, images, scores, relevance, shares, ranks, cosines)
