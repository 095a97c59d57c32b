"""What backbones and fusions cost on this machine, and what every subset of backbones gives for it."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from core import metrics
from core.fusion import FusionSpec
from core.metrics import resampling
from core.studies.comparison import Estimate, ResamplingUnit, cross_fitted_best
from core.studies.weight_search import EQUAL, best_point

MOST_FOR_SUBSETS = 8
"""All subsets are tried of so many backbones at most: 255 of eight."""


def subsets(names: Sequence[str]) -> list[tuple[str, ...]]:
    """All subsets but the empty one, smaller first, each in the order of `names`."""
    return [chosen for size in range(1, len(names) + 1) for chosen in itertools.combinations(names, size)]


@dataclass(frozen=True)
class FusionCost:
    """What one backbone costs on this machine; None is not measured (or not known)."""

    milliseconds: float | None = None
    megabytes: float | None = None
    commercial: bool | None = None

    def plus(self, other: FusionCost) -> FusionCost:
        """Both together: sums, and commercial only where both are."""

        def added(a: float | None, b: float | None) -> float | None:
            return None if a is None or b is None else a + b

        unknown = None if None in (self.commercial, other.commercial) else True
        commercial = False if False in (self.commercial, other.commercial) else unknown
        return FusionCost(
            added(self.milliseconds, other.milliseconds), added(self.megabytes, other.megabytes), commercial
        )


def total_cost(backbones: Sequence[str], costs: Mapping[str, FusionCost]) -> FusionCost:
    """The sum over the backbones used."""
    total = FusionCost(0.0, 0.0, True)
    for name in backbones:
        total = total.plus(costs.get(name, FusionCost()))
    return total


@dataclass(frozen=True)
class SubsetCost:
    """One subset with its weights: what it gives and what it costs.

    Attributes:
        value: mean AP; per_query: (n_queries,) AP, NaN where not valid.
        on_front: nothing is better without costing more.
    """

    backbones: tuple[str, ...]
    shares: tuple[float, ...]
    value: float
    cost: FusionCost
    on_front: bool = False
    per_query: np.ndarray = field(default_factory=lambda: np.empty(0), repr=False, compare=False)


def offers_of(
    points: np.ndarray, per_query: np.ndarray, backbones: Sequence[str], costs: Mapping[str, FusionCost]
) -> list[SubsetCost]:
    """Every weighting of every subset, and what it costs.

    Args:
        points: (n_points, n_backbones) shares, 0 for a backbone that is left out.
        per_query: (n_points, n_queries) AP, NaN where not valid.
    """
    offers = []
    for point, values in zip(points, per_query, strict=True):
        shares = {name: float(share) for name, share in zip(backbones, point, strict=True) if share > 1e-9}
        cost, mean = total_cost(tuple(shares), costs), metrics.mean(values)
        offers.append(SubsetCost(tuple(shares), tuple(shares.values()), mean, cost, per_query=values))
    return offers


def best_offers(offers: Sequence[SubsetCost]) -> list[SubsetCost]:
    """The best weighting of every subset, smaller subsets first; those without a value are left out."""
    by_subset: dict[tuple[str, ...], list[SubsetCost]] = {}
    for offer in offers:
        if not math.isnan(offer.value):
            by_subset.setdefault(offer.backbones, []).append(offer)
    best = []
    for backbones in sorted(by_subset, key=lambda chosen: (len(chosen), chosen)):
        weighted = by_subset[backbones]
        shares = np.array([offer.shares for offer in weighted])
        best.append(weighted[best_point(shares, np.array([offer.value for offer in weighted]))])
    return best


def pareto_front(costs: Sequence[float | None], values: Sequence[float]) -> np.ndarray:
    """(n,) bool: the Pareto front, those that nobody beats without costing more; unknown ones are never on it.

    Of those equal in both, all are on the front.

    >>> pareto_front([1.0, 2.0, 3.0, None], [0.5, 0.4, 0.9, 1.0])
    array([ True, False,  True, False])
    """
    price = np.array([math.nan if cost is None else cost for cost in costs], float)
    value = np.asarray(values, float)
    known = ~np.isnan(price) & ~np.isnan(value)
    front = known.copy()
    for i in np.flatnonzero(known):
        no_worse = (price <= price[i]) & (value >= value[i] - EQUAL)
        front[i] = not (no_worse & ((price < price[i]) | (value > value[i] + EQUAL)) & known).any()
    return front


def by_cost(offers: Sequence[SubsetCost], by: str = "milliseconds") -> list[SubsetCost]:
    """The offers, cheapest first, each marked if it is on the Pareto front. Unknown costs are left out."""
    known = [offer for offer in offers if getattr(offer.cost, by) is not None and not math.isnan(offer.value)]
    known.sort(key=lambda offer: (getattr(offer.cost, by), -offer.value, len(offer.backbones), offer.backbones))
    front = pareto_front([getattr(offer.cost, by) for offer in known], [offer.value for offer in known])
    return [dataclasses.replace(offer, on_front=bool(marked)) for offer, marked in zip(known, front, strict=True)]


@dataclass(frozen=True)
class Budget:
    """What may be spent; None is no limit.

    An offer whose cost is not known does not fit a limit on it; one whose licence is not known is not commercial.
    """

    milliseconds: float | None = None
    megabytes: float | None = None
    commercial_only: bool = False

    def fits(self, offer: SubsetCost) -> bool:
        """Whether an offer stays within all limits and has a value."""
        limits = ((self.milliseconds, offer.cost.milliseconds), (self.megabytes, offer.cost.megabytes))
        cheap = all(limit is None or (cost is not None and cost <= limit) for limit, cost in limits)
        return cheap and (not self.commercial_only or offer.cost.commercial is True) and not math.isnan(offer.value)


def within_budget(offers: Sequence[SubsetCost], budget: Budget) -> SubsetCost | None:
    """The best offer within the budget; of equal ones the cheaper, then the smaller. None when nothing fits."""

    def order(offer: SubsetCost) -> tuple:
        spent = [math.inf if c is None else c for c in (offer.cost.milliseconds, offer.cost.megabytes)]
        return (-round(offer.value, 12), *spent, len(offer.backbones), offer.backbones)

    return min(filter(budget.fits, offers), key=order, default=None)


def chosen_within_budget(offers: Sequence[SubsetCost], budget: Budget, unit: ResamplingUnit) -> Estimate | None:
    """What the best offer within the budget is worth on queries that did not choose it; None when nothing fits."""
    columns = {str(number): offer.per_query for number, offer in enumerate(offers) if budget.fits(offer)}
    if not columns:
        return None
    crossed = cross_fitted_best(columns, unit)
    return Estimate(metrics.mean(crossed), *resampling.interval(crossed, classes=unit.groups))


def subset_spec(spec: FusionSpec, chosen: Sequence[str]) -> FusionSpec | None:
    """The fusion with only these backbones, the others' weight 0; None when none of them has a weight."""
    weights = spec.weights or (1.0,) * len(spec.backbones)
    remaining = [weight if name in chosen else 0.0 for name, weight in zip(spec.backbones, weights, strict=True)]
    return spec.with_weights(remaining) if any(remaining) else None
