"""Weights and other fitted fusions: learned on training queries only, reported on the others."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from core.errors import BadInput, ShapeMismatch
from core.progress import Cancel, Meter, OnProgress

EQUAL = 1e-12
"""Values of the objective closer than this are equal (the last bits of a mean say nothing)."""

Objective = Callable[[np.ndarray], np.ndarray]
"""Shares (n_backbones,) → AP of every training query, (n_queries,) float64, NaN where nothing is relevant."""


@dataclass(frozen=True)
class TrainingSplit:
    """Which queries are fitted on, and which are reported on.

    Attributes:
        train, report: positions among the queries, int64, no query in both.
        by: "class", "instance", "query" or "given": what is never on both sides.
    """

    train: np.ndarray
    report: np.ndarray
    by: str

    def __post_init__(self) -> None:
        check_apart(self.train, self.report)

    def sentence(self) -> str:
        """For people."""
        kept = {
            "class": "no class is on both sides",
            "instance": "no instance is on both sides",
            "query": "drawn at random, since no class or instance repeats enough to be held back",
            "given": "as the dataset's own split says",
        }[self.by]
        return f"Fitted on {len(self.train):,} training queries, reported on {len(self.report):,} others ({kept})."


def check_apart(train: np.ndarray, report: np.ndarray) -> None:
    """Training and reporting on the same queries is an error, not an option.

    Raises:
        BadInput: a query is on both sides, or one side is empty.
    """
    shared = np.intersect1d(train, report)
    if len(shared):
        raise BadInput(
            f"{len(shared)} queries are used for training and for reporting; figures on trained queries mean nothing. "
            "Report on the other queries."
        )
    for name, side in (("training", train), ("reporting", report)):
        if not len(side):
            raise BadInput(f"There are no queries for {name}. Use a dataset with more labelled images.")


def split_queries(groups: np.ndarray, fraction: float = 0.5, seed: int = 0, by: str = "class") -> TrainingSplit:
    """Part the labelled queries so that no group (class or instance) is on both sides.

    Where fewer than four groups have two queries or more, queries are drawn one by one instead.

    Args:
        groups: (n_queries,) int64, −1 is unlabelled: such queries are on neither side.
        fraction: share of the queries to train on, in (0, 1).
        seed: of the draw.
        by: what the groups are, "class" or "instance".
    """
    if not 0 < fraction < 1:
        raise BadInput(f"The training share is a number between 0 and 1, not {fraction}.")
    groups, rng = np.asarray(groups, np.int64), np.random.default_rng(seed)
    usable = np.flatnonzero(groups >= 0)
    names, sizes = np.unique(groups[usable], return_counts=True)
    if (sizes > 1).sum() < 4:
        order = rng.permutation(usable)
        cut = min(max(round(fraction * len(order)), 1), max(len(order) - 1, 1))
        return TrainingSplit(np.sort(order[:cut]), np.sort(order[cut:]), "query")
    order = rng.permutation(len(names))
    reached = np.cumsum(sizes[order])
    cut = min(max(int(np.searchsorted(reached, fraction * len(usable), "left")) + 1, 1), len(names) - 1)
    training = np.isin(groups, names[order[:cut]])
    return TrainingSplit(np.flatnonzero(training), np.flatnonzero(~training & (groups >= 0)), by)


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
        return {name: float(share) for name, share in zip(self.backbones, self.shares)}


class _Search:
    """The objective with a memory: no point is computed twice, each is counted and can be stopped at."""

    def __init__(self, objective: Objective, meter: Meter, cancel: Cancel | None) -> None:
        self.objective, self.meter, self.cancel = objective, meter, cancel
        self.seen: dict[tuple[float, ...], float] = {}

    def value(self, point: np.ndarray) -> float:
        key = tuple(np.round(point, 6))
        if key not in self.seen:
            if self.cancel is not None:
                self.cancel.check()
            found = np.asarray(self.objective(np.asarray(point, np.float64)), np.float64)
            valid = ~np.isnan(found)
            self.seen[key] = float(found[valid].mean()) if valid.any() else float("nan")
            self.meter.add(1)
        return self.seen[key]

    def values(self, points: np.ndarray) -> np.ndarray:
        return np.array([self.value(point) for point in points])


MOST_FOR_SIMPLEX = 5
"""Above this many backbones the simplex has too many points (3,003 for six): coordinate search from the start."""


def learn(
    objective: Objective,
    backbones: Sequence[str],
    *,
    refine: bool = True,
    on_progress: OnProgress | None = None,
    cancel: Cancel | None = None,
) -> LearnedWeights:
    """The shares with the best mean AP over the training queries (metrics.md, section 9).

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
    search = _Search(objective, Meter("Trying weights", len(points), on_progress, unit="points"), cancel)
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
