"""Means over queries, and the means of average precision that count otherwise than query by query."""

from __future__ import annotations

import numpy as np

from core.metrics.registry import METRICS, Metric

METRICS.add(
    Metric(
        "map_class_mean",
        label="mAP (mean of classes)",
        kind="mean",
        divided_by="the number of classes that have a valid query",
        definition="Mean over classes of the mean average precision of a class's queries: small classes count as much.",
        reference="DEFINITIONS.md, section 3",
    )
)
METRICS.add(
    Metric(
        "map_empty_as_zero",
        label="mAP (empty queries count 0)",
        kind="mean",
        divided_by="all queries",
        definition="The average precisions summed over valid queries and divided by all queries, as some tools do.",
        nothing_relevant="A query without relevant items counts 0.",
        reference="ranx, pytrec_eval",
    )
)


def mean(values: np.ndarray) -> float:
    """Mean over the queries that count; NaN when none does."""
    values = values[~np.isnan(values)]
    return float(values.mean()) if len(values) else float("nan")


def class_mean(values: np.ndarray, classes: np.ndarray) -> float:
    """Mean over classes of the mean over a class's queries; NaN values and class −1 are left out.

    Args:
        values: (n_queries,) float64; classes: (n_queries,) int64.
    """
    use = ~np.isnan(values) & (classes >= 0)
    if not use.any():
        return float("nan")
    sums, sizes = np.bincount(classes[use], values[use]), np.bincount(classes[use])
    return float((sums[sizes > 0] / sizes[sizes > 0]).mean())


def empty_as_zero(values: np.ndarray) -> float:
    """The sum over queries that count, divided by all queries; NaN when none counts."""
    return float(np.nansum(values) / len(values)) if (~np.isnan(values)).any() else float("nan")
