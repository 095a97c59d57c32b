"""A fusion and its backbones, ranked and compared: what moving sliders needs at once."""

from __future__ import annotations

import numpy as np

from core.fusion import FusionSpec
from core.metrics import curves, resampling
from core.studies import fusion_baseline, fusion_evaluator, query_sampling, training_split, weight_search
from core.studies import headline as headlines
from core.studies.comparison import Estimate, ResamplingUnit
from core.types import Dataset
from core.ui.app.cache.backbone_costs import costs
from core.ui.app.cache.datasets import dataset, without_tuned
from core.ui.app.cache.vector_sets import engine, relevance_of, vector_set
from core.ui.app.cached import cached


def objective(loaded: Dataset, names: tuple[str, ...], spec: FusionSpec) -> weight_search.ObjectiveOf:
    """AP per query as a function of the shares, on the shared live engine."""
    return weight_search.ObjectiveOf(vector_set(loaded, names), spec, relevance_of(loaded), engine(loaded, names))


@cached("resource", max_entries=8)
def evaluator(loaded: Dataset, names: tuple[str, ...]) -> fusion_evaluator.FusionEvaluator:
    """Ranks of backbones and fusions over a dataset, each backbone worked out once for all sessions."""
    sampled = query_sample(loaded, names) is not None
    return fusion_evaluator.FusionEvaluator(
        vector_set(loaded, names), relevance_of(loaded), engine(loaded, names), by_slices=sampled
    )


@cached("resource", max_entries=16, ignore=("names",), also=lambda loaded, names: len(names))
def query_sample(loaded: Dataset, names: tuple[str, ...]) -> Dataset | None:
    """Of a large set, the same dataset asked by a seeded sample of its queries, which answers at once; else None.

    It is decided once: free memory comes and goes, and the figures must not change their meaning with it.
    """
    relevance = relevance_of(loaded)
    if not query_sampling.needed(relevance, len(names)):
        return None
    return query_sampling.of(loaded, relevance)


@cached(max_entries=128, also=lambda loaded, names, *_: costs(names))
def baseline_comparison(
    loaded: Dataset, names: tuple[str, ...], spec: FusionSpec, metric: str, by_class: bool = True
) -> fusion_baseline.BaselineComparison:
    """A fusion beside its backbones, equal weights and the oracle, with paired differences to the best single one."""
    return fusion_baseline.compare_to_baseline(
        evaluator(loaded, names),
        spec,
        metric=metric,
        keys=training_split.query_keys(loaded),
        costs=costs(names),
        by_class=by_class,
    )


@cached(max_entries=128)
def intervals(
    loaded: Dataset, names: tuple[str, ...], spec: FusionSpec, keys: tuple[str, ...], by_class: bool = True
) -> dict[str, tuple[float, float]]:
    """The 95 % bootstrap interval of each metric's mean."""
    values = list_metrics(loaded, names, spec, keys)
    classes = ResamplingUnit.of(relevance_of(loaded), by_class).groups
    low, high = resampling.intervals(np.stack([values[key] for key in keys], axis=1), classes=classes)
    return {key: (float(low[at]), float(high[at])) for at, key in enumerate(keys)}


@cached(max_entries=128)
def list_metrics(
    loaded: Dataset, names: tuple[str, ...], spec: FusionSpec, keys: tuple[str, ...]
) -> dict[str, np.ndarray]:
    """Per-query values of several list metrics of a fusion: key → (n_queries,) float64."""
    return evaluator(loaded, names).values(spec, keys)


@cached(max_entries=256)
def interpolated_curve(loaded: Dataset, names: tuple[str, ...], spec: FusionSpec) -> np.ndarray:
    """The 11-point interpolated curve of a fusion: (11,)."""
    return curves.average_curve(curves.levels(evaluator(loaded, names).fusion(spec)))


@cached(max_entries=64)
def average_precision(loaded: Dataset, names: tuple[str, ...], spec: FusionSpec) -> np.ndarray:
    """(n_queries,) AP of a fusion, kept for the last few."""
    return evaluator(loaded, names).values(spec, ("map",))["map"]


def leaderboard(name: str, names: tuple[str, ...]) -> fusion_baseline.BaselineComparison:
    """The backbones of a dataset that are done, beside their equal mix; on a large set judged by its query sample."""
    loaded = without_tuned(dataset(name), names)
    return baseline_comparison(
        query_sample(loaded, names) or loaded, names, FusionSpec("equal mix", "concat", names), "map"
    )


def two_strongest(loaded: Dataset, names: tuple[str, ...]) -> dict[str, float]:
    """Equal shares of the two backbones that find most alone, none of the others: a mix that is named before it is judged.

    On a large set the query sample decides.
    """
    best = leaderboard(loaded.name, names).strongest(2)
    return {name: 1 / len(best) if name in best else 0.0 for name in names}


@cached(max_entries=16)
def chosen_mix(loaded: Dataset, names: tuple[str, ...], count: int = 2) -> Estimate:
    """Equal shares of the best few backbones, on queries that did not choose them."""
    return fusion_baseline.chosen_mix(evaluator(loaded, names), names, count=count)


@cached(max_entries=16)
def headline(loaded: Dataset, names: tuple[str, ...]) -> headlines.Headline:
    """The best mix beside the best backbone, each on queries that did not choose it."""
    return headlines.headline(evaluator(loaded, names), names)
