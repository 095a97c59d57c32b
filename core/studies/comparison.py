"""Systems on the same queries: means with intervals, paired differences, Holm's correction, and what is concluded.

Everything that compares systems (tables, pages, report, command line, catalogue) asks here, so that one pair is judged
alike everywhere: `Difference.differs` is the one rule.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np

from core import metrics
from core.metrics import resampling, significance
from core.metrics.significance import FEW_CLASSES, Difference
from core.types import Relevance
from core.wording import p_value

FOLDS = 10
"""Parts of the classes in cross-fitting: nine choose, the tenth reports."""
REPEATS = 20
"""Seeded partitions that cross-fitting averages over."""

Remember = Callable[[tuple, Callable[[], Any]], Any]


# ---------------------------------------------------------------- what is drawn as a whole


@dataclass(frozen=True)
class ResamplingUnit:
    """What intervals draw, and tests flip, as a whole.

    Attributes:
        name: "classes" (queries that share relevant images, by label or instance), or "queries".
        groups: (n_queries,) int64 class of each query where classes are drawn, else None.
        n: how many units have a valid query.
        dependent: queries share relevant images, so that drawing them one by one assumes what is not so.
    """

    name: str
    groups: np.ndarray | None = field(repr=False)
    n: int
    dependent: bool

    @classmethod
    def of(cls, truth: Relevance, by_class: bool = True) -> ResamplingUnit:
        """Whole classes where queries share them, unless single queries are asked for.

        Args:
            by_class: False draws queries one by one: optimistic, since it assumes that they are independent.
        """
        valid, groups = truth.n_relevant > 0, truth.query_groups
        if by_class and groups is not None:
            return cls("classes", groups, len(np.unique(groups[valid])), True)
        return cls("queries", None, int(valid.sum()), truth.queries_share_items)

    def groups_of(self, queries: np.ndarray) -> np.ndarray | None:
        """The classes of some of the queries, by position or mask; None where fewer than two classes are among them."""
        groups = None if self.groups is None else self.groups[queries]
        return None if groups is None or len(np.unique(groups[groups >= 0])) < 2 else groups

    @property
    def few(self) -> bool:
        """So few classes that they cannot tell, unless the exact test of their signs can."""
        return self.name == "classes" and self.n < FEW_CLASSES

    @property
    def caution(self) -> str:
        """What intervals and p-values stand on, to be shown beside them."""
        if self.name == "classes":
            few = f" {self.n} classes are few: only large, steady differences can be told." if self.few else ""
            return (
                f"Intervals draw whole classes ({self.n:,}), and tests flip whole classes, since queries of one class share "
                f"their relevant images.{few} They speak of such classes, not of another dataset."
            )
        if self.dependent:
            return (
                "Optimistic: queries are taken as independent, though they share relevant images, so intervals are too "
                "narrow and p-values too small. They speak of these queries, not of another dataset."
            )
        return (
            "Intervals and tests take the queries as independent. They speak of these queries, not of another dataset."
        )


# ---------------------------------------------------------------- the comparison


@dataclass(frozen=True)
class Estimate:
    """A mean over valid queries and its 95 % interval; NaN where nothing is valid."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Comparison:
    """Several systems on the same queries, in one metric.

    Attributes:
        metric: key of METRICS.
        estimates: system → mean and interval.
        differences: (A, B) → A less B, Holm-corrected over all pairs tested.
        unit: what was drawn and flipped as a whole.
        chosen: the best system on queries that did not choose it (`cross_fitted`); None for one system alone.
    """

    metric: str
    estimates: Mapping[str, Estimate]
    differences: Mapping[tuple[str, str], Difference]
    unit: ResamplingUnit
    chosen: Estimate | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The systems, in the order in which they were given."""
        return tuple(self.estimates)

    @property
    def order(self) -> tuple[str, ...]:
        """The systems, best mean first; undefined ones last, equal ones in the order given."""
        means = {name: estimate.mean for name, estimate in self.estimates.items()}
        return tuple(sorted(means, key=lambda name: (np.isnan(means[name]), -means[name])))

    def difference(self, a: str, b: str) -> Difference:
        """A less B, whichever way round it was tested."""
        return self.differences[a, b] if (a, b) in self.differences else self.differences[b, a].turned()

    @property
    def caution(self) -> str:
        """What intervals and p-values stand on, and what p is corrected over: to be shown beside them."""
        n = len(self.differences)
        corrected = f" p is corrected (Holm) over the {n:,} pairs compared here." if n > 1 else ""
        return self.unit.caution + corrected

    @property
    def tie_groups(self) -> dict[str, str]:
        """Letters: systems that share one cannot be told apart."""
        return significance.tie_groups({name: e.mean for name, e in self.estimates.items()}, self.differences)

    def tied_with_best(self) -> list[str]:
        """The systems that cannot be told apart from the one with the best mean."""
        best, *rest = self.order
        return [name for name in rest if not self.difference(best, name).differs]

    def contradictions(self, titles: Mapping[str, str] | None = None) -> str:
        """The sentence about pairs whose two tests contradict each other; "" when there is none.

        Args:
            titles: system → what people call it.
        """
        titles = titles or {}
        pairs = [
            f"{titles.get(a, a)} and {titles.get(b, b)} (randomisation {p_value(d.p)}, Wilcoxon {p_value(d.wilcoxon)})"
            for (a, b), d in self.differences.items()
            if d.n and d.contradicts
        ]
        if not pairs:
            return ""
        return (
            f"The two tests contradict each other about {'; '.join(pairs)}, as they may with many small losses and a few "
            f"large wins; nothing is concluded about {'these pairs' if len(pairs) > 1 else 'this pair'}."
        )

    def lead(self, titles: Mapping[str, str] | None = None) -> str:
        """Whether the best system is ahead, in words that follow its name and figure; "" for one system alone.

        Args:
            titles: system → what people call it.
        """
        titles = titles or {}
        best, *rest = self.order
        if not rest or np.isnan(self.estimates[best].mean):
            return ""
        tied = [titles.get(name, name) for name in self.tied_with_best()]
        if tied:
            names = tied[0] if len(tied) == 1 else f"{', '.join(tied[:-1])} and {tied[-1]}"
            few = f" ({self.unit.n} classes are too few to tell)" if self.unit.few else ""
            sentence = f"It cannot be told apart from {names}{few}."
        else:
            second = self.difference(best, rest[0])
            sentence = (
                f"It is ahead of {titles.get(rest[0], rest[0])} by {second.mean:.3f} [{second.low:.3f}, {second.high:.3f}], "
                f"{second.holm}."
            )
        if self.chosen is not None:
            sentence += (
                f" On queries that did not choose it, the best of {len(self.names)} reaches {self.chosen.mean:.3f}."
            )
        return sentence


def _at_once(key: tuple, make: Callable[[], Any]) -> Any:
    return make()


def compare(
    values: Mapping[str, np.ndarray],
    unit: ResamplingUnit,
    *,
    metric: str = "map",
    base: str | None = None,
    pairs: Iterable[tuple[str, str]] | None = None,
    draws: int = resampling.DRAWS,
    seed: int = 0,
    remember: Remember = _at_once,
    choose: bool = True,
) -> Comparison:
    """Means with intervals, and paired differences corrected by Holm over all of them.

    Args:
        values: system → (n_queries,) per-query values, NaN for the same queries.
        unit: what is drawn and flipped as a whole.
        base: compare the others with this one only; None compares every pair.
        pairs: (A, B) to compare, instead of either.
        remember: (key, make) → what `make` gives, kept under the key by the caller; the keys name the systems.
        choose: also say what the best system is worth on queries that did not choose it.
    """
    if pairs is None:
        pairs = combinations(values, 2) if base is None else [(name, base) for name in values if name != base]
    pairs = list(pairs)
    how = (metric, seed, unit.name)
    estimates = {}
    for name, column in values.items():
        ends = remember(("interval", name, draws, *how), partial(resampling.interval, column, draws, seed, unit.groups))
        estimates[name] = Estimate(metrics.mean(column), *ends)
    differences = {}
    for a, b in pairs:
        test = partial(significance.compare, values[a], values[b], draws=draws, seed=seed)
        differences[a, b] = remember(("difference", a, b, draws, *how), partial(test, classes=unit.groups))
    chosen = None
    if choose and len(values) > 1:
        crossed = cross_fitted_best(values, unit, seed)
        if not np.isnan(crossed).all():
            chosen = Estimate(metrics.mean(crossed), *resampling.interval(crossed, draws, seed, unit.groups))
    return Comparison(metric, estimates, significance.corrected(differences), unit, chosen)


# ---------------------------------------------------------------- chosen among many, and reported honestly


def _folds(unit: ResamplingUnit, valid: np.ndarray, seed: int) -> Iterable[np.ndarray]:
    """(n_queries,) bool, the part that reports, for every fold of every partition; whole units stay together."""
    groups = np.where(valid, np.arange(len(valid)) if unit.groups is None else unit.groups, -1)
    _, codes = np.unique(groups[valid], return_inverse=True)
    n_units = codes.max() + 1
    random = np.random.default_rng([seed, 3])
    for _ in range(REPEATS if n_units > FOLDS else 1):
        fold_of_unit = random.permutation(np.arange(n_units) % FOLDS) if n_units > FOLDS else np.arange(n_units)
        for fold in range(min(FOLDS, n_units)):
            reports = np.zeros(len(valid), bool)
            reports[valid] = fold_of_unit[codes] == fold
            yield reports


def cross_fitted(
    choose: Callable[[np.ndarray], Hashable],
    values_of: Callable[[Any], np.ndarray],
    unit: ResamplingUnit,
    valid: np.ndarray,
    seed: int = 0,
) -> np.ndarray:
    """What a choice among many is worth on queries that did not make it: (n_queries,) float64, NaN where not valid.

    The classes are parted ten ways, twenty times (each alone where there are ten or fewer); nine parts choose, the
    tenth reports what they chose. Chosen and reported on the same queries, the best of many looks better than it is.

    Args:
        choose: (n_queries,) bool mask of the queries that may be looked at → the choice, any key.
        values_of: the choice → its (n_queries,) per-query values.
        valid: (n_queries,) bool.
    Reference: Stone 1974, doi:10.1111/j.2517-6161.1974.tb00994.x.
    """
    total, count = np.zeros(len(valid)), np.zeros(len(valid))
    if valid.any():
        for reports in _folds(unit, valid, seed):
            if (valid & ~reports).any():
                total[reports] += values_of(choose(valid & ~reports))[reports]
                count[reports] += 1
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def cross_fitted_best(values: Mapping[str, np.ndarray], unit: ResamplingUnit, seed: int = 0) -> np.ndarray:
    """`cross_fitted` for the choice of the best mean: (n_queries,) float64."""
    names = list(values)
    columns = np.stack([np.asarray(values[name], np.float64) for name in names])
    valid = np.asarray(~np.isnan(columns).any(axis=0))
    totals = columns[:, valid].sum(axis=1)

    def best(mask: np.ndarray) -> str:
        # Of the means only the order counts, and the part that is left out is the smaller one to add up.
        return names[int((totals - columns[:, valid & ~mask].sum(axis=1)).argmax())]

    return cross_fitted(best, values.__getitem__, unit, valid, seed)
