"""How much two rankings have in common: counts, Jaccard and rank-biased overlap, per query and over all."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from core import arrays
from core.errors import BadInput
from core.metrics import resampling

if TYPE_CHECKING:
    import pandas as pd

    from core.studies.evaluation import Result

PERSISTENCE = 0.9
"""Of rank-biased overlap: the first 10 ranks weigh 86 %."""
_CHUNK = 1024


@dataclass(frozen=True)
class ListOverlap:
    """The first k results of two systems, query by query.

    Attributes:
        k: results of each list that were read.
        only_left, both, only_right: (n_queries,) int64 counts; together they are the union.
        jaccard: (n_queries,) float64 in [0, 1]: both / union; NaN where both lists are empty.
        rank_biased: (n_queries,) float64 in [0, 1]: extrapolated rank-biased overlap, 1 for the same order; NaN where
            a list is empty.
    """

    k: int
    only_left: np.ndarray
    both: np.ndarray
    only_right: np.ndarray
    jaccard: np.ndarray
    rank_biased: np.ndarray

    def sentence(self, left: str = "left", right: str = "right", classes: np.ndarray | None = None) -> str:
        """The means over queries with 95 % intervals, for people.

        Args:
            left, right: what the systems are called.
            classes: (n_queries,) int64; given, whole classes are resampled.
        """
        n = len(self.both)
        if not n:
            return "There is no query."
        text = (
            f"Of the first {self.k} results, {self.only_left.mean():.1f} are only in {left}, {self.both.mean():.1f} in both, "
            f"{self.only_right.mean():.1f} only in {right}"
        )
        for name, values in (("Jaccard", self.jaccard), ("rank-biased overlap", self.rank_biased)):
            valid = ~np.isnan(values)
            if valid.any():
                text += f"; {name} {values[valid].mean():.3f}"
            if valid.sum() > 1:
                low, high = resampling.interval(values[valid], classes=None if classes is None else classes[valid])
                text += f" [{low:.3f}, {high:.3f}]"
        return f"{text} ({'this query' if n == 1 else f'mean of {n:,} queries'})."


def list_overlap(left: np.ndarray, right: np.ndarray, k: int, persistence: float = PERSISTENCE) -> ListOverlap:
    """Compare the first k results of two rankings of the same queries over the same gallery.

    Rank-biased overlap weighs the agreement of the first d results by `persistence`^d, and takes what lies beyond the
    lists to agree as their ends do. Lists of different lengths are allowed.

    Args:
        left, right: (n_queries, >= k or fewer) int gallery positions, best first, no position twice in a row; −1 is
            "none", and stands only at the end.
        persistence: between 0 and 1; the larger, the deeper it looks.
    Raises:
        BadInput: other numbers of queries, or `persistence` outside (0, 1).
    Reference:
        Webber, Moffat and Zobel 2010, A similarity measure for indefinite rankings, doi:10.1145/1852102.1852106,
        equations 30 and 32.
    >>> o = list_overlap(np.array([[1, 2, 3]]), np.array([[1, 2, 4]]), 3)
    >>> o.only_left.tolist(), o.both.tolist(), o.jaccard.tolist()
    ([1], [2], [0.5])
    """
    if len(left) != len(right):
        raise BadInput(
            f"Rankings of {len(left):,} and {len(right):,} queries cannot be compared; give the same queries."
        )
    if not 0 < persistence < 1:
        raise BadInput(f"The persistence lies between 0 and 1, e.g. {PERSISTENCE}; got {persistence}.")
    left, right = left[:, :k], right[:, :k]
    depth = max(left.shape[1], right.shape[1], 1)
    n_left, n_right = (np.asarray((items >= 0).sum(axis=1)) for items in (left, right))
    common = np.zeros((len(left), depth), np.int64)
    for rows in arrays.chunks(len(left), _CHUNK):
        query, a, b = np.nonzero((left[rows, :, None] == right[rows, None, :]) & (left[rows, :, None] >= 0))
        np.add.at(common[rows], (query, np.maximum(a, b)), 1)
    common = common.cumsum(axis=1)
    both = common[:, -1]
    only_left, only_right = n_left - both, n_right - both
    union = only_left + both + only_right
    jaccard = np.where(union > 0, both / np.maximum(union, 1), np.nan)
    return ListOverlap(
        min(k, depth), only_left, both, only_right, jaccard, _rank_biased(common, n_left, n_right, persistence)
    )


def _rank_biased(common: np.ndarray, n_left: np.ndarray, n_right: np.ndarray, p: float) -> np.ndarray:
    """Extrapolated rank-biased overlap of each row.

    Args:
        common: (n_queries, depth) how many of the first d results both lists have, d = 1 … depth.
        n_left, n_right: (n_queries,) lengths.
    """
    depth = np.arange(1, common.shape[1] + 1)
    short, long = np.minimum(n_left, n_right), np.maximum(n_left, n_right)
    rows = np.arange(len(common))
    at_short, at_long = common[rows, np.maximum(short, 1) - 1], common[rows, np.maximum(long, 1) - 1]
    with np.errstate(divide="ignore", invalid="ignore"):
        per_rank = common / depth
        # Beyond the end of the shorter list its agreement is taken to go on.
        beyond = at_short[:, None] * (depth - short[:, None]) / (short[:, None] * depth)
        agreement = per_rank + np.where(depth > short[:, None], beyond, 0.0)
        weights = np.where(depth <= long[:, None], p**depth, 0.0)
        rest = ((at_long - at_short) / long + at_short / short) * p**long
    value = (1 - p) / p * np.nansum(agreement * weights, axis=1) + rest
    return np.where(short > 0, np.clip(value, 0.0, 1.0), np.nan)


def overlap_table(result: Result, k: int) -> pd.DataFrame:
    """A row per pair of systems and query: left, right, query_id, k, only_left, both, only_right, jaccard, rank_biased.

    Systems without a kept ranking are left out.
    """
    import pandas as pd

    columns = ["left", "right", "query_id", "k", "only_left", "both", "only_right", "jaccard", "rank_biased"]
    ranked = [(evaluation.name, evaluation.ranking.items) for evaluation in result.evaluations if evaluation.ranking]
    frames = []
    for (left, left_items), (right, right_items) in combinations(ranked, 2):
        overlap = list_overlap(left_items, right_items, k)
        counts = {name: getattr(overlap, name) for name in columns[4:]}
        frames.append(pd.DataFrame({"left": left, "right": right, "query_id": result.query_ids, "k": k} | counts))
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=columns)
