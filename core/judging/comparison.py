"""Two systems under judgement: the next question, what is known after each answer, and how much is still needed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from core.judging.bounds import MeanBounds
from core.judging.units import Key, Units

Outcome = Literal["first", "second", "same", "open"]
SAME = 0.02
"""Half the width of what counts as no difference that matters, in the units of the difference."""
USUAL_SHARE = 0.35
"""Of the questions, how many speak for one side, while nobody has answered any."""
_DECIDES = 8.0
_LOOKING = 1.7 * 1.96
"""The bounds are 1.7 times as wide as those of a fixed number of answers: the price of looking after each."""


@dataclass(frozen=True)
class Verdict:
    """What is known about the difference between two systems.

    Attributes:
        outcome: which is better, "same" for no difference that matters, "open" while nobody can tell.
        difference: the estimate, first minus second.
        low, high: always-valid bounds of what answering every question would give.
        answers: questions that were answered, ties by construction among them.
        total: questions that there are.
        remaining: about how many more answers decide it; None when no number within the list does.
    """

    outcome: Outcome
    difference: float
    low: float
    high: float
    answers: int
    total: int
    remaining: int | None


class Comparison:
    """The questions of two systems, drawn in order.

    Answers known from elsewhere count only when the order reaches them; whatever is known further down does not.

    Args:
        units: the questions.
        alpha: of the bounds.
        same: half the width of what counts as no difference that matters.
    """

    def __init__(self, units: Units, alpha: float = 0.05, same: float = SAME) -> None:
        self.units, self.alpha, self.same = units, alpha, same
        self.bounds = MeanBounds(len(units), alpha)
        self.outcome: Outcome = "open"
        self._decide()

    def advance(self, answers: Mapping[Key, float]) -> None:
        """Take in what is known, in order, up to the first question that is not answered."""
        while self.bounds.count < len(self.units):
            value = self.units.value(self.bounds.count, answers)
            if value is None:
                return
            self.bounds.add(value)
            self._decide()

    def _decide(self) -> None:
        """The first verdict stays: what comes later cannot take back that the bounds once left 0."""
        if self.outcome != "open":
            return
        low, high = self.interval
        if self.bounds.sign > 0:
            self.outcome = "first"
        elif self.bounds.sign < 0:
            self.outcome = "second"
        elif self.bounds.count == len(self.units) or (-self.same < low and high < self.same):
            self.outcome = "same"

    @property
    def interval(self) -> tuple[float, float]:
        """Bounds of the difference over all queries."""
        low, high = self.bounds.interval
        return low * self.units.scale, high * self.units.scale

    def open_questions(self, answers: Mapping[Key, float]) -> Iterator[int]:
        """Numbers of the questions that are still to be asked, the next one first."""
        for number in range(self.bounds.count, len(self.units)):
            if self.units.value(number, answers) is None:
                yield number

    @property
    def verdict(self) -> Verdict:
        """What is known now."""
        low, high = self.interval
        return Verdict(
            self.outcome,
            self.bounds.mean * self.units.scale,
            low,
            high,
            self.bounds.count,
            len(self.units),
            0 if self.outcome != "open" else self._remaining(),
        )

    def _remaining(self) -> int | None:
        """From what was seen, drawn towards the usual while little was: until 0 or the equivalence is left."""
        count, weight = self.bounds.count, 10
        informative = (self.bounds.squares + weight * USUAL_SHARE) / (count + weight)
        mean = self.bounds.sum / (count + weight)
        needed = min(
            answers_needed(mean * self.units.scale, self.units.scale, len(self.units), informative),
            answers_for_same(mean * self.units.scale, self.units.scale, len(self.units), informative, self.same),
        )
        return max(1, math.ceil(needed) - count) if needed < len(self.units) else None


def answers_needed(difference: float, scale: float, total: int, informative: float = USUAL_SHARE) -> float:
    """About how many answers show a difference, of a list of `total`; `total` where nothing less does.

    Args:
        difference: that is to be shown, in the units of the comparison.
        scale: of the comparison's units.
        informative: share of the answers that speak for one side.
    """
    mean = abs(difference) / scale if scale else 0.0
    if not mean:
        return float(total)
    return _of_finite(max(_DECIDES * max(informative, mean) / mean**2, 9.0), total)


def answers_for_same(difference: float, scale: float, total: int, informative: float, same: float) -> float:
    """About how many answers show that two systems differ by less than `same`; `total` where nothing less does."""
    room = same - abs(difference)
    if room <= 0:
        return float(total)
    return _of_finite(informative * (_LOOKING * scale / room) ** 2, total)


def _of_finite(count: float, total: int) -> float:
    """Fewer are needed of a short list: what is drawn is not drawn again."""
    return min(float(total), count / (1 + count / total)) if total else 0.0
