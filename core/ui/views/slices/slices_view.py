"""What the page Slices shows now: the one record that its parts read, and what all sessions share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from core import wording
from core.setups import SlicesSetup
from core.studies import domains, image_measures, slices
from core.studies.comparison import ResamplingUnit
from core.studies.domains import DomainMatrix
from core.studies.evaluation import Result
from core.studies.slices import SliceColumn, SliceSearch, SliceTable, slice_search
from core.studies.stress import corrupted_queries, stress_result
from core.studies.stress.corrupted_queries import StressPlan
from core.studies.stress.stress_result import StressResult
from core.studies.systems import System
from core.types import Dataset
from core.ui.app import cache
from core.ui.app.cached import cached
from core.ui.widgets import system_select
from core.ui.widgets.system_select import ComparedSystem

text = wording.page("slices")
KS = (1, 5, 10)


@dataclass(frozen=True)
class SlicesView:
    """Systems on the same queries.

    Attributes:
        whole: the dataset; loaded: the same with all its queries or a sample of a large set's.
        competitors: best first; result: their figures, as `competitors`.
        closer: the one that is looked at closely.
    """

    whole: Dataset
    loaded: Dataset
    setup: SlicesSetup
    competitors: tuple[ComparedSystem, ...]
    result: Result
    closer: ComparedSystem

    @property
    def by_class(self) -> bool:
        """Whether whole classes are drawn."""
        return not self.setup.by_query

    @property
    def systems(self) -> tuple[System, ...]:
        """The systems, best first."""
        return tuple(chosen.system for chosen in self.competitors)

    @property
    def other(self) -> ComparedSystem | None:
        """The system that the closer one is compared with, if one is chosen."""
        names = {chosen.name: chosen for chosen in self.competitors}
        chosen = names.get(self.setup.other)
        return None if chosen is None or chosen.name == self.closer.name else chosen

    @property
    def unit(self) -> ResamplingUnit:
        """What intervals draw."""
        return self.result.comparison.unit

    def title(self, name: str) -> str:
        """What people call a system."""
        return next((chosen.title for chosen in self.competitors if chosen.name == name), name)

    def values(self, name: str) -> np.ndarray:
        """(n_queries,) of the chosen metric."""
        return self.result[name].per_query[self.setup.metric]


def build(loaded: Dataset, competitors: list[ComparedSystem], setup: SlicesSetup) -> SlicesView:
    """Evaluate every system; the same evaluations as on the Leaderboard.

    Raises:
        CoreError: none of the systems can be evaluated.
    """
    small, able, result = system_select.evaluate(loaded, competitors, KS, setup.metric, not setup.by_query)
    order = {name: number for number, name in enumerate(result.comparison.order)}
    able = sorted(able, key=lambda chosen: order[chosen.name])
    closer = next((chosen for chosen in able if chosen.name == setup.system), able[0])
    return SlicesView(loaded, small, setup, tuple(able), result, closer)


# ---------------------------------------------------------------- what all sessions share


def _measured(*_: object) -> str:
    return image_measures.stamp()


def _measured_systems(*arguments: object) -> tuple[str, list[System]]:
    """The same, and the systems themselves: a fusion that is saved anew under its name is another one."""
    view = next(argument for argument in arguments if isinstance(argument, SlicesView))
    return _measured(), list(view.systems)


@cached("resource", max_entries=32, also=_measured)
def parting(loaded: Dataset, bins: int) -> list[SliceColumn]:
    """Every column that parts the queries."""
    return slices.columns(loaded, bins=bins)


@cached("resource", max_entries=64, also=_measured_systems, ignore=("view", "column"))
def table_of(
    loaded: Dataset,
    names: tuple[str, ...],
    metric: str,
    by_class: bool,
    bins: int,
    name: str,
    view: SlicesView,
    column: SliceColumn,
) -> SliceTable:
    """One figure of every system in every part of a column.

    Args:
        name: of the column, or of the two.
    """
    values = {single: view.values(single) for single in names}
    return slices.slice_table(values, column, view.unit, metric=metric, by=view.closer.name)


@cached("resource", max_entries=64, also=_measured_systems, ignore=("view",))
def search_of(
    loaded: Dataset, name: str, other: str, metric: str, by_class: bool, bins: int, view: SlicesView
) -> SliceSearch:
    """Where a system is weak, or with another one where it loses to it."""
    columns = parting(loaded, bins)
    if other:
        return slice_search.losses(view.values(name), view.values(other), columns, view.unit)
    return slice_search.search(view.values(name), columns, view.unit)


@cached(max_entries=16, also=_measured)
def domain_columns(loaded: Dataset) -> list[str]:
    """Columns that can be domains."""
    return domains.candidates(loaded)


@cached("resource", max_entries=48, also=_measured, spinner=text("state.domains"))
def matrix_of(loaded: Dataset, system: System, name: str, by_class: bool) -> DomainMatrix:
    """One system from every domain to every domain."""
    column = domains.domain_column(loaded, name)
    return domains.matrices([system], cache.relevance_of(loaded), loaded, column, by_class=by_class)[0]


def plan_of(loaded: Dataset, setup: SlicesSetup) -> StressPlan:
    """The corruptions, steps and queries that are chosen."""
    return corrupted_queries.chosen(cache.relevance_of(loaded), setup.kinds, setup.steps, setup.queries)


@cached("resource", max_entries=16, spinner=text("state.judging"), ignore=("made",))
def stress_of(
    loaded: Dataset,
    systems: tuple[System, ...],
    conditions: tuple[tuple[str, int], ...],
    n_queries: int,
    by_class: bool,
    made: StressPlan,
) -> StressResult:
    """Every system on corrupted queries.

    Raises:
        NotComputed: some of them are not embedded yet.
    """
    truth = cache.relevance_of(loaded)
    used = tuple(sorted({name for system in systems for name in system.backbones}))
    corrupted = corrupted_queries.vectors(loaded, made, used)
    return stress_result.evaluate(systems, truth, made, corrupted, by_class=by_class)


def one_of(wanted: str, offered: list[str], default: Callable[[], str]) -> str:
    """What a link names, where it is offered, else the default."""
    return wanted if wanted in offered else default()
