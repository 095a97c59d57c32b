"""Mean average precision over all weights of a fusion, and where it is as good as the best."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from core.errors import BadInput
from core.metrics import resampling
from core.studies.weight_search import DRAWS, simplex
from core.task import NO_TASK, Task

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Landscape:
    """Mean AP over the weights.

    Attributes:
        backbones: names.
        points: (n_points, n_backbones) shares; values: (n_points,) mean AP.
        as_good: (n_points,) bool: the paired 95 % interval of "best less this" reaches 0.
        best: index of the best point.
        shape: "curve" (two backbones), "ternary" (three) or "slices" (more).
        slices: for "slices", (first, second) names of each point's pair; else empty.
    """

    backbones: tuple[str, ...]
    points: np.ndarray
    values: np.ndarray
    as_good: np.ndarray
    best: int
    shape: str
    slices: tuple[tuple[str, str], ...] = ()

    def table(self) -> pd.DataFrame:
        """One row per point: a share per backbone, map, as_good, and the pair of its slice."""
        import pandas as pd

        frame = pd.DataFrame(self.points, columns=list(self.backbones))
        frame["map"], frame["as_good"] = self.values, self.as_good
        if self.slices:
            frame["first"], frame["second"] = zip(*self.slices)
        return frame


def landscape_points(
    backbones: Sequence[str], shares: Mapping[str, float]
) -> tuple[str, np.ndarray, tuple[tuple[str, str], ...]]:
    """The shape, the points to look at, and each point's pair where there are slices."""
    n = len(backbones)
    if n < 2:
        raise BadInput("A landscape needs at least two backbones. Add one.")
    if n <= 3:
        return ("curve", "ternary")[n - 2], simplex(n, 40 if n == 2 else 20), ()
    here = np.array([shares.get(name, 0.0) for name in backbones], np.float64)
    here = here / here.sum() if here.sum() > 0 else np.full(n, 1 / n)
    points, pairs = [], []
    for i, j in itertools.combinations(range(n), 2):
        # The pair's own portion is shared out anew; a pair that counts nothing gets an even one to be shown.
        portion = here[i] + here[j]
        rest = here.copy()
        if portion < 1e-9:
            portion = 2 / n
            rest = here * (1 - portion)
        for t in np.linspace(0, 1, 21):
            point = rest.copy()
            point[i], point[j] = portion * t, portion * (1 - t)
            points.append(point)
            pairs.append((backbones[i], backbones[j]))
    return "slices", np.array(points), tuple(pairs)


def landscape(
    objective: Callable[[np.ndarray], np.ndarray],
    backbones: Sequence[str],
    shares: Mapping[str, float],
    *,
    groups: np.ndarray | None = None,
    seed: int = 0,
    task: Task = NO_TASK,
) -> Landscape:
    """Mean AP at every point, and the region that is not worse than the best within its interval.

    Args:
        objective: shares (n_backbones,) → (n_queries,) AP.
        shares: the present point; slices of four or more backbones go through it.
        groups: (n_queries,) int64 classes that are drawn as a whole, see `Relevance.query_groups`.
    """
    shape, points, pairs = landscape_points(backbones, shares)
    each = np.array([objective(point) for point in task.each("Drawing the landscape", points, "points")], np.float64)
    valid = ~np.isnan(each).any(axis=0)
    each = each[:, valid]
    if not valid.any():
        raise BadInput("No query has a relevant image, so there is no landscape to draw. Label more images.")
    values = each.mean(axis=1)
    best = int(values.argmax())
    classes = None if groups is None else groups[valid]
    low, _ = resampling.intervals((each[best] - each).T, DRAWS, seed, classes, bounded=False)
    return Landscape(tuple(backbones), points, values, low <= 1e-12, best, shape, pairs)
