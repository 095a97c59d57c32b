"""What came of a study: systems by datasets, over all of them, and what so few datasets can tell."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from core import data, metrics
from core.errors import CoreError
from core.fusion.catalogue import CATALOGUE_STRATEGIES
from core.metrics import across_datasets
from core.metrics.across_datasets import AcrossDatasets
from core.metrics.significance import Difference
from core.studies import costs, embedding, fusion_costs
from core.studies.comparison import Comparison
from core.studies.fusion_costs import FusionCost
from core.studies.study.cells import key_of
from core.studies.study.study_record import Study
from core.types import Evaluation, Figure

NOTHING = Figure(math.nan, math.nan, math.nan, 0, 0)


@dataclass(frozen=True)
class StudyPart:
    """One dataset of a study.

    Attributes:
        name: in the study; dataset: under which it is saved.
        evaluations: of the systems that could be evaluated, in the study's order.
        comparison: every pair of them, in the study's first metric.
        left_out: system → why it was not evaluated.
        rests_on: system → key of what its evaluation rests on.
        shares: fusion → what each backbone counts here.
    """

    name: str
    dataset: str
    evaluations: tuple[Evaluation, ...]
    comparison: Comparison = field(repr=False)
    left_out: Mapping[str, str] = field(default_factory=dict)
    rests_on: Mapping[str, str] = field(default_factory=dict, repr=False)
    shares: Mapping[str, Mapping[str, float]] = field(default_factory=dict, repr=False)

    @property
    def n_valid(self) -> int:
        """Queries that count."""
        return self.evaluations[0].n_valid

    def figure(self, name: str, key: str) -> Figure:
        """A system's figure; NaN where it has none."""
        evaluation = next((evaluation for evaluation in self.evaluations if evaluation.name == name), None)
        return NOTHING if evaluation is None else evaluation.figures.get(key, NOTHING)

    def best_of(self, names: Sequence[str]) -> str | None:
        """The one of these with the best mean of the compared metric; None where none was evaluated."""
        return next((name for name in self.comparison.order if name in names), None)


@dataclass(frozen=True)
class WinnerLine:
    """Which mix wins on one dataset.

    Attributes:
        backbone, fusion: the best of each kind there, None where there is none.
        difference: the fusion less the backbone, on the same queries; None where either is missing.
        tied: systems that cannot be told apart from the best one.
    """

    part: StudyPart
    best: str
    backbone: str | None
    fusion: str | None
    difference: Difference | None
    tied: tuple[str, ...]


@dataclass(frozen=True)
class StudyResult:
    """Every part of a study; the rest follows from them."""

    study: Study
    parts: tuple[StudyPart, ...]

    @property
    def metric(self) -> str:
        """What is compared."""
        return self.study.metrics[0]

    @property
    def names(self) -> tuple[str, ...]:
        """Systems that were evaluated on any dataset, in the study's order."""
        evaluated = {evaluation.name for part in self.parts for evaluation in part.evaluations}
        return tuple(name for name in self.study.systems if name in evaluated)

    @property
    def complete(self) -> tuple[str, ...]:
        """Systems with a compared figure on every dataset: those that means, ranks and tests are of."""
        return tuple(name for name in self.names if not np.isnan(self.values(self.metric, [name])).any())

    @property
    def fusions(self) -> tuple[str, ...]:
        """The fusions among the systems; of catalogues, every strategy but the simple average."""
        if self.study.catalogue is not None:
            return tuple(name for name in self.names if name != "average")
        return tuple(name for name in self.names if self.study.fusion(name) is not None)

    @property
    def backbones(self) -> tuple[str, ...]:
        """The systems that are no fusion."""
        return tuple(name for name in self.names if name not in self.fusions)

    @property
    def rests_on(self) -> str:
        """12 hex digits of everything that the figures rest on."""
        return key_of([sorted(part.rests_on.items()) for part in self.parts])[:12]

    def title(self, name: str) -> str:
        """What people call a system."""
        if self.study.catalogue is not None:
            return CATALOGUE_STRATEGIES.get(name).label
        if self.study.fusion(name) is not None:
            return name
        try:
            return embedding.find(data.get(self.parts[0].dataset), name).title
        except CoreError:
            return name

    def values(self, key: str, names: Sequence[str]) -> np.ndarray:
        """(n_datasets, n_systems) float64 means, NaN where there is none."""
        return np.array([[part.figure(name, key).mean for name in names] for part in self.parts], np.float64)

    def mean(self, name: str, key: str) -> Figure:
        """The mean over the datasets, each with one vote, and its interval for these very datasets; NaN where one lacks."""
        figures = [part.figure(name, key) for part in self.parts]
        mean, low, high = across_datasets.mean_with_interval(
            [f.mean for f in figures], [f.low for f in figures], [f.high for f in figures]
        )
        counts = sum(f.n_queries for f in figures), sum(f.n_valid for f in figures)
        return Figure(mean, low, high, *counts)

    def across(self, key: str) -> AcrossDatasets:
        """Ranks and tests over the datasets, of the systems that have a figure on every one."""
        names = [name for name in self.names if not np.isnan(self.values(key, [name])).any()]
        return across_datasets.across(
            self.values(key, names),
            names,
            [part.name for part in self.parts],
            higher_is_better=metrics.parse(key)[0].higher_is_better if key in self.study.metrics else True,
            seed=self.study.seed,
        )

    @cached_property
    def compared(self) -> AcrossDatasets:
        """The same in the compared metric."""
        return self.across(self.metric)

    @property
    def best(self) -> str:
        """The system with the best mean over all datasets; the first of equal ones.

        Where no system has a figure on every dataset, the first that was evaluated.
        """
        names = self.complete
        return max(names, key=lambda name: self.mean(name, self.metric).mean) if names else self.names[0]

    def relative(self, name: str, key: str) -> float:
        """Percent of the baseline's mean over all datasets, of the best system's where the study names none."""
        if metrics.parse(key)[0].limits[0] != 0:  # of what may be negative, a share says nothing
            return math.nan
        base = self.study.baseline or self.best
        upper, lower = self.mean(name, key).mean, self.mean(base, key).mean
        if not metrics.parse(key)[0].higher_is_better:
            upper, lower = lower, upper
        return 100 * upper / lower if lower > 0 else math.nan

    @property
    def winners(self) -> list[WinnerLine]:
        """Dataset by dataset: the best backbone, the best mix, and whether the mix is ahead."""
        lines = []
        for part in self.parts:
            comparison = part.comparison
            backbone, mix = part.best_of(self.backbones), part.best_of(self.fusions)
            pair = comparison.difference(mix, backbone) if mix and backbone else None
            tied = tuple(comparison.tied_with_best())
            lines.append(WinnerLine(part, comparison.order[0], backbone, mix, pair, tied))
        return lines

    def cost(self, name: str) -> FusionCost:
        """What a system costs on this machine, as measured here: sums over its backbones."""
        wanted = self.study.fusion(name)
        names = (name,) if wanted is None else tuple(wanted.spec.active)
        if self.study.catalogue is not None:
            names = (self.study.catalogue.space,)
        measured = {backbone: costs.measured(backbone) for backbone in names}
        each = {
            backbone: FusionCost(getattr(cost, "latency_ms", None), getattr(cost, "megabytes", None))
            for backbone, cost in measured.items()
        }
        return fusion_costs.total_cost(names, each)

    @property
    def left_out(self) -> dict[str, list[str]]:
        """Why systems were not evaluated: sentence → "system on dataset" of each that it is about."""
        reasons: dict[str, list[str]] = {}
        for part in self.parts:
            for name, reason in part.left_out.items():
                reasons.setdefault(reason, []).append(f"{name} on {part.name}")
        return reasons
