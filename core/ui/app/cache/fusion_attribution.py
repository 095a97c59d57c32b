"""What each backbone adds to a fusion, and mAP over all weightings."""

from __future__ import annotations

import numpy as np

from core import metrics, wording
from core.fusion import FusionSpec
from core.studies import fusion_attribution, fusion_costs, weight_landscape, weight_search
from core.studies.comparison import Estimate, ResamplingUnit
from core.types import Dataset
from core.ui.app.cache.backbone_costs import costs
from core.ui.app.cache.fusions import evaluator, objective
from core.ui.app.cache.vector_sets import relevance_of
from core.ui.app.cached import cached

shared = wording.page("shared")


def _without_shares(loaded: Dataset, names: tuple[str, ...], spec: FusionSpec) -> tuple:
    return spec.kind, spec.parameters, spec.prepare


def _shares_of_many(loaded: Dataset, names: tuple[str, ...], spec: FusionSpec) -> FusionSpec | tuple:
    return spec if len(names) > 3 else _without_shares(loaded, names, spec)


@cached(max_entries=32, spinner=shared("sentence.all_weightings"), ignore=("spec",), also=_shares_of_many)
def landscape(loaded: Dataset, names: tuple[str, ...], spec: FusionSpec) -> weight_landscape.Landscape:
    """mAP over the weights; for up to three backbones it is the same wherever the sliders stand."""
    return weight_landscape.landscape(
        objective(loaded, names, spec), names, spec.shares, groups=relevance_of(loaded).query_groups
    )


@cached(max_entries=64, spinner=shared("sentence.subsets"))
def attribution(loaded: Dataset, names: tuple[str, ...], spec: FusionSpec) -> fusion_attribution.Attribution:
    """What each backbone adds to a fusion: exact Shapley values."""
    relevance, ranks_of = relevance_of(loaded), evaluator(loaded, names)
    nothing = fusion_attribution.random_average_precision(relevance.n_relevant, relevance.list_length)

    def of_subset(chosen: tuple[str, ...]) -> np.ndarray:
        subset = fusion_costs.subset_spec(spec, chosen)
        assert subset is not None, "an active backbone has weight"
        return metrics.average_precision(ranks_of.fusion(subset))

    return fusion_attribution.attribution(
        of_subset,
        spec.active,
        nothing,
        groups=relevance.query_groups,
    )


@cached(
    "resource", max_entries=6, spinner=shared("sentence.subsets_weightings"), ignore=("spec",), also=_without_shares
)
def _simplex(loaded: Dataset, names: tuple[str, ...], spec: FusionSpec) -> tuple[np.ndarray, np.ndarray]:
    """(n_points, n_backbones) shares on a regular grid, and (n_points, n_queries) the AP of every query there."""
    parts = 10 if len(names) <= 4 else 5 if len(names) <= 6 else 2
    points, run = weight_search.simplex(len(names), parts), objective(loaded, names, spec)
    return points, np.array([run(point) for point in points])


def subset_costs(loaded: Dataset, names: tuple[str, ...], spec: FusionSpec) -> list[fusion_costs.SubsetCost]:
    """Every subset with its best weights, and what it costs."""
    return fusion_costs.best_offers(fusion_costs.offers_of(*_simplex(loaded, names, spec), names, costs(names)))


def chosen_within_budget(
    loaded: Dataset, names: tuple[str, ...], spec: FusionSpec, budget: fusion_costs.Budget
) -> Estimate | None:
    """What the best subset and weights within a budget are worth on queries that did not choose them."""
    unit = ResamplingUnit.of(relevance_of(loaded))
    weighted = fusion_costs.offers_of(*_simplex(loaded, names, spec), names, costs(names))
    return fusion_costs.chosen_within_budget(weighted, budget, unit)
