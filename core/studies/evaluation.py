"""Systems judged on one split: every metric with its interval, paired tests between all of them, tables to take away."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from core.errors import BadInput
from core.metrics import clustering, curves, knn, significance
from core.metrics import ranking as metrics
from core.search import LiveEngine, RankingResult, ScoreSource, rank_scores
from core.studies.systems import System
from core.task import NO_TASK, Task
from core.types import CurveFigure, Dataset, Evaluation, Figure, Relevance

if TYPE_CHECKING:
    import pandas as pd

DEPTH = 100
"""Results kept of every query."""
MANY_TIES = 0.01
UNEVEN = 3.0
SHOWN = ("map", "p@1", "p@5", "p@10", "hit@5", "recall@10", "ndcg@10", "mrr")


@dataclass(frozen=True)
class Result:
    """Several systems on the same queries.

    Attributes:
        evaluations: one per system, in the order given.
        comparisons: (A, B) → A less B in `metric`, for every pair, Holm-corrected over all pairs.
        metric: what was compared.
        query_ids, gallery_ids: (n,) str.
        query_labels: (n_queries,) str, "" where there is none.
        resampled: what intervals and comparisons drew again: "queries", or "classes" with all their queries.
        systems: what was judged, in the same order; () where only the evaluations were at hand.
    """

    evaluations: tuple[Evaluation, ...]
    comparisons: Mapping[tuple[str, str], significance.Difference]
    metric: str
    query_ids: np.ndarray = field(repr=False)
    gallery_ids: np.ndarray = field(repr=False)
    query_labels: np.ndarray = field(repr=False)
    resampled: str = "queries"
    systems: tuple[System, ...] = field(default=(), repr=False)

    @property
    def names(self) -> tuple[str, ...]:
        """The systems, in the order in which they were given."""
        return tuple(one.name for one in self.evaluations)

    def __getitem__(self, name: str) -> Evaluation:
        return next(one for one in self.evaluations if one.name == name)

    @property
    def best(self) -> Evaluation:
        """The system with the highest mean of the compared metric; the first of equal ones."""
        return max(self.evaluations, key=lambda one: np.nan_to_num(one.mean(self.metric), nan=-1.0))

    @property
    def tie_groups(self) -> dict[str, str]:
        """Letters: systems that share one cannot be told apart (Holm-corrected, 0.05)."""
        return significance.tie_groups({one.name: one.mean(self.metric) for one in self.evaluations}, self.comparisons)


# ---------------------------------------------------------------- judging


def evaluate(
    systems: Sequence[System],
    truth: Relevance,
    ks: Sequence[int] = (1, 5, 10),
    *,
    dataset: Dataset,
    metric: str = "map",
    seed: int = 0,
    by_class: bool = False,
    task: Task = NO_TASK,
) -> Result:
    """Judge systems and compare every pair of them.

    Args:
        truth: of the dataset's split.
        ks: cut-offs of the metrics "@k".
        metric: the list metric that pairs are compared in.
        by_class: intervals resample whole classes (the class bootstrap).
    Raises:
        BadInput: no system is given, a recall falls with k (which says that a column is wrong), or whole classes are
            to be resampled where items have several labels, or none.
    """
    if not systems:
        raise BadInput("There is no system to judge; name at least one backbone.")
    check_metric(metric, ks)
    engine = engine_for(systems, truth)
    meter = task.meter("Judging", len(systems), "systems")
    found = []
    for system in systems:
        task.check()
        found.append(evaluate_one(system, truth, ks, dataset=dataset, engine=engine, seed=seed, by_class=by_class))
        meter.add(1)
    result = beside(found, truth, dataset=dataset, metric=metric, seed=seed, by_class=by_class)
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
    by_class: bool = False,
) -> Result:
    """Evaluations of one split side by side: every pair compared.

    Args:
        metric: the list metric that pairs are compared in.
        by_class: whole classes are resampled, as they were for the evaluations.
    """
    values = {one.name: one.per_query[metric] for one in evaluations}
    comparisons = significance.compare_pairs(values, seed=seed, classes=_drawn_classes(truth, by_class))
    split = dataset.split
    labels = np.array([dataset.label_of(int(position)) for position in split.queries], dtype=object)
    return Result(
        tuple(evaluations),
        comparisons,
        metric,
        np.asarray(dataset.ids)[split.queries],
        np.asarray(dataset.ids)[split.gallery],
        labels,
        "classes" if by_class else "queries",
    )


def _drawn_classes(truth: Relevance, by_class: bool) -> np.ndarray | None:
    """(n_queries,) the classes that are drawn as a whole; None when queries are drawn one by one."""
    if not by_class:
        return None
    if truth.query_classes is None:
        raise BadInput(
            "Whole classes can only be resampled where every image has one label; resample the queries one by one here."
        )
    return truth.query_classes


def caution(resampled: str, by_class_possible: bool = True) -> str:
    """What intervals and p-values stand on, to be shown beside them.

    Args:
        by_class_possible: every image has one label, so that whole classes can be drawn.
    """
    if resampled == "classes":
        return (
            "Whole classes were resampled for the intervals, since queries of one class share their relevant images. "
            "The p-values still rest on single queries, so they are too small: trust the intervals."
        )
    careful = "; the class bootstrap is more careful" if by_class_possible else ""
    return (
        "Queries were resampled one by one. Queries of one class share their relevant images, so they are not "
        f"independent and these p-values are too small{careful}. They speak of these queries, not of another dataset."
    )


def engine_for(systems: Iterable[System], truth: Relevance) -> LiveEngine | None:
    """One live engine for all systems that are sums of cosines; None when there is none."""
    linear = [system for system in systems if system.is_linear]
    if not linear:
        return None
    space = linear[0].space
    names = dict.fromkeys(name for system in linear for name in system.backbones)
    return LiveEngine({name: space.get(name) for name in names}, space.split, truth, background=False)


def rank(
    system: System,
    truth: Relevance,
    engine: LiveEngine | None,
    k: int,
    task: Task = NO_TASK,
) -> RankingResult:
    """Ranks of all relevant items and the best k: live where the engine serves the system, else block by block."""
    if engine is not None and system.is_linear:
        return engine.rank(system.shares, k=k, task=task)
    return rank_scores(system, truth, k=k, task=task)


def evaluate_one(
    system: System,
    truth: Relevance,
    ks: Sequence[int] = (1, 5, 10),
    *,
    dataset: Dataset,
    engine: LiveEngine | None = None,
    seed: int = 0,
    by_class: bool = False,
    clusters: bool = True,
    task: Task = NO_TASK,
) -> Evaluation:
    """Every metric of one system, with intervals.

    Args:
        engine: a live engine that has the system's backbones; None scores block by block.
        by_class: intervals resample whole classes (the class bootstrap).
        clusters: False leaves the clustering indices for later; they look at the whole gallery, however few ask.
    """
    ks = tuple(sorted(set(map(int, ks))))
    if not ks or ks[0] < 1:
        raise BadInput(f"Cut-offs are whole numbers of at least 1, got {', '.join(map(str, ks)) or 'none'}.")
    classes = _drawn_classes(truth, by_class)
    ranked = rank(system, truth, engine, max(DEPTH, *ks), task)
    per_query = metrics.compute(ranked.ranks, metrics.list_keys(ks))
    levels = curves.levels(ranked.ranks)
    votes, note = _votes(system, truth, ranked, ks)
    n, n_valid = truth.n_queries, int(ranked.ranks.valid.sum())
    figures = _figures({**per_query, **votes}, n, seed, classes)
    for key in votes:
        figures[key] = dataclasses.replace(figures[key], note=note)
    lows, highs = significance.intervals(levels, seed=seed, classes=classes)
    figures |= _other_means(per_query["map"], truth, n, n_valid, seed, classes)
    figures |= _clusters(system, truth, clusters)
    refusal = metrics.falls_with_k({key: one.mean for key, one in figures.items()})
    if refusal:
        raise BadInput(f"{system.name}: {refusal}")
    mixed = ranked.mixed_ties & ranked.ranks.valid
    return Evaluation(
        system.name,
        per_query,
        figures,
        levels,
        n,
        n_valid,
        mixed,
        ranked.best,
        _warnings(system, truth, dataset, int(mixed.sum()), n_valid),
        curve=CurveFigure(curves.average_curve(levels), lows, highs, n_valid),
    )


def _figures(
    values: Mapping[str, np.ndarray], n_queries: int, seed: int, classes: np.ndarray | None = None
) -> dict[str, Figure]:
    """Mean and interval of each per-query metric, resampled together."""
    lows, highs = significance.intervals(np.stack(list(values.values()), axis=1), seed=seed, classes=classes)
    return {
        key: Figure(metrics.mean(one), float(low), float(high), n_queries, int((~np.isnan(one)).sum()))
        for (key, one), low, high in zip(values.items(), lows, highs)
    }


def _other_means(
    ap: np.ndarray, truth: Relevance, n: int, n_valid: int, seed: int, drawn: np.ndarray | None = None
) -> dict[str, Figure]:
    """The mean of class means, and the mean that counts empty queries as 0."""
    found = {}
    nan = float("nan")
    classes = truth.query_classes
    if classes is None:
        found["map_class_mean"] = Figure(nan, nan, nan, n, 0, "Not defined where items have several labels, or none.")
    else:
        use = ~np.isnan(ap) & (classes >= 0)
        sums, sizes = np.bincount(classes[use], ap[use]), np.bincount(classes[use])
        means = sums[sizes > 0] / sizes[sizes > 0]
        low, high = significance.interval(means, seed=seed) if len(means) else (nan, nan)
        found["map_class_mean"] = Figure(metrics.class_mean(ap, classes), low, high, n, int(use.sum()))
    filled = np.nan_to_num(ap) if n_valid else np.full(n, nan)
    low, high = significance.interval(filled, seed=seed, classes=drawn) if n_valid else (nan, nan)
    found["map_empty_as_zero"] = Figure(metrics.empty_as_zero(ap), low, high, n, n if n_valid else 0)
    return found


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
    unlabelled = truth.gallery_classes < 0
    items = ranked.best.items
    if unlabelled.any():
        items = rank_scores(_LabelledOnly(system, unlabelled), truth, k=max(ks)).best.items
        items = np.where((items >= 0) & unlabelled[np.maximum(items, 0)], -1, items)
    found = {}
    for key, k in keys:
        found[key] = knn.correct(items, truth, k)
        found[key.replace("acc", "acc_not_lone", 1)] = knn.without_lone(found[key], truth)
    return found, ""


def _clusters(system: System, truth: Relevance, wanted: bool = True) -> dict[str, Figure]:
    """Clustering indices of the system's vectors over the labelled gallery items; no interval is defined for them."""
    labels, nan = truth.gallery_classes, float("nan")
    if not wanted:
        return {key: Figure(nan, nan, nan, 0, 0, "It follows with all queries.") for key in clustering.INDICES}
    vectors = system.vectors[system.space.split.gallery] if system.has_vectors else None
    values, note = clustering.indices(vectors, labels)
    n = 0 if labels is None else int((labels >= 0).sum())
    return {key: Figure(value, nan, nan, n, 0 if math.isnan(value) else n, note) for key, value in values.items()}


def _warnings(system: System, truth: Relevance, dataset: Dataset, mixed: int, n_valid: int) -> tuple[str, ...]:
    """Sentences to read before the numbers."""
    said = []
    if not n_valid:
        said.append("No query has a relevant image, so there are no figures: label more images.")
    if n_valid and mixed > MANY_TIES * n_valid:
        said.append(tie_sentence([(system.name, mixed)], n_valid))
    if system.spec is not None:
        said += [system.name + remark.removeprefix(system.spec.name) for remark in system.spec.remarks]
    said += filter(None, (nothing_there(system.space.get(name), name, dataset) for name in system.backbones))
    classes = truth.query_classes
    if classes is not None and (classes >= 0).any():
        sizes = np.bincount(classes[classes >= 0])
        sizes = sizes[sizes > 0]
        if sizes.max() > UNEVEN * sizes.min():
            said.append(
                f"Classes have {sizes.min():,} to {sizes.max():,} queries: the plain mean is a mean over the big ones; "
                "look at mAP (mean of classes) too."
            )
    return tuple(said)


def tie_sentence(mixed: Sequence[tuple[str, int]], n_valid: int) -> str:
    """One sentence for all systems that tie: (name, queries in which a relevant and another image tie)."""
    counted = [f"{name}: in {count:,} of {n_valid:,} queries" for name, count in mixed]
    if len(mixed) > 1:
        counted = [f"{', '.join(f'{name} ({count:,})' for name, count in mixed)}: in so many of {n_valid:,} queries"]
    return (
        f"{counted[0]} a relevant and another image have equal scores, so the order in which the dataset is stored decides "
        "about the figures."
    )


def nothing_there(vectors: np.ndarray, name: str, dataset: Dataset) -> str:
    """How many gallery images and queries a backbone has a zero vector for; "" when there is none."""
    split, said = dataset.split, []
    sides = [("gallery images", split.gallery)]
    sides += [] if split.is_self_retrieval else [("queries", split.queries)]
    for what, positions in sides:
        count = int((~vectors[positions].any(axis=1)).sum())
        if count:
            said.append(f"{count:,} of {len(positions):,} {what}")
    return f"{name} has nothing (a zero vector) for {' and '.join(said)}." if said else ""


def warnings(evaluations: Iterable[Evaluation], titles: Mapping[str, str] | None = None) -> list[str]:
    """The warnings of several systems, each once, under the names that people read; ties of many in one sentence.

    Args:
        titles: system → what people call it; None leaves the names.
    """
    titles, mixed, n_valid, found = titles or {}, [], 0, []
    for one in evaluations:
        ties = tie_sentence([(one.name, one.queries_with_mixed_ties)], one.n_valid)
        if ties in one.warnings:
            mixed.append((titles.get(one.name, one.name), one.queries_with_mixed_ties))
            n_valid = one.n_valid
        found += [sentence for sentence in one.warnings if sentence != ties]
    called = sorted(titles, key=len, reverse=True)
    spoken = [tie_sentence(mixed, n_valid)] if mixed else []
    for sentence in found:
        name = next((name for name in called if sentence.startswith((f"{name}: ", f"{name} has "))), None)
        spoken.append(sentence if name is None else titles[name] + sentence[len(name) :])
    return list(dict.fromkeys(spoken))


# ---------------------------------------------------------------- tables to take away


def table(result: Result, keys: Sequence[str] | None = None) -> str:
    """What the command line prints first: one line per system, best first, and what the figures rest on.

    Args:
        keys: metrics, one column each; None for the usual ones.
    """
    shown = [key for key in (SHOWN if keys is None else keys) if key in result.evaluations[0].figures]
    groups = result.tie_groups
    rows = [["system", "ties", *(metrics.label(key) for key in shown)]]
    for one in sorted(result.evaluations, key=lambda one: -np.nan_to_num(one.mean(result.metric), nan=-1.0)):
        cells = []
        for key in shown:
            figure = one.figures[key]
            text = "-" if math.isnan(figure.mean) else f"{figure.mean:.4f}"
            if key == result.metric and text != "-":
                text += f" [{figure.low:.4f}, {figure.high:.4f}]"
            cells.append(text)
        rows.append([one.name, groups[one.name], *cells])
    return "\n".join([*aligned(rows), *footnotes(result)])


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of text whose cells stand under one another."""
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]


def footnotes(result: Result) -> list[str]:
    """Under a printed table: how many queries count, what the letters mean, and every warning once."""
    first = result.evaluations[0]
    rests_on = (
        f"{first.n_valid:,} of {first.n_queries:,} queries count; 95 % bootstrap intervals over {result.resampled}; systems "
        "that share a letter cannot be told apart (paired randomisation tests, Holm-corrected over all pairs)."
    )
    return [rests_on, *warnings(result.evaluations)]


def _number(value: Any) -> Any:
    """A number as JSON holds it: NaN and infinity are null."""
    if isinstance(value, (tuple, list, np.ndarray)):
        return [_number(one) for one in value]
    return None if value is None or not math.isfinite(value) else float(value)


def as_json(result: Result) -> dict[str, Any]:
    """The result as plain data: systems with every metric, and all comparisons; NaN is null."""
    systems, groups = [], result.tie_groups
    for one in result.evaluations:
        found = {}
        for key, figure in one.figures.items():
            found[key] = {
                "mean": _number(figure.mean),
                "low": _number(figure.low),
                "high": _number(figure.high),
                "n_queries": figure.n_queries,
                "n_valid": figure.n_valid,
            } | ({"note": figure.note} if figure.note else {})
        systems.append(
            {
                "name": one.name,
                "ties": groups[one.name],
                "metrics": found,
                "queries_with_mixed_ties": one.queries_with_mixed_ties,
                "warnings": list(one.warnings),
            }
        )
    pairs = []
    for (a, b), difference in result.comparisons.items():
        said = {name: _number(v) if isinstance(v, float) else v for name, v in dataclasses.asdict(difference).items()}
        pairs.append({"a": a, "b": b, "metric": result.metric, **said})
    return {"metric": result.metric, "resampled": result.resampled, "systems": systems, "comparisons": pairs}


def per_query_table(result: Result) -> pd.DataFrame:
    """One row per system and query: system, query_id, label, and every list metric."""
    import pandas as pd

    frames = []
    for one in result.evaluations:
        frame = pd.DataFrame({"system": one.name, "query_id": result.query_ids, "label": result.query_labels})
        frames.append(pd.concat([frame, pd.DataFrame(dict(one.per_query))], axis=1))
    return pd.concat(frames, ignore_index=True)


def ranking_table(result: Result, depth: int = DEPTH) -> pd.DataFrame:
    """The first `depth` results of every query and system: system, query_id, rank, item_id, score."""
    import pandas as pd

    frames = []
    for one in result.evaluations:
        items, scores = one.ranking.items[:, :depth], one.ranking.scores[:, :depth]
        rows, columns = np.nonzero(items >= 0)
        frames.append(
            pd.DataFrame(
                {
                    "system": one.name,
                    "query_id": result.query_ids[rows],
                    "rank": columns + 1,
                    "item_id": result.gallery_ids[items[rows, columns]],
                    "score": scores[rows, columns],
                }
            )
        )
    return pd.concat(frames, ignore_index=True)
