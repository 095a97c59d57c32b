"""How sure verification figures are: whole classes are drawn, and every pair between classes counts as often as both are.

A pair belongs to two classes, so drawing pairs one by one would be far too sure. Pairs are counted once, by bins of the
score and by classes; each draw only weighs the counts.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from core.metrics import resampling
from core.metrics.verification import ThresholdCurve

DRAWS = 2_000
N_BINS = 384
"""Bins of the score. The first false matches have a bin each, later ones lie evenly on a logarithmic axis."""
MOST_CLASSES = 128
"""Classes that are drawn by themselves on both sides of a pair; more are drawn as seeded groups of whole classes."""
MOST_QUERIES = 1_024
"""Queries, or classes of queries, that are drawn by themselves where the gallery stays as it is."""
PARTITIONS = 200
"""Halves of the classes over which a threshold is chosen on one half and looked at on the other."""
_BLOCK = 128


def units_of(groups: np.ndarray, most: int, seed: int = 0) -> tuple[np.ndarray, int]:
    """Codes 0 … n − 1 of groups, joined into `most` groups of whole groups where there are more; and n.

    Args:
        groups: (n,) int64, −1 belongs to none and stays −1.
    """
    names, codes = np.unique(groups[groups >= 0], return_inverse=True)
    units = np.full(len(groups), -1, np.int64)
    if len(names) > most:
        joined = np.random.default_rng([seed, 3]).permutation(len(names)) % most
        codes = joined[codes]
    units[groups >= 0] = codes
    return units, min(len(names), most)


def bin_edges(curve: ThresholdCurve, n_bins: int = N_BINS) -> np.ndarray:
    """(≤ n_bins + 1,) float64, rising: where bins of the score begin, the first at −inf.

    Each false match on a logarithmic axis has an edge at its score and one just above it, so that the first of them
    are counted exactly; matching pairs have theirs evenly.
    """
    if not len(curve.thresholds):
        return np.array([-np.inf])
    ranks = np.unique(np.geomspace(1, max(curve.n_other, 1), n_bins * 5 // 12).round())
    at_false = np.searchsorted(curve.false_matches, ranks)
    at_match = np.searchsorted(curve.true_matches, np.linspace(1, max(curve.n_matching, 1), n_bins // 6).round())
    at = np.unique(np.concatenate([at_false, at_false - 1, at_match]))
    return np.concatenate([[-np.inf], curve.thresholds[at[(at >= 0) & (at < len(curve.thresholds))]][::-1]])


@dataclass(frozen=True)
class PairCounts:
    """Pairs counted by bins of the score and by classes.

    Attributes:
        edges: (n_bins,) float64, falling: bin b holds scores of at least edges[b] and below edges[b − 1]; the last is −inf.
        matching: (n_bins, n_units) float64, by the class of the query.
        other: (n_bins, n_units, n_units) float64, by the classes of both; or (n_bins, n_units), where only queries are
            drawn. The last unit is what is never drawn.
    """

    edges: np.ndarray
    matching: np.ndarray
    other: np.ndarray

    @property
    def n_units(self) -> int:
        """How many units are drawn; the one that never is does not count."""
        return self.matching.shape[1] - 1

    @property
    def n_matched(self) -> int:
        """How many of them have a matching pair: what shares of matching pairs rest on."""
        return int(self.matching[:, :-1].any(axis=0).sum())

    def curves(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """False and true match rate at each edge, (n_bins, n) float64 each, for (n, n_units) weights of the units."""
        every = np.concatenate([weights, np.ones((len(weights), 1))], axis=1).T.astype(np.float64)
        matching = self.matching @ every
        if self.other.ndim == 2:
            other = self.other @ every
        else:
            diagonal = np.diagonal(self.other, axis1=1, axis2=2)
            both = np.einsum("bun,un->bn", np.tensordot(self.other, every, axes=1), every, optimize=False)
            # Other pairs within a unit come with each of its copies, and copies make no pairs with one another.
            other = both + diagonal @ (every - every**2)
        with np.errstate(invalid="ignore", divide="ignore"):
            false = np.cumsum(other, axis=0)
            true = np.cumsum(matching, axis=0)
            return false / false[-1:], true / true[-1:]


def count(edges: np.ndarray, n_units: int, both_sides: bool) -> PairCounts:
    """Empty counts that `add` fills.

    Args:
        edges: as `bin_edges` gives them, rising.
        n_units: units that are drawn; both_sides: on the gallery's side too.
    """
    n, width = len(edges), n_units + 1
    return PairCounts(
        np.asarray(edges, np.float64)[::-1],
        np.zeros((n, width)),
        np.zeros((n, width, width) if both_sides else (n, width)),
    )


def add(counts: PairCounts, scores: np.ndarray, relevant: np.ndarray, queries: np.ndarray, gallery: np.ndarray) -> None:
    """Count pairs into `counts`.

    Args:
        scores: (n,) float; relevant: (n,) bool; queries, gallery: (n,) int64 units of both images, −1 is never drawn.
    """
    n_bins, width = counts.matching.shape
    bins = n_bins - np.searchsorted(counts.edges[::-1], scores, "right")
    rows = np.where(queries < 0, width - 1, queries)
    at = bins * width + rows
    counts.matching[...] += np.bincount(at[relevant], minlength=n_bins * width).reshape(n_bins, width)
    at = at[~relevant]
    if counts.other.ndim == 3:
        at = at * width + np.where(gallery < 0, width - 1, gallery)[~relevant]
    counts.other[...] += np.bincount(at, minlength=counts.other.size).reshape(counts.other.shape)


# ---------------------------------------------------------------- draws


@dataclass(frozen=True)
class Spread:
    """Figures of drawn classes.

    Attributes:
        auc, eer: (draws,) float64.
        true_rates, thresholds: (draws, n_rates) float64 at each false match rate.
    """

    auc: np.ndarray
    eer: np.ndarray
    true_rates: np.ndarray = field(repr=False)
    thresholds: np.ndarray = field(repr=False)


def spread(counts: PairCounts, rates: tuple[float, ...], draws: int = DRAWS, seed: int = 0) -> Spread:
    """Figures of classes drawn with replacement; the first "draw" is the classes as they are.

    Reference: Field and Welsh 2007, doi:10.1111/j.1467-9868.2007.00593.x; for scores of pairs, Bolle, Ratha and
        Pankanti 2004, doi:10.1016/j.cviu.2003.08.002 (the subsets bootstrap).
    """
    n = counts.n_units
    random = np.random.default_rng([seed, 4])
    weights = np.concatenate([np.ones((1, n)), random.multinomial(n, np.full(n, 1 / n), size=draws)])
    parts = [_figures(counts, weights[at : at + _BLOCK], rates) for at in range(0, len(weights), _BLOCK)]
    return Spread(*(np.concatenate([part[number] for part in parts]) for number in range(4)))


def _figures(counts: PairCounts, weights: np.ndarray, rates: tuple[float, ...]) -> list[np.ndarray]:
    """AUC, EER, true rates and thresholds of some draws."""
    false, true = counts.curves(weights)
    start = np.zeros((1, false.shape[1]))
    x, y = np.concatenate([start, false]), np.concatenate([start, true])
    auc = ((x[1:] - x[:-1]) * (y[1:] + y[:-1])).sum(axis=0) / 2
    columns = np.arange(x.shape[1])
    at = np.maximum((x + y >= 1).argmax(axis=0), 1)
    below, above = (x + y)[at - 1, columns], (x + y)[at, columns]
    part = np.divide(1 - below, above - below, out=np.zeros_like(below), where=above > below)
    eer = x[at - 1, columns] + part * (x[at, columns] - x[at - 1, columns])
    tops = np.array([[np.interp(rate, x[:, n], y[:, n]) for rate in rates] for n in columns])
    indices = np.array(
        [[np.searchsorted(false[:, n], rate * (1 + 1e-12), "right") - 1 for rate in rates] for n in columns]
    )
    thresholds = np.where(indices >= 0, counts.edges[np.maximum(indices, 0)], np.inf)
    undefined = np.isnan(false[-1]) | np.isnan(true[-1])
    for values in (auc, eer, tops, thresholds):
        values[undefined] = np.nan
    return [auc, eer, tops, thresholds]


def ends(
    drawn: np.ndarray, value: float, n_units: int, bounded: bool = True, student: bool = False
) -> tuple[float, float]:
    """The 95 % interval of a figure from its draws, the first of which is the classes as they are.

    Expanded percentiles, corrected for bias and shifted by what binning moved. Where a share is 0 or 1, Wilson's
    interval of the units, since draws of nothing but hits hold no doubt.

    Args:
        value: the exact figure; bounded: it is a share.
        student: widened to Student's interval on the logit scale, for figures near an end (AUC, EER).
    Reference: Efron 1987, doi:10.1080/01621459.1987.10478410 (bias correction).
    """
    from scipy import special, stats

    finite = drawn[1:][np.isfinite(drawn[1:])]
    if not np.isfinite(value) or len(finite) < len(drawn) // 2 or n_units < 2:
        return float("nan"), float("nan")
    base = drawn[0] if np.isfinite(drawn[0]) else value
    below = ((finite < base).mean() + (finite <= base).mean()) / 2
    moved = 2 * stats.norm.ppf(np.clip(below, 1 / len(finite), 1 - 1 / len(finite)))
    levels = stats.norm.cdf(moved + stats.norm.ppf(resampling.percentile_levels(n_units)))
    low, high = np.quantile(finite, levels) + value - base
    low, high = min(low, value), max(high, value)
    if bounded:
        low, high = max(low, 0.0), min(high, 1.0)
        if value in (0.0, 1.0):
            lows, highs = resampling.wilson(np.full((n_units, 1), value))
            low, high = min(low, float(lows[0])), max(high, float(highs[0]))
        elif student:
            # A draw of exactly 0 has no logit; nor may one such draw among hundreds stretch the spread of them all.
            least = min(value, 1 - value) / 20
            half = stats.t.ppf(0.975, n_units - 1) * special.logit(finite.clip(least, 1 - least)).std()
            low = min(low, float(special.expit(special.logit(value) - half)))
            high = max(high, float(special.expit(special.logit(value) + half)))
    return float(low), float(high)


@dataclass(frozen=True)
class Transfer:
    """What a threshold chosen on half of the classes gives on the other half, over seeded halves.

    Attributes:
        false_rates, true_rates: (n,) float64 on the half that did not choose.
    """

    false_rates: np.ndarray
    true_rates: np.ndarray

    def range_of(self, name: str) -> tuple[float, float, float]:
        """Median, and the 2.5 and 97.5 % points, of "false_rates" or "true_rates"; NaN where nothing is known."""
        values = getattr(self, name)
        values = values[np.isfinite(values)]
        if not len(values):
            return (float("nan"),) * 3
        low, middle, high = np.quantile(values, (0.025, 0.5, 0.975))
        return float(middle), float(low), float(high)


def transfer(counts: PairCounts, rate: float, partitions: int = PARTITIONS, seed: int = 0) -> Transfer:
    """Choose the threshold for a false match rate on half of the units, and look at the other half, both ways round."""
    n = counts.n_units
    random = np.random.default_rng([seed, 5])
    halves = np.zeros((max(partitions // 2, 1), n))
    for row in halves:
        row[random.permutation(n)[: n // 2]] = 1
    sides = [counts.curves(side) for side in (halves, 1 - halves)]
    false_rates, true_rates = [], []
    for (chosen, _), (false, true) in (sides, sides[::-1]):
        for column in range(chosen.shape[1]):
            at = int(np.searchsorted(chosen[:, column], rate * (1 + 1e-12), "right")) - 1
            defined = np.isfinite(chosen[-1, column]) and np.isfinite(false[-1, column] + true[-1, column])
            false_rates.append((false[at, column] if at >= 0 else 0.0) if defined else np.nan)
            true_rates.append((true[at, column] if at >= 0 else 0.0) if defined else np.nan)
    return Transfer(np.array(false_rates), np.array(true_rates))
