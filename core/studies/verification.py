"""Same or not: what a threshold on the score of a system gives, over all pairs of query and gallery image.

How good a ranking is says nothing about where to cut it: that needs the scores of all pairs, matching and other ones
(DEFINITIONS.md, section 13).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from core import metrics
from core.errors import NotComputed
from core.metrics import pair_resampling, verification
from core.metrics.pair_resampling import PairCounts, Transfer
from core.metrics.verification import KEYS, RATES, OperatingPoint, ThresholdCurve
from core.studies import score_pairs
from core.studies.evaluation import Result
from core.studies.score_pairs import PairTruth
from core.studies.systems import System
from core.task import NO_TASK, Task
from core.types import Dataset, Figure, Relevance

EXACT_PAIRS = 8_000_000
"""Up to so many pairs every score is looked at; of more, scores are counted in bins finer than their own precision."""
SCORE_BINS = 1 << 22


@dataclass(frozen=True)
class RatePoint:
    """What accepting gives at a chosen false match rate.

    Attributes:
        rate: that was chosen.
        point: the lowest threshold that keeps to it.
        low, high: 95 % interval of the share of matching pairs that is accepted.
        threshold_low, threshold_high: of the threshold.
        transfer: chosen on half of the classes, reported on the other.
        note: what is to be said where there are few pairs; "" else.
    """

    rate: float
    point: OperatingPoint
    low: float
    high: float
    threshold_low: float
    threshold_high: float
    transfer: Transfer = field(repr=False)
    note: str = ""

    @property
    def is_measurable(self) -> bool:
        """Whether there are enough pairs that a single false match can be seen."""
        return not self.note.startswith("Not measurable")


@dataclass(frozen=True)
class Verification:
    """One system, asked which pairs match.

    Attributes:
        name: of the system.
        curve: what each threshold gives, a few thousand of its points.
        figures: key of a metric of kind "pairs" → its value and interval.
        rates: at each false match rate of the table.
        n_matching, n_other: different pairs, either direction counted once.
        unit, n_units: what intervals draw as a whole, and how many of them.
        counts: what draws are made of.
    """

    name: str
    curve: ThresholdCurve = field(repr=False)
    figures: dict[str, Figure] = field(repr=False)
    rates: tuple[RatePoint, ...] = field(repr=False)
    n_matching: int
    n_other: int
    unit: str
    n_units: int
    n_queries: int
    counts: PairCounts = field(repr=False)

    @property
    def caution(self) -> str:
        """What intervals stand on."""
        drawn = f"whole classes ({self.n_units:,})" if self.unit == "classes" else f"single queries ({self.n_units:,})"
        n_matched = self.counts.n_matched
        few = (
            f", {n_matched:,} of them with matching pairs" if n_matched < min(self.n_units, self.counts.n_units) else ""
        )
        return f"Intervals draw {drawn}{few}; pairs are not independent of each other."


def verify(
    system: System,
    truth: Relevance,
    dataset: Dataset,
    rates: Sequence[float] = RATES,
    *,
    by_class: bool = True,
    seed: int = 0,
    task: Task = NO_TASK,
) -> Verification:
    """Every verification figure of one system, with intervals.

    Args:
        truth: of the dataset's split.
        rates: false match rates at which a threshold is chosen.
        by_class: whole classes are drawn where queries share them.
    Raises:
        NotComputed: no pair matches, or every pair does.
    """
    pairs = PairTruth.of(dataset, truth, by_class, seed)
    curve, mutual = _curve(system, pairs, task)
    if not curve.is_defined:
        missing = "match" if not curve.n_matching else "do not match"
        raise NotComputed(
            f"No two images of {dataset.name!r} are known to {missing}, so no threshold can be chosen. "
            "Label the images, at least two of one class and two classes."
        )
    counts = _counts(system, pairs, curve, task)
    n_matching, n_other = (n - shared // 2 for n, shared in zip((curve.n_matching, curve.n_other), mutual))
    n_queries = int(pairs.known_queries.sum())
    every = tuple(dict.fromkeys([*RATES, *rates]))
    spread = pair_resampling.spread(counts, every, seed=seed)
    points = {
        rate: _rate_point(curve, counts, rate, spread.true_rates[:, at], spread.thresholds[:, at], n_other, seed)
        for at, rate in enumerate(every)
    }
    figures = _figures(curve, spread, points, counts.n_matched, truth.n_queries, n_queries)
    return Verification(
        system.name,
        curve.thinned(at=tuple(point.point.threshold for point in points.values())),
        figures,
        tuple(points[rate] for rate in rates),
        n_matching,
        n_other,
        pairs.unit,
        pairs.n_drawn,
        n_queries,
        counts,
    )


def _figures(
    curve: ThresholdCurve,
    spread: pair_resampling.Spread,
    points: Mapping[float, RatePoint],
    n_matched: int,
    n_queries: int,
    n_known: int,
) -> dict[str, Figure]:
    """Every figure of the table, with its interval."""
    figures = {}
    for key, drawn in (("roc_auc", spread.auc), ("eer", spread.eer)):
        function = metrics.METRICS[key].function
        assert function is not None, "every metric of pairs has its function"
        value = float(function(curve))
        ends = pair_resampling.ends(drawn, value, n_matched, student=True)
        figures[key] = Figure(value, *ends, n_queries, n_known)
    for rate in RATES:
        at, nothing = points[rate], float("nan")
        values = (at.point.true_rate, at.low, at.high) if at.is_measurable else (nothing,) * 3
        figures[verification.rate_key(rate)] = Figure(*values, n_queries, n_known, at.note)
    return figures


def at_rate(result: Verification, rate: float, seed: int = 0) -> RatePoint:
    """What accepting gives at any false match rate: of the table, or drawn anew from the counts."""
    for known in result.rates:
        if known.rate == rate:
            return known
    spread = pair_resampling.spread(result.counts, (rate,), seed=seed)
    return _rate_point(
        result.curve,
        result.counts,
        rate,
        spread.true_rates[:, 0],
        spread.thresholds[:, 0],
        result.n_other,
        seed,
    )


def _rate_point(
    curve: ThresholdCurve,
    counts: PairCounts,
    rate: float,
    true_rates: np.ndarray,
    thresholds: np.ndarray,
    n_other: int,
    seed: int,
) -> RatePoint:
    point = verification.at_false_rate(curve, rate)
    low, high = pair_resampling.ends(true_rates, point.true_rate, counts.n_matched)
    threshold_ends = pair_resampling.ends(thresholds, point.threshold, counts.n_units, bounded=False)
    moved = pair_resampling.transfer(counts, rate, seed=seed)
    return RatePoint(rate, point, low, high, *threshold_ends, moved, verification.shortage(n_other, rate))


# ---------------------------------------------------------------- the pass over all pairs


def _curve(system: System, pairs: PairTruth, task: Task) -> tuple[ThresholdCurve, tuple[int, int]]:
    """The exact curve, and how many matching and other pairs there are in both directions."""
    if system.n_queries * system.n_gallery > EXACT_PAIRS:
        return _counted_curve(system, pairs, task)
    matching, other, mutual = [], [], np.zeros(2, np.int64)
    both = _in_both(system)
    for block in score_pairs.blocks(system, pairs, task):
        rest = block.usable & ~block.relevant
        matching.append(block.scores[block.relevant])
        other.append(block.scores[rest])
        mutual += _mutual(block, rest, both)
    return verification.curve_of_scores(np.concatenate(matching), np.concatenate(other)), (
        int(mutual[0]),
        int(mutual[1]),
    )


def _in_both(system: System) -> tuple[np.ndarray, np.ndarray]:
    """(n_queries,) and (n_gallery,) bool: images that are queries and searched as well."""
    split = system.space.split
    return np.isin(split.queries, split.gallery), np.isin(split.gallery, split.queries)


def _mutual(block: score_pairs.PairBlock, rest: np.ndarray, both: tuple[np.ndarray, np.ndarray]) -> list[int]:
    """Matching and other pairs of the block that come a second time, the other way round."""
    rows = both[0][block.start : block.start + len(rest)]
    if not rows.any():
        return [0, 0]
    return [int(kind[rows][:, both[1]].sum()) for kind in (block.relevant, rest)]


def _counted_curve(system: System, pairs: PairTruth, task: Task) -> tuple[ThresholdCurve, tuple[int, int]]:
    """The same with scores in bins: under 1e-6 wide for cosines, so that what falls together cannot be told apart."""
    low, high = (-1.0, 1.0) if system.is_linear else _range(system, pairs, task)
    scale = 2.0 ** np.floor(np.log2((SCORE_BINS - 2) / max(high - low, 1e-30)))
    low = np.floor(low * scale) / scale  # bins begin at multiples of their width, so that comparing is exact
    counted, missed, mutual = np.zeros((2, SCORE_BINS), np.int64), np.zeros(2, np.int64), np.zeros(2, np.int64)
    both = _in_both(system)
    for block in score_pairs.blocks(system, pairs, task):
        rest = block.usable & ~block.relevant
        for number, kind in enumerate((block.relevant, rest)):
            scores = block.scores[kind]
            finite = scores[np.isfinite(scores)].astype(np.float64)
            bins = np.clip((finite - low) * scale, 0, SCORE_BINS - 1).astype(np.int32)
            counted[number] += np.bincount(bins, minlength=SCORE_BINS)
            missed[number] += len(scores) - len(finite)
        mutual += _mutual(block, rest, both)
    totals = counted.sum(axis=1) + missed
    edges = low + np.arange(SCORE_BINS) / scale
    curve = verification.curve_of_counts(edges, counted[0], counted[1], int(totals[0]), int(totals[1]))
    return curve, (int(mutual[0]), int(mutual[1]))


def _range(system: System, pairs: PairTruth, task: Task) -> tuple[float, float]:
    """The lowest and the highest finite score of a pair."""
    low, high = np.inf, -np.inf
    for block in score_pairs.blocks(system, pairs, task):
        finite = block.scores[block.usable & np.isfinite(block.scores)]
        if len(finite):
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
    return (low, high) if low < high else (0.0, 1.0)


def _counts(system: System, pairs: PairTruth, curve: ThresholdCurve, task: Task) -> PairCounts:
    """All pairs by bins of the score and by what is drawn."""
    counts = pair_resampling.count(pair_resampling.bin_edges(curve), pairs.n_units, pairs.both_sides)
    for block in score_pairs.blocks(system, pairs, task):
        rows, items = np.nonzero(block.usable)
        pair_resampling.add(
            counts,
            block.scores[rows, items],
            block.relevant[rows, items],
            pairs.query_units[block.start + rows],
            pairs.gallery_units[items],
        )
    return counts


# ---------------------------------------------------------------- beside other figures


def with_figures(result: Result, verified: Iterable[Verification]) -> Result:
    """The same evaluations with the verification figures of their systems among their figures."""
    more = {single.name: single.figures for single in verified}
    evaluations = tuple(
        dataclasses.replace(evaluation, figures={**evaluation.figures, **more.get(evaluation.name, {})})
        for evaluation in result.evaluations
    )
    return dataclasses.replace(result, evaluations=evaluations)


def is_wanted(keys: Iterable[str]) -> bool:
    """Whether any of these metrics is a verification figure."""
    return bool(set(keys) & set(KEYS))


# ---------------------------------------------------------------- pairs to look at


@dataclass(frozen=True)
class Pair:
    """Two images and what is said about them.

    Attributes:
        query, item: positions in the dataset.
        score: of the system; matches: they do; accepted: the score is at least the threshold.
    """

    query: int
    item: int
    score: float
    matches: bool
    accepted: bool


def nearest_pairs(
    system: System, truth: Relevance, dataset: Dataset, threshold: float, most: int = 12, task: Task = NO_TASK
) -> list[Pair]:
    """The pairs with scores nearest to the threshold: `most` of each of matching or not, accepted or not.

    Nearest first; equal ones in the order of queries and gallery. Of two images that ask each other, one pair.
    """
    pairs = PairTruth.of(dataset, truth)
    split = dataset.split
    of_kind: dict[tuple[bool, bool], list[tuple[float, int, int, float]]] = {}
    for block in score_pairs.blocks(system, pairs, task):
        for matches in (True, False):
            kind = block.relevant if matches else block.usable & ~block.relevant
            for accepted in (True, False):
                near = kind & ((block.scores >= threshold) == accepted) & np.isfinite(block.scores)
                rows, items = np.nonzero(near)
                scores = block.scores[rows, items]
                far = np.abs(scores.astype(np.float64) - threshold)
                if len(far) > 2 * most:
                    first = np.flatnonzero(far <= np.partition(far, 2 * most - 1)[2 * most - 1])
                    first = first[np.argsort(far[first], kind="stable")][: 4 * most]
                    rows, items, scores, far = rows[first], items[first], scores[first], far[first]
                entries = zip(
                    far.tolist(),
                    split.queries[block.start + rows].tolist(),
                    split.gallery[items].tolist(),
                    scores.tolist(),
                )
                of_kind.setdefault((matches, accepted), []).extend(entries)
    return [
        Pair(query, item, score, *kind)
        for kind, entries in of_kind.items()
        for _, query, item, score in _once(sorted(entries), most)
    ]


def _once(entries: list[tuple[float, int, int, float]], most: int) -> list[tuple[float, int, int, float]]:
    """The first `most` of the entries, two images once."""
    seen: set[tuple[int, int]] = set()
    unique = []
    for entry in entries:
        images = (min(entry[1:3]), max(entry[1:3]))
        if images not in seen:
            seen.add(images)
            unique.append(entry)
        if len(unique) == most:
            break
    return unique
