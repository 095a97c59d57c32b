"""Is a difference more than chance? Intervals, paired tests, effect sizes, groups that cannot be told apart."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from core.errors import BadInput, ShapeMismatch

DRAWS = 10_000
LEVEL = 0.05
ZERO = 1e-12
ALL_PATTERNS = 14
"""Up to so many queries every pattern of signs is tried."""
KEPT_BYTES = 128 << 20
"""Bootstrap draws are kept for the next move of a slider while they fit in this."""

CAUTION_SELF = (
    "In self-retrieval the queries of one class share their relevant items, so queries are not independent and plain "
    "p-values are too small; the class bootstrap draws whole classes instead."
)
CAUTION_SCOPE = "Significance of a difference is about these queries, not about another dataset."


@dataclass(frozen=True)
class Comparison:
    """Two systems on the same valid queries; differences are first minus second.

    Attributes:
        n: queries; difference: mean; low, high: 95 % paired percentile bootstrap.
        p: randomisation test, two-sided; exact: every pattern of signs was tried. p_holm: corrected for all pairs.
        p_wilcoxon: signed-rank test.
        d_z: mean / sd; rank_biserial: (W+ − W−) / (W+ + W−).
        wins, ties, losses: queries.
        class_low, class_high: interval of the class bootstrap, NaN where there are no classes.
    """

    first: str
    second: str
    metric: str
    n: int
    difference: float
    low: float
    high: float
    p: float
    exact: bool
    p_holm: float
    p_wilcoxon: float
    d_z: float
    rank_biserial: float
    wins: int
    ties: int
    losses: int
    class_low: float = float("nan")
    class_high: float = float("nan")

    @property
    def differs(self) -> bool:
        """The corrected randomisation test rejects equality at 5 %."""
        return self.p_holm < LEVEL

    @property
    def contradicted(self) -> bool:
        """The two tests disagree at 5 %, so neither is to be believed alone."""
        return (self.p < LEVEL) != (self.p_wilcoxon < LEVEL)

    @property
    def conclusion(self) -> str:
        """One sentence for people."""
        if self.n == 0:
            return "No query is valid, so nothing can be compared."
        if self.contradicted:
            return "The randomisation test and the Wilcoxon test disagree: no conclusion."
        if not self.differs:
            return f"{self.first} and {self.second} cannot be told apart."
        better, worse = (self.first, self.second) if self.difference > 0 else (self.second, self.first)
        return f"{better} is better than {worse} on these queries."


_drawing = threading.Lock()


@lru_cache(maxsize=2)
def _kept_tallies(n: int, draws: int, seed: int) -> np.ndarray:
    return np.concatenate([tallies for tallies in _draw(n, draws, seed)])


def _draw(n: int, draws: int, seed: int):
    """Blocks of (rows, n) uint8 or uint16: how often each query was drawn. The same stream as one big draw."""
    from core.metrics import kernels

    # The number of times that one query is drawn has mean 1; it passes 255 only by a miracle, and n caps it.
    dtype = np.uint8 if n < 256 or n > 2000 else np.uint16
    rng = np.random.default_rng(seed)
    # Even heights: the generator hands out 32-bit halves, and an odd number of them must not be dropped in between.
    step = max(2, (8 << 20) // (8 * max(1, n)) // 2 * 2)
    for start in range(0, draws, step):
        drawn = rng.integers(0, n, (min(step, draws - start), n))
        counts = np.zeros(drawn.shape, dtype)
        kernels.tally(drawn, counts)
        yield counts


def bootstrap_means(values: np.ndarray, draws: int = DRAWS, seed: int = 0) -> np.ndarray:
    """Means of `values` over queries drawn with replacement: (draws,) or (draws, m) float64.

    All columns see the same draws, so they are paired.

    Args:
        values: (n,) or (n, m), finite, n at least 1.
    """
    table = np.asarray(values, np.float64)
    n = len(table)
    if n < 1:
        raise BadInput("A bootstrap needs at least one query.")
    if n * draws <= KEPT_BYTES:
        with _drawing:
            kept = _kept_tallies(n, draws, seed)
        step = max(1, (4 << 20) // (8 * n))
        blocks = (kept[at : at + step] for at in range(0, draws, step))
    else:
        blocks = _draw(n, draws, seed)
    return np.concatenate([counts.astype(np.float64) @ table for counts in blocks]) / n


def interval(means: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ends of the 95 % percentile interval, linear quantiles, of (draws,) or (draws, m)."""
    low, high = np.quantile(means, [0.025, 0.975], axis=0)
    return low, high


def class_bootstrap_means(values: np.ndarray, classes: np.ndarray, draws: int = DRAWS, seed: int = 0) -> np.ndarray:
    """Means when whole classes are drawn with replacement, all their queries with them: (draws,) or (draws, m).

    Args:
        values: (n,) or (n, m); classes: (n,) int64.
    """
    table = np.asarray(values, np.float64)
    _, codes = np.unique(classes, return_inverse=True)
    sizes = np.bincount(codes)
    columns = table.reshape(len(table), -1)
    sums = np.stack([np.bincount(codes, column) for column in columns.T], axis=1)
    rng = np.random.default_rng(seed)
    counts = rng.multinomial(len(sizes), np.full(len(sizes), 1 / len(sizes)), draws).astype(np.float64)
    means = (counts @ sums) / (counts @ sizes)[:, None]
    return means.reshape((draws, *table.shape[1:]))


def randomisation(differences: np.ndarray, draws: int = DRAWS, seed: int = 0) -> tuple[float, bool]:
    """Two-sided p of |mean| when signs are flipped at random, and whether every pattern was tried.

    All 2^n patterns up to 14 queries; else p = (1 + #{|m*| >= |m| − 1e-12}) / (1 + draws), never 0. All zero: 1.
    """
    d = _rounded(differences)
    n = len(d)
    if n == 0:
        return float("nan"), True
    if not d.any():
        return 1.0, n <= ALL_PATTERNS
    edge = abs(d.mean()) - ZERO
    if n <= ALL_PATTERNS:
        signs = 1 - 2 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1)
        return float((np.abs(signs @ d / n) >= edge).mean()), True
    means = _signed_sums(d, draws, seed) / n
    return float((1 + (np.abs(means) >= edge).sum()) / (1 + draws)), False


def _signed_sums(d: np.ndarray, draws: int, seed: int) -> np.ndarray:
    """(draws,) sums of d under random signs: eight queries at a time by a table of their 256 patterns."""
    from core.metrics import kernels

    groups = -(-len(d) // 8)
    padded = np.zeros(groups * 8)
    padded[: len(d)] = d
    patterns = 1.0 - 2.0 * ((np.arange(256)[:, None] >> np.arange(8)) & 1)
    table = np.ascontiguousarray(padded.reshape(groups, 8) @ patterns.T)
    rng = np.random.default_rng(seed)
    step = max(1, (16 << 20) // groups)
    return np.concatenate(
        [
            kernels.table_sums(table, rng.integers(0, 256, (min(step, draws - at), groups), np.uint8))
            for at in range(0, draws, step)
        ]
    )


def wilcoxon(differences: np.ndarray) -> float:
    """Two-sided p of the signed-rank test: zeros dropped, no continuity correction, scipy's choice of method.

    Exact to 50 queries without ties and zeros, enumerated to 13 with them, else normal. All zero: 1.
    """
    from scipy import stats

    d = np.round(_rounded(differences), 12)
    if len(d) == 0:
        return float("nan")
    if not d.any():
        return 1.0
    return float(stats.wilcoxon(d, zero_method="wilcox", correction=False, method="auto").pvalue)


def effect_sizes(differences: np.ndarray) -> tuple[float, float]:
    """(d_z, matched rank-biserial correlation); 0 where nothing varies, or all are zero."""
    from scipy import stats

    d = np.round(_rounded(differences), 12)
    if len(d) == 0:
        return float("nan"), float("nan")
    spread = d.std(ddof=1) if len(d) > 1 else 0.0
    d_z = float(d.mean() / spread) if spread > ZERO else 0.0
    kept = d[d != 0]
    if not len(kept):
        return d_z, 0.0
    order = stats.rankdata(np.abs(kept))
    return d_z, float((order[kept > 0].sum() - order[kept < 0].sum()) / order.sum())


def _rounded(differences: np.ndarray) -> np.ndarray:
    """Differences below 1e-12 are 0."""
    d = np.asarray(differences, np.float64)
    return np.where(np.abs(d) < ZERO, 0.0, d)


def holm(p: Sequence[float]) -> np.ndarray:
    """Holm's correction over all pairs tested: (m,) float64. NaN (nothing to test) stays and is not counted."""
    values = np.asarray(p, np.float64)
    corrected = np.full(len(values), np.nan)
    tested = np.flatnonzero(~np.isnan(values))
    order = tested[np.argsort(values[tested], kind="stable")]
    steps = np.minimum(1.0, (len(order) - np.arange(len(order))) * values[order])
    corrected[order] = np.maximum.accumulate(steps)
    return corrected


def compare(
    first: tuple[str, np.ndarray],
    second: tuple[str, np.ndarray],
    metric: str = "map",
    *,
    classes: np.ndarray | None = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> Comparison:
    """One pair: (name, (n_queries,) values with NaN where the query does not count) twice. p_holm is p alone.

    Args:
        classes: (n_queries,) int64 for the class bootstrap, None for none.
    Raises:
        ShapeMismatch: the two do not have the same valid queries.
    """
    return compare_all([first, second], metric, classes=classes, draws=draws, seed=seed)[0]


def compare_all(
    systems: Sequence[tuple[str, np.ndarray]],
    metric: str = "map",
    *,
    classes: np.ndarray | None = None,
    draws: int = DRAWS,
    seed: int = 0,
    against: str | None = None,
) -> list[Comparison]:
    """All pairs, Holm over all of them; or every system against one.

    A Monte Carlo p cannot fall below 1 / (draws + 1), so with many pairs more is drawn.

    Args:
        systems: (name, (n_queries,) float64, NaN where the query does not count), each with the same valid queries.
        against: compare this one with all others, instead of all pairs.
    """
    pairs = [(a, b) for i, a in enumerate(systems) for b in systems[i + 1 :]]
    if against is not None:
        pairs = [(a, b) if a[0] == against else (b, a) for a, b in pairs if against in (a[0], b[0])]
    if not pairs:
        return []
    valid = ~np.isnan(systems[0][1])
    for name, values in systems[1:]:
        if values.shape != valid.shape or ((~np.isnan(values)) != valid).any():
            raise ShapeMismatch(f"{systems[0][0]!r} and {name!r} were not asked the same valid queries.")
    table = np.stack([_rounded((a[1] - b[1])[valid]) for a, b in pairs], axis=1)
    draws = max(draws, 20 * len(pairs) + 1)
    lows, highs = _ends(bootstrap_means(table, draws, seed) if len(table) else None, table)
    groups = None if classes is None else np.asarray(classes)[valid]
    grouped = groups is not None and len(table) and len(np.unique(groups)) > 1
    by_class = class_bootstrap_means(table, groups, draws, seed) if grouped else None
    class_lows, class_highs = _ends(by_class, table)
    found = []
    for at, (a, b) in enumerate(pairs):
        d = table[:, at]
        p, exact = randomisation(d, draws, seed)
        d_z, biserial = effect_sizes(d)
        found.append(
            Comparison(
                a[0],
                b[0],
                metric,
                len(d),
                float(d.mean()) if len(d) else float("nan"),
                lows[at],
                highs[at],
                p,
                exact,
                p,
                wilcoxon(d),
                d_z,
                biserial,
                int((d > 0).sum()),
                int((d == 0).sum()),
                int((d < 0).sum()),
                class_lows[at],
                class_highs[at],
            )  # fmt: skip
        )
    return [replace(one, p_holm=float(p)) for one, p in zip(found, holm([one.p for one in found]))]


def _ends(means: np.ndarray | None, table: np.ndarray) -> tuple[list[float], list[float]]:
    """Interval ends per column; exactly 0 where all differences are 0; NaN without means."""
    if means is None:
        nothing = [float("nan")] * table.shape[1]
        return nothing, nothing
    low, high = interval(means)
    return low.tolist(), high.tolist()


def tie_groups(names: Sequence[str], means: Sequence[float], comparisons: Sequence[Comparison]) -> dict[str, str]:
    """Letters: two systems share one when the Holm-corrected test cannot tell them apart, best system first ("a").

    Reference: Piepho 2004, compact letter display by insert and absorb.
    """
    order = sorted(range(len(names)), key=lambda i: (-means[i] if means[i] == means[i] else np.inf, i))
    ranked = [names[i] for i in order]
    columns = [set(ranked)]
    for one in comparisons:
        if not one.differs:
            continue
        split = []
        for column in columns:
            both = {one.first, one.second} <= column
            split += [column - {one.first}, column - {one.second}] if both else [column]
        columns = []
        for column in sorted(split, key=len, reverse=True):
            if column and not any(column <= other for other in columns):
                columns.append(column)
    columns.sort(key=lambda column: sorted(ranked.index(name) for name in column))
    return {name: "".join(_letter(at) for at, column in enumerate(columns) if name in column) for name in names}


def _letter(number: int) -> str:
    """a ... z, then aa, ab ..."""
    text = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, 26)
        text = chr(97 + rest) + text
    return text if len(text) == 1 else f"({text})"


def warm(n: int = 0, draws: int = DRAWS, seed: int = 0) -> None:
    """Compile the loops, and draw the bootstrap for n queries, so that nobody waits for it later."""
    randomisation(np.linspace(-1, 2, 20), 10, seed)
    bootstrap_means(np.ones(3), 4, seed)
    if n and n * draws <= KEPT_BYTES:
        bootstrap_means(np.ones(n), draws, seed)
