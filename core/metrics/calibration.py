"""Scores as probabilities: how often what has this score is right, fitted on some outcomes and examined on others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.errors import BadInput

METHODS = {"logistic": "Logistic", "isotonic": "Isotonic", "range": "Scores as they are"}
"""How a score becomes a probability; "range" only stretches what was seen to 0 … 1, to stand beside the others."""
FITTED = ("logistic", "isotonic")
N_BINS = 15
_STEPS = 100


@dataclass(frozen=True)
class Calibration:
    """A map from scores to probabilities that never falls.

    Attributes:
        method: of METHODS.
        x, y: of "logistic" the centre and spread of the scores, and slope and shift on them; else (n,) knots, x rising, y
            never falling, joined by straight lines and flat beyond them.
    """

    method: str
    x: tuple[float, ...]
    y: tuple[float, ...]

    def __post_init__(self) -> None:
        numbers = np.array([*self.x, *self.y], np.float64)
        sized = len(self.x) == len(self.y) and len(self.x) >= 1 and (self.method != "logistic" or len(self.x) == 2)
        if self.method not in METHODS or not sized or not np.isfinite(numbers).all():
            raise BadInput(f"This is no calibration by {self.method!r}; fit it again.")

    def probability(self, scores: np.ndarray) -> np.ndarray:
        """(n,) float64 in [0, 1]; NaN for what was not retrieved."""
        scores = np.asarray(scores, np.float64)
        if self.method == "logistic":
            from scipy.special import expit

            (centre, spread), (slope, shift) = self.x, self.y
            values = expit(slope * (scores - centre) / spread + shift)
        else:
            values = np.interp(scores, self.x, self.y)
        return np.where(np.isfinite(scores), values, np.nan)

    def to_json(self) -> dict[str, Any]:
        """As it is stored."""
        return {"method": self.method, "x": list(self.x), "y": list(self.y)}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Calibration:
        """Raises BadInput where this is none."""
        try:
            return cls(str(record["method"]), tuple(map(float, record["x"])), tuple(map(float, record["y"])))
        except (KeyError, TypeError, ValueError):
            raise BadInput("A stored calibration cannot be read; fit it again.") from None


def fit(method: str, scores: np.ndarray, right: np.ndarray, weights: np.ndarray | None = None) -> Calibration:
    """Fit scores to outcomes.

    Args:
        scores: (n,) float; what was not retrieved (−inf) is left out.
        right: (n,) bool, the outcome; weights: (n,) how much each counts.
    Raises:
        BadInput: all outcomes are alike, or no such method.
    Reference: logistic: Platt 1999, with his targets, which never reach 0 or 1; isotonic: Zadrozny and Elkan 2002,
        doi:10.1145/775047.775151.
    """
    finite = np.isfinite(np.asarray(scores, np.float64))
    scores, right = np.asarray(scores, np.float64)[finite], np.asarray(right, bool)[finite]
    counts = np.ones(len(scores)) if weights is None else np.asarray(weights, np.float64)[finite]
    if not right.any() or right.all():
        what = "none of them is right" if not right.any() else "all of them are right"
        raise BadInput(
            f"Scores cannot become probabilities here: of {len(right):,} results of training queries, {what}. Read more "
            "results of each query, or use more queries."
        )
    if method == "logistic":
        return _logistic(scores, right, counts)
    if method == "isotonic":
        return _isotonic(scores, right, counts)
    if method == "range":
        low, high = float(scores.min()), float(scores.max())
        return Calibration("range", (low, high if high > low else low + 1.0), (0.0, 1.0))
    raise BadInput(f"Scores are fitted by {', '.join(FITTED)}, not by {method!r}.")


def _logistic(scores: np.ndarray, right: np.ndarray, counts: np.ndarray) -> Calibration:
    """Newton's method on the two numbers of a logistic curve."""
    from scipy.special import expit

    centre = float(np.average(scores, weights=counts))
    spread = float(np.sqrt(np.average((scores - centre) ** 2, weights=counts))) or 1.0
    x = np.column_stack([(scores - centre) / spread, np.ones(len(scores))])
    n_right, n_wrong = counts[right].sum(), counts[~right].sum()
    target = np.where(right, (n_right + 1) / (n_right + 2), 1 / (n_wrong + 2))
    at = np.array([0.0, np.log((n_wrong + 1) / (n_right + 1)) * -1])

    def loss(parameters: np.ndarray) -> float:
        line = x @ parameters
        return float((counts * (np.logaddexp(0, line) - target * line)).sum())

    for _ in range(_STEPS):
        p = expit(x @ at)
        gradient = x.T @ (counts * (p - target))
        hessian = (x * (counts * p * (1 - p))[:, None]).T @ x + 1e-12 * np.eye(2)
        step, before = np.linalg.solve(hessian, gradient), loss(at)
        size = 1.0
        while loss(at - size * step) > before + 1e-12 and size > 1e-10:
            size /= 2
        at = at - size * step
        if np.abs(size * step).max() < 1e-10:
            break
    # A curve that falls would call worse scores better: then the score says nothing, and the share of right ones is all.
    if at[0] < 0:
        at = np.array([0.0, np.log(n_right / n_wrong)])
    return Calibration("logistic", (centre, spread), (float(at[0]), float(at[1])))


def _isotonic(scores: np.ndarray, right: np.ndarray, counts: np.ndarray) -> Calibration:
    """Pool adjacent violators; equal scores are one."""
    values, codes = np.unique(scores, return_inverse=True)
    weights = np.bincount(codes, counts)
    means = np.bincount(codes, counts * right) / weights
    tops: list[list[float]] = []
    for number, (mean, weight) in enumerate(zip(means.tolist(), weights.tolist())):
        tops.append([mean, weight, number, number])
        while len(tops) > 1 and tops[-2][0] >= tops[-1][0]:
            mean_above, weight_above, _, last = tops.pop()
            mean_below, weight_below, first, _ = tops.pop()
            total = weight_below + weight_above
            tops.append([(mean_below * weight_below + mean_above * weight_above) / total, total, first, last])
    x, y = [], []
    for mean, _, first, last in tops:
        for end in dict.fromkeys((int(first), int(last))):
            x.append(float(values[end]))
            y.append(float(mean))
    return Calibration("isotonic", tuple(x), tuple(y))


# ---------------------------------------------------------------- examined


@dataclass(frozen=True)
class Reliability:
    """What probabilities say beside what happened, in bins of equal width.

    Attributes:
        said_mean: (n_bins,) mean probability; share: (n_bins,) share that was right; counts: (n_bins,) outcomes. NaN where
            a bin is empty.
        ece: expected calibration error, the mean distance of the two over all outcomes.
        brier: mean squared distance of the probability from the outcome.
    """

    said_mean: np.ndarray
    share: np.ndarray
    counts: np.ndarray
    ece: float
    brier: float


def reliability(
    probabilities: np.ndarray, right: np.ndarray, weights: np.ndarray | None = None, n_bins: int = N_BINS
) -> Reliability:
    """Examine probabilities against outcomes.

    Args:
        probabilities: (n,) float64 in [0, 1]; right: (n,) bool; weights: (n,) how much each counts.
    Reference: Guo, Pleiss, Sun and Weinberger 2017, arXiv:1706.04599 (ECE); Brier 1950 (half of his two-class score).

    >>> round(reliability(np.array([0.2, 0.8]), np.array([False, True])).ece, 3)
    0.2
    """
    sums = bin_sums(probabilities, right, weights, n_bins)
    stated, happened, counts = sums
    with np.errstate(invalid="ignore", divide="ignore"):
        means, shares = stated / counts, happened / counts
    total = counts.sum()
    if not total:
        return Reliability(means, shares, counts, float("nan"), float("nan"))
    squared = (np.asarray(probabilities, np.float64) - right) ** 2
    brier = float(np.average(squared, weights=weights))
    return Reliability(means, shares, counts, float(np.abs(stated - happened).sum() / total), brier)


def bin_sums(
    probabilities: np.ndarray, right: np.ndarray, weights: np.ndarray | None = None, n_bins: int = N_BINS
) -> np.ndarray:
    """(3, n_bins) float64: sums of probabilities, of outcomes, and of weights in each bin; 1 lies in the last."""
    probabilities = np.asarray(probabilities, np.float64)
    counts = np.ones(len(probabilities)) if weights is None else np.asarray(weights, np.float64)
    bins = np.minimum((probabilities * n_bins).astype(int), n_bins - 1)
    columns = (counts * probabilities, counts * right, counts)
    return np.stack([np.bincount(bins, column, minlength=n_bins) for column in columns])
