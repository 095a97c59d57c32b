"""Why a query fails: the most likely reason, with its evidence. One entry per reason; the first that holds is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from core import wording
from core.errors import CoreError
from core.explain import Heat
from core.metrics.hubs import DEPTH
from core.registry import Registry
from core.studies import image_measures, match_explanation, retrieval
from core.studies.match_explanation import ExplainerPool
from core.studies.match_sentences import title_of
from core.studies.retrieval import QueryCase
from core.studies.systems import System
from core.types import Dataset, Evaluation, Relevance

text = wording.page("failures")

NEIGHBOURS, AGREE = 10, 0.8
"""Nearest labelled images that are asked for the label, and how many of them must name the same other one."""
FALSE_ALARMS = 0.05
"""Part of the queries that succeed which a limit may call lonely or damaged, and the chance that one backbone stands out."""
CROWDS, AT_LEAST = 3.0, 5
"""A hub is wrong in so many times more lists than an image stands in on average, and in at least so many."""
NEAR, FAR = 3, 10
"""One backbone has a relevant image within the first, all others none within the second."""
OUTSIDE = 0.55
"""Part of the heat outside the middle (half of the area) from which the background matched: of right results 1 in 100 has more."""
DARK, BLURRED, TINY = 0.35, 0.05, 0.25
"""Parts of the median brightness, sharpness and shorter side of queries that succeed below which a query is damaged, if it
is also below what FALSE_ALARMS of them have."""
SAMPLED = 60
"""Queries that succeed whose images are measured."""


@dataclass(frozen=True)
class FailureReason:
    """Why one query fails.

    Attributes:
        name: of REASONS; label, evidence: for people.
    """

    name: str
    label: str
    evidence: str

    @property
    def is_told(self) -> bool:
        """Whether the explanation of a case gives the same evidence."""
        return self.name in ("copy", "lonely")


@dataclass(frozen=True)
class Reason:
    """A kind of reason: `function` gives its evidence as a sentence, "" where it does not hold.

    Attributes:
        sees_images: whether networks look at images for it, which takes a second an image.
    """

    name: str
    function: Callable[[FailureEvidence, QueryCase], str] = field(repr=False)
    sees_images: bool = False

    @property
    def label(self) -> str:
        """For people."""
        return text(f"label.{self.name}")


REASONS: Registry[Reason] = Registry("failure reason", Reason)


class FailureEvidence:
    """What is known about the queries of one system, worked out once for all of them.

    Args:
        evaluation: of the system, with its best results.
        pool: explains matches; None leaves out the reasons for which images are looked at.
        setting: (n_queries,) bool, the queries that limits are read off; None for all of them.
    """

    def __init__(
        self,
        dataset: Dataset,
        system: System,
        evaluation: Evaluation,
        truth: Relevance,
        pool: ExplainerPool | None = None,
        setting: np.ndarray | None = None,
    ) -> None:
        self.setting = setting
        self.dataset, self.system, self.evaluation, self.truth, self.pool = dataset, system, evaluation, truth, pool
        self._reasons: dict[int, FailureReason | None] = {}

    def reason(self, case: QueryCase) -> FailureReason | None:
        """The first reason that holds; None where none does, or nothing is wrong. Worked out once a query."""
        if case.query not in self._reasons:
            self._reasons[case.query] = self._first_reason(case)
        return self._reasons[case.query]

    def _first_reason(self, case: QueryCase) -> FailureReason | None:
        if not len(case.items) or case.hits[: min(case.n_relevant, len(case.hits))].all():
            return None
        for kind in REASONS:
            if kind.sees_images and self.pool is None:
                continue
            evidence = kind.function(self, case)
            if evidence:
                return FailureReason(kind.name, kind.label, evidence)
        return None

    def label(self, item: int) -> str:
        """The label of a gallery image, "no label" without one."""
        return self.dataset.label_of(int(self.dataset.split.gallery[item])) or "no label"

    @cached_property
    def right(self) -> np.ndarray:
        """Rows of the evaluation's ranking whose first result is relevant, of the queries that set limits."""
        assert self.evaluation.ranking is not None, "evaluated with its results"
        rows = []
        for row, query in enumerate(retrieval.query_numbers(self.evaluation).tolist()):
            first = self.evaluation.ranking.items[row, 0]
            if first in self.truth.relevant(query) and (self.setting is None or self.setting[query]):
                rows.append(row)
        return np.array(rows, np.int64)

    @cached_property
    def low(self) -> float:
        """The best score that at most FALSE_ALARMS of the queries that succeed do not pass; −inf with too few of them."""
        assert self.evaluation.ranking is not None, "evaluated with its results"
        return low_limit(self.evaluation.ranking.scores[self.right, 0])

    @cached_property
    def wrong_lists(self) -> np.ndarray:
        """(n_gallery,) int64: in how many first results of all queries each image is wrong."""
        assert self.evaluation.ranking is not None, "evaluated with its results"
        counts = np.zeros(self.system.n_gallery, np.int64)
        items = self.evaluation.ranking.items[:, :DEPTH]
        for query, row in zip(retrieval.query_numbers(self.evaluation).tolist(), items):
            row, relevant = row[row >= 0], self.truth.relevant(query)
            at = np.searchsorted(relevant, row)
            right = at < len(relevant)
            right[right] = relevant[at[right]] == row[right]
            counts[row[~right]] += 1
        return counts

    @cached_property
    def least(self) -> tuple[float, float, float]:
        """Brightness, sharpness and shorter side up to which a query is damaged; −inf where too few queries succeed."""
        positions = self.dataset.split.queries[retrieval.query_numbers(self.evaluation)[self.right]]
        if not len(positions):
            return (-np.inf,) * 3
        chosen = positions[np.linspace(0, len(positions) - 1, min(SAMPLED, len(positions))).astype(int)]
        sides = [min(_size(self.dataset, int(at)) or (np.nan,)) for at in chosen]
        values = np.column_stack([image_measures.measured(self.dataset, chosen), np.array(sides, float)])
        limits = []
        for column, part in zip(values.T, (DARK, BLURRED, TINY)):
            known = column[np.isfinite(column)]
            limits.append(min(low_limit(known), part * float(np.median(known))) if len(known) else -np.inf)
        return limits[0], limits[1], limits[2]


def low_limit(values: np.ndarray) -> float:
    """The highest of these values that one more of their kind stays at or below with a chance of at most FALSE_ALARMS.

    Returns:
        −inf where they are too few to say (fewer than 19).
    Reference:
        Vovk, Gammerman and Shafer 2005, Algorithmic learning in a random world, doi:10.1007/b106715, section 2.2 (conformal prediction).

    >>> low_limit(np.arange(39.0)), low_limit(np.arange(18.0))
    (1.0, -inf)
    """
    rank = int(FALSE_ALARMS * (len(values) + 1) + 1e-9)
    return float(np.sort(values)[rank - 1]) if rank else -np.inf


def first_wrong(case: QueryCase) -> int:
    """How many results stand before the first one that is wrong; −1 where none of those shown is."""
    wrong = np.flatnonzero(np.array(case.kinds) == "not")
    return int(wrong[0]) if len(wrong) else -1


def _size(dataset: Dataset, position: int) -> tuple[int, int] | None:
    """Width and height of an image, where the table of images knows them."""
    if not {"width", "height"} <= set(dataset.items.columns):
        return None
    width, height = (dataset.items[name].iat[position] for name in ("width", "height"))
    return (int(width), int(height)) if width == width and height == height else None


@REASONS.register("label")
def label_doubtful(known: FailureEvidence, case: QueryCase) -> str:
    """More than half of the backbones have neighbours of one other label, and none of the query's own."""
    dataset, space = known.dataset, known.system.space
    if dataset.label_matrix is not None or dataset.labels[case.position] < 0:
        return ""
    gallery = dataset.split.gallery
    usable = (dataset.labels[gallery] >= 0) & (dataset.keys[gallery] != dataset.keys[case.position])
    votes: list[tuple[int, int, int]] = []
    for name in known.system.backbones:
        scores = np.where(usable, space.scores(name, case.query, case.query + 1)[0], -np.inf)
        nearest = np.argsort(-scores, kind="stable")[:NEIGHBOURS]
        labels = dataset.labels[gallery[nearest[np.isfinite(scores[nearest])]]]
        values, counts = np.unique(labels, return_counts=True)
        if len(labels) and not (labels == dataset.labels[case.position]).any() and counts.max() >= AGREE * len(labels):
            votes.append((int(values[counts.argmax()]), int(counts.max()), len(labels)))
    if 2 * len(votes) <= len(known.system.backbones) or len({other for other, _, _ in votes}) != 1:
        return ""
    other, count, k = min(votes, key=lambda vote: vote[1] / vote[2])
    return text("sentence.label", count=count, k=k, other=repr(dataset.label_names[other]))


@REASONS.register("copy")
def near_copy(known: FailureEvidence, case: QueryCase) -> str:
    """An image that is almost the same carries another label."""
    at = np.flatnonzero(case.items == case.label_error)
    if case.label_error < 0 or not len(at):
        return ""
    score = wording.number(float(case.scores[at[0]]))
    return text("sentence.copy", rank=int(at[0]) + 1, score=score, other=repr(known.label(case.label_error)))


@REASONS.register("lonely")
def nothing_similar(known: FailureEvidence, case: QueryCase) -> str:
    """The best score is among the lowest of all queries."""
    if not case.scores[0] <= known.low:
        return ""
    return text("sentence.lonely", score=wording.number(float(case.scores[0])), low=wording.number(known.low))


@REASONS.register("hub")
def hub_took_the_place(known: FailureEvidence, case: QueryCase) -> str:
    """The first wrong result is wrong in the lists of many queries."""
    rank = first_wrong(case)
    if rank < 0 or rank >= NEAR:
        return ""
    item, n = int(case.items[rank]), known.evaluation.n_queries
    expected = DEPTH * n / max(known.system.n_gallery, 1)
    count = int(known.wrong_lists[item])
    if count < max(AT_LEAST, CROWDS * expected):
        return ""
    return text(
        "sentence.hub",
        rank=rank + 1,
        label=known.label(item),
        depth=DEPTH,
        count=count,
        n=f"{n:,}",
        expected=wording.number(expected, 0),
    )


@REASONS.register("lone_backbone")
def one_backbone_sees_it(known: FailureEvidence, case: QueryCase) -> str:
    """One backbone has a relevant image among its very first, and all others have none near."""
    names, relevant = known.system.backbones, known.truth.relevant(case.query)
    if len(names) < 2 or not len(relevant):
        return ""
    ranks, near = {}, {}
    for name in names:
        listed = known.system.space.ranks(name, case.query, case.query + 1)[0, relevant]
        ranks[name] = int(listed[listed > 0].min(initial=known.system.n_gallery))
        near[name] = int(((listed > 0) & (listed <= FAR)).sum())
    best = min(names, key=ranks.__getitem__)
    if ranks[best] > NEAR or any(ranks[name] <= FAR for name in names if name != best):
        return ""
    chance = by_chance(near[best], len(names), len(relevant), known.system.n_gallery)
    if chance > FALSE_ALARMS:
        return ""
    others = ", ".join(
        text("phrase.other", title=title_of(name), rank=f"{ranks[name]:,}") for name in names if name != best
    )
    says = wording.p_value(chance)
    return text(
        "sentence.lone_backbone", title=title_of(best), rank=ranks[best], near=near[best], others=others, p=says
    )


def by_chance(near: int, n_backbones: int, n_relevant: int, n_gallery: int) -> float:
    """The chance that random lists look so: one of them has so many relevant images in its first FAR, all others none.

    >>> round(by_chance(3, 2, 20, 1000), 4)
    0.0012
    """
    from scipy.stats import hypergeom

    drawn = hypergeom(n_gallery, n_relevant, min(FAR, n_gallery))
    return float(min(1.0, n_backbones * drawn.sf(near - 1) * drawn.pmf(0) ** (n_backbones - 1)))


@REASONS.register("background", sees_images=True)
def background_matched(known: FailureEvidence, case: QueryCase) -> str:
    """Most of what the first wrong result has above the average image lies outside the middle of the query image."""
    rank = first_wrong(case)
    if rank < 0 or known.pool is None:
        return ""
    share = outside_middle(known, case, rank)
    if not share >= OUTSIDE:
        return ""
    even = wording.percent(match_explanation.share_outside_centre(Heat(np.ones((1, 1)))))
    return text("sentence.background", share=wording.percent(share), rank=rank + 1, even=even)


def outside_middle(known: FailureEvidence, case: QueryCase, rank: int) -> float:
    """Which part of what a result has above the average image lies outside the middle of the query image; NaN: unknown.

    Args:
        rank: of the result, from 0; `known` has a pool.
    """
    assert known.pool is not None, "somebody looks at images"
    try:
        query = retrieval.gallery_image_query(known.dataset, known.system.space, case.position, known.truth)
        answer = retrieval.retrieve(query, known.system)
        shown = match_explanation.image_of(known.dataset, case.position)
        why = match_explanation.explain_match(known.dataset, answer, int(case.items[rank]), shown, known.pool)
    except CoreError:
        return float("nan")  # an image that is gone, or weights
    pair = why.query or next((match.query for match in why.parts if match.query is not None), None)
    return float("nan") if pair is None else match_explanation.share_outside_centre(pair.above)


@REASONS.register("damaged")
def damaged_query(known: FailureEvidence, case: QueryCase) -> str:
    """The query image is far more blurred, darker or smaller than those of queries that succeed."""
    if not known.dataset.has_images:
        return ""
    bright, sharp = image_measures.measured(known.dataset, [case.position])[0].tolist()
    least_bright, least_sharp, least_side = known.least
    size, what = _size(known.dataset, case.position), []
    if size and min(size) <= least_side:
        what.append(text("phrase.tiny", width=size[0], height=size[1], low=wording.number(least_side, 0)))
    if bright <= least_bright:
        what.append(text("phrase.dark", value=wording.number(bright, 2), low=wording.number(least_bright, 2)))
    if sharp <= least_sharp:
        what.append(text("phrase.blurred", value=wording.number(sharp, 0), low=wording.number(least_sharp, 0)))
    return text("sentence.damaged", what=", ".join(what)) if what else ""
