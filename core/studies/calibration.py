"""Scores of a system as probabilities: "87 % likely relevant", fitted on training queries and examined on the others.

What is fitted is what people read: the first results of each query. DEFINITIONS.md, section 13.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

import numpy as np

from core import arrays, data
from core.errors import BadInput
from core.metrics import calibration, pair_resampling
from core.metrics.calibration import Calibration, Reliability
from core.studies import score_pairs, training_split
from core.studies.score_pairs import PairTruth
from core.studies.systems import System
from core.studies.training_split import TrainingSplit
from core.task import NO_TASK, Task
from core.types import Dataset, Figure, Relevance, Split

DEPTH = 10
"""Results of each query that are fitted, and examined."""


@dataclass(frozen=True)
class Outcomes:
    """Results of queries, and whether they were right.

    Attributes:
        scores: (n,) float64; right: (n,) bool; weights: (n,) float64, how much each counts.
        queries: (n,) int64, whose result it is.
    """

    scores: np.ndarray
    right: np.ndarray
    weights: np.ndarray
    queries: np.ndarray

    def of(self, queries: np.ndarray) -> Outcomes:
        """The results of some of the queries."""
        mine = np.isin(self.queries, queries)
        return Outcomes(self.scores[mine], self.right[mine], self.weights[mine], self.queries[mine])


@dataclass(frozen=True)
class Examined:
    """Probabilities beside what happened to queries that fitted nothing.

    Attributes:
        method: of `calibration.METHODS`.
        reliability: bins of the diagram; ece, brier: with intervals.
    """

    method: str
    reliability: Reliability = field(repr=False)
    ece: Figure
    brier: Figure


@dataclass(frozen=True)
class Calibrated:
    """One system whose scores became probabilities.

    Attributes:
        name: of the system.
        fits: method → what was fitted on the training queries.
        examined: method → how it did on the others; "range" is the scores as they are, for comparison.
        method: the one that is used.
        unknown: the share of queries without an answer that was assumed; depth: results of each query that were read.
        split: who was fitted on and who examined; keys: content keys of the training queries.
        share_right: of the examined results.
    """

    name: str
    fits: dict[str, Calibration] = field(repr=False)
    examined: dict[str, Examined] = field(repr=False)
    method: str
    unknown: float
    depth: int
    split: TrainingSplit = field(repr=False)
    keys: tuple[str, ...] = field(repr=False)
    share_right: float

    @property
    def fit(self) -> Calibration:
        """What is used."""
        return self.fits[self.method]


def calibrate(
    system: System,
    truth: Relevance,
    dataset: Dataset,
    *,
    method: str = "logistic",
    unknown: float = 0.0,
    depth: int = DEPTH,
    seed: int = 0,
    task: Task = NO_TASK,
) -> Calibrated:
    """Fit every method on the training queries, examine each on the others; no class is on both sides.

    Args:
        truth: of the dataset's split.
        method: "logistic" or "isotonic", the one that is used.
        unknown: in [0, 1): the share of queries that have no answer in the gallery. They ask with everything
            relevant taken out of their lists.
        depth: results of each query.
    Raises:
        BadInput: no such method or share, no queries to part, or all results are alike.
    """
    if method not in calibration.FITTED:
        raise BadInput(f"Scores are fitted by {', '.join(calibration.FITTED)}, not by {method!r}.")
    if not 0 <= unknown < 1:
        raise BadInput(f"The share of queries without an answer is at least 0 and below 1, not {unknown:g}.")
    part = training_split.training(dataset, system.space, truth, seed=seed)
    every = outcomes(system, PairTruth.of(dataset, truth), unknown, depth, task)
    valid = np.flatnonzero(truth.n_relevant > 0)
    if part.split.by == "given":
        own_split = Split(part.space.split.queries, dataset.split.gallery)
        trainers = dataclasses.replace(dataset, split=own_split)
        trainer = System(system.name, part.space, system.spec)
        own_truth = data.relevance(trainers)
        training = outcomes(trainer, PairTruth.of(trainers, own_truth), unknown, depth, task)
    else:
        training = every.of(np.intersect1d(part.split.train, valid))
    reported = every.of(np.intersect1d(part.split.report, valid))
    groups = truth.query_groups
    fits, examined = fit_and_examine(training, reported, groups, seed)
    share = float(np.average(reported.right, weights=reported.weights))
    return Calibrated(system.name, fits, examined, method, unknown, depth, part.split, part.keys, share)


def fit_and_examine(
    training: Outcomes, reported: Outcomes, groups: np.ndarray | None, seed: int = 0
) -> tuple[dict[str, Calibration], dict[str, Examined]]:
    """Every method fitted on some results and examined on others.

    Args:
        groups: (n_queries,) int64 classes that intervals draw as a whole; None draws queries.
    Raises:
        BadInput: results of one kind only, or none to examine.
    """
    if not len(reported.scores):
        raise BadInput("There is no result of another query to examine the probabilities on; use more labelled images.")
    fits = {
        method: calibration.fit(method, training.scores, training.right, training.weights)
        for method in calibration.METHODS
    }
    units, n_units = pair_resampling.units_of(
        reported.queries if groups is None else groups[reported.queries], pair_resampling.MOST_QUERIES, seed
    )
    return fits, {method: _examine(method, fit, reported, units, n_units, seed) for method, fit in fits.items()}


def outcomes(system: System, pairs: PairTruth, unknown: float, depth: int, task: Task = NO_TASK) -> Outcomes:
    """The first results of every query with an answer; those of strangers with their weight."""
    parts: list[Outcomes] = []
    valid = pairs.truth.n_relevant > 0
    for block in score_pairs.blocks(system, pairs, task):
        rows = np.arange(block.start, block.start + len(block.scores))
        for weight, leave in ((1 - unknown, False), (unknown, True)):
            if weight <= 0:
                continue
            usable = block.usable & ~block.relevant if leave else block.usable
            scores = np.where(usable, block.scores, -np.inf)
            items = arrays.first_best(scores, depth)
            top = np.take_along_axis(scores, items, axis=1).astype(np.float64)
            right = np.take_along_axis(block.relevant & usable, items, axis=1)
            there = np.isfinite(top) & valid[rows, None]
            counts = np.full(int(there.sum()), weight)
            parts.append(
                Outcomes(top[there], right[there], counts, np.repeat(rows, items.shape[1]).reshape(there.shape)[there])
            )
    columns = ("scores", "right", "weights", "queries")
    return Outcomes(*(np.concatenate([getattr(part, name) for part in parts]) for name in columns))


def _examine(method: str, fit: Calibration, reported: Outcomes, units: np.ndarray, n_units: int, seed: int) -> Examined:
    """ECE and Brier score with intervals."""
    probabilities = fit.probability(reported.scores)
    made = calibration.reliability(probabilities, reported.right, reported.weights)
    bins = calibration.N_BINS
    sums = np.zeros((n_units, 3 * bins + 1))
    squared = (probabilities - reported.right) ** 2
    for unit in range(n_units):
        mine = units == unit
        part = calibration.bin_sums(probabilities[mine], reported.right[mine], reported.weights[mine])
        sums[unit] = [*part.ravel(), (squared[mine] * reported.weights[mine]).sum()]
    random = np.random.default_rng([seed, 6])
    drawn = random.multinomial(n_units, np.full(n_units, 1 / n_units), size=pair_resampling.DRAWS)
    weights = np.concatenate([np.ones((1, n_units)), drawn])
    totals = weights @ sums
    stated, happened, counts = (totals[:, at * bins : (at + 1) * bins] for at in range(3))
    n = counts.sum(axis=1)
    errors = np.abs(stated - happened).sum(axis=1) / n
    n_queries = len(np.unique(reported.queries))
    figures = [
        Figure(value, *pair_resampling.ends(draws, value, n_units), n_queries, n_queries)
        for value, draws in ((made.ece, errors), (made.brier, totals[:, -1] / n))
    ]
    return Examined(method, made, *figures)
