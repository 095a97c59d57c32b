"""Whether intervals hold what they say, and how often a difference is seen where none is: simulated, with demands.

Values of queries are drawn that are alike within classes; the product's own functions then give intervals and verdicts,
whose coverage of the true mean, and false gains, are counted.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from core.metrics import resampling, significance
from core.studies.comparison import ResamplingUnit, cross_fitted_best

SIZES = ((5, 4), (5, 40), (10, 5), (10, 50), (20, 1), (20, 10), (50, 1), (50, 10), (100, 1), (100, 5), (500, 1))
"""(classes, queries a class) of the grid."""
CORRELATIONS = (0.0, 0.2, 0.5)
SHAPES = ("smooth", "ceiling", "heavy tails", "hits .50", "hits .90", "hits .98")
DIFFERENCES = ("smooth", "heavy tails")
"""Shapes whose mean is 0: differences between two systems that are equally good."""
COVERAGE = (0.93, 0.97)
FALSE_GAINS = 0.05
CHOSEN = ((50, 10, 10), (200, 20, 10), (50, 10, 4))
"""(queries, classes, systems) where the best of several equal ones is chosen."""


@dataclass(frozen=True)
class Cell:
    """One cell of the grid.

    Attributes:
        n_classes, per_class: queries are alike within classes.
        correlation: within a class, between the normal scores that the values are made from.
        shape: one of SHAPES.
    """

    n_classes: int
    per_class: int
    correlation: float
    shape: str

    @property
    def classes(self) -> np.ndarray:
        """(n_queries,) int64."""
        return np.repeat(np.arange(self.n_classes), self.per_class)

    def draw(self, sets: int, seed: int) -> tuple[np.ndarray, float]:
        """(n_queries, sets) float64 values, and their true mean."""
        from scipy import stats

        random = np.random.default_rng([seed, self.n_classes, self.per_class, SHAPES.index(self.shape)])
        normal = (lambda size: random.standard_t(3, size)) if self.shape == "heavy tails" else random.standard_normal
        shared = np.repeat(normal((self.n_classes, sets)), self.per_class, axis=0)
        own = normal((self.n_classes * self.per_class, sets))
        values = np.sqrt(self.correlation) * shared + np.sqrt(1 - self.correlation) * own
        if self.shape == "ceiling":  # average precisions of which half reach 1
            return np.minimum(1, 1 + 0.2 * values), 1 - 0.2 / np.sqrt(2 * np.pi)
        if self.shape.startswith("hits"):
            share = float(self.shape.removeprefix("hits "))
            return (values < stats.norm.ppf(share)).astype(np.float64), share
        return 0.1 * values, 0.0

    @property
    def rare(self) -> bool:
        """So few of the rarer kind, hanging together by classes, that no interval can know: not demanded."""
        if not self.shape.startswith("hits") or self.correlation == 0 or self.per_class == 1:
            return False
        return self.n_classes * (1 - float(self.shape.removeprefix("hits "))) < 2


def coverage(cell: Cell, sets: int, draws: int, seed: int = 0) -> float:
    """The share of sets whose interval holds the true mean."""
    values, mean = cell.draw(sets, seed)
    classes = cell.classes if cell.per_class > 1 else None
    bounded = cell.shape not in DIFFERENCES
    lows, highs = resampling.intervals(values, draws, seed, classes, bounded=bounded)
    return float(((lows <= mean + 1e-12) & (mean <= highs + 1e-12)).mean())


def false_gains(cell: Cell, sets: int, draws: int, seed: int = 0, by_class: bool = True) -> float:
    """The share of sets in which one of two equally good systems is said to be better (`Difference.differs`)."""
    values, _ = cell.draw(sets, seed)
    classes = cell.classes if by_class and cell.per_class > 1 else None
    nothing = np.zeros(len(values))
    return float(
        np.mean([significance.compare(d, nothing, draws=draws, seed=seed, classes=classes).differs for d in values.T])
    )


def flattery(n_queries: int, n_classes: int, n_systems: int, sets: int, seed: int = 0) -> tuple[float, float]:
    """How much too good the best of equal systems looks: plain, and cross-fitted. Their true mean is 0.5."""
    random, classes = np.random.default_rng([seed, 9]), np.arange(n_queries) % n_classes
    unit = ResamplingUnit("classes", classes, n_classes, True)
    plain, honest = [], []
    for _ in range(sets):
        easy = random.normal(0, 0.1, n_queries) + random.normal(0, 0.1, n_classes)[classes]
        each = (
            random.normal(0, 0.15, (n_systems, n_queries)) + random.normal(0, 0.1, (n_systems, n_classes))[:, classes]
        )
        values = {str(number): 0.5 + easy + row for number, row in enumerate(each)}
        shared = float(easy.mean())  # luck of the queries, which no choice can mend
        plain.append(max(column.mean() for column in values.values()) - 0.5 - shared)
        honest.append(float(cross_fitted_best(values, unit, seed).mean()) - 0.5 - shared)
    return float(np.mean(plain)), float(np.mean(honest))


def cells() -> Iterator[Cell]:
    """The grid: lone queries have no correlation."""
    for shape in SHAPES:
        for n_classes, per_class in SIZES:
            for correlation in CORRELATIONS if per_class > 1 else (0.0,):
                yield Cell(n_classes, per_class, correlation, shape)


def demanded(cell: Cell, sets: int) -> tuple[float, float]:
    """What the coverage must lie within, by two standard errors of the simulation.

    Few hits are counted in coarse steps, so no interval covers the same share at every rate: Wilson's goes from .91 to 1.
    """
    low, high = (0.91, 1.0) if cell.shape.startswith("hits") else COVERAGE
    error = 2 * np.sqrt(0.05 * 0.95 / sets)
    return (0.0, 1.0) if cell.rare else (low - error, high + error)


def run(args: list[str]) -> None:
    """`bench statistics`: coverage of 95 % intervals and false gains, cell by cell, and how much a choice flatters."""
    parser = argparse.ArgumentParser(prog="python -m core bench statistics", description=run.__doc__)
    parser.add_argument("--sets", type=int, default=1000, help="simulated sets a cell (default: 1000)")
    parser.add_argument("--draws", type=int, default=2000, help="of the bootstrap and of signs (default: 2000)")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(args)
    missed = 0
    print(f"{given.sets:,} sets a cell; “by query” takes single queries as independent, which is not the default")
    print(
        f"{'shape':12} {'classes':>7} {'a class':>7} {'alike':>5}  {'coverage':>8}  {'false gain':>10} {'by query':>8}"
    )
    for cell in cells():
        covered = coverage(cell, given.sets, given.draws, given.seed)
        low, high = demanded(cell, given.sets)
        held = low <= covered <= high
        gains = ""
        if cell.shape in DIFFERENCES:
            wrong = false_gains(cell, given.sets, given.draws, given.seed)
            naive = false_gains(cell, given.sets, given.draws, given.seed, by_class=False)
            held &= wrong <= FALSE_GAINS + 2 * np.sqrt(FALSE_GAINS * (1 - FALSE_GAINS) / given.sets)
            gains = f"{wrong:10.3f} {naive:8.3f}"
        missed += not held
        verdict = "not demanded: too rare" if cell.rare else "held" if held else "MISSED"
        print(
            f"{cell.shape:12} {cell.n_classes:7} {cell.per_class:7} {cell.correlation:5.1f}  {covered:8.3f}  {gains:19}  {verdict}",
            flush=True,
        )
    print(
        "\nThe best of several equally good systems, above its true mean: plain, and on queries that did not choose it"
    )
    for n_queries, n_classes, n_systems in CHOSEN:
        plain, honest = flattery(n_queries, n_classes, n_systems, max(20, given.sets // 5), given.seed)
        held = abs(honest) <= max(0.01, plain / 4)
        missed += not held
        what = f"{n_systems} systems, {n_queries} queries, {n_classes} classes"
        print(f"{what:42} {plain:+.3f} {honest:+.3f}  {'held' if held else 'MISSED'}")
    print(f"\n{'every demand held' if not missed else f'{missed} demands missed'}")
    if missed:
        sys.exit(1)
