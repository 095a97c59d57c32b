"""Several systems under judgement: the leader against each survivor in turn, until one is left or nobody differs.

Every pair that is compared has a share of the error, so all sentences about all pairs hold together (Bonferroni).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from core.judging.comparison import SAME, Comparison, Outcome, Verdict
from core.judging.units import Key, Units

_TURNED: dict[Outcome, Outcome] = {"first": "second", "second": "first", "same": "same", "open": "open"}
FEWEST_TO_LEAD = 15
"""Answers about a pair before the lead changes on an estimate alone."""


@dataclass(frozen=True)
class Question:
    """What is asked next.

    Attributes:
        first, second: numbers of the two systems; number: of the question among their units.
        left, right: keys of the two sides as they are shown, None for an empty one.
    """

    first: int
    second: int
    number: int
    left: Key | None
    right: Key | None


class Elimination:
    """Judging of two or more systems.

    Args:
        n_systems: how many there are.
        units_of: (first, second), first below second → the questions of that pair.
        alpha: probability that any sentence about any pair is wrong, at most.
        same: half the width of what counts as no difference that matters.

    Attributes:
        further: go on with the leader and the nearest other system when everything is decided, for a narrower interval.
    """

    def __init__(
        self, n_systems: int, units_of: Callable[[int, int], Units], alpha: float = 0.05, same: float = SAME
    ) -> None:
        self.n_systems, self._units_of = n_systems, units_of
        self.alpha, self.same = alpha / max(1, n_systems * (n_systems - 1) // 2), same
        self.comparisons: dict[tuple[int, int], Comparison] = {}
        self.leader, self.lost, self._turn, self.further = 0, set[int](), 0, False

    def comparison(self, first: int, second: int, answers: Mapping[Key, float]) -> Comparison:
        """The comparison of two systems, the lower number first, with all that is known of it."""
        pair = (min(first, second), max(first, second))
        if pair not in self.comparisons:
            self.comparisons[pair] = Comparison(self._units_of(*pair), self.alpha, self.same)
        self.comparisons[pair].advance(answers)
        return self.comparisons[pair]

    def ahead(self, first: int, second: int, answers: Mapping[Key, float]) -> Verdict:
        """The verdict on two systems, seen from the first one named: "first" is that one."""
        verdict = self.comparison(first, second, answers).verdict
        if first < second:
            return verdict
        return Verdict(
            _TURNED[verdict.outcome],
            -verdict.difference,
            -verdict.high,
            -verdict.low,
            verdict.answers,
            verdict.total,
            verdict.remaining,
        )

    @property
    def survivors(self) -> list[int]:
        """Systems that were not shown to be behind another one."""
        return [number for number in range(self.n_systems) if number not in self.lost]

    def undecided(self, answers: Mapping[Key, float]) -> list[int]:
        """Survivors that are still to be compared with the leader, those whose turn it is first.

        Whoever was shown to be behind leaves; the lead changes when the leader was shown to be behind, or when after
        some answers another one is estimated to be ahead.
        """
        changes = 0
        while True:
            leader, waiting = self.leader, []
            for rival in [rival for rival in self.survivors if rival != leader]:
                if self._waits(rival, answers, changes < self.n_systems):  # estimates may go round in a circle
                    waiting.append(rival)
                if self.leader != leader:
                    break
            else:
                turn = [rival for rival in waiting if rival > self._turn]
                return [*turn, *(rival for rival in waiting if rival not in turn)]
            changes += 1

    def _waits(self, rival: int, answers: Mapping[Key, float], may_change: bool) -> bool:
        verdict = self.ahead(self.leader, rival, answers)
        behind = verdict.difference < -self.same / 2 and verdict.answers >= FEWEST_TO_LEAD
        if verdict.outcome == "first":
            self.lost.add(rival)
        elif verdict.outcome == "second":
            self.lost.add(self.leader)
            self.leader = rival
        elif verdict.outcome == "open" and behind and may_change:
            self.leader = rival
        return verdict.outcome == "open"

    def questions(self, answers: Mapping[Key, float], most: int = 1) -> list[Question]:
        """The next questions, each once, in the order in which they are asked; none when everything is decided."""
        rivals = self.undecided(answers)
        if not rivals and self.further:
            rivals = [min(self._others(), key=lambda other: self.ahead(self.leader, other, answers).difference)]
        streams = []
        for rival in rivals:
            pair = (min(self.leader, rival), max(self.leader, rival))
            comparison = self.comparisons[pair]
            streams.append((pair, comparison.units, comparison.open_questions(answers)))
        upcoming: list[Question] = []
        seen: set[tuple[Key | None, Key | None]] = set()
        while streams and len(upcoming) < most:
            for stream in list(streams):
                pair, units, numbers = stream
                number = next(numbers, None)
                if number is None:
                    streams.remove(stream)
                    continue
                sides = (units.plus[number], units.minus[number])
                if sides not in seen and len(upcoming) < most:
                    seen.add(sides)
                    left, right = reversed(sides) if units.flip[number] else sides
                    upcoming.append(Question(*pair, number, left, right))
        return upcoming

    def _others(self) -> list[int]:
        return [number for number in range(self.n_systems) if number != self.leader]

    def answered(self, first: int, second: int) -> None:
        """A question of these two was answered: the next survivor has its turn."""
        self._turn = second if first == self.leader else first

    @property
    def verdicts(self) -> dict[tuple[int, int], Verdict]:
        """(first, second) → the verdict, for every pair that was compared."""
        return {pair: comparison.verdict for pair, comparison in self.comparisons.items()}
