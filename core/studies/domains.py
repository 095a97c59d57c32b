"""From one domain to another: queries of one group of a column, answered by the images of another one.

The scores are those of the whole gallery (and so is whatever is fitted on it), regrouped: each group of the gallery is ranked
by itself, and each group of the queries is averaged by itself. The query itself is never in its own list.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from core import data, metrics
from core.errors import BadInput
from core.metrics import resampling
from core.search import rank_scores
from core.studies.comparison import ResamplingUnit
from core.studies.slices import slice_columns as columns
from core.studies.slices.slice_columns import SliceColumn
from core.studies.systems import System
from core.task import NO_TASK, Task
from core.types import Dataset, Figure, Relevance, Split

MOST_DOMAINS = 12
"""Groups of a column; a matrix of more cannot be read, and its cells are empty."""
DEPTH = 10
"""First results whose domain is counted."""


@dataclass(frozen=True)
class DomainMatrix:
    """One system, from every domain to every domain.

    Attributes:
        system: its name.
        column: what the domains are; values: their names.
        n: (n_domains, n_domains) int64 valid queries of the row's domain in the gallery of the column's.
        mean, low, high: of the average precision, with the 95 % interval; NaN where no query is valid.
        within, across: over the queries: in the gallery of their own domain, and the mean over the others'.
        own_share: of the first ten results of the whole gallery, how many are of the query's own domain.
        chance: the same of results drawn blindly.
        unit: what intervals draw.
    """

    system: str
    column: str
    values: tuple[str, ...]
    n: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    within: Figure
    across: Figure
    own_share: float
    chance: float
    unit: ResamplingUnit = field(repr=False)

    @property
    def hardest(self) -> tuple[int, int]:
        """Row and column of the lowest mean."""
        at = int(np.nanargmin(self.mean))
        return at // len(self.values), at % len(self.values)


def domain_column(dataset: Dataset, name: str) -> SliceColumn:
    """A column as domains of all images.

    Raises:
        BadInput: no such column, or one that does not part the images into two to twelve groups.
    """
    made = columns.column(dataset, name, images=np.arange(len(dataset)))
    count = 0 if made is None else len(made.values)
    if made is None or count > MOST_DOMAINS:
        what = f"has {count} values" if made is not None else "does not part the images"
        raise BadInput(f"The column {name!r} {what}; domains are 2 to {MOST_DOMAINS} groups of images.")
    return made


def candidates(dataset: Dataset) -> list[str]:
    """Columns that can be domains: those that part the images into two to twelve groups across classes; texts first."""
    every = np.arange(len(dataset))
    able: list[tuple[bool, str]] = []
    for name in columns.names(dataset):
        made = columns.column(dataset, name, images=every)
        if made is None or not 2 <= len(made.values) <= MOST_DOMAINS or name == columns.LABEL:
            continue
        if _crosses_classes(dataset, made):
            able.append((made.is_binned, name))
    return [name for _, name in sorted(able, key=lambda pair: pair[0])]


def _crosses_classes(dataset: Dataset, column: SliceColumn) -> bool:
    """Whether some class has images in two domains; else no query has an answer in another domain."""
    if dataset.label_matrix is not None or not (dataset.labels >= 0).any():
        return True
    known = (column.codes >= 0) & (dataset.labels >= 0)
    pairs = np.unique(np.stack([dataset.labels[known], column.codes[known]], axis=1), axis=0)
    return len(pairs) > len(np.unique(dataset.labels[known]))


class _Part:
    """The scores of a system for a part of its gallery."""

    def __init__(self, system: System, items: np.ndarray) -> None:
        self.system, self.items = system, items
        self.n_queries, self.n_gallery = system.n_queries, len(items)

    def block(self, start: int, stop: int) -> np.ndarray:
        """(stop − start, n_items) scores."""
        return np.ascontiguousarray(self.system.block(start, stop)[:, self.items])


def average_precisions(
    systems: Sequence[System], dataset: Dataset, column: SliceColumn, task: Task = NO_TASK
) -> dict[str, np.ndarray]:
    """System → (n_queries, n_domains) float64: average precision in the gallery of each domain, NaN where undefined."""
    split, made = dataset.split, {}
    parts = [np.flatnonzero(column.codes[split.gallery] == value) for value in range(len(column.values))]
    truths = [data.relevance(dataset, Split(split.queries, split.gallery[items], split.train)) for items in parts]
    for system in task.each("Ranking by domain", systems, "systems"):
        rows = np.full((system.n_queries, len(parts)), np.nan)
        for value, (items, truth) in enumerate(zip(parts, truths)):
            task.check()
            if len(items):
                rows[:, value] = metrics.compute(rank_scores(_Part(system, items), truth).ranks, ("map",))["map"]
        made[system.name] = rows
    return made


def matrices(
    systems: Sequence[System],
    truth: Relevance,
    dataset: Dataset,
    column: SliceColumn,
    *,
    by_class: bool = True,
    seed: int = 0,
    task: Task = NO_TASK,
) -> list[DomainMatrix]:
    """From every domain to every domain, by every system.

    Args:
        truth: of the dataset's split; its classes are what intervals draw.
        column: over all images (`domain_column`).
    Raises:
        BadInput: no query has a relevant image in any domain.
    """
    unit = ResamplingUnit.of(truth, by_class)
    of_queries = column.codes[dataset.split.queries]
    precisions = average_precisions(systems, dataset, column, task)
    made = []
    for system in systems:
        rows = precisions[system.name]
        rows = np.where((of_queries >= 0)[:, None], rows, np.nan)
        if np.isnan(rows).all():
            raise BadInput(f"No query has a relevant image in any domain of {column.name!r}; choose another column.")
        share, chance = _own_share(system, truth, dataset, column)
        made.append(_matrix(system.name, rows, of_queries, column, unit, share, chance, seed))
    return made


def _matrix(
    name: str,
    rows: np.ndarray,
    of_queries: np.ndarray,
    column: SliceColumn,
    unit: ResamplingUnit,
    share: float,
    chance: float,
    seed: int,
) -> DomainMatrix:
    count = len(column.values)
    mean, low, high = (np.full((count, count), np.nan) for _ in range(3))
    n = np.zeros((count, count), np.int64)
    for row in range(count):
        mine = np.flatnonzero(of_queries == row)
        if not len(mine):
            continue
        n[row] = (~np.isnan(rows[mine])).sum(axis=0)
        some = n[row] > 0
        mean[row, some] = np.nanmean(rows[mine][:, some], axis=0)
        low[row], high[row] = _ends(rows[mine], unit, mine, seed)
    same = np.arange(count)[None, :] == of_queries[:, None]
    within = np.where(same, rows, np.nan)
    inside = np.where((~np.isnan(within)).any(axis=1), np.nansum(within, axis=1), np.nan)
    others = np.where(same, np.nan, rows)
    seen = (~np.isnan(others)).sum(axis=1)
    outside = np.where(seen > 0, np.nansum(others, axis=1) / np.maximum(seen, 1), np.nan)
    within_figure, across_figure = _figure(inside, unit, seed), _figure(outside, unit, seed)
    return DomainMatrix(
        name, column.name, column.values, n, mean, low, high, within_figure, across_figure, share, chance, unit
    )


def _ends(rows: np.ndarray, unit: ResamplingUnit, queries: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Interval of each column; each with the classes of its same valid queries."""
    low, high = np.full(rows.shape[1], np.nan), np.full(rows.shape[1], np.nan)
    for at, values in enumerate(rows.T):
        valid = ~np.isnan(values)
        if valid.any():
            low[at], high[at] = resampling.interval(values[valid], seed=seed, classes=unit.groups_of(queries[valid]))
    return low, high


def _figure(values: np.ndarray, unit: ResamplingUnit, seed: int) -> Figure:
    valid = ~np.isnan(values)
    if not valid.any():
        return Figure(np.nan, np.nan, np.nan, len(values), 0)
    low, high = resampling.interval(values[valid], seed=seed, classes=unit.groups_of(np.flatnonzero(valid)))
    return Figure(float(values[valid].mean()), low, high, len(values), int(valid.sum()))


def _own_share(system: System, truth: Relevance, dataset: Dataset, column: SliceColumn) -> tuple[float, float]:
    """How many of the first ten are of the query's same domain, and how many would be by chance."""
    items = rank_scores(system, truth, k=DEPTH).items
    of_queries = column.codes[dataset.split.queries]
    of_gallery = column.codes[dataset.split.gallery]
    known = of_queries >= 0
    listed = items >= 0
    same = (of_gallery[np.maximum(items, 0)] == of_queries[:, None]) & listed
    share = same[known].sum() / max(1, listed[known].sum())
    sizes = np.bincount(of_gallery[of_gallery >= 0], minlength=len(column.values))
    here = (dataset.split.self_position >= 0)[known]
    chance = (sizes[of_queries[known]] - here) / np.maximum(1, len(of_gallery) - here)
    return float(share), float(chance.mean()) if known.any() else np.nan
