"""All queries of a system: the best and the worst, where two systems differ most, and in a sentence what went wrong."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core import metrics
from core.errors import BadInput
from core.metrics import curves
from core.studies.ranker import Ranker
from core.studies.systems import System
from core.task import NO_TASK, Task
from core.types import Dataset, Evaluation, Relevance

NEAR_DUPLICATE = 0.97
"""From this score on, two images of different labels are almost the same one for a mix of backbones."""
LONELY = 0.05
"""A best score within this part of the lowest of all queries: nothing similar exists."""


def evaluate_queries(
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
        items: gallery positions of its first results; scores of the same; hits: which are relevant;
            kinds: "relevant", "not" or "unknown" of each.
        explanation: what went well or wrong.
        label_error: gallery position whose label contradicts that of a query which is almost the same image; −1: none.
    """

    query: int
    position: int
    ap: float
    n_relevant: int
    items: np.ndarray
    scores: np.ndarray
    hits: np.ndarray
    kinds: tuple[str, ...]
    explanation: str
    label_error: int = -1


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
    valid = np.flatnonzero(np.isfinite(values) & of_label(dataset, query_numbers(evaluation), label))
    n_best, n_worst = min(n, (len(valid) + 1) // 2), min(n, len(valid) // 2)
    best = valid[np.argsort(-values[valid], kind="stable")[:n_best]]
    rising = valid[np.argsort(values[valid], kind="stable")]
    worst = rising[~np.isin(rising, best)][:n_worst]
    explainer = _FailureExplainer(dataset, evaluation, truth)
    return [explainer.case(q, metric, shown) for q in best], [explainer.case(q, metric, shown) for q in worst]


def query_numbers(evaluation: Evaluation) -> np.ndarray:
    """(n_queries,) int64: which queries of the split an evaluation is of."""
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


def kinds_of(dataset: Dataset, truth: Relevance, query: int, items: np.ndarray) -> tuple[str, ...]:
    """ "relevant", "not" or "unknown": what some results are to a query.

    Args:
        query: its number among the queries of the truth; items: (n,) int64 gallery positions.
    """
    hits = np.isin(items, truth.relevant(query)).tolist()
    if truth.judged is not None:
        known = np.isin(items, truth.junk(query), invert=True) & truth.judged[query]
        return tuple("relevant" if hit else "not" if is_known else "unknown" for hit, is_known in zip(hits, known))
    positions = dataset.split.gallery[items].tolist()
    return tuple(dataset.relevance_kind(position, hit) for position, hit in zip(positions, hits))


class _FailureExplainer:
    """Says in words what went wrong with a query."""

    def __init__(self, dataset: Dataset, evaluation: Evaluation, truth: Relevance) -> None:
        self.dataset, self.evaluation, self.truth = dataset, evaluation, truth
        self.queries = query_numbers(evaluation)
        ranking = evaluation.ranking
        if ranking is None or not ranking.items.shape[1]:
            raise BadInput(f"The evaluation of {evaluation.name!r} has no results; evaluate it again.")
        self.items, self.scores = ranking.items, ranking.scores
        first = self.scores[:, 0]
        first = first[np.isfinite(first)]
        self.low = float(np.quantile(first, LONELY)) if len(first) >= 20 else -np.inf

    def case(self, row: int, metric: str, shown: int) -> QueryCase:
        """One row; `row` counts among the queries of the evaluation."""
        query = int(self.queries[row])
        listed = self.items[row] >= 0
        items, scores = self.items[row][listed], self.scores[row][listed]
        hits = np.isin(items, self.truth.relevant(query))
        explanation, label_error = self.explanation(query, items, scores, hits)
        return QueryCase(
            query,
            int(self.dataset.split.queries[query]),
            float(self.evaluation.per_query[metric][row]),
            int(self.truth.n_relevant[query]),
            items[:shown],
            scores[:shown],
            hits[:shown],
            kinds_of(self.dataset, self.truth, query, items[:shown]),
            explanation,
            label_error,
        )

    def explanation(self, query: int, items: np.ndarray, scores: np.ndarray, hits: np.ndarray) -> tuple[str, int]:
        """The sentence, and the gallery position of a probable label error (−1: none)."""
        total = int(self.truth.n_relevant[query])
        first = min(total, len(items))
        if not len(items):
            return "Nothing was retrieved.", -1
        if self.truth.pooled:
            kinds = kinds_of(self.dataset, self.truth, query, items)
            counts = [kinds.count(kind) for kind in ("relevant", "not", "unknown")]
            return f"Of the first {len(items)}, {counts[0]} are relevant, {counts[1]} not, {counts[2]} not judged.", -1
        if hits[:first].all():
            return (
                f"All {total} relevant ones come first." if total > 1 else "The one relevant image comes first."
            ), -1
        parts = []
        position = int(self.dataset.split.queries[query])
        label_error = self._label_error(position, items, scores, hits)
        if label_error >= 0:
            index = int(np.flatnonzero(items == label_error)[0])
            parts.append(
                f"Almost the same image (rank {index + 1}, score {scores[index]:.2f}) is labelled "
                f"{self._label(label_error)!r}: one of the two labels may be wrong."
            )
        if scores[0] <= self.low:
            parts.append(
                f"Nothing similar exists: its best match scores {scores[0]:.2f}, among the lowest of all queries."
            )
        confused = self._confused(items[: max(first, 5)], hits[: max(first, 5)])
        if confused:
            parts.append(confused)
        indices = np.flatnonzero(hits)
        if not len(indices):
            parts.append(f"None of the {total} relevant ones is in the first {len(items)}.")
        elif indices[0] >= max(3, first):
            parts.append(f"The first relevant one is at rank {indices[0] + 1}.")
        if not parts:
            count = int(hits[:first].sum())
            parts.append(
                f"{count} of the first {first} {'is' if count == 1 else 'are'} relevant; the others come from several classes."
            )
        return " ".join(parts), label_error

    def _label(self, item: int) -> str:
        return self.dataset.label_of(int(self.dataset.split.gallery[item])) or "nothing"

    def _label_error(self, position: int, items: np.ndarray, scores: np.ndarray, hits: np.ndarray) -> int:
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
        BadInput: they are of different queries.
    """
    if not np.array_equal(query_numbers(left), query_numbers(right)):
        raise BadInput(f"{left.name!r} and {right.name!r} are of different queries; evaluate both again.")
    gap = left.per_query[metric] - right.per_query[metric]
    gap = np.where(np.isfinite(gap) & of_label(dataset, query_numbers(left), label), gap, 0.0)
    gap[np.abs(gap) < 1e-12] = 0.0
    order = np.argsort(-gap, kind="stable")
    wins = [q for q in order if gap[q] > 0][:n]
    losses = [q for q in np.argsort(gap, kind="stable") if gap[q] < 0][:n]
    explainers = [_FailureExplainer(dataset, evaluation, truth) for evaluation in (left, right)]

    def pairs(queries: list[int]) -> list[tuple[QueryCase, QueryCase]]:
        return [(explainers[0].case(q, metric, shown), explainers[1].case(q, metric, shown)) for q in queries]

    return pairs(wins), pairs(losses)


def hardest_queries(evaluation: Evaluation, dataset: Dataset, n: int = 60) -> np.ndarray:
    """Positions of the images that are hardest for a system: valid queries by rising average precision."""
    values = evaluation.per_query["map"]
    valid = np.flatnonzero(np.isfinite(values))
    hardest = valid[np.argsort(values[valid], kind="stable")[:n]]
    return dataset.split.queries[query_numbers(evaluation)[hardest]]
