"""One metric of every query by several systems: what slices are made of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core import metrics
from core.studies.ranker import Ranker
from core.studies.systems import System
from core.task import NO_TASK, Task
from core.types import Relevance


def per_query(
    systems: Sequence[System], truth: Relevance, metric: str = "map", task: Task = NO_TASK
) -> dict[str, np.ndarray]:
    """System → (n_queries,) float64 of a list metric, NaN where nothing is relevant.

    Args:
        metric: a key such as "map" or "p@10".
    Raises:
        BadInput: no list metric has that key.
    """
    ranked = Ranker(truth).rank_several(systems, task=task)
    return {
        system.name: metrics.compute(result.ranks, (metric,))[metric]
        for system, result in zip(systems, ranked, strict=True)
    }
