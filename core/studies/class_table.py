"""One metric class by class, for several systems."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core import metrics
from core.data.natural_order import natural_key
from core.errors import BadInput
from core.metrics import resampling
from core.studies import evaluation, retrieval
from core.studies.leaderboard import order
from core.types import Dataset

ORDERS = ("hardest first", "easiest first", "systems differ most", "by name")


@dataclass(frozen=True)
class ClassTable:
    """One metric of every class and system.

    Attributes:
        classes: names, in the order shown.
        systems: names.
        n: (n_classes,) valid queries of each class.
        values, low, high: (n_classes, n_systems) means over a class's valid queries and their 95 % intervals, NaN
            where a class has none.
    """

    classes: tuple[str, ...]
    systems: tuple[str, ...]
    n: np.ndarray
    values: np.ndarray
    low: np.ndarray
    high: np.ndarray


def class_order(result: evaluation.Result, dataset: Dataset, metric: str, by: str = ORDERS[0]) -> list[str]:
    """The classes that have a valid query, in one of ORDERS; equal ones by name."""
    if by not in ORDERS:
        raise BadInput(f"Classes are ordered {', '.join(ORDERS)}; not {by!r}.")
    queries = np.arange(len(dataset.split.queries))
    means = {}
    for label in dataset.label_names:
        mine = retrieval.of_label(dataset, queries, label)
        row = [metrics.mean(evaluation.per_query[metric][mine]) for evaluation in result.evaluations]
        if not all(map(math.isnan, row)):
            means[label] = row
    if by == "by name":
        return sorted(means, key=natural_key)
    if by == "systems differ most":
        return sorted(means, key=lambda label: (-(max(means[label]) - min(means[label])), natural_key(label)))
    sign = 1 if by == "hardest first" else -1
    return sorted(means, key=lambda label: (sign * float(np.mean(means[label])), natural_key(label)))


def per_class(result: evaluation.Result, dataset: Dataset, metric: str, classes: Sequence[str]) -> ClassTable:
    """One metric of some classes by every system, best system first, with intervals over each class's queries.

    A query with several labels counts in each of its classes.

    Args:
        metric: a list metric that was computed.
        classes: names of labels.
    """
    systems = order(result, metric)
    columns = np.stack([result[name].per_query[metric] for name in systems], axis=1)
    queries = np.arange(len(dataset.split.queries))
    shape = (len(classes), len(systems))
    values, low, high = np.full(shape, np.nan), np.full(shape, np.nan), np.full(shape, np.nan)
    n = np.zeros(len(classes), np.int64)
    for at, label in enumerate(classes):
        rows = columns[retrieval.of_label(dataset, queries, label)]
        rows = rows[~np.isnan(rows).any(axis=1)]
        n[at] = len(rows)
        if len(rows):
            values[at] = rows.mean(axis=0)
            low[at], high[at] = resampling.intervals(rows)
    return ClassTable(tuple(classes), tuple(systems), n, values, low, high)


def class_queries(result: evaluation.Result, dataset: Dataset, system: str, metric: str, label: str) -> list[int]:
    """The valid queries of a class, worst first by one system's values: positions among the split's queries."""
    values = result[system].per_query[metric]
    mine = retrieval.of_label(dataset, np.arange(len(values)), label) & ~np.isnan(values)
    queries = np.flatnonzero(mine)
    return [int(query) for query in queries[np.argsort(values[queries], kind="stable")]]
