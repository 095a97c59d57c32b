"""Two systems of a study on the same queries: their difference and their ratio over all datasets, with intervals."""

from __future__ import annotations

import math

import numpy as np

from core.metrics import across_datasets, resampling
from core.studies.study.study_result import StudyPart, StudyResult
from core.types import Figure


def difference(result: StudyResult, a: str, b: str, key: str) -> Figure:
    """System a less system b, the mean over the datasets; the interval is for these very datasets.

    On each dataset it is of the paired differences, drawn as all intervals there are; NaN where the metric is of no
    single query.
    """
    means = result.mean(a, key).mean - result.mean(b, key).mean
    each = []
    for part in result.parts:
        values = _values(part, a, b, key)
        if values is None:
            return Figure(means, math.nan, math.nan, 0, 0)
        differences = (values[:, 0] - values[:, 1])[:, None]
        lows, highs = resampling.intervals(
            differences, seed=result.study.seed, classes=part.comparison.unit.groups, bounded=False
        )
        each.append((float(np.nanmean(differences)), float(lows[0]), float(highs[0])))
    _, low, high = across_datasets.mean_with_interval(*zip(*each, strict=True))
    return Figure(means, low, high, *_counts(result, a, key))


def relative(result: StudyResult, name: str, key: str) -> Figure:
    """Percent of the baseline's mean over the datasets (`StudyResult.relative`), with the interval of the ratio.

    Every dataset's queries are drawn again, the same for both systems; the ratio of the means over the datasets is read
    at the levels of the expanded percentile interval.

    Reference: Efron and Tibshirani 1993, doi:10.1007/978-1-4899-4541-9; Hesterberg 2015,
        doi:10.1080/00031305.2015.1089789.
    """
    percent, base = result.relative(name, key), result.study.baseline or result.best
    values = [_values(part, name, base, key) for part in result.parts]
    if math.isnan(percent) or name == base or any(columns is None for columns in values):
        return Figure(percent, math.nan, math.nan, 0, 0)
    drawn = np.zeros((resampling.DRAWS, 2))
    for number, (part, columns) in enumerate(zip(result.parts, values, strict=True)):
        assert columns is not None, "every dataset has both"
        valid, groups = ~np.isnan(columns).any(axis=1), part.comparison.unit.groups
        # A seed of its own for each dataset: those of the same size would otherwise be drawn alike.
        seed = result.study.seed + 1000 * number
        drawn = drawn + resampling.bootstrap_means(
            columns[valid], seed=seed, classes=None if groups is None else groups[valid]
        )
    fewest = min(part.comparison.unit.n for part in result.parts)
    levels = resampling.percentile_levels(fewest)
    with np.errstate(divide="ignore", invalid="ignore"):
        low, high = np.nanquantile(100 * drawn[:, 0] / drawn[:, 1], levels)
    return Figure(percent, float(low), float(high), *_counts(result, name, key))


def _values(part: StudyPart, a: str, b: str, key: str) -> np.ndarray | None:
    """(n_queries, 2) float64 of both systems; None where either has no value per query."""
    per_query = {evaluation.name: evaluation.per_query for evaluation in part.evaluations}
    if key not in per_query.get(a, {}) or key not in per_query.get(b, {}):
        return None
    return np.column_stack([per_query[a][key], per_query[b][key]])


def _counts(result: StudyResult, name: str, key: str) -> tuple[int, int]:
    mean = result.mean(name, key)
    return mean.n_queries, mean.n_valid
