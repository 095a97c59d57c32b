"""One figure of every system in every part of a column: how good, how sure, on how many queries; the worst first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from core import metrics
from core.errors import BadInput
from core.metrics import resampling, significance, subgroups
from core.metrics.significance import LEVEL
from core.studies.comparison import ResamplingUnit
from core.studies.slices.slice_columns import SliceColumn


@dataclass(frozen=True)
class SliceTable:
    """One figure by the parts of a column and by system.

    Attributes:
        column: what parts the queries.
        metric: key of METRICS.
        systems: names, in the order given.
        order: (n_shown,) int64: the parts that hold a valid query, worst first.
        n, n_units: (n_parts,) valid queries of each part, and the classes (or queries) that they are of.
        mean, low, high: (n_parts, n_systems) over those, with the 95 % interval; NaN where a part is empty.
        difference: (n_parts, n_systems) from the other queries of the column.
        p: (n_parts, n_systems) of it, corrected (Holm) over the parts of the column; NaN where a part cannot be tested.
        unit: what intervals draw.
    """

    column: SliceColumn
    metric: str
    systems: tuple[str, ...]
    order: np.ndarray
    n: np.ndarray
    n_units: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    difference: np.ndarray
    p: np.ndarray
    unit: ResamplingUnit = field(repr=False)

    def is_worse(self, part: int, system: int) -> bool:
        """Whether a part is shown to be worse than the others for a system."""
        return bool(self.difference[part, system] < 0 and self.p[part, system] < LEVEL)

    @property
    def n_tested(self) -> int:
        """Parts that p is corrected over."""
        return int((~np.isnan(self.p)).any(axis=1).sum())


def slice_table(
    values: Mapping[str, np.ndarray],
    column: SliceColumn,
    unit: ResamplingUnit,
    *,
    metric: str = "map",
    by: str = "",
    seed: int = 0,
) -> SliceTable:
    """One figure of every system, part by part.

    Args:
        values: system → (n_queries,) per-query values, NaN for the same queries.
        unit: classes are drawn as a whole where it says so; a part within one class draws its queries.
        by: the system whose worst part stands first; the first one if none is named.
    Raises:
        BadInput: no part holds a query that counts.
    """
    systems = tuple(values)
    every = np.stack([np.asarray(values[name], np.float64) for name in systems], axis=1)
    valid = ~np.isnan(every).any(axis=1)
    columns, parts = every[valid], column.codes[valid]
    groups = None if unit.groups is None else unit.groups[valid]
    n_parts = len(column.values)
    shape = (n_parts, len(systems))
    mean, low, high = np.full(shape, np.nan), np.full(shape, np.nan), np.full(shape, np.nan)
    difference, p = np.full(shape, np.nan), np.full(shape, np.nan)
    n, n_units = np.zeros(n_parts, np.int64), np.zeros(n_parts, np.int64)
    known = parts >= 0
    for at in range(len(systems)):
        within = None if groups is None else groups[known]
        tested = subgroups.cautious(columns[known, at], parts[known], n_parts, within)
        n, n_units, mean[:, at], difference[:, at] = tested.n, tested.n_units, tested.mean, tested.difference
        p[:, at] = _holm(tested.p)
    for part in np.flatnonzero(n):
        mine = parts == part
        low[part], high[part] = resampling.intervals(columns[mine], seed=seed, classes=_classes(groups, mine))
    column_of = systems.index(by) if by in systems else 0
    shown = np.flatnonzero(n)
    if not len(shown):
        raise BadInput(
            f"No query has both a value in {metrics.label(metric)} and one in the column {column.title!r}. Choose another "
            "metric, such as map, or another column."
        )
    order = shown[np.argsort(mean[shown, column_of], kind="stable")]
    return SliceTable(column, metric, systems, order, n, n_units, mean, low, high, difference, p, unit)


def _classes(groups: np.ndarray | None, mine: np.ndarray) -> np.ndarray | None:
    """The classes of some queries, None where fewer than two are among them: then single queries are drawn."""
    if groups is None or len(np.unique(groups[mine])) < 2:
        return None
    return groups[mine]


def _holm(p: np.ndarray) -> np.ndarray:
    """Holm's correction over what was tested; NaN stays NaN."""
    corrected = np.full(len(p), np.nan)
    tested = ~np.isnan(p)
    corrected[tested] = significance.holm(p[tested])
    return corrected
