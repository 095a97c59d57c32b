"""Systems evaluated on one split: every metric with its interval, and paired tests between all of them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from core import metrics
from core.errors import BadInput
from core.metrics import clustering, curves, hubs, knn, resampling
from core.search import LiveEngine, RankingResult, ScoreSource, rank_scores
from core.studies import evaluation_warnings, pooled_figures
from core.studies.comparison import Comparison, ResamplingUnit, compare
from core.studies.ranker import Ranker
from core.studies.systems import System
from core.studies.tie_range import tie_range
from core.task import NO_TASK, Task
from core.types import CurveFigure, Dataset, Evaluation, Figure, Relevance

DEPTH = 100
"""Results kept of every query."""


@dataclass(frozen=True)
class Result:
    """Several systems on the same queries.

    Attributes:
        evaluations: one per system, in the order given.
        comparison: of every pair, in one metric.
        query_ids, gallery_ids: (n,) str.
        query_labels: (n_queries,) str, "" where there is none.
        systems: what was evaluated, in the same order; () where only the evaluations were at hand.
        judged: the truth is what people judged.
    """

    evaluations: tuple[Evaluation, ...]
    comparison: Comparison
    query_ids: np.ndarray = field(repr=False)
    gallery_ids: np.ndarray = field(repr=False)
    query_labels: np.ndarray = field(repr=False)
    systems: tuple[System, ...] = field(default=(), repr=False)
    judged: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The systems, in the order in which they were given."""
        return tuple(evaluation.name for evaluation in self.evaluations)

    def __getitem__(self, name: str) -> Evaluation:
        return next(evaluation for evaluation in self.evaluations if evaluation.name == name)

    @property
    def metric(self) -> str:
        """What was compared."""
        return self.comparison.metric

    @property
    def resampled(self) -> str:
        """What intervals draw and tests flip as a whole: "classes", or "queries"."""
        return self.comparison.unit.name

    @property
    def best(self) -> Evaluation:
        """The system with the highest mean of the compared metric; the first of equal ones."""
        return self[self.comparison.order[0]]

    @property
    def tie_groups(self) -> dict[str, str]:
        """Letters: systems that share one cannot be told apart."""
        return self.comparison.tie_groups


def evaluate(
    systems: Sequence[System],
    truth: Relevance,
    ks: Sequence[int] = (1, 5, 10),
    *,
    dataset: Dataset,
    metric: str = "map",
    seed: int = 0,
    by_class: bool = True,
    task: Task = NO_TASK,
) -> Result:
    """Evaluate systems and compare every pair of them.

    Args:
        truth: of the dataset's split.
        ks: cut-offs of the metrics "@k".
        metric: the list metric that pairs are compared in.
        by_class: whole classes are drawn and flipped where queries share them; False assumes independent queries.
    Raises:
        BadInput: no system is given, or a recall falls with k (which says that a column is wrong).
    """
    if not systems:
        raise BadInput("There is no system to evaluate; name at least one backbone.")
    check_metric(metric, ks)
    ranker = Ranker(truth)
    evaluations = [
        evaluate_one(system, truth, ks, dataset=dataset, ranker=ranker, seed=seed, by_class=by_class)
        for system in task.each("Evaluating", systems, "systems")
    ]
    result = beside(evaluations, truth, dataset=dataset, metric=metric, seed=seed, by_class=by_class)
    return dataclasses.replace(result, systems=tuple(systems))


def check_metric(metric: str, ks: Sequence[int]) -> None:
    """Raises BadInput for what is no list metric at one of these cut-offs, so that pairs cannot be compared in it."""
    possible = metrics.list_keys(sorted(set(map(int, ks))))
    if metric not in possible:
        raise BadInput(f"Pairs cannot be compared in {metric!r} here; they can in {', '.join(possible)}.")


def beside(
    evaluations: Sequence[Evaluation],
    truth: Relevance,
    *,
    dataset: Dataset,
    metric: str = "map",
    seed: int = 0,
    by_class: bool = True,
) -> Result:
    """Evaluations of one split side by side: every pair compared.

    Args:
        metric: the list metric that pairs are compared in.
        by_class: whole classes are drawn, as they were for the evaluations.
    """
    values = {evaluation.name: evaluation.per_query[metric] for evaluation in evaluations}
    comparison = compare(values, ResamplingUnit.of(truth, by_class), metric=metric, seed=seed)
    split = dataset.split
    labels = np.array([dataset.label_of(int(position)) for position in split.queries], dtype=object)
    ids = np.asarray(dataset.ids)
    return Result(tuple(evaluations), comparison, ids[split.queries], ids[split.gallery], labels, judged=truth.pooled)


def evaluate_one(
    system: System,
    truth: Relevance,
    ks: Sequence[int] = (1, 5, 10),
    *,
    dataset: Dataset,
    ranker: Ranker | None = None,
    engine: LiveEngine | None = None,
    seed: int = 0,
    by_class: bool = True,
    clusters: bool = True,
    task: Task = NO_TASK,
) -> Evaluation:
    """Every metric of one system, with intervals.

    Args:
        ranker: of the same truth, shared with other systems; None makes one, on the engine if that is given.
        by_class: whole classes are drawn where queries share them; False assumes independent queries.
        clusters: False leaves the clustering indices for later; they look at the whole gallery, however few ask.
    """
    ks = tuple(sorted(set(map(int, ks))))
    if not ks or ks[0] < 1:
        raise BadInput(f"Cut-offs are whole numbers of at least 1, got {', '.join(map(str, ks)) or 'none'}.")
    groups = ResamplingUnit.of(truth, by_class).groups
    ranked = (ranker or Ranker(truth, engine)).rank(system, k=max(DEPTH, *ks), task=task)
    per_query = metrics.compute(ranked.ranks, metrics.list_keys(ks))
    levels = curves.levels(ranked.ranks)
    votes, note = _votes(system, truth.with_unjudged(), ranked, ks)
    n, n_valid = truth.n_queries, int(ranked.ranks.valid.sum())
    figures = _figures({**per_query, **votes}, n, seed, groups)
    for key in votes:
        figures[key] = dataclasses.replace(figures[key], note=note)
    lows, highs = resampling.intervals(levels, seed=seed, classes=groups)
    figures |= _other_means(per_query["map"], truth, n, n_valid, seed, groups)
    figures |= _clusters(system, truth, clusters)
    if truth.pooled:
        figures |= pooled_figures.precision_at(truth, ranked.items, ks, groups, seed)
        figures |= pooled_figures.not_defined(per_query, n)
    crowded = hubs.hubness(ranked.items, truth.n_gallery).skewness
    figures["hubness"] = Figure(crowded, math.nan, math.nan, n, n)
    refusal = metrics.falls_with_k({key: figure.mean for key, figure in figures.items()})
    if refusal:
        raise BadInput(f"{system.name}: {refusal}")
    mixed = ranked.mixed_ties & ranked.ranks.valid
    ties = tie_range(system, truth, mixed, per_query["map"])
    sentences = evaluation_warnings.of_system(system, truth, dataset, ties, n_valid)
    return Evaluation(
        system.name,
        per_query,
        figures,
        levels,
        n,
        n_valid,
        mixed,
        ranked.best,
        sentences,
        curve=CurveFigure(curves.average_curve(levels), lows, highs, n_valid),
        tie_range=ties,
    )


def _figures(
    values: Mapping[str, np.ndarray], n_queries: int, seed: int, classes: np.ndarray | None = None
) -> dict[str, Figure]:
    """Mean and interval of each per-query metric, resampled together."""
    lows, highs = resampling.intervals(np.stack(list(values.values()), axis=1), seed=seed, classes=classes)
    return {
        key: Figure(metrics.mean(column), float(low), float(high), n_queries, int((~np.isnan(column)).sum()))
        for (key, column), low, high in zip(values.items(), lows, highs)
    }


def _other_means(
    ap: np.ndarray, truth: Relevance, n: int, n_valid: int, seed: int, drawn: np.ndarray | None = None
) -> dict[str, Figure]:
    """The mean of class means, and the mean that counts empty queries as 0."""
    figures = {}
    nan = float("nan")
    classes = truth.query_classes
    if classes is None:
        figures["map_class_mean"] = Figure(nan, nan, nan, n, 0, "Not defined where items have several labels, or none.")
    else:
        use = ~np.isnan(ap) & (classes >= 0)
        sums, sizes = np.bincount(classes[use], ap[use]), np.bincount(classes[use])
        means = sums[sizes > 0] / sizes[sizes > 0]
        low, high = resampling.interval(means, seed=seed) if len(means) else (nan, nan)
        figures["map_class_mean"] = Figure(metrics.class_mean(ap, classes), low, high, n, int(use.sum()))
    filled = np.nan_to_num(ap) if n_valid else np.full(n, nan)
    low, high = resampling.interval(filled, seed=seed, classes=drawn) if n_valid else (nan, nan)
    figures["map_empty_as_zero"] = Figure(metrics.empty_as_zero(ap), low, high, n, n if n_valid else 0)
    return figures


@dataclass(frozen=True)
class _LabelledOnly:
    """The same scores with unlabelled items out of the lists: they fill lists but do not vote."""

    source: ScoreSource
    unlabelled: np.ndarray

    @property
    def n_queries(self) -> int:
        """How many queries ask."""
        return self.source.n_queries

    @property
    def n_gallery(self) -> int:
        """How many images are searched."""
        return self.source.n_gallery

    def block(self, start: int, stop: int) -> np.ndarray:
        """(stop − start, n_gallery) scores of these queries."""
        scores = np.array(self.source.block(start, stop))
        scores[:, self.unlabelled] = -np.inf
        return scores


def _votes(
    system: System, truth: Relevance, ranked: RankingResult, ks: Sequence[int]
) -> tuple[dict[str, np.ndarray], str]:
    """kNN accuracy of every query at each k, and why it is not defined."""
    keys = [("acc", 1), *((f"acc@{k}", k) for k in ks)]
    if truth.query_classes is None:
        nothing = np.full(truth.n_queries, np.nan)
        names = [key for key, _ in keys] + [key.replace("acc", "acc_not_lone", 1) for key, _ in keys]
        return dict.fromkeys(names, nothing), "Not defined where items have several labels, or none."
    unlabelled: np.ndarray = truth.classes[1] < 0
    items = ranked.items
    if unlabelled.any():
        items = rank_scores(_LabelledOnly(system, unlabelled), truth, k=max(ks)).items
        items = np.where((items >= 0) & unlabelled[np.maximum(items, 0)], -1, items)
    votes = {}
    for key, k in keys:
        votes[key] = knn.correct(items, truth, k)
        votes[key.replace("acc", "acc_not_lone", 1)] = knn.without_lone(votes[key], truth)
    return votes, ""


def _clusters(system: System, truth: Relevance, wanted: bool = True) -> dict[str, Figure]:
    """Clustering indices of the system's vectors over the labelled gallery items; no interval is defined for them."""
    labels, nan = truth.gallery_classes, float("nan")
    if not wanted:
        return {key: Figure(nan, nan, nan, 0, 0, "It follows with all queries.") for key in clustering.registered()}
    rows = system.vectors
    values, note = clustering.indices(None if rows is None else rows[system.space.split.gallery], labels)
    n = 0 if labels is None else int((labels >= 0).sum())
    return {key: Figure(value, nan, nan, n, 0 if math.isnan(value) else n, note) for key, value in values.items()}
