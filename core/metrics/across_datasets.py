"""Several systems over several datasets: ranks, Friedman's test, who differs from whom, and what so few datasets can tell.

Here a dataset is what a query is elsewhere: one observation. So these tests speak of datasets like these, and with three
of them they can say very little; `least_p` says how little before anybody looks.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from core.errors import ShapeMismatch
from core.metrics.significance import LEVEL, holm

DIGITS = 12
"""Values that are equal to so many digits share a rank."""
MOST_ENUMERATED = 50_000
PERMUTATIONS = 20_000
PRIOR = 0.5
"""Weight of the one made-up dataset without a difference in the Bayesian test (Benavoli et al. 2014)."""
POSTERIOR_DRAWS = 50_000


@dataclass(frozen=True)
class Friedman:
    """Whether systems differ at all over the datasets.

    Attributes:
        chi2, p_chi2: Friedman's statistic with its correction for ties, and its p by the χ² distribution.
        f, p_f: that of Iman and Davenport, less conservative; infinite and 0 where all datasets agree fully.
        p: by permuting each dataset's ranks: holds for few datasets too, and is what is concluded from.
        exact: every permutation was looked at, not a sample.
    """

    chi2: float
    p_chi2: float
    f: float
    p_f: float
    p: float
    exact: bool

    @property
    def differs(self) -> bool:
        """Whether the permutation test shows that the systems are not all alike."""
        return self.p < LEVEL


@dataclass(frozen=True)
class Posterior:
    """How probable it is that A is better, that both are the same for practice, that B is better; they sum to 1."""

    better: float
    same: float
    worse: float


@dataclass(frozen=True)
class AcrossDatasets:
    """Systems over datasets in one metric.

    Attributes:
        names: the systems; datasets: the datasets in which all of them have a value.
        ranks: (n_datasets, n_systems) float64, 1 is best, equal ones share the mean of their ranks.
        friedman: None for fewer than two systems or datasets.
        critical_difference: of mean ranks, by Nemenyi at 0.05.
        nemenyi: (n_systems, n_systems) float64 p of each pair by Nemenyi's test.
        wilcoxon: the same by the exact signed-rank test over datasets, corrected by Holm.
        values: (n_datasets, n_systems) float64, turned so that higher is better.
    """

    names: tuple[str, ...]
    datasets: tuple[str, ...]
    ranks: np.ndarray = field(repr=False)
    friedman: Friedman | None
    critical_difference: float
    nemenyi: np.ndarray = field(repr=False)
    wilcoxon: np.ndarray = field(repr=False)
    values: np.ndarray = field(repr=False)

    @property
    def mean_ranks(self) -> np.ndarray:
        """(n_systems,) float64; NaN without a dataset."""
        return self.ranks.mean(axis=0) if len(self.ranks) else np.full(len(self.names), np.nan)

    @property
    def order(self) -> tuple[str, ...]:
        """The systems by mean rank, the best first; equal ones as given."""
        return tuple(self.names[at] for at in np.argsort(self.mean_ranks, kind="stable"))

    @property
    def groups(self) -> list[tuple[str, ...]]:
        """Systems that Nemenyi's test cannot tell apart, best first: the bars of the diagram; single ones are left out."""
        return groups(dict(zip(self.names, self.mean_ranks.tolist())), self.critical_difference)

    def posterior(self, a: str, b: str, rope: float, seed: int = 0) -> Posterior:
        """The Bayesian signed-rank test of A less B over the datasets (`signed_rank_posterior`)."""
        first, second = self.names.index(a), self.names.index(b)
        return signed_rank_posterior(self.values[:, first] - self.values[:, second], rope, seed)


def across(
    values: np.ndarray, names: Sequence[str], datasets: Sequence[str], *, higher_is_better: bool = True, seed: int = 0
) -> AcrossDatasets:
    """Everything that is said about systems over datasets in one metric.

    Args:
        values: (n_datasets, n_systems) float64; a dataset in which a system has none (NaN) is left out.
        higher_is_better: False turns the metric round.
    Reference: Demšar 2006, JMLR 7:1-30.
    """
    if np.shape(values) != (len(datasets), len(names)):
        raise ShapeMismatch(
            f"Got values of shape {np.shape(values)} for {len(datasets)} datasets and {len(names)} systems."
        )
    values = np.asarray(values, np.float64) * (1 if higher_is_better else -1)
    whole = np.asarray(~np.isnan(values).any(axis=1)) if len(names) else np.zeros(len(datasets), bool)
    values = values[whole]
    ranks = ranks_of(values)
    n, k = ranks.shape
    defined = n > 1 and k > 1
    return AcrossDatasets(
        tuple(names),
        tuple(name for name, use in zip(datasets, whole, strict=True) if use),
        ranks,
        friedman(ranks, seed) if defined else None,
        critical_difference(k, n) if defined else math.nan,
        nemenyi(ranks) if defined else np.full((k, k), np.nan),
        wilcoxon_holm(values) if defined else np.full((k, k), np.nan),
        values,
    )


def ranks_of(values: np.ndarray) -> np.ndarray:
    """(n_datasets, n_systems) float64 ranks, 1 for the highest value of a row, ties share the mean of theirs.

    >>> ranks_of(np.array([[0.9, 0.5, 0.9]]))
    array([[1.5, 3. , 1.5]])
    """
    from scipy import stats

    return np.asarray(stats.rankdata(-np.round(values, DIGITS), axis=1), np.float64).reshape(np.shape(values))


# ---------------------------------------------------------------- do they differ at all


def friedman(ranks: np.ndarray, seed: int = 0) -> Friedman:
    """Friedman's test of (n_datasets, n_systems) ranks, with Iman and Davenport's correction and by permutation.

    Reference: Friedman 1937, doi:10.1080/01621459.1937.10503522; Iman and Davenport 1980, Communications in Statistics A9:571-595,
    doi:10.1080/03610928008827904.
    """
    from scipy import stats

    n, k = ranks.shape
    ties = sum((counts**3 - counts).sum() for counts in (np.unique(row, return_counts=True)[1] for row in ranks))
    room = 1 - ties / (n * k * (k * k - 1))
    if room <= 0:
        return Friedman(0.0, 1.0, 0.0, 1.0, 1.0, True)
    chi2 = 12 * n / (k * (k + 1)) * (_spread(ranks) - k * (k + 1) ** 2 / 4) / room
    left = n * (k - 1) - chi2
    f = math.inf if left < 1e-9 else (n - 1) * chi2 / left
    p_f = 0.0 if math.isinf(f) else float(stats.f.sf(f, k - 1, (k - 1) * (n - 1)))
    p, exact = _permutation_p(ranks, seed)
    return Friedman(float(chi2), float(stats.chi2.sf(chi2, k - 1)), float(f), p_f, p, exact)


def _spread(ranks: np.ndarray) -> float:
    """Sum of squared mean ranks."""
    return float((ranks.mean(axis=0) ** 2).sum())


def _permutation_p(ranks: np.ndarray, seed: int) -> tuple[float, bool]:
    """How often the systems of each dataset, shuffled, are at least as far apart; and whether that was counted fully."""
    n, k = ranks.shape
    observed = _spread(ranks) - 1e-9
    if k <= 8 and math.factorial(k) ** (n - 1) <= MOST_ENUMERATED:
        orders = np.array(list(itertools.permutations(range(k))))
        sums = ranks[:1]
        for row in ranks[1:]:  # the first dataset stays: only how the others lie against it counts
            sums = (sums[:, None] + row[orders][None]).reshape(-1, k)
        return float((((sums / n) ** 2).sum(axis=1) >= observed).mean()), True
    random = np.random.default_rng([seed, 11])
    sums = np.zeros((PERMUTATIONS, k))
    for row in ranks:
        sums += random.permuted(np.broadcast_to(row, (PERMUTATIONS, k)), axis=1)
    reached = int((((sums / n) ** 2).sum(axis=1) >= observed).sum())
    return (reached + 1) / (PERMUTATIONS + 1), False


# ---------------------------------------------------------------- who differs from whom


def critical_difference(n_systems: int, n_datasets: int) -> float:
    """Mean ranks that differ by less cannot be told apart at 0.05.

    Reference: Nemenyi 1963, as in Demšar 2006, JMLR 7:1-30, section 3.2.2.

    >>> round(critical_difference(4, 14), 2)
    1.25
    """
    from scipy import stats

    quantile = float(stats.studentized_range.ppf(1 - LEVEL, n_systems, np.inf)) / math.sqrt(2)
    return quantile * math.sqrt(n_systems * (n_systems + 1) / (6 * n_datasets))


def nemenyi(ranks: np.ndarray) -> np.ndarray:
    """(n_systems, n_systems) float64 p of each pair, corrected over all pairs; 1 with itself."""
    from scipy import stats

    n, k = ranks.shape
    means = ranks.mean(axis=0)
    gaps = np.abs(means[:, None] - means[None]) / math.sqrt(k * (k + 1) / (6 * n))
    p = np.array(stats.studentized_range.sf(gaps * math.sqrt(2), k, np.inf), np.float64)
    p = np.minimum(p, 1.0)
    np.fill_diagonal(p, 1.0)
    return p


def wilcoxon_holm(values: np.ndarray) -> np.ndarray:
    """(n_systems, n_systems) float64 p of the two-sided signed-rank test over datasets, corrected by Holm; 1 with itself.

    Reference: Wilcoxon 1945, doi:10.2307/3001968; Holm 1979, Scandinavian Journal of Statistics 6:65-70.
    """
    k = values.shape[1]
    pairs = list(itertools.combinations(range(k), 2))
    p = np.ones((k, k))
    for (a, b), corrected in zip(pairs, holm([_signed_rank(values[:, a] - values[:, b]) for a, b in pairs])):
        p[a, b] = p[b, a] = corrected
    return p


def _signed_rank(differences: np.ndarray) -> float:
    from scipy import stats

    rounded = np.round(differences, DIGITS)
    rounded = rounded[rounded != 0]
    if not len(rounded):
        return 1.0
    ties = len(np.unique(np.abs(rounded))) < len(rounded)
    if ties and len(rounded) <= 14:  # every pattern of signs: exact with ties too
        signs = np.array(list(itertools.product((0, 1), repeat=len(rounded))))
        weights = stats.rankdata(np.abs(rounded))
        sums = signs @ weights
        centre = weights.sum() / 2
        seen = abs(weights[rounded > 0].sum() - centre)
        return float((np.abs(sums - centre) >= seen - 1e-9).mean())
    return float(stats.wilcoxon(rounded, method="exact" if not ties and len(rounded) <= 50 else "approx").pvalue)


def groups(means: dict[str, float], gap: float) -> list[tuple[str, ...]]:
    """Names whose mean ranks lie within `gap`, as long as possible, none inside another; groups of one are left out.

    >>> groups({"a": 1.0, "b": 1.5, "c": 2.2, "d": 4.0}, 1.0)
    [('a', 'b'), ('b', 'c')]
    """
    ordered = sorted(means, key=lambda name: means[name])
    made: list[tuple[str, ...]] = []
    reached = -1
    for start, name in enumerate(ordered):
        end = max(at for at in range(start, len(ordered)) if at == start or means[ordered[at]] - means[name] < gap)
        if end > start and end > reached:
            made.append(tuple(ordered[start : end + 1]))
            reached = end
    return made


# ---------------------------------------------------------------- how probable it is


def signed_rank_posterior(differences: np.ndarray, rope: float, seed: int = 0) -> Posterior:
    """The Bayesian signed-rank test with a region of practical equivalence.

    Args:
        differences: (n_datasets,) float64, A less B.
        rope: half-width of the region in which both are the same for practice, at least 0.
    Reference: Benavoli et al. 2014, ICML, PMLR 32(2):1026-1034; Benavoli, Corani, Demšar and Zaffalon 2017, JMLR
    18(77):1-36.
    """
    z = np.concatenate([[0.0], np.asarray(differences, np.float64)])
    sums = z[:, None] + z[None]
    weights = np.random.default_rng([seed, 13]).dirichlet([PRIOR, *np.ones(len(z) - 1)], POSTERIOR_DRAWS)

    def share(inside: np.ndarray) -> np.ndarray:
        return np.einsum("si,ij,sj->s", weights, inside, weights, optimize=True)

    edge = 2 * rope
    above = share((sums > edge) + 0.5 * (sums == edge))
    below = share((sums < -edge) + 0.5 * (sums == -edge))
    inside = 1 - above - below if rope > 0 else np.full(len(above), -1.0)
    shares = np.stack([above, inside, below])
    most = np.isclose(shares, shares.max(axis=0), rtol=0, atol=1e-12)
    better, same, worse = (most / most.sum(axis=0)).mean(axis=1)  # what is equally probable counts in equal parts
    return Posterior(float(better), float(same), float(worse))


# ---------------------------------------------------------------- what so few can tell


def least_p(n_datasets: int, n_pairs: int = 1) -> float:
    """The smallest p that the signed-rank test of a pair can have over so many datasets, corrected by Holm.

    >>> least_p(3), least_p(6)
    (0.25, 0.03125)
    """
    return min(1.0, n_pairs * 2.0 ** (1 - n_datasets))


def needed_datasets(n_pairs: int = 1) -> int:
    """How many datasets it takes before any pair can be shown to differ.

    >>> needed_datasets(1), needed_datasets(10)
    (6, 9)
    """
    return next(n for n in itertools.count(1) if least_p(n, n_pairs) < LEVEL)


def mean_with_interval(
    means: Sequence[float], lows: Sequence[float], highs: Sequence[float]
) -> tuple[float, float, float]:
    """The mean over datasets with the interval that the datasets' own ones make, for these very datasets.

    Reference: Zou and Donner 2008, doi:10.1002/sim.3095 (MOVER: variances recovered from the limits of each part).

    >>> [round(value, 3) for value in mean_with_interval([0.8, 0.6], [0.77, 0.56], [0.83, 0.64])]
    [0.7, 0.675, 0.725]
    """
    m, low, high = (np.asarray(values, np.float64) for values in (means, lows, highs))
    if not len(m):
        return math.nan, math.nan, math.nan
    mean = float(m.mean())
    return (
        mean,
        mean - float(np.sqrt(((m - low) ** 2).sum())) / len(m),
        mean + float(np.sqrt(((high - m) ** 2).sum())) / len(m),
    )
