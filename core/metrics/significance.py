"""Paired tests: whether two systems differ, over these queries.

One rule says so everywhere (`Difference.differs`): the Holm-corrected p of the randomisation test is below 0.05, the
interval of the mean difference leaves 0 out, and the signed rank test does not contradict.
"""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from core.errors import ShapeMismatch
from core.metrics import resampling
from core.metrics.resampling import DRAWS
from core.wording import p_value, plural

LEVEL = 0.05
SAME = 1e-12
"""Differences smaller than this are no difference (core/metrics/DEFINITIONS.md, section 7)."""
MOST_ENUMERATED = 14
FEW_CLASSES = 10
"""Below so many classes a difference that is not shown may be there all the same: so few cannot tell."""
FLIPS = 100_000
"""At most so many sign flips, however many pairs are tested: a pair has one p everywhere, and of the 496 pairs of 32
systems the smallest survives the correction."""
ENOUGH_EXCEEDED = 10
"""Once so many of the first draws reach the observed mean, p is known well enough and no more are drawn."""


@dataclass(frozen=True)
class Difference:
    """System A less system B over the same valid queries.

    Attributes:
        n: queries compared.
        mean, low, high: mean difference and its 95 % bootstrap interval.
        p: randomisation test, two-sided: the same wherever the pair is compared.
        p_holm: after Holm's correction over all pairs tested together; n_pairs: how many those are.
        wilcoxon: two-sided p of the signed rank test.
        d_z: mean over standard deviation of the queries (ddof 1); rank_biserial: matched rank-biserial correlation of
            what the tests compare.
        wins, ties, losses: queries where A is better, equal, worse.
        resampled: what is drawn and flipped as a whole: "classes", or "queries".
        n_units: how many of them there are.
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
    n_units: int = 0
    n_pairs: int = 1

    @property
    def contradicts(self) -> bool:
        """The two tests disagree at 0.05, or are both sure of opposite directions: then nothing is concluded."""
        sure, rank_sure = self.p < LEVEL, self.wilcoxon < LEVEL
        return sure != rank_sure or (sure and rank_sure and self.mean * self.rank_biserial < 0)

    @property
    def differs(self) -> bool:
        """The one rule: corrected p below 0.05, 0 outside the interval, and no contradiction between the tests."""
        return self.p_holm < LEVEL and not self.low <= 0 <= self.high and not self.contradicts

    @property
    def holm(self) -> str:
        """The corrected p with what it was corrected over, for sentences."""
        return f"Holm {p_value(self.p_holm)} over {plural(self.n_pairs, 'pair')}"

    @property
    def too_few(self) -> bool:
        """Nothing is shown, and there are fewer than ten classes: so few cannot tell."""
        return self.resampled == "classes" and self.n_units < FEW_CLASSES and not self.differs

    @property
    def conclusion(self) -> str:
        """In a few words, for tables."""
        if not self.n:
            return "no query counts"
        if self.differs:
            return "differ"
        if self.contradicts:
            return "the two tests disagree: no conclusion"
        if self.too_few:
            return f"{self.n_units} classes are too few to tell"
        return "cannot be told apart"

    def turned(self) -> Difference:
        """The same comparison the other way round: B less A."""
        return replace(
            self,
            mean=-self.mean + 0.0,
            low=-self.high + 0.0,
            high=-self.low + 0.0,
            d_z=-self.d_z + 0.0,
            rank_biserial=-self.rank_biserial + 0.0,
            wins=self.losses,
            losses=self.wins,
        )


# ---------------------------------------------------------------- tests


@lru_cache(maxsize=2)
def _signs(n: int, draws: int, seed: int, part: int) -> np.ndarray:
    """(draws, bytes) uint8: packed random bits, one per unit."""
    return np.random.default_rng([seed, 1, part] if part else [seed, 1]).integers(0, 256, (draws, -(-n // 8)), np.uint8)


def _exceeding(d: np.ndarray, observed: float, draws: int, seed: int, part: int) -> int:
    """How many of the drawn sign flips give a sum of at least `observed`, in absolute value."""
    from core.metrics import kernels

    packed = _signs(len(d), draws, seed, part)
    # What the eight differences of a byte add up to, for each of the 256 bytes: one look-up instead of eight sums.
    padded = np.zeros(packed.shape[1] * 8)
    padded[: len(d)] = d
    bits = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).astype(np.float64)
    flipped = kernels.table_sums(np.ascontiguousarray(padded.reshape(-1, 8) @ bits.T), packed)
    return int((np.abs(2 * flipped - d.sum()) >= observed).sum())


def randomisation(d: np.ndarray, draws: int = FLIPS, seed: int = 0, classes: np.ndarray | None = None) -> float:
    """Two-sided p of the mean when signs flip at random; all 2^n patterns up to 14 units, never 0 beyond.

    Args:
        d: (n,) float64 paired differences.
        draws: of signs; where the first 10,000 settle the matter, no more are drawn.
        classes: (n,) int64; given, the signs of a class flip together.
    Reference: Smucker, Allan and Carterette 2007, doi:10.1145/1321440.1321528; for whole classes, Cameron, Gelbach and
        Miller 2008, doi:10.1162/rest.90.3.414.
    """
    n = len(d)
    if n == 0 or not d.any():
        return 1.0
    units = d if classes is None else resampling.group_sums(d[:, None], classes)[0][:, 0]
    observed = abs(units.sum()) - n * SAME
    if len(units) <= MOST_ENUMERATED:
        patterns = (np.arange(2 ** len(units))[:, None] >> np.arange(len(units))) & 1
        return float((np.abs((2 * patterns - 1) @ units) >= observed).mean())
    first = min(draws, DRAWS)
    exceeding = _exceeding(units, observed, first, seed, 0)
    if first == draws or exceeding >= ENOUGH_EXCEEDED:
        return (1 + exceeding) / (1 + first)
    # Hoeffding 1963 bounds the exact p; where that lies far below what draws can show, none of them would exceed.
    if 2 * np.exp(-(observed**2) / (2 * (units**2).sum())) < 0.1 / draws:
        return 1 / (1 + draws)
    parts = [min(DRAWS, draws - start) for start in range(first, draws, DRAWS)]
    exceeding += sum(_exceeding(units, observed, size, seed, part) for part, size in enumerate(parts, 1))
    return (1 + exceeding) / (1 + draws)


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
        ShapeMismatch: the two systems were not evaluated on the same queries.
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.shape != b.shape or not np.array_equal(np.isnan(a), np.isnan(b)):
        raise ShapeMismatch("Two systems can only be compared on the same valid queries; evaluate both on one split.")
    d = (a - b)[~np.isnan(a)]
    return np.where(np.abs(d) < SAME, 0.0, d)


def compare(
    a: np.ndarray,
    b: np.ndarray,
    *,
    draws: int = DRAWS,
    seed: int = 0,
    classes: np.ndarray | None = None,
    flips: int = FLIPS,
) -> Difference:
    """System A less system B.

    Args:
        a, b: (n_queries,) per-query values, NaN for the same queries.
        draws: of the bootstrap; flips: of signs.
        classes: (n_queries,) int64; given, whole classes are drawn for the interval, flipped together for p, and
            ranked by their sums for the signed rank test.
    """
    d = paired(a, b)
    n = len(d)
    if n == 0:
        nan = float("nan")
        return Difference(0, nan, nan, nan, nan, nan, nan, nan, nan, 0, 0, 0)
    groups = None if classes is None else np.asarray(classes)[~np.isnan(np.asarray(a, np.float64))]
    units = d if groups is None else resampling.group_sums(d[:, None], groups)[0][:, 0]
    lows, highs = resampling.intervals(d[:, None], draws, seed, groups, bounded=False)
    spread, mean = float(d.std(ddof=1)) if n > 1 else 0.0, float(d.mean())
    p = randomisation(d, flips, seed, groups)
    return Difference(
        n,
        mean,
        float(lows[0]),
        float(highs[0]),
        p,
        p,
        wilcoxon(units),
        mean / spread if spread > 0 else 0.0,
        rank_biserial(units),
        int((d > 0).sum()),
        int((d == 0).sum()),
        int((d < 0).sum()),
        "queries" if groups is None else "classes",
        len(units),
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


def corrected(differences: Mapping) -> dict:
    """The same differences with Holm's correction over all of them."""
    p_values = holm([difference.p for difference in differences.values()])
    return {
        key: replace(d, p_holm=float(p), n_pairs=len(differences))
        for (key, d), p in zip(differences.items(), p_values, strict=True)
    }


def tie_groups(means: Mapping[str, float], differences: Mapping[tuple[str, str], Difference]) -> dict[str, str]:
    """Letters for a leaderboard: systems share a letter exactly when they cannot be told apart (`Difference.differs`).

    Groups are the largest sets in which no pair differs; 'a' goes to the group with the best mean.

    Reference: Piepho 2004, doi:10.1198/1061860043515.
    """
    names = sorted(means, key=lambda name: (-np.nan_to_num(means[name], nan=-np.inf), name))
    groups = [set(names)]
    for (a, b), difference in differences.items():
        if not difference.differs:
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
    turn, letter = divmod(number, 26)
    return string.ascii_lowercase[letter] + (str(turn + 1) if turn else "")
