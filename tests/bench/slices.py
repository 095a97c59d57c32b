"""Whether slices that are found are there: false discoveries over sets of noise, and planted slices, with demands."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass

import numpy as np

from core.studies.comparison import ResamplingUnit
from core.studies.slices import SliceColumn, slice_search

SETS = 200
FALSE_SETS = 0.05
"""Sets of pure noise in which anything is found."""
FOUND = 0.9
"""Planted slices that are found."""
N_COLUMNS, N_VALUES = 8, 4


@dataclass(frozen=True)
class World:
    """Queries of classes that are more or less easy, under columns that say nothing.

    Attributes:
        n_classes, per_class: sizes.
        level: the mean of the classes; average precisions are skewed to the left near 1 and to the right near 0.
        columns: "queries" drawn image by image, "classes" the same for a whole class, "both" in between.
    """

    n_classes: int = 28
    per_class: int = 40
    level: float = 0.75
    columns: str = "queries"

    @property
    def classes(self) -> np.ndarray:
        """(n_queries,) int64."""
        return np.repeat(np.arange(self.n_classes), self.per_class)

    @property
    def unit(self) -> ResamplingUnit:
        """Whole classes."""
        return ResamplingUnit("classes", self.classes, self.n_classes, True)

    def values(self, seed: int) -> np.ndarray:
        """(n_queries,) average precisions, alike within classes."""
        random = np.random.default_rng([seed, 1])
        mean = np.clip(random.normal(self.level, 0.15, self.n_classes), 0.02, 0.98)[self.classes]
        return random.beta(4 * mean + 0.2, 4 * (1 - mean) + 0.2)

    def parts(self, seed: int) -> list[SliceColumn]:
        """Columns that know nothing of the values."""
        random = np.random.default_rng([seed, 2])
        names = tuple("abcd")
        made = []
        for number in range(N_COLUMNS):
            by_class = random.normal(size=self.n_classes)[self.classes]
            by_query = random.normal(size=len(self.classes))
            hidden = {"queries": by_query, "classes": by_class, "both": by_class + by_query}[self.columns]
            codes = np.digitize(hidden, np.quantile(hidden, [0.25, 0.5, 0.75]))
            made.append(SliceColumn(f"column {number}", names, codes.astype(np.int64)))
        return made


def finds_in_noise(world: World, seed: int, paired: bool = False) -> bool:
    """Whether anything is found where nothing is."""
    values = world.values(seed)
    if paired:  # the difference of two systems that are equally good
        random = np.random.default_rng([seed, 3])
        shared = random.normal(0, 0.05, world.n_classes)[world.classes]
        values = shared + random.laplace(0, 0.1, len(values)) * (random.random(len(values)) < 0.5)
    return bool(slice_search.search(values, world.parts(seed), world.unit, against_rest=not paired).listed)


def finds_planted(world: World, seed: int, crossed: bool = False, loss: float = 0.2) -> bool:
    """Whether a slice, or a pair of columns, whose queries lose so much is the first that is found."""
    columns, values = world.parts(seed), world.values(seed)
    planted = [(columns[0], 1), *([(columns[3], 2)] if crossed else [])]
    inside = np.logical_and.reduce([column.mask(value) for column, value in planted])
    values[inside] = np.maximum(0, values[inside] - loss)
    found = slice_search.search(values, columns, world.unit).listed
    return bool(found) and found[0].parts == tuple((column.name, column.values[value]) for column, value in planted)


def worlds() -> list[World]:
    """The grid of noise."""
    sizes = ((28, 40), (31, 20), (80, 10))
    return [
        World(n, per, level, columns)
        for n, per in sizes
        for level in (0.2, 0.75, 0.95)
        for columns in ("queries", "classes", "both")
    ]


def run(args: list[str]) -> None:
    """`python -m core bench slices [--sets 200]`: sets of noise in which a slice is found, and planted slices found."""
    parser = argparse.ArgumentParser(prog="python -m core bench slices", description=run.__doc__)
    parser.add_argument("--sets", type=int, default=SETS, help="seeded sets of each kind")
    sets = parser.parse_args(args).sets
    room = 2 * np.sqrt(FALSE_SETS * (1 - FALSE_SETS) / sets) if sets < SETS else 0.0
    failed = False
    for paired in (False, True):
        for world in worlds():
            if paired and world.level != 0.75:
                continue
            share = np.mean([finds_in_noise(world, seed, paired) for seed in range(sets)])
            failed |= share > FALSE_SETS + room
            what = "two equal systems" if paired else f"one system, level {world.level:.2f}"
            size = f"{world.n_classes} classes of {world.per_class}, columns by {world.columns}"
            print(f"noise, {size}, {what}: found in {100 * share:.1f} % of {sets} sets (demand 5 %)", flush=True)
    for crossed, loss in ((False, 0.15), (True, 0.3)):
        share = np.mean([finds_planted(World(), seed, crossed, loss) for seed in range(sets)])
        failed |= share < FOUND
        what = "pair of columns" if crossed else "column"
        print(f"planted in a {what}, {loss:.2f} lower: found first in {100 * share:.1f} % of {sets} (demand 90 %)")
    if failed:
        sys.exit("a demand is missed")
