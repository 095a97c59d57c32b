"""One query at a time: what a system returns, what it misses, why, and how two systems differ on it.

A click costs one row of scores per backbone, never a matrix. Everything here is arrays and tables; pages and the
report draw them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from core import metrics
from core.errors import BadInput, UnknownName
from core.fusion import FusionSpec
from core.metrics import curves
from core.studies import fusion_attribution
from core.studies.ranker import Ranker
from core.studies.systems import System
from core.studies.vector_set import VectorSet
from core.task import NO_TASK, Task
from core.types import Dataset, Evaluation, Relevance, RelevantRanks, Split, unit

if TYPE_CHECKING:
    import pandas as pd
    from scipy import sparse

NOT_LISTED = 0
"""The rank of what a system did not retrieve; ranks count from 1."""


class _Joined:
    """The rows of a dataset and a few more behind them, read by position without copying the dataset."""

    def __init__(self, rows: np.ndarray, more: np.ndarray) -> None:
        self.rows, self.more = rows, np.asarray(more, np.float32)
        self.shape = (len(rows) + len(more), rows.shape[1])

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, positions: np.ndarray) -> np.ndarray:
        positions = np.asarray(positions)
        if positions.max(initial=0) < len(self.rows):
            return self.rows[positions]
        if positions.min(initial=len(self.rows)) >= len(self.rows):
            return self.more[positions - len(self.rows)]
        return np.stack([self.more[p - len(self.rows)] if p >= len(self.rows) else self.rows[p] for p in positions])

    def whole(self) -> np.ndarray:
        """Both as one array."""
        return np.concatenate([self.rows, self.more])


class _Asked(VectorSet):
    """The gallery of another space, asked by one query; what was worked out about the gallery is shared.

    Args:
        base: whose gallery it is.
        position: the image that asks; None when it is no image of the dataset.
        guests: name → (1, dim) float32 unit vectors of a query that is no image of the dataset.
    """

    def __init__(self, base: VectorSet, position: int | None, guests: Mapping[str, np.ndarray] | None = None) -> None:
        if guests is None:
            vectors: dict[str, Any] = base.vectors
            asks = position
        else:
            vectors = {name: _Joined(base.get(name), rows) for name, rows in guests.items()}
            asks = max(len(rows) for rows in base.vectors.values())
        super().__init__(vectors, Split(np.array([asks]), base.split.gallery), base.shared)
        self.base, self.guests = base, guests

    def fused(self, spec: FusionSpec) -> np.ndarray:
        """(n_images, dim) fused vectors; a guest needs them made once more, with the guest behind the dataset."""
        return self.base.fused(spec) if self.guests is None else super().fused(spec)

    def whole(self, name: str) -> np.ndarray:
        """(n_images, dim): the dataset's vectors, a guest's own behind them."""
        rows = self.get(name)
        return rows.whole() if isinstance(rows, _Joined) else rows


@dataclass(frozen=True)
class Query:
    """One query and the gallery it asks.

    Attributes:
        space: one query, the whole gallery.
        truth: what is relevant to it (one query); None when nobody can know.
        position: of the image that asks, or a part of which asks; None for pictures that are not in the dataset.
    """

    space: VectorSet = field(repr=False)
    truth: Relevance | None = None
    position: int | None = None

    def system(self, name: str, spec: FusionSpec | None = None) -> System:
        """A backbone or a fusion, ready to answer this query."""
        return System(name, self.space, spec)


def gallery_image_query(dataset: Dataset, space: VectorSet, position: int, truth: Relevance | None = None) -> Query:
    """An image of the dataset asks, whether or not the split counts it among the queries.

    Args:
        truth: of the whole split, if at hand; else it is derived for this image.
    Raises:
        UnknownName: there is no such position.
    """
    if not 0 <= position < len(dataset):
        raise UnknownName(f"{dataset.name!r} has no image number {position}; it has {len(dataset):,}.")
    asked = _Asked(space, position)
    where = np.flatnonzero(dataset.split.queries == position)
    if truth is not None and len(where):
        own = truth.take(where[:1])
    else:
        from core import data

        own = data.relevance(dataset, asked.split) if dataset.has_labels else None
    return Query(asked, own, position)


def uploaded_image_query(
    dataset: Dataset, space: VectorSet, vectors: Mapping[str, np.ndarray], part_of: int | None = None
) -> Query:
    """Pictures that are not in the dataset ask together: the mean of their unit vectors, unit again.

    Args:
        vectors: backbone → (n_pictures, dim) unit vectors.
        part_of: the image that the picture is a part of: what is relevant to it counts, and it leaves its own list.
    Raises:
        BadInput: no picture, or the pictures cancel out.
    """
    guests = {name: mean_vector(rows) for name, rows in vectors.items()}
    asked = _Asked(space, None, guests)
    if part_of is None:
        return Query(asked)
    return Query(asked, gallery_image_query(dataset, space, part_of).truth, part_of)


def mean_vector(rows: np.ndarray) -> np.ndarray:
    """(n, dim) unit vectors → (1, dim) float32: their mean, unit again.

    >>> mean_vector(np.array([[1.0, 0.0], [0.0, 1.0]])).round(3)
    array([[0.707, 0.707]], dtype=float32)
    """
    if not len(rows):
        raise BadInput("There is no picture to search with; give at least one.")
    return unit(np.asarray(rows, np.float64).mean(axis=0, keepdims=True))


@dataclass(frozen=True)
class QueryResult:
    """What one system returns for one query.

    Attributes:
        system: whose answer it is.
        question: to what.
        scores: (n_gallery,) float, −inf where not retrieved; the query's own place and its junk are −inf.
        order: (n_listed,) int64 gallery positions, best first; equal scores in gallery order.
        relevant: (n_gallery,) bool, all False when `judged` is False.
        judged: something is known to be relevant, so hits can be told from misses.
        approximate: an index found the first results (see `core.studies.ann_search`); the list ends with what it found.
    """

    system: System = field(repr=False)
    question: Query = field(repr=False)
    scores: np.ndarray = field(repr=False)
    order: np.ndarray = field(repr=False)
    relevant: np.ndarray = field(repr=False)
    judged: bool
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

    @cached_property
    def hits(self) -> np.ndarray:
        """(n_listed,) bool: the answer read down."""
        return self.relevant[self.order]

    @cached_property
    def relevant_ranks(self) -> np.ndarray:
        """Ranks of the relevant items that were retrieved, rising."""
        return np.flatnonzero(self.hits) + 1

    def as_ranks(self) -> RelevantRanks:
        """What the metrics read."""
        found, total = self.relevant_ranks, self.n_relevant
        ranks = np.full(total, RelevantRanks.NOT_RETRIEVED, np.int32)
        ranks[: len(found)] = found
        truth, gains, ideal = self.question.truth, None, None
        if truth is not None and truth.gains is not None and total:
            worth = dict(zip(truth.relevant(0).tolist(), truth.gains.tolist()))
            listed = self.order[self.hits]
            rest = [place for place in truth.relevant(0) if self.ranks[place] == NOT_LISTED]
            gains = np.array([worth[int(place)] for place in [*listed, *rest]])
            ideal = np.sort(truth.gains)[::-1].copy()
        return RelevantRanks(
            np.array([0, total]), ranks, np.array([len(found)], np.int32), np.array([len(self.order)]), gains, ideal
        )

    def missed(self, k: int) -> np.ndarray:
        """Gallery positions of the relevant items beyond the first k, nearest first; not retrieved ones last.

        Of an approximate answer only those that the index found: nobody knows where the others stand.
        """
        places = np.flatnonzero(self.relevant)
        if self.approximate:
            places = places[self.ranks[places] != NOT_LISTED]
        ranks = self.ranks[places].astype(np.float64)
        ranks[ranks == NOT_LISTED] = np.inf
        late = ranks > k
        return places[late][np.argsort(ranks[late], kind="stable")]

    def parts(self, places: np.ndarray) -> fusion_attribution.ScoreContributions:
        """What each backbone says about some results, (n,) gallery positions."""
        if self.approximate:
            return fusion_attribution.parts_of_few(self.system, 0, places, self.ranks[places])
        return fusion_attribution.score_contributions(self.system, 0, places)


def retrieve(question: Query, system: System) -> QueryResult:
    """The whole list of one system for one query; it may belong to another split of the same gallery."""
    if system.space is not question.space:
        system = question.system(system.name, system.spec)
    scores = np.array(system.block(0, 1)[0])
    truth = question.truth
    relevant = np.zeros(len(scores), bool)
    if truth is not None:
        scores[truth.junk(0)] = -np.inf
        relevant[truth.relevant(0)] = True
    if question.position is not None:
        scores[question.space.split.gallery == question.position] = -np.inf
    return QueryResult(system, question, scores, ordered(scores), relevant, bool(relevant.any()))


def ordered(scores: np.ndarray) -> np.ndarray:
    """Positions by falling score, equal ones in gallery order; −inf is left out.

    >>> ordered(np.array([0.5, -np.inf, 0.9, 0.5]))
    array([2, 0, 3])
    """
    order = np.argsort(-scores, kind="stable")
    return order[np.isfinite(scores[order])]


# -- one answer


def results_table(dataset: Dataset, answer: QueryResult, k: int) -> pd.DataFrame:
    """The first k results: rank, id, label, score, relevant (None when nobody knows), content hash, file, whether the
    whole gallery was scored ("exact") or an index asked ("index"), and of each backbone of the system its own rank
    (0: not there, −1: not worked out), its own score and its share in the fused score."""
    import pandas as pd

    places = answer.order[:k]
    positions = answer.system.space.split.gallery[places]
    table = {
        "rank": np.arange(1, len(places) + 1),
        "id": [str(dataset.ids[p]) for p in positions],
        "label": [dataset.label_of(int(p)) for p in positions],
        "score": answer.scores[places].astype(np.float64),
        "relevant": answer.relevant[places] if answer.judged else [None] * len(places),
        "sha256": [text_key(dataset.keys[p]) for p in positions],
    }
    if "path" in dataset.items:
        table["path"] = dataset.items["path"].iloc[positions].astype(str).tolist()
    table["search"] = "index" if answer.approximate else "exact"
    said = answer.parts(places)
    for at, name in enumerate(said.backbones):
        table[f"{name} rank"] = said.ranks[:, at]
        table[f"{name} score"] = said.scores[:, at].astype(np.float64)
        table[f"{name} share"] = said.shares[:, at]
    return pd.DataFrame(table)


def text_key(key: bytes | str) -> str:
    """A content key as text."""
    return key.decode() if isinstance(key, bytes) else str(key)


def figures(answer: QueryResult, k: int) -> dict[str, float]:
    """The metrics of this one query under their usual keys, and "first", the rank of the first relevant result.

    NaN where nothing is relevant, and for what reads the whole list where an index gave its beginning only.
    """
    keys = ("map", f"p@{k}", f"recall@{k}", "rprec", "ndcg", "mrr")
    values = {key: float(row[0]) for key, row in metrics.compute(answer.as_ranks(), keys).items()}
    if answer.approximate:
        values |= dict.fromkeys(("map", "rprec", "ndcg"), float("nan"))
    return values | {"first": float(answer.relevant_ranks[0]) if len(answer.relevant_ranks) else float("nan")}


def precision_recall(answer: QueryResult) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The curve of one query: its raw points and the 11 levels.

    Returns:
        recall and precision of the raw points (c/R, c/r_c), and (11,) interpolated precision at recall 0, 0.1 … 1.
    """
    ranks = answer.as_ranks()
    return (*curves.raw_curve(ranks, 0), curves.levels(ranks)[0])


# -- two answers


@dataclass(frozen=True)
class RankChanges:
    """How two answers to one query differ in their first k.

    Attributes:
        left, right: (k,) per result: places gained against the other list (+), lost (−), "new" when the other list
            does not have it in its first k.
        only_left, only_right: gallery positions that one found and the other did not.
        shared: how many both found.
    """

    left: tuple[int | str, ...]
    right: tuple[int | str, ...]
    only_left: np.ndarray
    only_right: np.ndarray
    shared: int


def rank_changes(left: QueryResult, right: QueryResult, k: int) -> RankChanges:
    """Compare two answers to the same query over the same gallery."""
    one, two = left.order[:k], right.order[:k]
    both = np.intersect1d(one, two)

    def against(items: np.ndarray, other: QueryResult) -> tuple[int | str, ...]:
        """For each item how far it moved from the other list, or "new"."""
        told = []
        for at, item in enumerate(items, start=1):
            rank = int(other.ranks[item])
            told.append(rank - at if 0 < rank <= k else "new")
        return tuple(told)

    return RankChanges(
        against(one, right),
        against(two, left),
        one[~np.isin(one, both)],
        two[~np.isin(two, both)],
        len(both),
    )


# -- all queries


def judge(
    system: System,
    truth: Relevance,
    depth: int = 100,
    queries: np.ndarray | None = None,
    ranker: Ranker | None = None,
    task: Task = NO_TASK,
) -> Evaluation:
    """The average precision of every query and its best results: what the tables below need, and no more.

    Args:
        depth: how many results of each query are kept.
        queries: (n,) int64 positions of the queries to rank, rising; None for all of them.
        ranker: of the same truth, if there is one.
    """
    ranked = (ranker or Ranker(truth)).rank(system, k=depth, queries=queries, task=task)
    return Evaluation(
        system.name,
        metrics.compute(ranked.ranks, ("map",)),
        {},
        curves.levels(ranked.ranks),
        ranked.ranks.n_queries,
        int(ranked.ranks.valid.sum()),
        ranked.mixed_ties,
        ranked.best,
        queries=ranked.queries,
    )


@dataclass(frozen=True)
class QueryCase:
    """One query as a row of "best and worst".

    Attributes:
        query: its number among the queries of the split; position: of the image.
        ap: its average precision; n_relevant: R.
        items: gallery positions of its first results; scores of the same; hits: which are relevant.
        words: what went well or wrong.
        doubt: gallery position whose label contradicts a picture that is almost the same, −1 if there is none.
    """

    query: int
    position: int
    ap: float
    n_relevant: int
    items: np.ndarray
    scores: np.ndarray
    hits: np.ndarray
    words: str
    doubt: int = -1


def best_and_worst(
    dataset: Dataset,
    evaluation: Evaluation,
    truth: Relevance,
    n: int = 10,
    label: str = "",
    metric: str = "map",
    shown: int = 7,
) -> tuple[list[QueryCase], list[QueryCase]]:
    """The n best and the n worst valid queries of a system; equal ones in the order of the split.

    A query is in one of the two lists only: when there are fewer than 2 n queries each list has half of them.

    Args:
        label: only queries of this class.
        metric: which per-query value orders them.
    """
    values = evaluation.per_query[metric]
    queries = asked_query_numbers(evaluation)
    kept = np.flatnonzero(np.isfinite(values) & of_label(dataset, queries, label))
    n_best, n_worst = min(n, (len(kept) + 1) // 2), min(n, len(kept) // 2)
    best = kept[np.argsort(-values[kept], kind="stable")[:n_best]]
    worst = [q for q in kept[np.argsort(values[kept], kind="stable")] if q not in set(best.tolist())][:n_worst]
    teller = _FailureExplainer(dataset, evaluation, truth)
    return [teller.case(q, metric, shown) for q in best], [teller.case(q, metric, shown) for q in worst]


def asked_query_numbers(evaluation: Evaluation) -> np.ndarray:
    """(n_queries,) int64: which queries of the split an evaluation asked."""
    return np.arange(evaluation.n_queries) if evaluation.queries is None else evaluation.queries


def of_label(dataset: Dataset, queries: np.ndarray, label: str) -> np.ndarray:
    """(n,) bool: queries of one class; all of them when no class is named, none when there is no such class."""
    if not label:
        return np.ones(len(queries), bool)
    positions = dataset.split.queries[queries]
    if label not in dataset.label_names:
        return np.zeros(len(queries), bool)
    code = dataset.label_names.index(label)
    if dataset.label_matrix is not None:
        return np.asarray(dataset.label_matrix[positions][:, [code]].todense()).ravel().astype(bool)
    return dataset.labels[positions] == code


NEAR_DUPLICATE = 0.97
"""From this score on, two pictures of different labels are almost the same one for a mix of backbones."""
LONELY = 0.05
"""A best score within this part of the lowest of all queries: nothing similar exists."""


class _FailureExplainer:
    """Says in words what went wrong with a query."""

    def __init__(self, dataset: Dataset, evaluation: Evaluation, truth: Relevance) -> None:
        self.dataset, self.evaluation, self.truth = dataset, evaluation, truth
        self.queries = asked_query_numbers(evaluation)
        ranking = evaluation.ranking
        if ranking is None or not ranking.items.shape[1]:
            raise BadInput(f"The evaluation of {evaluation.name!r} kept no results; evaluate it again.")
        self.items, self.scores = ranking.items, ranking.scores
        first = self.scores[:, 0]
        first = first[np.isfinite(first)]
        self.low = float(np.quantile(first, LONELY)) if len(first) >= 20 else -np.inf

    def case(self, at: int, metric: str, shown: int) -> QueryCase:
        """One row; `at` counts among the queries of the evaluation."""
        query = int(self.queries[at])
        listed = self.items[at] >= 0
        items, scores = self.items[at][listed], self.scores[at][listed]
        hits = np.isin(items, self.truth.relevant(query))
        words, doubt = self.words(query, items, scores, hits)
        return QueryCase(
            query,
            int(self.dataset.split.queries[query]),
            float(self.evaluation.per_query[metric][at]),
            int(self.truth.n_relevant[query]),
            items[:shown],
            scores[:shown],
            hits[:shown],
            words,
            doubt,
        )

    def words(self, query: int, items: np.ndarray, scores: np.ndarray, hits: np.ndarray) -> tuple[str, int]:
        """The sentence, and the gallery position of a label doubt (−1: none)."""
        total = int(self.truth.n_relevant[query])
        first = min(total, len(items))
        if not len(items):
            return "Nothing was retrieved.", -1
        if hits[:first].all():
            return (
                f"All {total} relevant ones come first." if total > 1 else "The one relevant picture comes first."
            ), -1
        parts = []
        position = int(self.dataset.split.queries[query])
        doubt = self._doubt(position, items, scores, hits)
        if doubt >= 0:
            at = int(np.flatnonzero(items == doubt)[0])
            parts.append(
                f"Almost the same picture (rank {at + 1}, score {scores[at]:.2f}) is labelled "
                f"{self._label(doubt)!r}: one of the two labels may be wrong."
            )
        if scores[0] <= self.low:
            parts.append(
                f"Nothing similar exists: its best match scores {scores[0]:.2f}, among the lowest of all queries."
            )
        confused = self._confused(items[: max(first, 5)], hits[: max(first, 5)])
        if confused:
            parts.append(confused)
        found = np.flatnonzero(hits)
        if not len(found):
            parts.append(f"None of the {total} relevant ones is in the first {len(items)}.")
        elif found[0] >= max(3, first):
            parts.append(f"The first relevant one is at rank {found[0] + 1}.")
        if not parts:
            count = int(hits[:first].sum())
            parts.append(
                f"{count} of the first {first} {'is' if count == 1 else 'are'} relevant; the others come from several classes."
            )
        return " ".join(parts), doubt

    def _label(self, place: int) -> str:
        return self.dataset.label_of(int(self.dataset.split.gallery[place])) or "nothing"

    def _doubt(self, position: int, items: np.ndarray, scores: np.ndarray, hits: np.ndarray) -> int:
        """A wrong result that is the very same file, or nearer than NEAR_DUPLICATE where scores are cosines."""
        for item, score, hit in zip(items[:10], scores[:10], hits[:10]):
            other = int(self.dataset.split.gallery[item])
            same = self.dataset.keys[other] == self.dataset.keys[position]
            if not hit and (same or NEAR_DUPLICATE <= score <= 1.001) and self.dataset.label_of(other):
                return int(item)
        return -1

    def _confused(self, items: np.ndarray, hits: np.ndarray) -> str:
        """'Confused with …' when one other class holds at least a third of what came first."""
        names = [self._label(int(item)) for item in items[~hits]]
        if not names:
            return ""
        name, count = max(((n, names.count(n)) for n in dict.fromkeys(names)), key=lambda pair: pair[1])
        if name == "nothing" or count < max(2, len(items) / 3):
            return ""
        return f"Confused with {name!r}: {count} of the first {len(items)}."


def largest_differences(
    dataset: Dataset,
    left: Evaluation,
    right: Evaluation,
    truth: Relevance,
    n: int = 10,
    label: str = "",
    metric: str = "map",
    shown: int = 7,
) -> tuple[list[tuple[QueryCase, QueryCase]], list[tuple[QueryCase, QueryCase]]]:
    """Where one system beats the other: the queries with the largest difference, both ways.

    Returns:
        (left wins, right wins), each up to n pairs (what left returned, what right returned), largest first; equal
        differences in the order of the split. Queries without a difference are in neither.
    Raises:
        BadInput: they were not asked the same queries.
    """
    if not np.array_equal(asked_query_numbers(left), asked_query_numbers(right)):
        raise BadInput(f"{left.name!r} and {right.name!r} were not asked the same queries; evaluate both again.")
    gap = left.per_query[metric] - right.per_query[metric]
    gap = np.where(np.isfinite(gap) & of_label(dataset, asked_query_numbers(left), label), gap, 0.0)
    gap[np.abs(gap) < 1e-12] = 0.0
    order = np.argsort(-gap, kind="stable")
    wins = [q for q in order if gap[q] > 0][:n]
    losses = [q for q in np.argsort(gap, kind="stable") if gap[q] < 0][:n]
    one, two = _FailureExplainer(dataset, left, truth), _FailureExplainer(dataset, right, truth)

    def pairs(queries: list[int]) -> list[tuple[QueryCase, QueryCase]]:
        return [(one.case(q, metric, shown), two.case(q, metric, shown)) for q in queries]

    return pairs(wins), pairs(losses)


def confusions(dataset: Dataset, evaluation: Evaluation, k: int) -> pd.DataFrame:
    """What is retrieved for what: one row per (query class, result class) that occurs in the first k results.

    Several labels per image: every label of the query is confused with every label of the result that the query
    does not have; agreement counts on the shared labels.

    Returns:
        columns "query class", "result class", "results" (how many), "share" (of all results of that query class,
        in [0, 1]), "queries" (how many queries of the class), "agrees" (same class). Unlabelled results are "".
    """
    import pandas as pd
    from scipy import sparse

    n_labels = len(dataset.label_names)
    columns = ["query class", "result class", "results", "share", "queries", "agrees"]
    if evaluation.ranking is None or not n_labels:
        return pd.DataFrame(columns=columns)
    items = evaluation.ranking.items[:, :k]
    owners = np.repeat(dataset.split.queries[asked_query_numbers(evaluation)], items.shape[1])
    listed = items.ravel() >= 0
    results = dataset.split.gallery[items.ravel()[listed]]
    labels = _label_rows(dataset)
    asks, gives = labels[owners[listed]], labels[results]
    if dataset.label_matrix is not None:
        shared = asks.multiply(gives)
        gives = gives - shared
        counts = (asks.T @ gives + sparse.diags(np.asarray(shared.sum(axis=0)).ravel())).tocoo()
    else:
        counts = (asks.T @ gives).tocoo()
    sizes = np.asarray(labels[dataset.split.queries[asked_query_numbers(evaluation)]].sum(axis=0)).ravel()
    totals = np.bincount(counts.row, weights=counts.data, minlength=n_labels + 1)
    names = [*dataset.label_names, ""]
    kept = (counts.data > 0) & (counts.row < n_labels)
    table = pd.DataFrame(
        {
            "query class": [names[r] for r in counts.row[kept]],
            "result class": [names[c] for c in counts.col[kept]],
            "results": counts.data[kept].astype(np.int64),
            "share": counts.data[kept] / np.maximum(totals[counts.row[kept]], 1),
            "queries": sizes[counts.row[kept]].astype(np.int64),
            "agrees": counts.row[kept] == counts.col[kept],
        }
    )
    return table.sort_values(["share", "results"], ascending=False, kind="stable", ignore_index=True)[columns]


def _label_rows(dataset: Dataset) -> sparse.csr_matrix:
    """(n_images, n_labels + 1) CSR of ones; the last column is "no label"."""
    from scipy import sparse

    n, n_labels = len(dataset), len(dataset.label_names)
    if dataset.label_matrix is not None:
        rows = sparse.csr_matrix(dataset.label_matrix, dtype=np.float64)
        bare = np.asarray(rows.sum(axis=1)).ravel() == 0
        return sparse.hstack([rows, sparse.csr_matrix(bare[:, None].astype(np.float64))]).tocsr()
    codes = np.where(dataset.labels >= 0, dataset.labels, n_labels)
    return sparse.csr_matrix((np.ones(n), (np.arange(n), codes)), shape=(n, n_labels + 1))


def confused_pairs(
    dataset: Dataset, evaluation: Evaluation, k: int, query_class: str, result_class: str, n: int = 60
) -> pd.DataFrame:
    """The pictures behind one cell of the confusions: the query, the result, its rank and score; best ranks first."""
    import pandas as pd

    queries = asked_query_numbers(evaluation)
    rows = np.flatnonzero(of_label(dataset, queries, query_class))
    found = []
    if query_class in dataset.label_names:
        for at in rows:
            for rank, item in enumerate(evaluation.ranking.items[at][:k], start=1):
                if item >= 0 and _has_label(dataset, int(dataset.split.gallery[item]), result_class):
                    score = float(evaluation.ranking.scores[at][rank - 1])
                    found.append(
                        (int(dataset.split.queries[queries[at]]), int(dataset.split.gallery[item]), rank, score)
                    )
    found.sort(key=lambda row: (row[2], -row[3]))
    return pd.DataFrame(found[:n], columns=["query", "result", "rank", "score"])


def _has_label(dataset: Dataset, position: int, label: str) -> bool:
    if not label:
        return not dataset.label_of(position)
    if dataset.label_matrix is not None:
        return label in [dataset.label_names[c] for c in dataset.label_matrix[position].indices]
    code = int(dataset.labels[position])
    return code >= 0 and dataset.label_names[code] == label


# -- choosing a query


def browse(dataset: Dataset, label: str = "", words: str = "") -> np.ndarray:
    """Positions of the images of a class whose id, file name or title holds all of the words, in dataset order."""
    kept = np.ones(len(dataset), bool)
    if label:
        kept &= np.isin(np.arange(len(dataset)), positions_of_label(dataset, label))
    terms = words.casefold().split()
    if terms:
        texts = dataset.search_texts
        for term in terms:
            kept &= np.char.find(texts, term) >= 0
    return np.flatnonzero(kept)


def positions_of_label(dataset: Dataset, label: str) -> np.ndarray:
    """Positions of the images that carry a label; none when there is no such label."""
    if label not in dataset.label_names:
        return np.empty(0, np.int64)
    code = dataset.label_names.index(label)
    if dataset.label_matrix is not None:
        return np.sort(dataset.label_matrix.tocsc()[:, [code]].indices.astype(np.int64))
    return np.flatnonzero(dataset.labels == code)


def hardest_queries(evaluation: Evaluation, dataset: Dataset, n: int = 60) -> np.ndarray:
    """Positions of the images that a system finds hardest: valid queries by rising average precision."""
    values = evaluation.per_query["map"]
    valid = np.flatnonzero(np.isfinite(values))
    return dataset.split.queries[asked_query_numbers(evaluation)[valid[np.argsort(values[valid], kind="stable")[:n]]]]
