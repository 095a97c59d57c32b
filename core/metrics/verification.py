"""Same or not: what accepting every pair from a score on gives, over pairs of which one knows whether they match.

Arrays in, numbers out. A pair is accepted when its score is at least the threshold; DEFINITIONS.md, section 13.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from core.errors import BadInput
from core.metrics.registry import METRICS

ENOUGH_ERRORS = 30
"""So many false matches must be allowed for a rate to be known to a third either way, with 90 % confidence.

Reference: Doddington, Przybocki, Martin and Reynolds 2000, doi:10.1016/S0167-6393(99)00080-1 (the "rule of 30").
"""
RATES = (1e-2, 1e-3, 1e-4)
"""False match rates at which the share of matching pairs that is accepted is read."""


@dataclass(frozen=True, eq=False)
class ThresholdCurve:
    """What is accepted at each score that occurs.

    Attributes:
        thresholds: (n,) float64, falling: scores that occur. A pair that was not retrieved has none of them.
        true_matches, false_matches: (n,) int64, matching and other pairs of at least that score.
        n_matching, n_other: pairs in all, those that were not retrieved with them.
    """

    thresholds: np.ndarray
    true_matches: np.ndarray
    false_matches: np.ndarray
    n_matching: int
    n_other: int

    @property
    def true_rate(self) -> np.ndarray:
        """(n,) float64, rising: the share of matching pairs that is accepted (recall, TPR); NaN without such pairs."""
        return _share(self.true_matches, self.n_matching)

    @property
    def false_rate(self) -> np.ndarray:
        """(n,) float64, rising: the share of other pairs that is accepted (FPR, false match rate)."""
        return _share(self.false_matches, self.n_other)

    @property
    def precision(self) -> np.ndarray:
        """(n,) float64: the share of accepted pairs that match; at least one pair is accepted at each threshold."""
        return self.true_matches / np.maximum(self.true_matches + self.false_matches, 1)

    @property
    def is_defined(self) -> bool:
        """Whether there are pairs of both kinds."""
        return self.n_matching > 0 and self.n_other > 0

    def thinned(self, most: int = 4096, at: tuple[float, ...] = ()) -> ThresholdCurve:
        """About `most` of its points, each exact: dense in the few first false matches, even over matching pairs.

        Args:
            at: thresholds that stay, so that what was said of them is read from it again.
        """
        n = len(self.thresholds)
        if n <= most:
            return self
        ends = np.array([0, n - 1])
        ranks = np.concatenate([[0], np.geomspace(1, max(self.n_other, 2), most // 2)])
        by_other = np.searchsorted(self.false_matches, ranks, "right") - 1
        by_match = np.searchsorted(self.true_matches, np.linspace(0, self.n_matching, most // 2))
        stay = np.searchsorted(-self.thresholds, [-threshold for threshold in at])
        kept_points = np.unique(np.clip(np.concatenate([ends, by_other, by_match, stay]).astype(np.int64), 0, n - 1))
        parts = (self.thresholds, self.true_matches, self.false_matches)
        return dataclasses.replace(
            self,
            thresholds=parts[0][kept_points],
            true_matches=parts[1][kept_points],
            false_matches=parts[2][kept_points],
        )


def _share(counts: np.ndarray, of: int) -> np.ndarray:
    return counts / of if of else np.full(len(counts), np.nan)


@dataclass(frozen=True)
class OperatingPoint:
    """What one threshold gives.

    Attributes:
        threshold: the lowest score that is accepted; +inf accepts nothing.
        true_rate, false_rate, precision: shares; precision is NaN where nothing is accepted.
        true_matches, false_matches: accepted pairs.
    """

    threshold: float
    true_rate: float
    false_rate: float
    precision: float
    true_matches: int
    false_matches: int


def curve_of_scores(matching: np.ndarray, other: np.ndarray) -> ThresholdCurve:
    """The curve of two sets of scores, exact, ties together.

    Args:
        matching, other: (n,) float, higher is closer; −inf was not retrieved, and no threshold accepts it.
    Raises:
        BadInput: a score is NaN or +inf.

    >>> curve = curve_of_scores(np.array([0.9, 0.5]), np.array([0.5, 0.1]))
    >>> curve.thresholds.tolist(), curve.true_matches.tolist(), curve.false_matches.tolist()
    ([0.9, 0.5, 0.1], [1, 2, 2], [0, 1, 2])
    """
    sides = []
    for scores in (matching, other):
        ordered = np.sort(np.asarray(scores))
        if len(ordered) and not ordered[-1] < np.inf:
            raise BadInput("Scores of pairs must be finite, or −inf for what is not retrieved.")
        sides.append(ordered[np.searchsorted(ordered, -np.inf, "right") :])
    distinct = np.unique(np.concatenate(sides))[::-1] + 0.0
    counts = [len(side) - np.searchsorted(side, distinct, "left") for side in sides]
    return ThresholdCurve(distinct.astype(np.float64), counts[0], counts[1], len(matching), len(other))


def curve_of_counts(
    edges: np.ndarray, matching: np.ndarray, other: np.ndarray, n_matching: int, n_other: int
) -> ThresholdCurve:
    """The curve of counted scores.

    Args:
        edges: (n,) float64, rising: the lowest score of each bin.
        matching, other: (n,) int64 pairs of each bin.
        n_matching, n_other: pairs in all, those that were not retrieved with them.
    """
    filled = np.flatnonzero((matching > 0) | (other > 0))[::-1]
    return ThresholdCurve(
        np.asarray(edges, np.float64)[filled],
        np.cumsum(matching[filled], dtype=np.int64),
        np.cumsum(other[filled], dtype=np.int64),
        n_matching,
        n_other,
    )


# ---------------------------------------------------------------- figures


def roc_auc(curve: ThresholdCurve) -> float:
    """How often a matching pair scores above another one, equal scores counting half; NaN without both kinds.

    Reference: Hanley and McNeil 1982, doi:10.1148/radiology.143.1.7063747.
    >>> roc_auc(curve_of_scores(np.array([0.9, 0.5]), np.array([0.5, 0.1])))
    0.875
    """
    if not curve.is_defined:
        return float("nan")
    # What was not retrieved ties below all thresholds: the last piece goes straight to (1, 1).
    x = np.concatenate([[0.0], curve.false_rate, [1.0]])
    y = np.concatenate([[0.0], curve.true_rate, [1.0]])
    return float(((x[1:] - x[:-1]) * (y[1:] + y[:-1])).sum() / 2)


def equal_error(curve: ThresholdCurve) -> tuple[float, float]:
    """The rate at which as many matching pairs are refused as others are accepted, and the threshold there.

    Between two thresholds the curve is a straight line. NaN without both kinds of pairs.

    >>> equal_error(curve_of_scores(np.array([0.9, 0.5]), np.array([0.5, 0.1])))[0]
    0.25
    """
    if not curve.is_defined:
        return float("nan"), float("nan")
    x = np.concatenate([[0.0], curve.false_rate, [1.0]])
    y = np.concatenate([[0.0], curve.true_rate, [1.0]])
    at = int(np.argmax(x + y >= 1))  # FPR − FNR is x + y − 1, which rises from −1 to 1
    step = (x[at] + y[at]) - (x[at - 1] + y[at - 1])
    part = (1 - x[at - 1] - y[at - 1]) / step
    rate = x[at - 1] + part * (x[at] - x[at - 1])
    threshold = curve.thresholds[at - 1] if at <= len(curve.thresholds) else -np.inf
    return float(rate), float(threshold)


def point_at(curve: ThresholdCurve, index: int) -> OperatingPoint:
    """The point of one index of the curve; −1 accepts nothing."""
    if index < 0:
        nothing = 0.0 if curve.n_matching else float("nan")
        return OperatingPoint(float("inf"), nothing, 0.0 if curve.n_other else float("nan"), float("nan"), 0, 0)
    return OperatingPoint(
        float(curve.thresholds[index]),
        float(curve.true_rate[index]),
        float(curve.false_rate[index]),
        float(curve.precision[index]),
        int(curve.true_matches[index]),
        int(curve.false_matches[index]),
    )


def at_false_rate(curve: ThresholdCurve, rate: float) -> OperatingPoint:
    """The lowest threshold whose false match rate is at most `rate`: most matching pairs, no interpolation.

    >>> at_false_rate(curve_of_scores(np.array([0.9, 0.5]), np.array([0.5, 0.1])), 0.5).true_rate
    1.0
    """
    allowed = int(np.floor(rate * curve.n_other * (1 + 1e-12)))
    return point_at(curve, int(np.searchsorted(curve.false_matches, allowed, "right")) - 1)


def at_threshold(curve: ThresholdCurve, threshold: float) -> OperatingPoint:
    """What accepting from this score on gives; the point keeps the threshold as it was given."""
    index = int(np.searchsorted(-curve.thresholds, -threshold, "right")) - 1
    return dataclasses.replace(point_at(curve, index), threshold=float(threshold))


def shortage(n_other: int, rate: float) -> str:
    """What is to be said where there are few other pairs for a false match rate; "" where there are enough.

    Args:
        n_other: different pairs that do not match, either direction counted once.
    """
    allowed = rate * n_other
    if allowed < 1:
        return f"Not measurable: {n_other:,} non-matching pairs, and a rate of {rate:g} needs at least {round(1 / rate):,}."
    if allowed < ENOUGH_ERRORS:
        return (
            f"Uncertain: {n_other:,} non-matching pairs allow {int(allowed)} false matches at {rate:g}; about "
            f"{ENOUGH_ERRORS} are needed."
        )
    return ""


def rate_key(rate: float) -> str:
    """The key of the share of matching pairs accepted at a false match rate.

    >>> rate_key(1e-3)
    'tpr@fpr1e-3'
    """
    return f"tpr@fpr1e-{round(-np.log10(rate))}"


_SHARED = {
    "kind": "pairs",
    "ties": "Equal scores are accepted together.",
    "nothing_relevant": "Pairs with an unlabelled image are left out; NaN without matching or without other pairs.",
    "self_match": "A query and itself are no pair.",
}


@METRICS.register(
    "roc_auc",
    label="ROC AUC (pairs)",
    divided_by="matching times other pairs",
    definition="How often a matching pair scores above one that does not match, equal scores counting half.",
    reference="DEFINITIONS.md, section 13",
    **_SHARED,
)
def auc_figure(curve: ThresholdCurve) -> float:
    """ROC AUC."""
    return roc_auc(curve)


@METRICS.register(
    "eer",
    label="EER",
    divided_by="pairs of each kind",
    higher_is_better=False,
    definition="Equal error rate: as many matching pairs are refused as others are accepted.",
    reference="DEFINITIONS.md, section 13",
    **_SHARED,
)
def eer_figure(curve: ThresholdCurve) -> float:
    """The equal error rate."""
    return equal_error(curve)[0]


def _register_rate(rate: float) -> None:
    one_in = f"1 in {round(1 / rate):,}"

    @METRICS.register(
        rate_key(rate),
        label=f"TPR at FPR {rate_key(rate)[7:]}",
        divided_by="all matching pairs",
        definition=f"The share of matching pairs accepted where {one_in} other pairs is accepted (1 − FNMR@FMR).",
        reference="DEFINITIONS.md, section 13",
        **_SHARED,
    )
    def true_rate(curve: ThresholdCurve) -> float:
        """The share of matching pairs accepted at this false match rate."""
        return at_false_rate(curve, rate).true_rate


for _rate in RATES:
    _register_rate(_rate)

KEYS = ("roc_auc", "eer", *map(rate_key, RATES))
"""Keys of the verification figures, in the order of tables."""
