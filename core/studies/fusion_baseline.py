"""Is the fusion better than its best backbone? Asked on the same queries, answered with an interval and in words."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from core import metrics
from core.backbones import network
from core.fusion import FusionSpec
from core.metrics import resampling
from core.metrics.significance import Difference
from core.studies import evaluation_warnings
from core.studies.comparison import Comparison, Estimate, ResamplingUnit, compare, cross_fitted, cross_fitted_best
from core.studies.fusion_costs import FusionCost, total_cost
from core.studies.fusion_evaluator import FusionEvaluator, identity
from core.studies.training_split import refuse_trained
from core.task import NO_TASK, Task
from core.types import TieRange
from core.wording import figures

ORACLE = "best per query (upper bound)"
"""Not a system: for every query the best of the rows above. Nobody can choose like that without knowing the answer."""


@dataclass(frozen=True)
class Row:
    """One line of the comparison.

    Attributes:
        name: the system.
        role: "backbone", "equal", "fusion" or "oracle".
        per_query: (n_queries,) float64, NaN where not valid.
        mean, low, high: over valid queries, 95 % interval.
        versus: the paired difference to the best single backbone, None for that one itself and for the oracle.
        cost: sums over the backbones used.
        ties: what the order of equal scores decides, None where few or none tie.
    """

    name: str
    role: str
    per_query: np.ndarray
    mean: float
    low: float
    high: float
    versus: Difference | None
    cost: FusionCost
    ties: TieRange | None = None


@dataclass(frozen=True)
class BaselineComparison:
    """A fusion beside its backbones, on the same queries.

    Attributes:
        rows: every single backbone, equal weights, the fusion, the oracle.
        best: name of the best single backbone.
        n_queries, n_valid: asked, and with at least one relevant item.
        comparison: every row but the oracle against the best single backbone.
        chosen: the best single backbone on queries that did not choose it.
    """

    rows: tuple[Row, ...]
    best: str
    n_queries: int
    n_valid: int
    comparison: Comparison
    chosen: Estimate | None = None

    @property
    def metric(self) -> str:
        """What was compared: a key of METRICS."""
        return self.comparison.metric

    @property
    def resampled(self) -> str:
        """What was drawn and flipped as a whole: "classes", or "queries"."""
        return self.comparison.unit.name

    @property
    def caution(self) -> str:
        """What the intervals and p-values stand on, to be shown beside them."""
        return self.comparison.caution

    @property
    def ties(self) -> str:
        """The warning about rows whose figures are the storage order of the dataset in part; "" when there are none."""
        tied = {row.name: row.ties for row in self.rows if row.ties is not None and row.ties.shows}
        return evaluation_warnings.tie_sentence(list(tied.items()), self.n_valid) if tied else ""

    @property
    def choice(self) -> str:
        """What the best single backbone is worth where it was not chosen; "" for one backbone alone."""
        if self.chosen is None:
            return ""
        n = sum(row.role == "backbone" for row in self.rows)
        return (
            f"{self.best} was seen to be the best of {n} on these queries; on queries that did not choose, the best single "
            f"reaches {self.chosen.mean:.3f} [{self.chosen.low:.3f}, {self.chosen.high:.3f}]."
        )

    def row(self, role: str) -> Row:
        """The one row of a role."""
        return next(row for row in self.rows if row.role == role)

    def strongest(self, count: int = 2) -> tuple[str, ...]:
        """The backbones that are best alone, best first; undefined ones last. Of a network's two modes the better one."""
        return strongest({row.name: row.mean for row in self.rows if row.role == "backbone"}, count)

    @property
    def gain(self) -> bool:
        """True when the fusion is better than its best backbone by the one rule (`Difference.differs`)."""
        return is_gain(self.row("fusion").versus)

    @property
    def verdict(self) -> str:
        """In words, for people."""
        return verdict(self.row("fusion").versus, self.best, self.n_valid)


def is_gain(versus: Difference | None) -> bool:
    """True when a fusion is better than its best backbone by the one rule; None is that backbone alone."""
    return versus is not None and versus.mean > 0 and versus.differs


def verdict(versus: Difference | None, best: str, n_valid: int) -> str:
    """What the difference between a fusion and its best backbone amounts to, in words, for people.

    Args:
        versus: the fusion less the backbone `best`; None where it is that backbone alone.
    """
    if not n_valid:
        return "No query has a relevant image, so nothing can be said."
    if versus is None:
        return f"no gain shown: the fusion is {best} alone."
    interval = f"{figures.signed(versus.mean)} {figures.interval(versus.low, versus.high, sign=True)}, {versus.holm}"
    if versus.differs and versus.mean > 0:
        return f"gain over {best} alone: {interval}."
    if versus.differs:
        return f"no gain shown: {best} alone is better ({interval})."
    if versus.mean <= 0:
        return f"no gain shown: {best} alone is at least as good ({interval})."
    if versus.contradicts:
        return f"no gain shown: the two tests disagree about {best} alone, so nothing is concluded ({interval})."
    if versus.too_few:
        return f"no gain shown: {versus.n_units} classes are too few to tell it from {best} alone ({interval})."
    return f"no gain shown: it cannot be told apart from {best} alone ({interval})."


def strongest(means: Mapping[str, float], count: int = 2) -> tuple[str, ...]:
    """The backbones with the best means, best first; undefined ones last. Of a network's two modes the better one."""
    networks: dict[str, str] = {}
    for name in sorted(means, key=lambda name: (math.isnan(means[name]), -means[name])):
        networks.setdefault(network(name), name)
    return tuple(networks.values())[:count]


def equal_weights(spec: FusionSpec) -> FusionSpec | None:
    """The same fusion with equal weights, which stands beside it; None for trained ones, which have no other weights."""
    return None if spec.strategy.learned else spec.with_shares(dict.fromkeys(spec.backbones, 1.0))


def chosen_mix(
    evaluator: FusionEvaluator, backbones: Sequence[str], *, count: int = 2, metric: str = "map", by_class: bool = True
) -> Estimate:
    """Equal shares of the best `count` backbones, on queries that did not choose them.

    Chosen and reported on the same queries, such a mix looks better than it is on others.
    """
    unit = ResamplingUnit.of(evaluator.truth, by_class)
    columns = {name: evaluator.values(name, (metric,))[metric] for name in backbones}
    valid = ~np.isnan(np.stack(list(columns.values()))).any(axis=0)

    def choose(mask: np.ndarray) -> tuple[str, ...]:
        return strongest({name: float(column[mask].mean()) for name, column in columns.items()}, count)

    @cache
    def values_of(names: tuple[str, ...]) -> np.ndarray:
        return evaluator.values(FusionSpec("mix", "concat", names), (metric,))[metric]

    crossed = cross_fitted(choose, values_of, unit, valid)
    return Estimate(metrics.mean(crossed), *resampling.interval(crossed, classes=unit.groups))


def _systems(spec: FusionSpec) -> list[tuple[str | FusionSpec, str, str, tuple[str, ...]]]:
    """What is compared: (system, name, role, backbones used), each backbone, equal weights where there are any, the fusion."""
    even = equal_weights(spec)
    return [
        *((name, name, "backbone", (name,)) for name in spec.backbones),
        *([] if even is None else [(even, "equal weights", "equal", spec.backbones)]),
        (spec, spec.name, "fusion", spec.active),
    ]


def _not_compared(name: str, role: str, per_query: np.ndarray, cost: FusionCost) -> Row:
    return Row(name, role, per_query, mean=math.nan, low=math.nan, high=math.nan, versus=None, cost=cost)


def compare_to_baseline(
    evaluator: FusionEvaluator,
    spec: FusionSpec,
    *,
    metric: str = "map",
    keys: Sequence[str] | None = None,
    costs: Mapping[str, FusionCost] | None = None,
    by_class: bool = True,
    draws: int = resampling.DRAWS,
    seed: int = 0,
    task: Task = NO_TASK,
) -> BaselineComparison:
    """A fusion beside each of its backbones, equal weights, and the oracle, with differences to the best single one.

    Holm's correction runs over all pairs tested: every other row against the best single backbone.

    Args:
        metric: a list metric, e.g. "map", "p@10".
        keys: content keys of the queries, so that a fitted fusion is refused on what it was fitted on.
        costs: of backbones; sums stand beside each row.
        by_class: whole classes are drawn and flipped where queries share them; False assumes independent queries.
    Raises:
        BadInput: the fusion was fitted on some of these queries.
    """
    if keys is not None:
        refuse_trained(spec, keys)
    systems = _systems(spec)
    rows = [
        _not_compared(name, role, evaluator.values(what, (metric,))[metric], total_cost(used, costs or {}))
        for what, name, role, used in task.each("Comparing", systems, "systems")
    ]
    ids = [f"{role} {identity(what)}" for what, _, role, _ in systems]
    values = {key: row.per_query for key, row in zip(ids, rows, strict=True)}
    each = np.stack(list(values.values()))
    valid = ~np.isnan(each).any(axis=0)
    singles = {row.name: metrics.mean(row.per_query) for row in rows[: len(spec.backbones)]}
    best = max(singles, key=lambda name: np.nan_to_num(singles[name], nan=-1.0))
    base, unit = ids[spec.backbones.index(best)], ResamplingUnit.of(evaluator.truth, by_class)
    alone = rows[-1].role == "fusion" and spec.active == (best,) and not spec.steps
    pairs = [(key, base) for key in ids if key != base and not (alone and key == ids[-1])] if valid.any() else []
    comparison = compare(
        values, unit, pairs=pairs, metric=metric, draws=draws, seed=seed, remember=evaluator.remember, choose=False
    )
    oracle = np.where(valid, np.where(valid, each, 0.0).max(axis=0), np.nan)
    rows = [
        dataclasses.replace(
            row,
            **dataclasses.asdict(comparison.estimates[key]),
            versus=comparison.differences.get((key, base)),
            ties=evaluator.ties(what),
        )
        for key, row, (what, *_) in zip(ids, rows, systems, strict=True)
    ]
    low, high = resampling.interval(oracle, draws, seed, unit.groups)
    bare = _not_compared(ORACLE, "oracle", oracle, total_cost(spec.backbones, costs or {}))
    rows.append(dataclasses.replace(bare, mean=metrics.mean(oracle), low=low, high=high))
    chosen = _chosen_single(
        evaluator, {name: values[key] for name, key in zip(singles, ids)}, unit, metric, draws, seed
    )
    return BaselineComparison(tuple(rows), best, each.shape[1], int(valid.sum()), comparison, chosen)


def _chosen_single(
    evaluator: FusionEvaluator,
    singles: Mapping[str, np.ndarray],
    unit: ResamplingUnit,
    metric: str,
    draws: int,
    seed: int,
) -> Estimate | None:
    """The best single backbone on queries that did not choose it; None for one backbone, or where nothing is valid."""

    def estimate() -> Estimate:
        crossed = cross_fitted_best(singles, unit, seed)
        return Estimate(metrics.mean(crossed), *resampling.interval(crossed, draws, seed, unit.groups))

    if len(singles) < 2:
        return None
    chosen = evaluator.remember(("chosen", *singles, metric, draws, seed, unit.name), estimate)
    return None if math.isnan(chosen.mean) else chosen
