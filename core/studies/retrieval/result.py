"""What a system returns for one query, the metrics of that one ranking, and how two rankings differ."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from core import metrics
from core.metrics import curves
from core.studies import fusion_attribution
from core.studies.retrieval.query import Query, text_key
from core.studies.systems import System
from core.types import Dataset, RelevantRanks

if TYPE_CHECKING:
    import pandas as pd

RELEVANT = {"relevant": True, "not": False, "unknown": None}
"""Of each kind of result, what stands in tables."""
NOT_LISTED = 0
"""The rank of what a system did not retrieve; ranks count from 1."""


@dataclass(frozen=True)
class QueryResult:
    """What one system returns for one query.

    Attributes:
        system: what ranked.
        query: what was searched for.
        scores: (n_gallery,) float, −inf where not retrieved; those of the query itself and of its junk are −inf.
        order: (n_listed,) int64 gallery positions, best first; equal scores in gallery order.
        relevant: (n_gallery,) bool, all False when `has_relevance` is False.
        has_relevance: something is known to be relevant, so hits can be told from misses.
        approximate: an index found the first results (see `core.studies.ann_search`); the list ends with what it found.
    """

    system: System = field(repr=False)
    query: Query = field(repr=False)
    scores: np.ndarray = field(repr=False)
    order: np.ndarray = field(repr=False)
    relevant: np.ndarray = field(repr=False)
    has_relevance: bool
    approximate: bool = False

    @cached_property
    def ranks(self) -> np.ndarray:
        """(n_gallery,) int64: rank from 1, NOT_LISTED (0) where not retrieved."""
        ranks = np.full(len(self.scores), NOT_LISTED, np.int64)
        ranks[self.order] = np.arange(1, len(self.order) + 1)
        return ranks

    @property
    def n_relevant(self) -> int:
        """R of the metrics."""
        return int(self.relevant.sum())

    def relevance_kind(self, dataset: Dataset, item: int) -> str:
        """ "relevant", "not", or "unknown" where nobody knows; `item` is its place in the gallery."""
        if self.is_judged:
            return "relevant" if self.relevant[item] else "unknown" if self.unjudged[item] else "not"
        if not self.has_relevance:
            return "unknown"
        return dataset.relevance_kind(int(self.system.space.split.gallery[item]), bool(self.relevant[item]))

    @property
    def is_judged(self) -> bool:
        """Whether people judged some results, of this query or others, and of the rest nobody knows."""
        return self.query.truth is not None and self.query.truth.pooled

    @cached_property
    def unjudged(self) -> np.ndarray:
        """(n_gallery,) bool: nobody judged whether it is relevant; all False where the truth is whole."""
        unjudged = np.zeros(len(self.scores), bool)
        truth = self.query.truth
        if truth is not None and truth.judged is not None:
            unjudged[truth.junk(0) if truth.judged[0] else slice(None)] = True
        return unjudged

    @cached_property
    def hits(self) -> np.ndarray:
        """(n_listed,) bool: the ranking read down."""
        return self.relevant[self.order]

    @cached_property
    def relevant_ranks(self) -> np.ndarray:
        """Ranks of the relevant items that were retrieved, rising."""
        return np.flatnonzero(self.hits) + 1

    def as_ranks(self) -> RelevantRanks:
        """What the metrics read: where people judged, ranks among the judged results alone."""
        order = self.order[~self.unjudged[self.order]]
        retrieved, total = np.flatnonzero(self.relevant[order]) + 1, self.n_relevant
        ranks = np.full(total, RelevantRanks.NOT_RETRIEVED, np.int32)
        ranks[: len(retrieved)] = retrieved
        truth, gains, ideal = self.query.truth, None, None
        if truth is not None and truth.gains is not None and total:
            gain_of = dict(zip(truth.relevant(0).tolist(), truth.gains.tolist()))
            listed = order[self.relevant[order]]
            rest = [item for item in truth.relevant(0) if self.ranks[item] == NOT_LISTED]
            gains = np.array([gain_of[int(item)] for item in [*listed, *rest]])
            ideal = np.sort(truth.gains)[::-1].copy()
        n_retrieved = np.array([len(retrieved)], np.int32)
        n_listed = np.array([len(order)])
        indptr = np.array([0, total])
        return RelevantRanks(indptr, ranks, n_retrieved, n_listed, gains, ideal, pooled=self.is_judged)

    def missed(self, k: int) -> np.ndarray:
        """Gallery positions of the relevant items beyond the first k, nearest first; not retrieved ones last.

        Of an approximate ranking only those that the index found: nobody knows the ranks of the others.
        """
        items = np.flatnonzero(self.relevant)
        if self.approximate:
            items = items[self.ranks[items] != NOT_LISTED]
        ranks = self.ranks[items].astype(np.float64)
        ranks[ranks == NOT_LISTED] = np.inf
        late = ranks > k
        return items[late][np.argsort(ranks[late], kind="stable")]

    @cached_property
    def ranks_before(self) -> np.ndarray | None:
        """(n_gallery,) int64: the ranks before re-ranking; None for a system without one."""
        if self.system.rerank is None:
            return None
        return retrieve(self.query, self.system.before).ranks

    def parts(self, items: np.ndarray) -> fusion_attribution.ScoreContributions:
        """What each backbone contributes to some results, (n,) gallery positions."""
        if self.approximate:
            return fusion_attribution.parts_of_few(self.system, 0, items, self.ranks[items])
        return fusion_attribution.score_contributions(self.system, 0, items)


def retrieve(query: Query, system: System) -> QueryResult:
    """The whole ranking by one system for one query; the system may be of another split of the same gallery."""
    if system.space is not query.space:
        system = query.system(system.name, system.spec)
    scores = np.array(system.block(0, 1)[0])
    truth = query.truth
    relevant = np.zeros(len(scores), bool)
    if truth is not None:
        if not truth.pooled:  # what nobody judged is a result like any other
            scores[truth.junk(0)] = -np.inf
        relevant[truth.relevant(0)] = True
    if query.position is not None:
        scores[query.space.split.gallery == query.position] = -np.inf
    return QueryResult(system, query, scores, ranked_positions(scores), relevant, bool(relevant.any()))


def filtered(result: QueryResult, keep: np.ndarray) -> QueryResult:
    """The same list among some of the gallery: the others are not listed, and do not count as relevant.

    Args:
        keep: (n_gallery,) bool.
    """
    return dataclasses.replace(
        result,
        scores=np.where(keep, result.scores, -np.inf),
        order=result.order[keep[result.order]],
        relevant=result.relevant & keep,
        has_relevance=bool((result.relevant & keep).any()),
    )


def ranked_positions(scores: np.ndarray) -> np.ndarray:
    """Positions by falling score, equal ones in gallery order; −inf is left out.

    >>> ranked_positions(np.array([0.5, -np.inf, 0.9, 0.5]))
    array([2, 0, 3])
    """
    order = np.argsort(-scores, kind="stable")
    return order[np.isfinite(scores[order])]


def results_table(dataset: Dataset, result: QueryResult, k: int) -> pd.DataFrame:
    """The first k results: rank, id, label, score, relevant (None when nobody knows), content hash, file, whether the
    whole gallery was scored ("exact") or an index asked ("index"), and of each backbone of the system its own rank
    (0: not there, −1: not worked out), its own score and its share in the fused score."""
    import pandas as pd

    items = result.order[:k]
    positions = result.system.space.split.gallery[items]
    table = {
        "rank": np.arange(1, len(items) + 1),
        "id": [str(dataset.ids[p]) for p in positions],
        "label": [dataset.label_of(int(p)) for p in positions],
        "score": result.scores[items].astype(np.float64),
        "relevant": [RELEVANT[result.relevance_kind(dataset, int(item))] for item in items],
        "sha256": [text_key(dataset.keys[p]) for p in positions],
    }
    if "path" in dataset.items:
        table["path"] = dataset.items["path"].iloc[positions].astype(str).tolist()
    table["search"] = "index" if result.approximate else "exact"
    parts = result.parts(items)
    for column, name in enumerate(parts.backbones):
        table[f"{name} rank"] = parts.ranks[:, column]
        table[f"{name} score"] = parts.scores[:, column].astype(np.float64)
        table[f"{name} share"] = parts.shares[:, column]
    return pd.DataFrame(table)


def query_metrics(result: QueryResult, k: int) -> dict[str, float]:
    """The metrics of this one query under their usual keys, and "first", the rank of the first relevant result.

    NaN where nothing is relevant, and for what reads the whole list where an index gave its beginning only.
    """
    keys = ("map", f"p@{k}", f"recall@{k}", "rprec", "ndcg", "mrr")
    values = {key: float(row[0]) for key, row in metrics.compute(result.as_ranks(), keys).items()}
    if result.approximate:
        values |= dict.fromkeys(("map", "rprec", "ndcg"), float("nan"))
    return values | {"first": float(result.relevant_ranks[0]) if len(result.relevant_ranks) else float("nan")}


def precision_recall(result: QueryResult) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The curve of one query: its raw points and the 11 levels.

    Returns:
        recall and precision of the raw points (c/R, c/r_c), and (11,) interpolated precision at recall 0, 0.1 … 1.
    """
    ranks = result.as_ranks()
    return (*curves.raw_curve(ranks, 0), curves.levels(ranks)[0])


@dataclass(frozen=True)
class RankChanges:
    """How two rankings for one query differ in their first k.

    Attributes:
        left, right: (k,) per result: ranks gained against the other list (+), lost (−), "new" when the other list
            does not have it in its first k.
        only_left, only_right: gallery positions that one list has and the other has not.
        shared: how many both have.
    """

    left: tuple[int | str, ...]
    right: tuple[int | str, ...]
    only_left: np.ndarray
    only_right: np.ndarray
    shared: int


def rank_changes(left: QueryResult, right: QueryResult, k: int) -> RankChanges:
    """Compare two rankings for the same query over the same gallery."""
    left_items, right_items = left.order[:k], right.order[:k]
    shared = np.intersect1d(left_items, right_items)

    def changes(items: np.ndarray, other: QueryResult) -> tuple[int | str, ...]:
        """For each item how far it moved from the other list, or "new"."""
        ranks = other.ranks[items].tolist()
        return tuple(before - now if 0 < before <= k else "new" for now, before in enumerate(ranks, start=1))

    return RankChanges(
        changes(left_items, right),
        changes(right_items, left),
        left_items[~np.isin(left_items, shared)],
        right_items[~np.isin(right_items, shared)],
        len(shared),
    )
