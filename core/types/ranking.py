"""The best of every query, and where its relevant items stand."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from core.errors import ShapeMismatch
from core.types.vectors import frozen_array


@dataclass(frozen=True)
class Ranking:
    """The best k of every query, best first.

    Attributes:
        items: (n_queries, k) int64 positions in the gallery, −1 is "none".
        scores: (n_queries, k) float32, never rising along a row, NaN where there is none.
    """

    items: np.ndarray
    scores: np.ndarray

    def __post_init__(self) -> None:
        items, scores = frozen_array(self.items, np.int64), frozen_array(self.scores, np.float32)
        if items.shape != scores.shape or items.ndim != 2:
            raise ShapeMismatch(
                f"A ranking has items {items.shape} and scores {scores.shape}; both are (n_queries, k)."
            )
        with np.errstate(invalid="ignore"):
            if (np.diff(scores, axis=1) > 0).any():
                raise ShapeMismatch("A ranking must be sorted, best first.")
        object.__setattr__(self, "items", items)
        object.__setattr__(self, "scores", scores)


@dataclass(frozen=True, eq=False)
class RelevantRanks:
    """Where the relevant items of each query stand in its list: all that any list metric needs.

    Attributes:
        indptr: (n_queries + 1,) int64; query q owns entries indptr[q] to indptr[q + 1], one per relevant item (R).
        ranks: (total,) int32, from 1, rising within a query; NOT_RETRIEVED at the end where the list is partial.
        retrieved: (n_queries,) int32, relevant items that are in the list.
        list_length: (n_queries,) int64, N: items of a full list, the query and its junk left out.
        gains: (total,) float64 in the order of `ranks`, None when every gain is 1.
        ideal_gains: (total,) float64, falling within a query, None when every gain is 1.
        hits: (total,) int32, the gallery position of each entry of `ranks`, None when nobody asked.
        pooled: ranks among what people judged; what nobody judged is in no list (DEFINITIONS.md, section 16).
    """

    NOT_RETRIEVED = 2**31 - 1

    indptr: np.ndarray
    ranks: np.ndarray
    retrieved: np.ndarray
    list_length: np.ndarray
    gains: np.ndarray | None = None
    ideal_gains: np.ndarray | None = None
    hits: np.ndarray | None = None
    pooled: bool = False

    def __post_init__(self) -> None:
        if len(self.ranks) != self.indptr[-1] or len(self.retrieved) != len(self.indptr) - 1:
            raise ShapeMismatch(f"{len(self.ranks)} ranks do not belong to {len(self.indptr) - 1} queries.")

    @property
    def n_queries(self) -> int:
        """How many queries were ranked."""
        return len(self.indptr) - 1

    @cached_property
    def n_relevant(self) -> np.ndarray:
        """(n_queries,) int64: R."""
        return np.diff(self.indptr)

    @cached_property
    def valid(self) -> np.ndarray:
        """(n_queries,) bool: at least one relevant item."""
        return self.n_relevant > 0

    def of(self, query: int) -> np.ndarray:
        """The ranks of one query's relevant items that are in its list, rising."""
        return self.ranks[self.indptr[query] : self.indptr[query] + self.retrieved[query]]
