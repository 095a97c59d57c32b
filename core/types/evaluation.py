"""The metrics of one system."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from core.errors import ShapeMismatch
from core.types.ranking import Ranking


@dataclass(frozen=True)
class Figure:
    """One number of a table: a mean over valid queries and its interval.

    NaN where it is not defined; `note` then says why. `n_valid` of `n_queries` queries count.
    """

    mean: float
    low: float
    high: float
    n_queries: int
    n_valid: int
    note: str = ""


@dataclass(frozen=True)
class CurveFigure:
    """Interpolated precision at recall 0, 0.1 ... 1: (11,) float64 means over `n_valid` queries, and their intervals."""

    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    n_valid: int


@dataclass(frozen=True)
class TieRange:
    """What the order among equal scores decides.

    Attributes:
        n_queries: valid queries in which a relevant and another item tie.
        low, high: the lowest and the highest mean AP over all orders of equal scores.
        sampled: they are estimated from a sample of these queries.
    """

    n_queries: int
    low: float
    high: float
    sampled: bool = False

    @property
    def shows(self) -> bool:
        """Whether it shows in four digits after the point, the most that are printed."""
        return self.n_queries > 0 and f"{self.low:.4f}" != f"{self.high:.4f}"


@dataclass(frozen=True)
class Evaluation:
    """One system judged.

    Attributes:
        name: of the system.
        per_query: metric key → (n_queries,) float64, NaN where the query does not count.
        figures: metric key → Figure, list metrics, kNN and clustering keys alike.
        levels: (n_queries, 11) interpolated precision at recall 0, 0.1 ... 1, NaN rows where not defined.
        n_queries: queries asked; n_valid: those with at least one relevant item.
        mixed_ties: (n_queries,) bool, a relevant and a non-relevant item tie.
        ranking: the best items of each query.
        warnings: sentences to show beside the numbers.
        queries: (n_queries,) int64 which queries of the split, when only a panel was asked, else None.
        curve: the mean of `levels`; None where single queries were evaluated, not the system.
        tie_range: of the mean AP over all orders of equal scores, None where nobody looked.
    """

    name: str
    per_query: Mapping[str, np.ndarray]
    figures: Mapping[str, Figure]
    levels: np.ndarray
    n_queries: int
    n_valid: int
    mixed_ties: np.ndarray
    ranking: Ranking | None = None
    warnings: tuple[str, ...] = ()
    queries: np.ndarray | None = None
    curve: CurveFigure | None = None
    tie_range: TieRange | None = None

    def __post_init__(self) -> None:
        for key, values in self.per_query.items():
            if values.shape != (self.n_queries,):
                raise ShapeMismatch(f"{key!r} of {self.name!r} has {values.shape} values for {self.n_queries} queries.")

    @property
    def queries_with_mixed_ties(self) -> int:
        """How many queries tie relevant with other images: their figures depend on the order of ties."""
        return int(self.mixed_ties.sum())

    def mean(self, key: str) -> float:
        """The mean of one metric; NaN when it was not computed."""
        figure = self.figures.get(key)
        return float("nan") if figure is None else figure.mean
