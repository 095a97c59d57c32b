"""Resampling: how sure a mean over queries is, drawing queries one by one or whole groups of them.

A group is what shares its relevant images: a class, or an instance. Its queries are not independent, so the unit that
is drawn again is the group wherever there are groups.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

import numpy as np

DRAWS = 10_000
_BLOCK = 256
KEPT_BYTES = 128 << 20
"""Draws are kept while they fit in this, and drawn again, block by block, beyond."""
RARE = 10
"""Of 0/1 values with fewer of the rarer kind, Wilson's interval holds what it says, and resampled ones do not."""


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
    sums, sizes = group_sums(columns, classes)
    drawn = _resampled_sums(len(sizes), draws, seed, np.column_stack([sums, sizes]))
    return drawn[:, :-1] / drawn[:, -1:]


def group_sums(columns: np.ndarray, classes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sums of the columns per class, (n_classes, n_columns) float64, and the queries of each, (n_classes,) float64."""
    codes = class_codes(classes)
    sums = np.stack([np.bincount(codes, weights=column) for column in columns.T], axis=1)
    return sums, np.bincount(codes).astype(np.float64)


def class_codes(classes: np.ndarray) -> np.ndarray:
    """(n,) int64: the place of each class among those that are there, from 0, as `np.unique` numbers them.

    >>> class_codes(np.array([7, 3, 7]))
    array([1, 0, 1])
    """
    whole = len(classes) and classes.dtype.kind in "iu"
    if whole and classes.min() >= 0 and classes.max() <= 8 * len(classes):  # counted, not sorted: a slider waits for it
        is_there = np.bincount(classes) > 0
        return (np.cumsum(is_there) - 1)[classes]
    return np.unique(classes, return_inverse=True)[1]


@lru_cache(maxsize=256)
def _student(n_units: int) -> float:
    """The 97.5 % quantile of Student's law for n units."""
    from scipy import stats

    return float(stats.t.ppf(0.975, n_units - 1))


@lru_cache(maxsize=256)
def percentile_levels(n_units: int) -> tuple[float, float]:
    """The quantiles of bootstrap means that make a 95 % interval of n units: 2.5 and 97.5 %, moved outwards for few.

    Plain percentiles are too narrow by the factor sqrt((n − 1)/n) and by the normal law in the place of Student's.

    Reference: Hesterberg 2015, doi:10.1080/00031305.2015.1089789 (the expanded percentile interval).
    >>> [round(level, 4) for level in percentile_levels(10)]
    [0.0086, 0.9914]
    """
    from scipy import stats

    if n_units < 2:
        return 0.0, 1.0
    low = float(stats.norm.cdf(-np.sqrt(n_units / (n_units - 1)) * _student(n_units)))
    return low, 1 - low


def wilson(rows: np.ndarray, classes: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """95 % interval of shares of 0/1 values: (n_columns,) lows and highs, never of width 0.

    Args:
        rows: (n_queries, n_columns) float64, every value 0 or 1.
        classes: (n_queries,) int64; given, the number of queries is divided by the design effect of the classes, which
            is seen in how the shares differ between them (where all are 0 or 1, the square root of the largest there
            can be), and the quantile goes from the normal law's to Student's as the effect grows.
    Reference: Wilson 1927, doi:10.1080/01621459.1927.10502953; for clusters, Dean and Pagano 2015,
        doi:10.1093/jssam/smv024.
    """
    from scipy import stats

    n, share = len(rows), rows.mean(axis=0)
    effect, quantile = np.ones(share.shape), np.full(share.shape, stats.norm.ppf(0.975))
    if classes is not None:
        sums, sizes = group_sums(rows, classes)
        n_classes, most = len(sizes), float((sizes**2).sum() / n)
        variance = ((sums - sizes[:, None] * share) ** 2).sum(axis=0) / n**2 * n_classes / max(n_classes - 1, 1)
        binomial = share * (1 - share) / n
        effect = np.divide(variance, binomial, out=np.full(share.shape, np.sqrt(most)), where=binomial > 0).clip(
            1, most
        )
        grown = np.log(effect) / np.log(most) if most > 1 else np.zeros(share.shape)
        quantile = quantile + (stats.t.ppf(0.975, max(n_classes - 1, 1)) - quantile) * grown
    squared, effective = quantile**2, n / effect
    centre = (share + squared / (2 * effective)) / (1 + squared / effective)
    half = (
        quantile * np.sqrt(share * (1 - share) / effective + squared / (4 * effective**2)) / (1 + squared / effective)
    )
    return np.where(share == 0, 0.0, centre - half), np.where(share == 1, 1.0, centre + half)


def interval(
    values: np.ndarray, draws: int = DRAWS, seed: int = 0, classes: np.ndarray | None = None
) -> tuple[float, float]:
    """95 % interval of the mean over valid queries (NaN ones are left out); see `intervals`.

    >>> interval(np.array([0.5, 0.5, np.nan, 0.5]))
    (0.5, 0.5)
    """
    lows, highs = intervals(np.asarray(values, np.float64)[:, None], draws, seed, classes)
    return float(lows[0]), float(highs[0])


def intervals(
    columns: np.ndarray,
    draws: int = DRAWS,
    seed: int = 0,
    classes: np.ndarray | None = None,
    bounded: bool = True,
) -> tuple[np.ndarray, np.ndarray]:
    """95 % intervals of several means at once: (n_columns,) lows and highs, NaN where no query is valid.

    The expanded percentile interval of the bootstrap, or Student's where that is wider. Columns of 0 and 1 of which
    fewer than ten queries are the rarer one get Wilson's interval, which has a width at 0 and at 1 too.

    Args:
        columns: (n_queries, n_columns); columns that are NaN for the same queries are resampled together.
        draws: of the bootstrap; 0 for Student's interval with Johnson's shift alone (NaN with fewer than three units).
        classes: (n_queries,) int64; given, whole classes are drawn.
        bounded: the values are shares of something; False for differences.
    """
    lows, highs = np.full(columns.shape[1], np.nan), np.full(columns.shape[1], np.nan)
    valid = ~np.isnan(columns)
    for pattern in _patterns(valid):
        if not pattern.any():
            continue
        alike = np.flatnonzero((valid == pattern[:, None]).all(axis=0))
        rows, groups = columns[pattern][:, alike], None if classes is None else classes[pattern]
        low, high = _widened(rows, draws, seed, groups)
        if bounded and rows.min() >= 0 and rows.max() <= 1:
            low, high = low.clip(0, 1), high.clip(0, 1)
            hits = rows.sum(axis=0)
            rare = ((rows == 0) | (rows == 1)).all(axis=0) & (np.minimum(hits, len(rows) - hits) < RARE)
            if rare.any():
                low[rare], high[rare] = wilson(rows[:, rare], groups)
        lows[alike], highs[alike] = low, high
    return lows, highs


def _patterns(valid: np.ndarray) -> Iterable[np.ndarray]:
    """Each different column of (n_queries, n_columns) bool; nearly always there is one."""
    if not valid.size:
        return ()
    return valid[:, :1].T if (valid == valid[:, :1]).all() else np.unique(valid, axis=1).T


def _widened(rows: np.ndarray, draws: int, seed: int, classes: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """The widest of three intervals of columns without NaN; of no width where a column is constant.

    Expanded percentiles follow the shape of the values, but their tails end at the values drawn, which tells with few
    units; Student's interval has the tails, and its shift by the third moment the shape
    (Johnson 1978, doi:10.1080/01621459.1978.10480051).
    """
    n = len(rows) if classes is None else int(class_codes(classes).max()) + 1
    lows, highs = np.full(rows.shape[1], np.nan), np.full(rows.shape[1], np.nan)
    if draws:
        lows, highs = np.quantile(bootstrap_means(rows, draws, seed, classes), percentile_levels(n), axis=0)
    if n > 2:
        sums, sizes = (rows, np.ones(len(rows))) if classes is None else group_sums(rows, classes)
        mean = rows.mean(axis=0)
        deviations = (sums - sizes[:, None] * mean) * (n / len(rows))
        variance, third = (deviations**2).sum(axis=0) / (n - 1), (deviations**3).sum(axis=0) * n / (n - 1) / (n - 2)
        quantile = _student(n)
        half = quantile * np.sqrt(variance / n)
        skewed = np.divide(third, 6 * n * variance, out=np.zeros_like(third), where=variance > 0) * (
            1 + 2 * quantile**2
        )
        lows, highs = (
            np.fmin(lows, mean - half + np.minimum(skewed, 0)),
            np.fmax(highs, mean + half + np.maximum(skewed, 0)),
        )
    constant = (rows == rows[:1]).all(axis=0)  # a sum of equal numbers may differ from them in the last bit
    return np.where(constant, rows[0], lows), np.where(constant, rows[0], highs)
