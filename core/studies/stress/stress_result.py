"""How figures hold when query images are spoiled: by every step of every corruption, for every system.

The gallery stays clean, and the query's own clean image is never in its list. Fusions need no embedding of their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

import numpy as np

from core import metrics
from core.fusion import Step
from core.metrics import resampling, significance
from core.metrics.significance import Difference
from core.search import rank_scores
from core.studies.comparison import ResamplingUnit
from core.studies.stress.corrupted_queries import StressPlan
from core.studies.systems import System
from core.studies.vector_set import GalleryVectors, Groups, VectorSet
from core.task import NO_TASK, Task
from core.types import Figure, Relevance, Split

BROKEN = 0.5
"""A query is broken once its average precision fell below this share of the clean one."""
WORTH_BREAKING = 0.5
"""A query whose clean average precision is lower had little to lose."""


class _StressedVectors(VectorSet):
    """Clean and corrupted queries over the gallery of another set; corrupted ones leave their clean image out too."""

    def __init__(
        self,
        vectors: Mapping[str, np.ndarray],
        split: Split,
        self_position: np.ndarray,
        shared: GalleryVectors | None = None,
        groups: Groups | None = None,
    ) -> None:
        super().__init__(vectors, split, shared, groups)
        self._self_position = self_position

    @property
    def self_position(self) -> np.ndarray:
        """(n_queries,) int64: of a corrupted query where its clean image stands."""
        return self._self_position

    def _prepare(self, step: Step) -> VectorSet:
        shared = self.shared.prepared(step, self.groups)
        return _StressedVectors(shared.vectors, self.split, self._self_position, shared)


def stressed(space: VectorSet, made: StressPlan, corrupted: Mapping[str, np.ndarray]) -> VectorSet:
    """The plan's queries, clean first and then condition by condition, over the gallery of `space`.

    Args:
        corrupted: name → (n_conditions, n_queries, dim), as `corrupted_queries.vectors` gives them.
    """
    split, n = space.split, len(made.queries)
    positions, count = split.queries[made.queries], len(made.conditions)
    together = {
        name: np.concatenate([space.get(name), rows.reshape(n * count, -1)]) for name, rows in corrupted.items()
    }
    n_images = len(next(iter(together.values()))) - n * count
    queries = np.concatenate([positions, n_images + np.arange(n * count)])
    self_position = np.tile(space.self_position[made.queries], count + 1)
    groups = None if space.groups is None else _with_corrupted(space.groups, np.tile(positions, count))
    return _StressedVectors(together, Split(queries, split.gallery, split.train), self_position, None, groups)


def _with_corrupted(groups: Groups, positions: np.ndarray) -> Groups:
    """A corrupted image belongs to the group of its clean one."""

    def texts(column: str) -> np.ndarray:
        values = groups(column)
        return np.concatenate([values, values[positions]])

    return texts


@dataclass(frozen=True)
class Curve:
    """One system under one corruption; arrays begin with the clean images, at step 0.

    Attributes:
        steps: (n,) int64; mean, low, high: (n,) mAP with its 95 % interval.
        loss, loss_low, loss_high: (n,) share of the clean mAP that is lost, with its 95 % interval.
        area: mean AP over the steps from clean to the last (trapezoids); a clean system that loses nothing has its clean mAP.
    """

    system: str
    corruption: str
    steps: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    loss: np.ndarray
    loss_low: np.ndarray
    loss_high: np.ndarray
    area: Figure


@dataclass(frozen=True)
class Swap:
    """Two systems whose order changes with the damage.

    Attributes:
        first, second: systems; the second is shown to be ahead under the corruption.
        corruption, step: where.
        clean: first less second on clean images; damaged: the same there; change: how much the difference moved.
        was_ahead: the first one is shown to be ahead on clean images; else the two cannot be told apart there.
    """

    first: str
    second: str
    corruption: str
    step: int
    clean: Difference
    damaged: Difference
    change: Difference
    was_ahead: bool


@dataclass(frozen=True)
class StressResult:
    """Every system under every condition.

    Attributes:
        plan: what was corrupted.
        precisions: system → (1 + n_conditions, n_queries) average precision; row 0 is clean.
        unit: what intervals draw, over the plan's queries.
    """

    plan: StressPlan
    precisions: Mapping[str, np.ndarray] = field(repr=False)
    unit: ResamplingUnit = field(repr=False)

    @property
    def systems(self) -> tuple[str, ...]:
        """Names, in the order given."""
        return tuple(self.precisions)

    def rows(self, system: str, corruption: str) -> np.ndarray:
        """(1 + n_steps, n_queries): clean, then step by step."""
        at = [number for number, (name, _) in enumerate(self.plan.conditions, 1) if name == corruption]
        return self.precisions[system][[0, *at]]

    def curve(self, system: str, corruption: str, seed: int = 0) -> Curve:
        """One system under one corruption."""
        rows, groups = self.rows(system, corruption), self.unit.groups
        steps = np.array([0, *self.plan.steps], np.int64)
        low, high = resampling.intervals(rows.T, seed=seed, classes=groups)
        drawn = resampling.bootstrap_means(rows.T, seed=seed, classes=groups)
        with np.errstate(divide="ignore", invalid="ignore"):
            loss = 1 - rows.mean(axis=1) / rows[0].mean()
            ratios = 1 - drawn / drawn[:, :1]
        n_units = self.unit.n
        ends = np.quantile(ratios, resampling.percentile_levels(n_units), axis=0)
        areas = np.trapezoid(rows, steps, axis=0) / steps[-1]
        area = Figure(
            float(areas.mean()), *resampling.interval(areas, seed=seed, classes=groups), len(areas), len(areas)
        )
        return Curve(system, corruption, steps, rows.mean(axis=1), low, high, loss, ends[0], ends[1], area)

    def broken_first(self, system: str, corruption: str, most: int = 12) -> list[tuple[int, int, float, float]]:
        """Queries that broke first: (place in the plan, step, clean AP, AP there), the earliest and deepest first."""
        rows = self.rows(system, corruption)
        fell = (rows[1:] < BROKEN * rows[0]) & (rows[0] >= WORTH_BREAKING)
        places = np.flatnonzero(fell.any(axis=0))
        first = fell.argmax(axis=0)
        broken = [
            (int(at), int(self.plan.steps[first[at]]), float(rows[0, at]), float(rows[1 + first[at], at]))
            for at in places
        ]
        return sorted(broken, key=lambda case: (case[1], case[3] - case[2]))[:most]

    def swaps(self) -> list[Swap]:
        """Pairs whose order at the last step of a corruption is not that on clean images.

        Two things have to be shown at once: who leads there, and that the difference moved. The larger p of the two is corrected
        (Holm) over all pairs and corruptions, also over those whose order stays. The clean pairs are corrected by themselves.
        """
        clean: dict[tuple[str, str], Difference] = {}
        there: dict[tuple[str, str, str], Difference] = {}
        change: dict[tuple[str, str, str], Difference] = {}
        for a, b in combinations(self.systems, 2):
            clean[a, b] = self._compared(self.precisions[a][0] - self.precisions[b][0])
            for name in self.plan.corruptions:
                before, after = (left - right for left, right in zip(self._ends(a, name), self._ends(b, name)))
                turns = after.mean() * before.mean() < 0
                there[a, b, name] = self._compared(after) if turns else _UNTESTED
                change[a, b, name] = self._compared(after - before) if turns else _UNTESTED
        worse = {key: replace(single, p=max(single.p, change[key].p)) for key, single in there.items()}
        there, clean = significance.corrected(worse), significance.corrected(clean)
        return self._turned_round(clean, there, change)

    def _compared(self, differences: np.ndarray) -> Difference:
        return significance.compare(differences, np.zeros_like(differences), classes=self.unit.groups)

    def _ends(self, system: str, corruption: str) -> tuple[np.ndarray, np.ndarray]:
        """Clean values, and those at the last step."""
        rows = self.rows(system, corruption)
        return rows[0], rows[-1]

    def _turned_round(
        self,
        clean: Mapping[tuple[str, str], Difference],
        there: Mapping[tuple[str, str, str], Difference],
        change: Mapping[tuple[str, str, str], Difference],
    ) -> list[Swap]:
        swaps = []
        for (a, b, name), damaged in there.items():
            if not damaged.differs or change[a, b, name].contradicts:
                continue
            turn = damaged.mean > 0  # then B was ahead on clean images
            first, second = (b, a) if turn else (a, b)
            before, after, moved = (
                single.turned() if turn else single for single in (clean[a, b], damaged, change[a, b, name])
            )
            step = self.plan.steps[-1]
            swaps.append(Swap(first, second, name, step, before, after, moved, before.differs))
        return sorted(swaps, key=lambda swap: (not swap.was_ahead, swap.damaged.mean))


_UNTESTED = Difference(0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0, 0, 0)
"""Where an order stays nothing is tested, but it counts in the correction with a p of 1."""


def evaluate(
    systems: Sequence[System],
    truth: Relevance,
    made: StressPlan,
    corrupted: Mapping[str, np.ndarray],
    *,
    by_class: bool = True,
    task: Task = NO_TASK,
) -> StressResult:
    """Average precision of every system on clean and corrupted queries.

    Args:
        systems: over one set of vectors of the dataset's split.
        truth: of that split.
        corrupted: as `corrupted_queries.vectors` gives them, of every backbone that a system uses.
    """
    space = stressed(systems[0].space, made, corrupted)
    together = truth.take(np.tile(made.queries, len(made.conditions) + 1))
    precisions = {}
    for system in task.each("Ranking corrupted queries", systems, "systems"):
        ranked = rank_scores(replace(system, space=space), together)
        values = metrics.compute(ranked.ranks, ("map",))["map"]
        precisions[system.name] = values.reshape(len(made.conditions) + 1, len(made.queries))
    return StressResult(made, precisions, ResamplingUnit.of(truth.take(made.queries), by_class))
