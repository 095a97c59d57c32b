"""Which system of a dataset returns most, a backbone or an equal mix, and whether that holds where it was not chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from core.fusion import FusionSpec
from core.metrics.significance import Difference
from core.studies.comparison import Estimate, ResamplingUnit, compare, cross_fitted_best
from core.studies.fusion_baseline import strongest
from core.studies.fusion_evaluator import FusionEvaluator

STRONGEST = 3
"""Mixes are made of so many of the backbones that are best alone, and of all of them."""


@dataclass(frozen=True)
class Headline:
    """The best mix beside the best backbone, each chosen on classes that it is not reported on.

    Attributes:
        mix, single: the backbones of the mix and the backbone that have the best mean over all queries.
        mix_figure, single_figure: what the choice of a mix, and of a backbone, is worth on classes that did not make it.
        difference: the first less the second, on the same queries; None for one backbone alone.
        n_valid, n_queries: queries with a relevant image, and all.
        unit: what was drawn and flipped as a whole.
    """

    mix: tuple[str, ...]
    single: str
    mix_figure: Estimate
    single_figure: Estimate
    difference: Difference | None
    n_valid: int
    n_queries: int
    unit: ResamplingUnit

    @property
    def gain(self) -> bool:
        """A mix is better than the best backbone by the one rule (`Difference.differs`)."""
        return self.difference is not None and self.difference.mean > 0 and self.difference.differs


def mixes(backbones: Sequence[str], means: dict[str, float]) -> list[tuple[str, ...]]:
    """The equal mixes that are tried: all subsets of the strongest few, and all backbones together."""
    few = strongest(means, STRONGEST)
    tried = [subset for size in range(2, len(few) + 1) for subset in combinations(few, size)]
    everything = tuple(backbones)
    return tried if len(everything) < 2 or set(everything) in map(set, tried) else [*tried, everything]


def headline(
    evaluator: FusionEvaluator, backbones: Sequence[str], *, metric: str = "map", by_class: bool = True
) -> Headline:
    """The best mix and the best backbone, compared on classes that chose neither (`cross_fitted`).

    Args:
        metric: a list metric.
        by_class: whole classes choose, report, are drawn and flipped.
    """
    if evaluator.by_slices:
        evaluator.prepare(list(backbones), (metric,))
    singles = {name: evaluator.values(name, (metric,))[metric] for name in backbones}
    valid = ~np.isnan(np.stack(list(singles.values()))).any(axis=0)
    means = {name: float(values[valid].mean()) if valid.any() else np.nan for name, values in singles.items()}
    specs = {names: FusionSpec("mix", "concat", names) for names in mixes(backbones, means)}
    if evaluator.by_slices and specs:
        evaluator.prepare(list(specs.values()), (metric,))
    columns = {names: evaluator.values(spec, (metric,))[metric] for names, spec in specs.items()}
    unit = ResamplingUnit.of(evaluator.truth, by_class)
    chosen = {"single": cross_fitted_best(singles, unit)}
    if columns:
        chosen["mix"] = cross_fitted_best({" ".join(names): column for names, column in columns.items()}, unit)
    pairs = [("mix", "single")] if columns and valid.any() else []
    comparison = compare(chosen, unit, pairs=pairs, metric=metric, choose=False)
    single = strongest(means, 1)[0]
    best = max(columns, key=lambda names: float(np.nan_to_num(columns[names][valid].sum())), default=(single,))
    return Headline(
        best,
        single,
        comparison.estimates.get("mix", comparison.estimates["single"]),
        comparison.estimates["single"],
        comparison.differences.get(("mix", "single")),
        int(valid.sum()),
        len(valid),
        unit,
    )
