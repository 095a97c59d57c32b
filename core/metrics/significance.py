"""Intervals and paired tests: how sure a difference between two systems is, over these queries."""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import combinations

import numpy as np

from core.errors import ShapeMismatch

DRAWS = 10_000
SAME = 1e-12
"""Differences smaller than this are no difference (DEFINITIONS.md, section 7)."""
MOST_ENUMERATED = 14
_BLOCK = 256
KEPT_BYTES = 128 << 20
"""Draws are kept while they fit in this, and drawn again, block by block, beyond."""


@dataclass(frozen=True)
class Difference:
    """System A less system B over the same valid queries.

    Attributes:
        n: queries compared.
        mean, low, high: mean difference and its 95 % percentile bootstrap interval.
        p: randomisation test, two-sided; p_holm: after Holm's correction over all pairs tested together.
        wilcoxon: two-sided p of the signed rank test.
        d_z: mean over standard deviation (ddof 1); rank_biserial: matched rank-biserial correlation.
        wins, ties, losses: queries where A is better, equal, worse.
        resampled: "queries", or "classes" for the class bootstrap.
    """

    n: int
    mean: float
    low: float
    high: float
    p: float
    p_holm: float
    wilcoxon: float
    d_z: float
    rank_biserial: float
    wins: int
    ties: int
    losses: int
    resampled: str = "queries"

    @property
    def contradicts(self) -> bool:
        """The two tests disagree at 0.05: then nothing is concluded from either."""
        return (self.p < 0.05) != (self.wilcoxon < 0.05)


# ---------------------------------------------------------------- resampling


def _drawn(n: int, draws: int, seed: int) -> Iterator[np.ndarray]:
    """Blocks of (rows, n) uint8: how often each query is drawn."""
    from core.metrics import kernels

    random = np.random.default_rng(seed)
    for start in range(0, draws, _BLOCK):
        counts = np.zeros((min(_BLOCK, draws - start), n), np.uint8)  # 256 times or more has a chance of 1 in 256!
        kernels.tally(random.integers(0, n, counts.shape), counts)
        yield counts


@lru_cache(maxsize=2)
def _kept_draws(n: int, draws: int, seed: int) -> np.ndarray:
    """(draws, n) uint8: the same draws for every system, kept for the next move of a slider."""
    return np.concatenate(list(_drawn(n, draws, seed)))


@lru_cache(maxsize=2)
def _signs(n: int, draws: int, seed: int) -> np.ndarray:
    """(draws, bytes) uint8: packed random bits, one per query."""
    return np.random.default_rng([seed, 1]).integers(0, 256, (draws, -(-n // 8)), dtype=np.uint8)


def _resampled_sums(n: int, draws: int, seed: int, columns: np.ndarray) -> np.ndarray:
    """(draws, n_columns) float64: how often each query is drawn times the columns, without a float copy of the counts."""
    from core.metrics import kernels

    across = np.ascontiguousarray(columns.T, np.float64)
    if n * draws <= KEPT_BYTES:
        return kernels.counted_sums(_kept_draws(n, draws, seed), across)
    return np.concatenate([kernels.counted_sums(counts, across) for counts in _drawn(n, draws, seed)])


def bootstrap_means(
    columns: np.ndarray, draws: int = DRAWS, seed: int = 0, classes: np.ndarray | None = None
) -> np.ndarray:
    """Means of resampled queries, the same draws for every column: (draws, n_columns) float64.

    Args:
        columns: (n_queries, n_columns) float64 without NaN.
        classes: (n_queries,) int64; given, whole classes are drawn, all their queries with them.
    Reference: Efron and Tibshirani 1993, doi:10.1007/978-1-4899-4541-9; for classes, the cluster bootstrap of
        Field and Welsh 2007, doi:10.1111/j.1467-9868.2007.00593.x.
    """
    columns = np.asarray(columns, np.float64)
    if classes is None:
        return _resampled_sums(len(columns), draws, seed, columns) / len(columns)
    _, codes = np.unique(classes, return_inverse=True)
    sizes = np.bincount(codes).astype(np.float64)
    sums = np.stack([np.bincount(codes, weights=column) for column in columns.T], axis=1)
    drawn = _resampled_sums(len(sizes), draws, seed, np.column_stack([sums, sizes]))
    return drawn[:, :-1] / drawn[:, -1:]


def interval(
    values: np.ndarray, draws: int = DRAWS, seed: int = 0, classes: np.ndarray | None = None
) -> tuple[float, float]:
    """95 % percentile bootstrap interval of the mean over valid queries (NaN ones are left out).

    >>> interval(np.array([0.5, 0.5, np.nan, 0.5]))
    (0.5, 0.5)
    """
    lows, highs = intervals(np.asarray(values, np.float64)[:, None], draws, seed, classes)
    return float(lows[0]), float(highs[0])


def intervals(
    columns: np.ndarray, draws: int = DRAWS, seed: int = 0, classes: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The same for several metrics at once: (n_columns,) lows and highs, NaN where no query is valid.

    Args:
        columns: (n_queries, n_columns); columns that are NaN for the same queries are resampled together.
    """
    lows, highs = np.full(columns.shape[1], np.nan), np.full(columns.shape[1], np.nan)
    valid = ~np.isnan(columns)
    for pattern in np.unique(valid, axis=1).T if columns.size else ():
        if not pattern.any():
            continue
        alike = np.flatnonzero((valid == pattern[:, None]).all(axis=0))
        rows = columns[pattern][:, alike]
        drawn = bootstrap_means(rows, draws, seed, None if classes is None else classes[pattern])
        ends = np.quantile(drawn, [0.025, 0.975], axis=0)
        constant = (rows == rows[:1]).all(axis=0)  # a sum of equal numbers may differ from them in the last bit
        lows[alike] = np.where(constant, rows[0], ends[0])
        highs[alike] = np.where(constant, rows[0], ends[1])
    return lows, highs


# ---------------------------------------------------------------- tests


def randomisation(d: np.ndarray, draws: int = DRAWS, seed: int = 0) -> float:
    """Two-sided p of the mean when signs flip at random; all 2^n patterns for n <= 14, never 0 beyond.

    Args:
        d: (n,) float64 paired differences.
    Reference: Smucker, Allan and Carterette 2007, doi:10.1145/1321440.1321528.
    """
    n = len(d)
    if n == 0 or not d.any():
        return 1.0
    observed = abs(d.sum()) / n - SAME
    if n <= MOST_ENUMERATED:
        patterns = (np.arange(2**n)[:, None] >> np.arange(n)) & 1
        means = np.abs((2 * patterns - 1) @ d) / n
        return float((means >= observed).mean())
    from core.metrics import kernels

    packed = _signs(n, draws, seed)
    # What the eight differences of a byte add up to, for each of the 256 bytes: one look-up instead of eight sums.
    padded = np.zeros(packed.shape[1] * 8)
    padded[:n] = d
    bits = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).astype(np.float64)
    flipped = kernels.table_sums(np.ascontiguousarray(padded.reshape(-1, 8) @ bits.T), packed)
    found = int((np.abs(2 * flipped - d.sum()) / n >= observed).sum())
    return (1 + found) / (1 + draws)


def wilcoxon(d: np.ndarray) -> float:
    """Two-sided p of Wilcoxon's signed rank test: zeros dropped, no continuity correction, scipy's choice of method."""
    from scipy import stats

    rounded = np.round(d, 12)
    if not rounded.any():
        return 1.0
    return float(stats.wilcoxon(rounded, zero_method="wilcox", correction=False, method="auto").pvalue)


def rank_biserial(d: np.ndarray) -> float:
    """(W+ − W−)/(W+ + W−) over non-zero differences; 0 when all are zero.

    Reference: Kerby 2014, doi:10.2466/11.IT.3.1.
    """
    from scipy import stats

    rounded = np.round(d, 12)
    rounded = rounded[rounded != 0]
    if not len(rounded):
        return 0.0
    ranks = stats.rankdata(np.abs(rounded))
    return float((ranks[rounded > 0].sum() - ranks[rounded < 0].sum()) / ranks.sum())


def paired(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Differences a − b over the valid queries; those below 1e-12 are 0.

    Raises:
        ShapeMismatch: the two systems were not judged on the same queries.
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.shape != b.shape or not np.array_equal(np.isnan(a), np.isnan(b)):
        raise ShapeMismatch("Two systems can only be compared on the same valid queries; judge both on one split.")
    d = (a - b)[~np.isnan(a)]
    return np.where(np.abs(d) < SAME, 0.0, d)


def compare(
    a: np.ndarray, b: np.ndarray, *, draws: int = DRAWS, seed: int = 0, classes: np.ndarray | None = None
) -> Difference:
    """System A less system B.

    Args:
        a, b: (n_queries,) per-query values, NaN for the same queries.
        classes: (n_queries,) int64; given, the interval is that of the class bootstrap.
    """
    d = paired(a, b)
    n = len(d)
    if n == 0:
        nan = float("nan")
        return Difference(0, nan, nan, nan, nan, nan, nan, nan, nan, 0, 0, 0)
    kept = None if classes is None else np.asarray(classes)[~np.isnan(np.asarray(a, np.float64))]
    low, high = interval(d, draws, seed, kept)
    spread = float(d.std(ddof=1)) if n > 1 else 0.0
    mean = float(d.mean())
    p = randomisation(d, draws, seed)
    return Difference(
        n,
        mean,
        low,
        high,
        p,
        p,
        wilcoxon(d),
        mean / spread if spread > 0 else 0.0,
        rank_biserial(d),
        int((d > 0).sum()),
        int((d == 0).sum()),
        int((d < 0).sum()),
        "queries" if classes is None else "classes",
    )


def holm(p_values: Sequence[float]) -> np.ndarray:
    """Holm's step-down correction over all the p given: (m,) float64, in their order.

    Reference: Holm 1979, https://www.jstor.org/stable/4615733.

    >>> holm([0.01, 0.04, 0.03]).round(3)
    array([0.03, 0.06, 0.06])
    """
    p = np.asarray(p_values, np.float64)
    order = np.argsort(p, kind="stable")
    scaled = np.minimum(1.0, (len(p) - np.arange(len(p))) * p[order])
    result = np.empty(len(p))
    result[order] = np.maximum.accumulate(scaled)
    return result


def _draws_for(pairs: int, draws: int) -> int:
    """A Monte Carlo p cannot fall below 1/(B + 1), so many pairs need more draws than 20 each."""
    return max(draws, 20 * pairs + 1)


def _corrected(found: Mapping) -> dict:
    corrected = holm([one.p for one in found.values()])
    return {name: replace(one, p_holm=float(p)) for (name, one), p in zip(found.items(), corrected)}


def compare_all(
    systems: Mapping[str, np.ndarray],
    base: np.ndarray,
    *,
    draws: int = DRAWS,
    seed: int = 0,
    classes: np.ndarray | None = None,
) -> dict[str, Difference]:
    """Each system less one base, Holm's correction over all of them."""
    draws = _draws_for(len(systems), draws)
    found = {name: compare(one, base, draws=draws, seed=seed, classes=classes) for name, one in systems.items()}
    return _corrected(found)


def compare_pairs(
    systems: Mapping[str, np.ndarray], *, draws: int = DRAWS, seed: int = 0, classes: np.ndarray | None = None
) -> dict[tuple[str, str], Difference]:
    """Every pair (A less B, in the order given), Holm's correction over all pairs."""
    pairs = list(combinations(systems, 2))
    draws = _draws_for(len(pairs), draws)
    found = {(a, b): compare(systems[a], systems[b], draws=draws, seed=seed, classes=classes) for a, b in pairs}
    return _corrected(found)


def tie_groups(
    means: Mapping[str, float], differences: Mapping[tuple[str, str], Difference], level: float = 0.05
) -> dict[str, str]:
    """Letters for a leaderboard: systems that share a letter cannot be told apart at this level (Holm-corrected).

    Groups are the largest sets in which no pair differs; 'a' goes to the group with the best mean.

    Reference: Piepho 2004, doi:10.1198/1061860043515.
    """
    names = sorted(means, key=lambda name: (-np.nan_to_num(means[name], nan=-np.inf), name))
    groups = [set(names)]
    for (a, b), one in differences.items():
        if not one.p_holm < level:
            continue
        split = []
        for group in groups:
            split += [group - {a}, group - {b}] if a in group and b in group else [group]
        groups = [
            g for i, g in enumerate(split) if g and not any(g < h or (g == h and j < i) for j, h in enumerate(split))
        ]
    groups.sort(key=lambda group: sorted(names.index(name) for name in group))
    letters = [_letter(number) for number in range(len(groups))]
    return {name: "".join(letter for letter, group in zip(letters, groups) if name in group) for name in names}


def _letter(number: int) -> str:
    """a … z, then a2 …, so that any number of groups has its sign."""
    turn, place = divmod(number, 26)
    return string.ascii_lowercase[place] + (str(turn + 1) if turn else "")
