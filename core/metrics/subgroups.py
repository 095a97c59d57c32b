"""A part of the queries against the others, and many parts looked at together.

Queries of one class are not independent, so whole classes are left out in turn (the jackknife over clusters) to see how far a
difference moves; a part whose queries are all of one class says nothing about other classes and is not tested.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from core.metrics import resampling

FEWEST_UNITS = 3
"""A part that holds queries of fewer classes is described, not tested."""


@dataclass(frozen=True)
class Contrasts:
    """Several parts of the same queries, each tested.

    Attributes:
        n: (n_parts,) int64 queries in each; n_units: (n_parts,) int64 classes (or queries) that they are of.
        mean: (n_parts,) of the part's values, NaN where it is empty.
        difference: (n_parts,) what was tested: the mean less that of the other queries, or the mean itself.
        error: (n_parts,) its standard error; freedom: degrees of freedom; p: two-sided, NaN where nothing can be tested.
    """

    n: np.ndarray
    n_units: np.ndarray
    mean: np.ndarray
    difference: np.ndarray
    error: np.ndarray
    freedom: np.ndarray
    p: np.ndarray


def contrasts(
    values: np.ndarray,
    parts: np.ndarray,
    n_parts: int,
    classes: np.ndarray | None = None,
    against_rest: bool = True,
) -> Contrasts:
    """Test each part of the queries against all the others, or against 0.

    The standard error is the jackknife's over whole classes; its degrees of freedom are those of as many equal classes
    as weigh alike (Satterthwaite), so that a part which lives on three classes is judged as three.

    Args:
        values: (n_queries,) float64, without NaN.
        parts: (n_queries,) int64 which part a query is in, −1 is none.
        classes: (n_queries,) int64, or None where queries are independent.
        against_rest: the mean less that of the other queries; False: the mean itself, for paired differences.
    Reference: Cameron and Miller 2015, doi:10.3368/jhr.50.2.317; Imbens and Kolesár 2016, doi:10.1162/REST_a_00552.
    """
    values = np.asarray(values, np.float64)
    codes = np.arange(len(values)) if classes is None else resampling.class_codes(np.asarray(classes))
    n_classes = int(codes.max(initial=-1)) + 1
    sizes = np.bincount(codes, minlength=n_classes).astype(np.float64)
    totals = np.bincount(codes, weights=values, minlength=n_classes)
    counts, sums = _per_class(values, parts, n_parts, codes, n_classes)
    n, rest = counts.sum(axis=0), len(values) - counts.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = sums.sum(axis=0) / n
        without = (sums.sum(axis=0) - sums) / (n - counts)
        difference, weight = mean, counts / n**2 + (counts / n) ** 2
        if against_rest:
            others, other_sums = sizes[:, None] - counts, totals[:, None] - sums
            difference = mean - other_sums.sum(axis=0) / rest
            without = without - (other_sums.sum(axis=0) - other_sums) / (rest - others)
            weight = counts / n**2 + others / rest**2 + (counts / n - others / rest) ** 2
        touched = np.ones_like(counts, bool) if against_rest else counts > 0
        moved = np.where(touched, without - difference, 0.0)
        units = touched.sum(axis=0)
        error = np.sqrt((units - 1) / units * (moved**2).sum(axis=0))
        freedom = np.maximum(1.0, weight.sum(axis=0) ** 2 / (weight**2).sum(axis=0) - 1)
    n_units = (counts > 0).sum(axis=0)
    able = (n_units >= FEWEST_UNITS) & np.isfinite(error)
    if against_rest:
        able &= (counts < sizes[:, None]).sum(axis=0) >= FEWEST_UNITS
    p = _p(difference, error, freedom, able)
    return Contrasts(n.astype(np.int64), n_units.astype(np.int64), mean, difference, error, freedom, p)


def cautious(
    values: np.ndarray,
    parts: np.ndarray,
    n_parts: int,
    classes: np.ndarray | None = None,
    against_rest: bool = True,
) -> Contrasts:
    """`contrasts` whose p is the larger one of two tests: of the values, and of their ranks (signed ones against 0).

    Values of few queries are skewed, and a small part of them that happens to hold no high one looks both low and sure;
    ranks do not. Where the two point to opposite sides, p is 1.
    """
    values = np.asarray(values, np.float64)
    plain = contrasts(values, parts, n_parts, classes, against_rest)
    ranked = contrasts(_ranks(values, against_rest), parts, n_parts, classes, against_rest)
    p = np.where(plain.difference * ranked.difference < 0, 1.0, np.maximum(plain.p, ranked.p))
    return replace(plain, p=np.where(np.isnan(plain.p), np.nan, p))


def _ranks(values: np.ndarray, against_rest: bool) -> np.ndarray:
    """(n_queries,) float64: mean ranks; against 0 those of the sizes, with the sign of the value."""
    from scipy import stats

    return stats.rankdata(values) if against_rest else np.sign(values) * stats.rankdata(np.abs(values))


def _per_class(
    values: np.ndarray, parts: np.ndarray, n_parts: int, codes: np.ndarray, n_classes: int
) -> tuple[np.ndarray, np.ndarray]:
    """(n_classes, n_parts) float64: queries of each class in each part, and the sum of their values."""
    inside = parts >= 0
    cells = codes[inside] * n_parts + parts[inside]
    size, shape = n_classes * n_parts, (n_classes, n_parts)
    counts = np.bincount(cells, minlength=size).astype(np.float64).reshape(shape)
    return counts, np.bincount(cells, weights=values[inside], minlength=size).reshape(shape)


def _p(difference: np.ndarray, error: np.ndarray, freedom: np.ndarray, able: np.ndarray) -> np.ndarray:
    """(n_parts,) two-sided p of Student's test; 1 where nothing differs, NaN where nothing can be tested."""
    from scipy import stats

    with np.errstate(divide="ignore", invalid="ignore"):
        p = 2 * stats.t.sf(np.abs(difference) / error, freedom)
    p = np.where((error == 0) & (np.abs(difference) < 1e-12), 1.0, p)
    return np.where(able, p, np.nan)


def benjamini_hochberg(p_values: np.ndarray) -> np.ndarray:
    """What share of false discoveries is to be expected where everything up to each p counts as one: (m,) float64.

    Args:
        p_values: (m,); NaN was not tested and stays NaN.
    Reference: Benjamini and Hochberg 1995, doi:10.1111/j.2517-6161.1995.tb02031.x.

    >>> benjamini_hochberg(np.array([0.01, 0.04, 0.03, np.nan])).round(3)
    array([0.03, 0.04, 0.04,  nan])
    """
    p = np.asarray(p_values, np.float64)
    tested = np.flatnonzero(~np.isnan(p))
    order = tested[np.argsort(p[tested], kind="stable")]
    scaled = p[order] * len(order) / np.arange(1, len(order) + 1)
    shares = np.full(len(p), np.nan)
    shares[order] = np.minimum(1.0, np.minimum.accumulate(scaled[::-1])[::-1])
    return shares
