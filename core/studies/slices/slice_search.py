"""Slices found by themselves: parts of columns, and of pairs of columns, where a system is weak or loses to another one.

Every part is tested; what is found keeps the expected share of false discoveries at 5 % (Benjamini and Hochberg). A part of two
columns is left out where a found part of one column is about as bad: it says nothing more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np

from core.metrics import resampling, subgroups
from core.metrics.significance import LEVEL
from core.studies.comparison import ResamplingUnit
from core.studies.slices.slice_columns import CrossedColumn, SliceColumn, crossed
from core.task import NO_TASK, Task

FEWEST_QUERIES = 15
"""A slice of fewer queries is no finding that one can act on."""
MOST_CROSSED = 24
"""Columns of more values are looked at alone, not in pairs."""
MOST_COLUMNS = 24
"""More columns than this are not paired."""
MOST_NEAREST = 5
"""Slices that are named where nothing is found."""
AS_BAD = 0.8
"""A part of one column that reaches this share of a crossed part's difference says it already."""


@dataclass(frozen=True)
class Slice:
    """One slice that was found.

    Attributes:
        parts: (column, value), one or two; where: the same in words; phrase: as it stands behind "images" in a sentence.
        n, n_units: valid queries, and the classes (or queries) that they are of.
        mean: of the values in the slice; rest: of all other queries.
        difference, low, high: what was tested, with its 95 % interval: the mean less the rest, or the paired mean itself.
        p: of the slice alone; rate: the expected share of false discoveries among all that are at least as sure.
        queries: (n_queries,) bool.
    """

    parts: tuple[tuple[str, str], ...]
    where: str
    phrase: str
    n: int
    n_units: int
    mean: float
    rest: float
    difference: float
    low: float
    high: float
    p: float
    rate: float
    queries: np.ndarray = field(repr=False)


@dataclass(frozen=True)
class SliceSearch:
    """What was looked at, and what was found.

    Attributes:
        listed: what was found, the surest first.
        nearest: what comes nearest to it without being shown, only where nothing was found.
        n_tested: slices that were tested.
        columns: names of what was looked at.
        mean: over all valid queries; n: how many those are.
        against_rest: what slices were tested against: the other queries, or 0.
        unit: what the tests take as a whole.
    """

    listed: tuple[Slice, ...]
    nearest: tuple[Slice, ...]
    n_tested: int
    columns: tuple[str, ...]
    mean: float
    n: int
    against_rest: bool
    unit: ResamplingUnit = field(repr=False)


def search(
    values: np.ndarray,
    columns: Sequence[SliceColumn],
    unit: ResamplingUnit,
    *,
    against_rest: bool = True,
    most: int = 10,
    seed: int = 0,
    task: Task = NO_TASK,
) -> SliceSearch:
    """Slices in which values are low.

    Args:
        values: (n_queries,) float64, NaN where a query does not count: of one system, or A less B.
        unit: classes are left out as a whole where it says so.
        against_rest: a slice is tested against the queries outside of it; False: against 0, for A less B.
        most: slices listed, the surest ones.
    Reference: Chung et al. 2019, Slice Finder, arXiv:1807.06068 (the search over columns and their pairs).
    """
    values = np.asarray(values, np.float64)
    valid = ~np.isnan(values)
    groups = None if unit.groups is None else unit.groups[valid]
    tested: list[tuple[SliceColumn, int]] = []
    p, difference = [], []
    looked_at = list(_looked_at(columns))
    for single in task.each("Looking at slices", looked_at, "columns"):
        made = subgroups.cautious(values[valid], single.codes[valid], len(single.values), groups, against_rest)
        able = np.flatnonzero((made.n >= FEWEST_QUERIES) & ~np.isnan(made.p))
        tested += [(single, int(part)) for part in able]
        p += made.p[able].tolist()
        difference += made.difference[able].tolist()
    rates = subgroups.benjamini_hochberg(np.array(p))
    hits = [at for at in range(len(tested)) if difference[at] < 0 and rates[at] <= LEVEL]
    hits = _telling(hits, tested, np.array(difference))
    low = [at for at in range(len(tested)) if difference[at] < 0]
    shown = sorted(hits or low, key=lambda hit: p[hit])[: most if hits else MOST_NEAREST]
    listed = []
    for at in shown:
        mask = valid & tested[at][0].mask(tested[at][1])
        parts = _sides(*tested[at])
        named = tuple((single.name, single.values[value]) for single, value in parts)
        where, phrase = tested[at][0].where(tested[at][1]), tested[at][0].phrase(tested[at][1])
        figures = _slice(values, mask, valid, unit, against_rest, seed)
        listed.append(Slice(named, where, phrase, *figures, p=p[at], rate=float(rates[at]), queries=mask))
    names = tuple(single.name for single in columns)
    mean = float(values[valid].mean()) if valid.any() else np.nan
    matches, nearest = (tuple(listed), ()) if hits else ((), tuple(listed))
    return SliceSearch(matches, nearest, len(tested), names, mean, int(valid.sum()), against_rest, unit)


def losses(
    a: np.ndarray, b: np.ndarray, columns: Sequence[SliceColumn], unit: ResamplingUnit, **how: Any
) -> SliceSearch:
    """Slices in which system A loses to system B; where it loses over all queries, those in which it loses most.

    Args:
        a, b: (n_queries,) per-query values, NaN for the same queries.
        how: more of `search`.
    """
    values = np.asarray(a, np.float64) - np.asarray(b, np.float64)
    valid = ~np.isnan(values)
    groups = None if unit.groups is None else unit.groups[valid]
    overall = subgroups.contrasts(values[valid], np.zeros(int(valid.sum()), np.int64), 1, groups, against_rest=False)
    loses = bool(overall.difference[0] < 0 and overall.p[0] < LEVEL) if valid.any() else False
    return search(values, columns, unit, against_rest=loses, **how)


def _looked_at(columns: Sequence[SliceColumn]) -> Iterator[SliceColumn]:
    """Every column alone, then every pair that is not too fine."""
    yield from columns
    coarse = [single for single in columns if len(single.values) <= MOST_CROSSED][:MOST_COLUMNS]
    for first, second in combinations(coarse, 2):
        both = crossed(first, second)
        if len(both.values):
            yield both


def _sides(column: SliceColumn, part: int) -> tuple[tuple[SliceColumn, int], ...]:
    return column.sides(part) if isinstance(column, CrossedColumn) else ((column, part),)


def _telling(hits: list[int], tested: Sequence[tuple[SliceColumn, int]], difference: np.ndarray) -> list[int]:
    """What was found, without crossed parts that say no more than one of their two sides."""
    alone = {
        (tested[at][0].name, tested[at][1]): float(difference[at])
        for at in hits
        if not isinstance(tested[at][0], CrossedColumn)
    }
    telling = []
    for at in hits:
        sides = [alone.get((single.name, value), 0.0) for single, value in _sides(*tested[at])]
        if not isinstance(tested[at][0], CrossedColumn) or min(sides) > AS_BAD * difference[at]:
            telling.append(at)
    return telling


def _slice(
    values: np.ndarray, mask: np.ndarray, valid: np.ndarray, unit: ResamplingUnit, against_rest: bool, seed: int
) -> tuple[int, int, float, float, float, float, float]:
    """n, units, mean, mean of the rest, difference and its interval: what stands in a `Slice` before its p."""
    inside, outside = values[mask], values[valid & ~mask]
    rest = float(outside.mean()) if len(outside) else np.nan
    mean = float(inside.mean())
    n_units = int(mask.sum()) if unit.groups is None else len(np.unique(unit.groups[mask]))
    if not against_rest:
        low, high = resampling.intervals(inside[:, None], seed=seed, classes=unit.groups_of(mask), bounded=False)
        return len(inside), n_units, mean, rest, mean, float(low[0]), float(high[0])
    groups = None if unit.groups is None else unit.groups[valid]
    made = subgroups.contrasts(values[valid], np.where(mask[valid], 0, -1), 1, groups)
    half = float(made.error[0]) * _student(float(made.freedom[0]))
    return len(inside), n_units, mean, rest, mean - rest, mean - rest - half, mean - rest + half


def _student(freedom: float) -> float:
    """The 97.5 % quantile of Student's law."""
    from scipy import stats

    return float(stats.t.ppf(0.975, freedom))
