"""What is said while people judge: blind while it goes on, with names after it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from core import judging, wording
from core.judging.comparison import answers_needed
from core.studies.judging_session import JudgingSession
from core.wording import plural, signed

text = wording.page("judge")
EXAMPLE = 0.05
"""The difference for which the number of answers is told beforehand."""
FEWEST_TO_GUESS = 5
"""Answers before it is guessed how many more are needed."""


def unit(session: JudgingSession) -> str:
    """What a difference is a difference in."""
    return text("phrase.pairs", k=session.lists.k) if session.way == "pairs" else text("phrase.rows")


def blind(session: JudgingSession) -> list[str]:
    """A letter per system, drawn by the seed."""
    return [chr(ord("A") + letter) for letter in session.letters]


def figure(verdict: judging.Verdict) -> str:
    """ "+0.06 [−0.01, +0.12]"."""
    interval = wording.interval(verdict.low, verdict.high, 2, sign=True)
    return text("phrase.interval", difference=signed(verdict.difference, 2), interval=interval)


def opening(session: JudgingSession) -> list[str]:
    """Before the first answer: how much the lists have in common, and what a difference would cost."""
    lists, sentences = session.lists, []
    for first in range(len(lists.titles)):
        for second in range(first + 1, len(lists.titles)):
            if len(lists.titles) == 2 or (first, second) == (0, 1):
                total = session.verdict(first, second).total
                share = lists.shared(first, second)
                sentences.append(
                    text(
                        "sentence.shared",
                        first=lists.titles[first],
                        second=lists.titles[second],
                        share=wording.percent(share),
                        k=lists.k,
                    )
                )
                if total and session.way == "pairs":
                    needed = answers_needed(EXAMPLE, 1 - share, total)
                    sentences.append(
                        text(
                            "sentence.expected",
                            difference=EXAMPLE,
                            answers=plural(rounded(needed), "answer"),
                            total=f"{total:,}",
                        )
                    )
    if lists.every:
        sentences.append(text("sentence.sampled", queries=f"{len(lists.queries):,}", every=f"{lists.every:,}"))
    if lists.left_out:
        sentences.append(text("sentence.left_out", count=plural(lists.left_out, "query")))
    return sentences


def rounded(count: float) -> int:
    """A guess is no exact number: two digits at most.

    >>> [rounded(count) for count in (3.2, 47, 163, 1234)]
    [4, 45, 160, 1200]
    """
    count = math.ceil(count)
    return count if count < 10 else 5 * round(count / 5) if count < 100 else int(float(f"{count:.2g}"))


def who(session: JudgingSession) -> str:
    """Whose judgement it is."""
    return ", ".join(session.log.judges()) if session.everyone else text("phrase.you")


def conclusion(session: JudgingSession, names: Sequence[str]) -> str:
    """The one sentence that is read first.

    Args:
        names: of the systems, as they are to be called: letters while judging goes on.
    """
    elimination = session.elimination
    leader, others = elimination.leader, [n for n in range(len(names)) if n != elimination.leader]
    if not session.n_clicks and not any(session.verdict(leader, other).answers for other in others):
        if all(not session.verdict(leader, other).total for other in others):
            return text("sentence.nothing_differs")
        return text("sentence.no_answer")
    if len(names) == 2:
        return _of_two(session, names)
    rivals = [number for number in elimination.survivors if number != leader]
    if not rivals:
        return text("sentence.best", system=names[leader], answers=plural(session.n_clicks, "answer"), who=who(session))
    verdicts = {rival: session.verdict(leader, rival) for rival in rivals}
    if session.decided:
        return text(
            "sentence.equal_best",
            system=names[leader],
            same=session.same,
            unit=unit(session),
            systems=", ".join(names[rival] for rival in rivals),
        )
    nearest = min(verdicts.values(), key=lambda verdict: verdict.difference)
    if nearest.difference <= 0:
        return text(
            "sentence.level",
            figure=figure(nearest),
            unit=unit(session),
            answers=plural(session.n_clicks, "answer"),
        )
    return text(
        "sentence.ahead",
        system=names[leader],
        figure=figure(nearest),
        unit=unit(session),
        answers=plural(session.n_clicks, "answer"),
    )


def _of_two(session: JudgingSession, names: Sequence[str]) -> str:
    first, second = (0, 1) if names[0] <= names[1] else (1, 0)
    verdict = session.verdict(first, second)
    if verdict.outcome == "open" and verdict.difference < 0 or verdict.outcome == "second":
        first, second = second, first
        verdict = session.verdict(first, second)
    answers = plural(session.n_clicks, "answer")
    if verdict.outcome == "first":
        return text(
            "sentence.better",
            system=names[first],
            other=names[second],
            figure=figure(verdict),
            unit=unit(session),
            answers=answers,
            who=who(session),
        )
    if verdict.outcome == "same":
        return text(
            "sentence.same",
            first=names[first],
            second=names[second],
            figure=figure(verdict),
            unit=unit(session),
            answers=answers,
            who=who(session),
        )
    if not verdict.difference:
        return text("sentence.level", figure=figure(verdict), unit=unit(session), answers=answers)
    return text("sentence.ahead", system=names[first], figure=figure(verdict), unit=unit(session), answers=answers)


def hint(session: JudgingSession) -> str:
    """How much is still needed; "" once everything is decided."""
    leader = session.elimination.leader
    rivals = _waiting(session)
    if not rivals:
        return ""
    verdicts = [session.verdict(leader, rival) for rival in rivals]
    if min(verdict.answers for verdict in verdicts) < FEWEST_TO_GUESS:
        return ""
    known = [verdict.remaining for verdict in verdicts if verdict.remaining is not None]
    if len(known) < len(verdicts):
        return text("sentence.no_end", total=f"{max(verdict.total for verdict in verdicts):,}")
    return text("sentence.remaining", answers=plural(rounded(sum(known)), "more answer"))


def _waiting(session: JudgingSession) -> list[int]:
    return [
        rival
        for rival in session.elimination.survivors
        if rival != session.elimination.leader and session.verdict(session.elimination.leader, rival).outcome == "open"
    ]


def live(session: JudgingSession) -> dict[str, Any]:
    """What the page shows after each click, blind: sentences, and a bar per system that is still compared."""
    names, leader = blind(session), session.elimination.leader
    rivals = [number for number in session.elimination.survivors if number != leader]
    if len(names) == 2:
        order = sorted(range(2), key=lambda number: names[number])
        bars = [(order[0], order[1])]
    else:
        bars = [(leader, rival) for rival in sorted(rivals, key=lambda rival: names[rival])]
    agreed, n_again = session.self_agreement()
    skipped = sum(any(math.isnan(value) for value in (*click.fits, click.better or 0.0)) for click in session.clicks)
    lost = sorted(names[number] for number in session.elimination.lost)
    more = [
        text("phrase.out", systems=", ".join(lost)) if lost and len(names) > 2 else "",
        hint(session),
        text("sentence.agreed", agreed=agreed, asked=n_again) if n_again else "",
        text("sentence.skipped", count=skipped) if skipped else "",
    ]
    return {
        "answers": session.n_clicks,
        "sentence": conclusion(session, names),
        "more": [line for line in more if line],
        "done": not session.asks,
        "undo": bool(session.clicks),
        "same": session.same,
        "bars": [_bar(session, names, *pair) for pair in bars],
    }


def _bar(session: JudgingSession, names: Sequence[str], first: int, second: int) -> dict[str, Any]:
    verdict = session.verdict(first, second)
    return {
        "label": text("phrase.difference", first=names[first], second=names[second]),
        "difference": verdict.difference,
        "low": verdict.low,
        "high": verdict.high,
        "text": figure(verdict) if verdict.answers else "",
    }
