"""What each backbone adds to a fusion, and mAP over all weightings."""

from __future__ import annotations

import numpy as np

from core.fusion import FusionSpec
from core.metrics import ranking
from core.studies import fusion_attribution, weight_search
from core.types import Dataset
from core.ui.app.cache.backbone_costs import costs
from core.ui.app.cache.fusions import judge, objective
from core.ui.app.cache.vector_sets import truth
from core.ui.app.cached import cached


def _without_shares(loaded: Dataset, names: tuple[str, ...], spec: FusionSpec) -> tuple:
    return spec.kind, spec.parameters


def _shares_of_many(loaded: Dataset, names: tuple[str, ...], spec: FusionSpec) -> FusionSpec | tuple:
    return spec if len(names) > 3 else _without_shares(loaded, names, spec)


@cached(max_entries=32, spinner="Looking at all weightings …", ignore=("spec",), also=_shares_of_many)
def landscape(loaded: Dataset, names: tuple[str, ...], spec: FusionSpec) -> fusion_attribution.Landscape:
    """mAP over the weights; for up to three backbones it is the same wherever the sliders stand."""
    return fusion_attribution.landscape(objective(loaded, names, spec), names, spec.shares)


@cached(max_entries=64, spinner="Trying all subsets …")
def attribution(loaded: Dataset, names: tuple[str, ...], spec: FusionSpec) -> fusion_attribution.Attribution:
    """What each backbone adds to a fusion: exact Shapley values."""
    relevance, evaluator = truth(loaded), judge(loaded, names)
    nothing = fusion_attribution.random_average_precision(relevance.n_relevant, relevance.list_length)
    return fusion_attribution.attribution(
        lambda chosen: ranking.average_precision(evaluator.fusion(fusion_attribution.subset_spec(spec, chosen))),
        spec.active,
        nothing,
    )


@cached(max_entries=16, spinner="Trying every subset and weighting …", ignore=("spec",), also=_without_shares)
def _simplex(loaded: Dataset, names: tuple[str, ...], spec: FusionSpec) -> tuple[np.ndarray, np.ndarray]:
    """(n_points, n_backbones) shares on a regular grid, and (n_points,) their mAP."""
    parts = 10 if len(names) <= 4 else 5 if len(names) <= 6 else 2
    points, run = weight_search.simplex(len(names), parts), objective(loaded, names, spec)
    return points, np.array([np.nanmean(run(point)) for point in points])


def offers(loaded: Dataset, names: tuple[str, ...], spec: FusionSpec) -> list[fusion_attribution.SubsetCost]:
    """Every subset with its best weights, and what it costs."""
    points, values = _simplex(loaded, names, spec)
    priced = costs(names)
    return [
        fusion_attribution.SubsetCost(
            chosen,
            tuple(points[at][names.index(name)] for name in chosen),
            float(values[at]),
            fusion_attribution.total_cost(chosen, priced),
        )
        for chosen, at in fusion_attribution.best_by_subset(points, values, names).items()
    ]
