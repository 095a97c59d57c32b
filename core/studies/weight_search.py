"""Weights and other fitted fusions: learned on training queries only, reported on the others."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from core.errors import BadInput, ShapeMismatch
from core.fusion import FusionSpec, early
from core.metrics import average_precision, resampling
from core.search.live_engine import LiveEngine
from core.studies.ranker import Ranker
from core.studies.systems import System
from core.studies.training_split import TrainingSplit
from core.studies.vector_set import VectorSet
from core.task import NO_TASK, ProgressMeter, Task
from core.types import Relevance, unit

EQUAL = 1e-12
"""Values of the objective closer than this are equal (the last bits of a mean say nothing)."""

DRAWS = 2_000
"""Bootstrap draws behind intervals of attributions and landscapes, which have many numbers at once."""

Objective = Callable[[np.ndarray], np.ndarray]
"""Shares (n_backbones,) → AP of every training query, (n_queries,) float64, NaN where nothing is relevant."""


class ObjectiveOf:
    """AP per query of a fusion as a function of its shares: exact, and live where the kind allows it.

    Args:
        space: asked by the queries to judge by, and no others.
        spec: the fusion; its own weights do not matter, and neither does a re-ranking: weights are looked at before it.
        truth: of the space's split.
        engine: a live engine of the same queries, if there is one.
    Raises:
        BadInput: the kind counts all backbones the same.
    """

    def __init__(self, space: VectorSet, spec: FusionSpec, truth: Relevance, engine: LiveEngine | None = None) -> None:
        if not spec.strategy.weight:
            raise BadInput(f"{spec.strategy.label} has no weights. Choose concat or a weighted sum to learn them.")
        self.space, self.spec = space, dataclasses.replace(spec, rerank=None)
        self.ranker = Ranker(truth, engine)

    def __call__(self, shares: np.ndarray) -> np.ndarray:
        """Shares (n_backbones,) in the order of the fusion → (n_queries,) float64."""
        return self.of(dict(zip(self.spec.backbones, map(float, shares), strict=True)))

    def of(self, shares: Mapping[str, float]) -> np.ndarray:
        """The same by name."""
        return average_precision(self.ranker.rank(System("", self.space, self.spec.with_shares(shares))).ranks)


def simplex(n_backbones: int, parts: int = 10) -> np.ndarray:
    """All points of the simplex with step 1/parts: (n_points, n_backbones) float64, rows sum to 1, in text order.

    >>> simplex(2, 2)
    array([[0. , 1. ],
           [0.5, 0.5],
           [1. , 0. ]])
    """
    bars = itertools.combinations(range(parts + n_backbones - 1), n_backbones - 1)
    counts = [np.diff([-1, *cuts, parts + n_backbones - 1]) - 1 for cuts in bars]
    return np.array(counts, np.float64) / parts


def best_point(points: np.ndarray, values: np.ndarray) -> int:
    """The index of the best value; equal values: nearest to uniform, then lexicographically first.

    >>> best_point(np.array([[0.0, 1.0], [0.5, 0.5], [1.0, 0.0]]), np.array([0.7, 0.7, 0.7]))
    1
    """
    values = np.asarray(values, np.float64)
    if np.isnan(values).all():
        raise BadInput("No training query has a relevant image, so weights cannot be learned. Label more images.")
    ties = np.flatnonzero(values >= np.nanmax(values) - EQUAL)
    away = np.round(((points[ties] - 1 / points.shape[1]) ** 2).sum(axis=1), 12)
    nearest = ties[away == away.min()]
    return int(min(nearest, key=lambda index: tuple(np.round(points[index], 12))))


@dataclass(frozen=True)
class LearnedWeights:
    """What a search found.

    Attributes:
        backbones: in order.
        shares: (n_backbones,) float64, summing to 1.
        value, uniform: mean AP over the training queries, of these shares and of equal ones.
        points, values: everything that was looked at: (n_points, n_backbones) and (n_points,).
    """

    backbones: tuple[str, ...]
    shares: np.ndarray
    value: float
    uniform: float
    points: np.ndarray
    values: np.ndarray

    @property
    def by_name(self) -> dict[str, float]:
        """Backbone → share."""
        return {name: float(share) for name, share in zip(self.backbones, self.shares)}


class _Search:
    """The objective with a memory: no point is computed twice, each is counted and can be stopped at."""

    def __init__(self, objective: Objective, meter: ProgressMeter) -> None:
        self.objective, self.meter = objective, meter
        self.seen: dict[tuple[float, ...], float] = {}

    def value(self, point: np.ndarray) -> float:
        """The mean over valid queries at one point, NaN without any; remembered to 6 digits."""
        key = tuple(np.round(point, 6))
        if key not in self.seen:
            self.meter.task.check()
            values = np.asarray(self.objective(np.asarray(point, np.float64)), np.float64)
            valid = ~np.isnan(values)
            self.seen[key] = float(values[valid].mean()) if valid.any() else float("nan")
            self.meter.add(1)
        return self.seen[key]

    def values(self, points: np.ndarray) -> np.ndarray:
        """`value` of each row of points, (n_points,)."""
        return np.array([self.value(point) for point in points])


MOST_FOR_SIMPLEX = 5
"""Above this many backbones the simplex has too many points (3,003 for six): coordinate search from the start."""


def learn(
    objective: Objective,
    backbones: Sequence[str],
    *,
    refine: bool = True,
    task: Task = NO_TASK,
) -> LearnedWeights:
    """The shares with the best mean AP over the training queries (DEFINITIONS.md, section 9).

    Up to five backbones every point of the simplex with step 0.1 is computed exactly; from the best one a coordinate
    search moves share between two backbones at a time, in steps of 0.05 and 0.02. With more backbones the coordinate
    search starts, with step 0.1, from the best of equal shares and each backbone alone.
    Equal values: nearest to uniform, then lexicographically first.
    """
    n = len(backbones)
    if n < 1:
        raise ShapeMismatch("Learning weights needs at least one backbone.")
    small = n <= MOST_FOR_SIMPLEX
    points = simplex(n) if small else np.concatenate([np.full((1, n), 1 / n), np.eye(n)])
    search = _Search(objective, task.meter("Trying weights", len(points), "points"))
    values = search.values(points)
    best = points[best_point(points, values)]
    if refine and n > 1:
        best = _coordinates(search, best, (0.05, 0.02) if small else (0.1, 0.05, 0.02))
    uniform = search.value(np.full(n, 1 / n))
    looked_at = np.array(list(search.seen))
    return LearnedWeights(
        tuple(backbones), best, search.value(best), uniform, looked_at, np.array(list(search.seen.values()))
    )


def _coordinates(search: _Search, start: np.ndarray, steps: Sequence[float]) -> np.ndarray:
    """Move share between two backbones at a time while that helps, then with the next smaller step."""
    here = np.array(start, np.float64)
    n = len(here)
    for step in steps:
        for _ in range(100):
            moves = []
            for giver, taker in itertools.permutations(range(n), 2):
                moved = min(step, here[giver])
                if moved > 1e-9:
                    point = here.copy()
                    point[giver] -= moved
                    point[taker] += moved
                    moves.append(np.round(point, 6))
            search.meter.total = search.meter.done + len(moves)
            values = search.values(np.array(moves))
            if not np.nanmax(values) > search.value(here) + EQUAL:
                break
            here = moves[best_point(np.array(moves), values)]
            here = here / here.sum()
    return here


@dataclass(frozen=True)
class Tuned:
    """Learned weights beside equal ones, on queries that were not trained on.

    Attributes:
        spec: the fusion with the learned weights.
        learned: what the search saw on the training queries.
        split: who trained and who reports.
        tuned, equal: (n_report,) AP on the reporting queries.
    """

    spec: FusionSpec
    learned: LearnedWeights
    split: TrainingSplit
    tuned: np.ndarray
    equal: np.ndarray


def tune(
    space: VectorSet,
    spec: FusionSpec,
    truth: Relevance,
    split: TrainingSplit,
    *,
    keys: Sequence[str] | None = None,
    training: tuple[VectorSet, Relevance] | None = None,
    task: Task = NO_TASK,
) -> Tuned:
    """Learn a fusion's weights on the training queries and judge them on the others.

    Args:
        keys: content keys of the queries, kept with the fusion so that nobody reports on these images later.
        training: the space that the training queries ask in, asked by them alone, and its truth; `keys` are theirs
            then. None: they are queries of `space`.
    """
    if training is None:
        train_space, train_truth = space.only(split.train), truth.take(split.train)
        fitted = () if keys is None else tuple(keys[i] for i in split.train)
    else:
        train_space, train_truth = training
        fitted = () if keys is None else tuple(keys)
    learned = learn(ObjectiveOf(train_space, spec, train_truth), spec.backbones, task=task)
    tuned = dataclasses.replace(spec.with_shares(learned.by_name), trained_on=fitted)
    report = ObjectiveOf(space.only(split.report), spec, truth.take(split.report))
    n = len(spec.backbones)
    return Tuned(tuned, learned, split, report(learned.shares), report(np.full(n, 1 / n)))


# ---------------------------------------------------------------- how many dimensions are enough


@dataclass(frozen=True)
class DimensionCurve:
    """Mean AP against the length of the fused vector, on held-back queries.

    Attributes:
        dims: rising; mean, low, high: (n_dims,) mean AP and its 95 % bootstrap interval.
        proposed: the smallest dim whose mean lies inside the interval of the best.
    """

    dims: tuple[int, ...]
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    proposed: int


def dimension_curve(
    space: VectorSet,
    spec: FusionSpec,
    truth: Relevance,
    *,
    seed: int = 0,
    task: Task = NO_TASK,
) -> DimensionCurve:
    """Quality of `concat_pca` at 8, 16, 32, ... and all dimensions; fitted once, on the gallery alone.

    Args:
        space: asked by the held-back queries.
        spec: a fusion of kind concat_pca; its dim does not matter, its weights and whitening do.
        truth: of the space's split.
    """
    if spec.kind != "concat_pca":
        raise BadInput(f"A dimension curve is drawn for concat_pca, not for {spec.kind}. Choose concat_pca.")
    joined = early.concat([space.get(name) for name in spec.active], spec.active_weights)
    longest = min(space.n_gallery, joined.shape[1])
    dims = [d for d in (2**power for power in range(3, 17)) if d < longest] + [longest]
    present = early.present(joined)
    projected = early.Pca(joined[space.split.gallery], longest, bool(spec.settings["whiten"])).project(joined)
    ranker, columns = Ranker(truth), []
    for dim in task.each("Trying dimensions", dims, "dims"):
        shorter = dataclasses.replace(spec, parameters=(*(p for p in spec.parameters if p[0] != "dim"), ("dim", dim)))
        # Components are ordered, so a shorter fusion is the front of the longest one.
        rows = unit(projected[:, :dim])
        rows[~present] = 0
        space.remember(shorter, rows)
        columns.append(average_precision(ranker.rank(System("", space, shorter)).ranks))
    valid, groups = truth.n_relevant > 0, truth.query_groups
    values = np.stack(columns, axis=1)[valid]
    mean = values.mean(axis=0) if len(values) else np.full(len(dims), np.nan)
    low, high = resampling.intervals(values, DRAWS, seed, None if groups is None else groups[valid])
    best = int(np.argmax(mean))
    inside = np.flatnonzero(mean >= low[best] - EQUAL)
    return DimensionCurve(tuple(dims), mean, low, high, dims[int(inside[0]) if len(inside) else best])
