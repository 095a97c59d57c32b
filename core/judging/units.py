"""What is asked of a judge: the finite list of questions whose mean answer is the difference between two systems."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Key = tuple[Any, ...]
"""What an answer belongs to: (query, image) for "does it fit?", or a row of results."""


@dataclass(frozen=True)
class Units:
    """Questions in the random order in which they are asked.

    The answer to question i is that of `plus[i]` minus that of `minus[i]`, in [−1, 1]; where a side is None, it counts
    as 0. A question of two Nones is a tie by construction and is never asked.

    Attributes:
        plus, minus: (n_units,) keys of answers that speak for the first and for the second system.
        flip: (n_units,) bool, whether the second system's side is shown at the left.
        scale: the difference between the systems is the mean answer times this.
        seed: of the order and the sides.
    """

    plus: tuple[Key | None, ...]
    minus: tuple[Key | None, ...]
    flip: np.ndarray = field(repr=False)
    scale: float
    seed: int

    def __len__(self) -> int:
        return len(self.plus)

    def value(self, number: int, answers: Mapping[Key, float]) -> float | None:
        """The answer to one question; None where it is not known yet. NaN ("cannot tell") on either side is a tie."""
        parts = []
        for key in (self.plus[number], self.minus[number]):
            if key is None:
                parts.append(0.0)
            elif key in answers:
                parts.append(answers[key])
            else:
                return None
        value = parts[0] - parts[1]
        return 0.0 if np.isnan(value) else value


def pairs(first: np.ndarray, second: np.ndarray, k: int, seed: int = 0, content: np.ndarray | None = None) -> Units:
    """One image that only the first system lists beside one that only the second lists: which fits?

    What both list cancels in P@k, so the difference is exactly the share of the lists that differs times the mean of
    (first fits) − (second fits) over these pairs.

    Args:
        first, second: (n_queries, k) int64 gallery positions of the two systems, −1 where a list is shorter.
        k: what P@k divides by.
        content: (n_gallery,) int64, equal where two images are the same file: neither of a pair is then better.
    Returns:
        keys (query, image): position of the query among the queries, and of the image in the gallery.
    """
    random = np.random.default_rng(seed)
    plus: list[Key | None] = []
    minus: list[Key | None] = []
    for query, (left, right) in enumerate(zip(first.tolist(), second.tolist())):
        shared = set(left) & set(right) | {-1}
        sides = [[item for item in side if item not in shared] for side in (left, right)]
        if not sides[0] and not sides[1]:
            continue
        for side in sides:
            random.shuffle(side)
        for number in range(max(map(len, sides))):
            a, b = (side[number] if number < len(side) else -1 for side in sides)
            if content is not None and a >= 0 and b >= 0 and content[a] == content[b]:
                a = b = -1
            plus.append((query, a) if a >= 0 else None)
            minus.append((query, b) if b >= 0 else None)
    return _shuffled(plus, minus, len(plus) / max(k * len(first), 1), seed, random)


def rows(first: np.ndarray, second: np.ndarray, seed: int = 0, name: str = "row") -> Units:
    """Two rows of results for one query: which is better? The difference is a share of queries, not of P@k.

    Args:
        first, second: (n_queries, k) int64 gallery positions; queries whose lists hold the same images are ties and
            are not asked.
        name: of these two systems in the keys.
    Returns:
        keys (name, query); answers are 1 (the first row is better), 0 (equal) or −1.
    """
    random = np.random.default_rng(seed)
    differing = [
        query for query, (left, right) in enumerate(zip(first.tolist(), second.tolist())) if set(left) != set(right)
    ]
    plus: list[Key | None] = [(name, query) for query in differing]
    return _shuffled(plus, [None] * len(plus), len(plus) / max(len(first), 1), seed, random)


def _shuffled(
    plus: list[Key | None], minus: list[Key | None], scale: float, seed: int, random: np.random.Generator
) -> Units:
    order = random.permutation(len(plus))
    flip = random.random(len(plus)) < 0.5
    return Units(tuple(plus[i] for i in order), tuple(minus[i] for i in order), flip, scale, seed)
