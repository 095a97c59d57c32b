"""A judge at work: the next questions, blind; every click made before it counts; what is known after it."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from core import judging, wording
from core.errors import BadInput
from core.judging.answers import CANNOT_TELL, Answer, AnswerLog, check_judge, relation
from core.judging.units import Key, Units
from core.studies.judging_lists import JudgedLists

text = wording.page("judge")
Way = Literal["pairs", "rows"]
Click = Literal["left", "right", "both", "neither", "skip"]
CLICKS: dict[str, tuple[float, float]] = {
    "left": (1.0, 0.0),
    "right": (0.0, 1.0),
    "both": (1.0, 1.0),
    "neither": (0.0, 0.0),
    "skip": (CANNOT_TELL, CANNOT_TELL),
}
"""What each click says about the image at the left and the one at the right."""
ASK_AGAIN_EVERY = 20
CLAIMED = 30.0
"""Seconds for which a question that somebody has on the screen is not asked of others who count together."""
_CLAIMS: dict[tuple[str, str], tuple[str, float]] = {}
_NOT_THE_LAST = 6


@dataclass(frozen=True)
class Shown:
    """A question as a judge sees it: nothing tells which system lists what.

    Attributes:
        id: of the question in this session.
        query: content key, or "text:…".
        left, right: content keys; one each for pairs, the row for rows; empty for a list that ended.
    """

    id: str
    query: str
    left: tuple[str, ...]
    right: tuple[str, ...]


class _Known(Mapping[Key, float]):
    """Answers by position, looked up by content."""

    def __init__(self, session: JudgingSession) -> None:
        self.session = session

    def __getitem__(self, key: Key) -> float:
        return self.session.by_content[self.session.content_key(key)]

    def __contains__(self, key: object) -> bool:
        return isinstance(key, tuple) and self.session.content_key(key) in self.session.by_content

    def __iter__(self) -> Iterator[Key]:
        return iter(self.session.by_content)

    def __len__(self) -> int:
        return len(self.session.by_content)


class JudgingSession:
    """One judge, or several who count together, over the lists of two systems or more.

    All that is known follows from the answers that are made, so a session is opened again by opening it again.

    Args:
        lists: what is compared.
        log: where answers are made.
        judge: who answers.
        way: "pairs" asks which image fits, "rows" which row of results is better.
        same: half the width of what counts as no difference that matters.
        seed: of the order and of the sides.
        everyone: answers of all judges count, else those of this judge.

    Attributes:
        known: the answers that count, by position.
    Raises:
        BadInput: the judge has no name.
    """

    def __init__(
        self,
        lists: JudgedLists,
        log: AnswerLog,
        judge: str,
        way: Way = "pairs",
        same: float = judging.SAME,
        seed: int = 0,
        everyone: bool = False,
    ) -> None:
        self.lists, self.log, self.judge = lists, log, check_judge(judge)
        self.way, self.same, self.seed, self.everyone = way, same, seed, everyone
        self.name = hashlib.sha256(repr((lists.fingerprint, way, seed)).encode()).hexdigest()[:16]
        self.letters = np.random.default_rng([seed, 1]).permutation(len(lists.titles)).tolist()
        self.further = False
        self._units: dict[tuple[int, int], Units] = {}
        self.known = _Known(self)
        self.rebuild()

    # ------------------------------------------------------------ what is known

    def rebuild(self) -> None:
        """Everything anew from the answers that are made."""
        answers = self.log.answers()
        counted = answers if self.everyone else [answer for answer in answers if answer.judge == self.judge]
        self.by_content: dict[Key, float] = {**relation(counted)}
        for answer in counted:
            if answer.better is not None and not answer.again:
                self.by_content.setdefault((answer.query, answer.images), answer.better)
        self.clicks = [answer for answer in answers if answer.session == self.name and answer.judge == self.judge]
        self.elimination = judging.Elimination(len(self.lists.titles), self._units_of, same=self.same)
        self.elimination.further = self.further
        self.elimination.undecided(self.known)

    def content_key(self, key: Key) -> Key:
        """The key of an answer by content, from one by position."""
        name, number = key
        if isinstance(name, str):
            first, second = map(int, name.split("-"))
            return self.lists.queries[number], self._row(first, number) + self._row(second, number)
        return self.lists.queries[name], self.lists.gallery[number]

    def _row(self, system: int, query: int) -> tuple[str, ...]:
        return tuple(self.lists.gallery[item] for item in self.lists.items[system][query].tolist() if item >= 0)

    def _units_of(self, first: int, second: int) -> Units:
        if (first, second) not in self._units:
            a, b = self.lists.items[first], self.lists.items[second]
            seed = int(np.random.default_rng([self.seed, first, second]).integers(2**31))
            self._units[first, second] = (
                judging.pairs(a, b, self.lists.k, seed, self.lists.content)
                if self.way == "pairs"
                else judging.rows(a, b, seed, f"{first}-{second}")
            )
        return self._units[first, second]

    def record(self) -> dict[str, Any]:
        """What fixes the order of the questions, for the record that is kept beside the answers."""
        return {
            "systems": list(self.lists.titles),
            "way": self.way,
            "k": self.lists.k,
            "queries": len(self.lists.queries),
            "pooled": sum(len(images) for _, images in self.lists.pool()),
            "lists": self.lists.fingerprint,
            "seed": self.seed,
            "pairs": {f"{first}-{second}": units.seed for (first, second), units in self._units.items()},
        }

    # ------------------------------------------------------------ asking

    def questions(self, most: int = 6) -> list[Shown]:
        """The next questions, in the order in which they are asked; none when everything is decided.

        One in twenty answered questions comes again, with its sides drawn anew.
        """
        upcoming = [self._shown(question) for question in self.elimination.questions(self.known, most)]
        if self.everyone:
            upcoming = self._unclaimed(upcoming, most)
        again = self._due_again()
        if again is not None and upcoming:
            upcoming.insert(0, again)
        return upcoming

    def _unclaimed(self, upcoming: list[Shown], most: int) -> list[Shown]:
        """The next questions that nobody else has on the screen; the next ones all the same where there are no others."""
        now = time.monotonic()
        for key in [key for key, (_, since) in _CLAIMS.items() if now - since > CLAIMED]:
            _CLAIMS.pop(key, None)
        further = [self._shown(question) for question in self.elimination.questions(self.known, 8 * most)]
        free = [q for q in further if _CLAIMS.get((self.name, q.id), (self.judge, now))[0] == self.judge][:most]
        for shown in free:
            _CLAIMS[self.name, shown.id] = (self.judge, now)
        return free or upcoming

    def _shown(self, question: judging.Question) -> Shown:
        identity = f"{question.first}-{question.second}-{question.number}"
        some = question.left or question.right or (0, 0)
        if self.way == "rows":
            query = some[1]
            sides = [self._row(question.first, query), self._row(question.second, query)]
            flipped = self._units[question.first, question.second].flip[question.number]
            return Shown(identity, self.lists.queries[query], *(reversed(sides) if flipped else sides))
        query = some[0]
        left, right = (() if key is None else (self.lists.gallery[key[1]],) for key in (question.left, question.right))
        return Shown(identity, self.lists.queries[query], left, right)

    def _due_again(self) -> Shown | None:
        # An answer does not say where its first row ends, so rows of a list that ended early are asked once.
        fewest = 2 * self.lists.k if self.way == "rows" else 2
        known = {(answer.query, answer.images) for answer in self.clicks if answer.again}
        first = [answer for answer in self.clicks if not answer.again and len(answer.images) >= fewest]
        n_again = len(self.clicks) - sum(not answer.again for answer in self.clicks)
        if len(first) < ASK_AGAIN_EVERY * (n_again + 1):
            return None
        random = np.random.default_rng([self.seed, n_again, 2])
        once = [answer for answer in first[:-_NOT_THE_LAST] if (answer.query, answer.images) not in known]
        return self._as_again(once[int(random.integers(len(once)))], bool(random.random() < 0.5)) if once else None

    def _as_again(self, answer: Answer, flipped: bool) -> Shown:
        half = len(answer.images) // 2
        sides = [answer.images[:half], answer.images[half:]]
        return Shown(f"again-{answer.id}-{int(flipped)}", answer.query, *(reversed(sides) if flipped else sides))

    # ------------------------------------------------------------ answering

    def answer(self, identity: str, click: str) -> None:
        """Keep a click, on the disk when this returns, and take it in.

        A question that was answered already, as by a second window, changes nothing.

        Raises:
            BadInput: no such question, or no such answer.
            StoreUnusable: it cannot be made.
        """
        if click not in CLICKS or (self.way == "rows" and click == "neither"):
            raise BadInput(text("error.no_answer", click=click[:20], known=", ".join(CLICKS)))
        made = self._again(identity, click) if identity.startswith("again-") else self._first(identity, click)
        if made is None:
            return
        if not self.clicks:
            self.log.describe(self.name, self.record())
        self.log.keep([made])
        self.clicks.append(made)
        if made.again:
            return
        if made.better is not None:
            self.by_content.setdefault((made.query, made.images), made.better)
        for image, fits in zip(made.images, made.fits):
            self.by_content.setdefault((made.query, image), fits)
        if self.everyone:
            for key, known in relation(self.log.answers()).items():
                self.by_content.setdefault(key, known)
        first, second, _ = identity.split("-")
        self.elimination.answered(int(first), int(second))
        self.elimination.undecided(self.known)

    def _first(self, identity: str, click: str) -> Answer | None:
        try:
            first, second, number = map(int, identity.split("-"))
            units = self._units[first, second]
            plus, minus, flipped = units.plus[number], units.minus[number], bool(units.flip[number])
        except (ValueError, KeyError, IndexError):
            raise BadInput(text("error.foreign")) from None
        if units.value(number, self.known) is not None:
            return None
        left, right = CLICKS[click]
        at_first, at_second = (right, left) if flipped else (left, right)
        if self.way == "rows" and plus is not None:
            query, images = self.content_key(plus)
            return Answer(self.judge, self.name, query, images, better=at_first - at_second)
        shown = [(self.content_key(key), fits) for key, fits in ((plus, at_first), (minus, at_second)) if key]
        images = tuple(key[1] for key, _ in shown)
        return Answer(self.judge, self.name, shown[0][0][0], images, tuple(fits for _, fits in shown))

    def _again(self, identity: str, click: str) -> Answer | None:
        _, number, flipped = identity.split("-")
        before = next((answer for answer in self.clicks if answer.id == number), None)
        if before is None:
            raise BadInput(text("error.foreign"))
        if any(a.again and (a.query, a.images) == (before.query, before.images) for a in self.clicks):
            return None  # sent twice
        left, right = CLICKS[click]
        values = (right, left) if flipped == "1" else (left, right)
        if before.better is not None:
            return Answer(self.judge, self.name, before.query, before.images, better=values[0] - values[1], again=True)
        return Answer(self.judge, self.name, before.query, before.images, values, again=True)

    def undo(self, request: str = "") -> Shown | None:
        """Take the last click back; the question that it answered, to be shown next. None where nothing was clicked.

        Args:
            request: names this wish; sent once more, as by a browser that got no answer, it changes nothing.
        """
        if not self.clicks:
            return None
        if not (request and self.log.was_taken_back(self.judge, request)):
            self.log.take_back(self.clicks[-1], request)
            self.rebuild()
        upcoming = self.questions(1)
        return upcoming[0] if upcoming else None

    # ------------------------------------------------------------ what to say

    def self_agreement(self) -> tuple[int, int]:
        """(agreed, asked again): how often a question that came again had the same answer."""
        first = {(a.query, a.images): a for a in reversed(self.clicks) if not a.again}
        pairs = [(a, first.get((a.query, a.images))) for a in self.clicks if a.again]
        known = [(a, b) for a, b in pairs if b is not None]
        return sum(_same(a, b) for a, b in known), len(known)

    @property
    def n_clicks(self) -> int:
        """Clicks of this judge in this comparison, repeated questions left out."""
        return sum(not answer.again for answer in self.clicks)

    @property
    def asks(self) -> bool:
        """Whether there is a next question."""
        return bool(self.elimination.questions(self.known))

    def go_further(self) -> None:
        """Ask on after the verdict, for a narrower interval."""
        self.further = True
        self.rebuild()

    @property
    def decided(self) -> bool:
        """Whether everything has its verdict."""
        return not self.elimination.undecided(self.known)

    def verdict(self, first: int, second: int) -> judging.Verdict:
        """What is known about two systems, seen from the first one."""
        return self.elimination.ahead(first, second, self.known)


def _same(answer: Answer, other: Answer) -> bool:
    values = [(a.better,) if a.better is not None else a.fits for a in (answer, other)]
    return len(values[0]) == len(values[1]) and all(
        a == b or (math.isnan(a) and math.isnan(b)) for a, b in zip(*values)
    )
