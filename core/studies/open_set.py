"""Nothing like it here: how well the best score of a list tells a query with an answer from one without.

Every query asks twice: once as it is, and once with everything relevant to it taken out of its list, as a stranger would
ask. No other data is needed (DEFINITIONS.md, section 13).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from core.errors import NotComputed
from core.metrics import pair_resampling, verification
from core.metrics.verification import OperatingPoint, ThresholdCurve
from core.studies import score_pairs
from core.studies.score_pairs import PairTruth
from core.studies.systems import System
from core.task import NO_TASK, Task
from core.types import Dataset, Figure, Relevance

FALSE_ALARMS = (0.01, 0.05, 0.10)
"""Shares of strangers that are accepted at most."""
DEPTH = 11
"""Scores of a list that a rule of acceptance reads."""


def _mean_of_first(top: np.ndarray, n: int) -> np.ndarray:
    """(n_queries,) the mean of the first n scores, of those that are there."""
    first = top[:, :n]
    there = np.isfinite(first)
    total = np.where(there, first, 0.0).sum(axis=1)
    return np.where(there.any(axis=1), total / np.maximum(there.sum(axis=1), 1), -np.inf)


def _margin(top: np.ndarray) -> np.ndarray:
    """(n_queries,) the best score less the mean of the next ten."""
    rest = _mean_of_first(top[:, 1:], DEPTH - 1)
    with np.errstate(invalid="ignore"):
        return np.where(np.isfinite(rest), top[:, 0] - rest, top[:, 0])


RULES: dict[str, tuple[str, Callable[[np.ndarray], np.ndarray]]] = {
    "maximum": ("Best score", lambda top: top[:, 0]),
    "margin": ("Margin: best less the mean of the next ten", _margin),
    "mean5": ("Mean of the first five", lambda top: _mean_of_first(top, 5)),
}
"""How a list is accepted: key → what people read, and (n_queries, 11) falling scores → (n_queries,) float64."""


@dataclass(frozen=True)
class Identification:
    """What one rule of acceptance gives.

    Attributes:
        rule: a key of RULES.
        auc: how often a query with an answer scores above one without.
        rates: at each share of FALSE_ALARMS, queries whose first hit is right and that are accepted (DIR@FAR).
        points: the thresholds there.
        curve: DIR over the share of strangers accepted.
    """

    rule: str
    auc: Figure
    rates: tuple[Figure, ...]
    points: tuple[OperatingPoint, ...]
    curve: ThresholdCurve = field(repr=False)

    @property
    def title(self) -> str:
        """What people read."""
        return RULES[self.rule][0]


@dataclass(frozen=True)
class OpenSet:
    """One system, asked by queries with and without an answer.

    Attributes:
        name: of the system.
        first_right: the share of queries whose first hit is right, with nobody refused.
        by_rule: what each rule of RULES gives.
        n_queries: queries that asked, twice each.
        unit, n_units: what intervals draw.
    """

    name: str
    first_right: float
    by_rule: tuple[Identification, ...]
    n_queries: int
    unit: str
    n_units: int

    def __getitem__(self, rule: str) -> Identification:
        return next(made for made in self.by_rule if made.rule == rule)

    @property
    def best(self) -> Identification:
        """The rule that tells strangers best, by its AUROC."""
        return max(self.by_rule, key=lambda made: made.auc.mean)


def open_set(
    system: System,
    truth: Relevance,
    dataset: Dataset,
    *,
    by_class: bool = True,
    seed: int = 0,
    task: Task = NO_TASK,
) -> OpenSet:
    """AUROC of the best score, and DIR at three false-alarm rates, by every rule of RULES.

    Args:
        truth: of the dataset's split.
    Raises:
        NotComputed: no query has an answer, or none has anything else in its list.
    """
    pairs = PairTruth.of(dataset, truth, by_class, seed)
    known, stranger, right = first_scores(system, pairs, task)
    valid = truth.n_relevant > 0
    if not valid.any() or not np.isfinite(stranger[valid, 0]).any():
        raise NotComputed(
            f"No query of {dataset.name!r} has both a relevant image and another one to be refused. Label images of two "
            "classes at least."
        )
    # The gallery stays as it is, so only the queries' side is drawn.
    groups = pairs.query_units if pairs.unit == "classes" else np.arange(truth.n_queries)
    units, n_units = pair_resampling.units_of(np.where(valid, groups, -1), pair_resampling.MOST_QUERIES, seed)
    by_rule = tuple(
        _identify(rule, read(known)[valid], read(stranger)[valid], right[valid], units[valid], n_units, truth, seed)
        for rule, (_, read) in RULES.items()
    )
    n = int(valid.sum())
    return OpenSet(system.name, float(right[valid].mean()), by_rule, n, pairs.unit, len(np.unique(groups[valid])))


def first_scores(
    system: System, pairs: PairTruth, task: Task = NO_TASK, depth: int = DEPTH
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The first scores of every query's list, as it is and without what is relevant, and whether the first hit is right.

    Returns:
        (n_queries, depth) float64 falling twice, −inf where a list is shorter; (n_queries,) bool.
    """
    n, depth = system.n_queries, min(depth, max(system.n_gallery, 1))
    known, stranger = np.full((n, depth), -np.inf), np.full((n, depth), -np.inf)
    right = np.zeros(n, bool)
    truth = pairs.truth
    for block in score_pairs.blocks(system, pairs, task):
        rows = slice(block.start, block.start + len(block.scores))
        listed = np.where(_outside(truth, rows), -np.inf, block.scores)
        relevant = score_pairs.relevant_of(truth, rows.start, rows.stop)
        first = listed.argmax(axis=1)
        right[rows] = relevant[np.arange(len(first)), first] & np.isfinite(listed.max(axis=1))
        known[rows] = _top(listed, depth)
        stranger[rows] = _top(np.where(relevant, -np.inf, listed), depth)
    return known, stranger, right


def _outside(truth: Relevance, rows: slice) -> np.ndarray:
    """(rows, n_gallery) bool: the query itself and its junk, which are in no list."""
    outside = np.zeros((rows.stop - rows.start, truth.n_gallery), bool)
    own_items = truth.self_position[rows]
    inside = np.flatnonzero(own_items >= 0)
    outside[inside, own_items[inside]] = True
    indptr = truth.junk_indptr[rows.start : rows.stop + 1]
    owners = np.repeat(np.arange(rows.stop - rows.start), np.diff(indptr))
    outside[owners, truth.junk_items[indptr[0] : indptr[-1]]] = True
    return outside


def _top(scores: np.ndarray, depth: int) -> np.ndarray:
    """(rows, depth) float64: the highest scores of each row, falling."""
    part = np.partition(scores, scores.shape[1] - depth, axis=1)[:, scores.shape[1] - depth :]
    return -np.sort(-part.astype(np.float64), axis=1)


def _identify(
    rule: str,
    known: np.ndarray,
    stranger: np.ndarray,
    right: np.ndarray,
    units: np.ndarray,
    n_units: int,
    truth: Relevance,
    seed: int,
) -> Identification:
    """Figures of one rule; all arrays are of the valid queries."""
    told_apart = verification.curve_of_scores(known, stranger)
    # Who is accepted with a wrong first hit is not identified: no threshold may count them.
    identified = verification.curve_of_scores(np.where(right, known, -np.inf), stranger)
    n, n_all = len(known), truth.n_queries
    auc = verification.roc_auc(told_apart)
    drawn = [
        _spread(curve, scores, stranger, units, n_units, seed)
        for curve, scores in ((told_apart, known), (identified, np.where(right, known, -np.inf)))
    ]
    rates, points = [], []
    for at, rate in enumerate(FALSE_ALARMS):
        point = verification.at_false_rate(identified, rate)
        ends = pair_resampling.ends(drawn[1].true_rates[:, at], point.true_rate, n_units)
        note = verification.shortage(n, rate).replace("non-matching pairs", "strangers").replace("matches", "alarms")
        rates.append(Figure(point.true_rate, *ends, n_all, n, note))
        points.append(point)
    figure = Figure(auc, *pair_resampling.ends(drawn[0].auc, auc, n_units, student=True), n_all, n)
    return Identification(rule, figure, tuple(rates), tuple(points), identified.thinned(2048))


def _spread(
    curve: ThresholdCurve, known: np.ndarray, stranger: np.ndarray, units: np.ndarray, n_units: int, seed: int
) -> pair_resampling.Spread:
    counts = pair_resampling.count(pair_resampling.bin_edges(curve), n_units, both_sides=False)
    for scores, answer in ((known, True), (stranger, False)):
        pair_resampling.add(counts, scores, np.full(len(scores), answer), units, units)
    return pair_resampling.spread(counts, FALSE_ALARMS, seed=seed)
