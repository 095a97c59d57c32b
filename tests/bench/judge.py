"""`bench judge`: simulated people with true labels judge pairs of systems; how many clicks, and how often wrong.

Systems are the backbones and seeded mixes of them, over photographs and over products, paired so that their true P@10
differs by about so much. They are judged in both ways of asking, with and without wrong answers. Every session looks after
every answer and stops at the first verdict, as somebody would who stops when it looks good. Beside them stand pairs without
any difference: two systems that share the lists of two others out among themselves, so that neither is better. Demands:
wrong verdicts, verdicts where nothing differs, and clicks against what the pilot needed.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np

from core import judging, paths

BACKBONES = ("tf_efficientnet_lite0", "tf_efficientnet_lite2", "hsv_histogram", "hog", "lbp", "gist", "concepts_lite0")
DIFFERENCES = (0.3, 0.1, 0.05, 0.02)
"""True differences in P@10 of the pairs."""
PILOT = {("pairs", 0.0): (26, 89, 144, 373), ("pairs", 0.05): (33, 149, 212, 629), ("rows", 0.0): (11, 35, 76, 160)}
"""Its median clicks at these differences, over its own pairs of systems; `Pair.expected` is its rule for any pair."""
WRONG, CALLED, SAME, SLACK = 0.025, 0.05, 0.05, 1.15
"""Wrong verdicts each way; verdicts where nothing differs; "no difference" where there is one; clicks against the rule's."""
K, MIXES, MOST = 10, 40, 3000
ERRORS = (0.0, 0.05)
Way = Literal["pairs", "rows"]


@dataclass(frozen=True)
class Pair:
    """Two systems of one set.

    Attributes:
        first, second: (n_queries, K) int64 gallery positions.
        relevant: (n_queries, n_gallery) bool.
        difference: true, in P@10, of the first minus the second.
    """

    first: np.ndarray
    second: np.ndarray
    relevant: np.ndarray
    difference: float

    def units(self, way: Way, seed: int = 0) -> judging.Units:
        """The questions in the order of a seed."""
        return (
            judging.pairs(self.first, self.second, K, seed)
            if way == "pairs"
            else judging.rows(self.first, self.second, seed)
        )

    @cached_property
    def gain(self) -> np.ndarray:
        """(n_queries,) int64: how many more relevant images the first system has in its first ten."""
        hits = [np.take_along_axis(self.relevant, items, axis=1).sum(axis=1) for items in (self.first, self.second)]
        return hits[0].astype(np.int64) - hits[1]

    def answer(self, key: judging.Key, random: np.random.Generator, error: float) -> float:
        """What a judge says, of whose answers a share `error` is wrong; a wrong one about rows is any of the two others."""
        query, image = key
        if query != "row":
            return float(self.relevant[query, image] ^ (random.random() < error))
        true = float(np.sign(self.gain[image]))
        return float(random.choice([v for v in (-1.0, 0.0, 1.0) if v != true])) if random.random() < error else true

    def values(self, way: Way) -> np.ndarray:
        """(n_units,) true answers to all questions."""
        if way == "rows":
            differing = [set(a) != set(b) for a, b in zip(self.first.tolist(), self.second.tolist())]
            return np.sign(self.gain[differing]).astype(float)
        units = self.units(way)
        sides = [
            [0.0 if key is None else float(self.relevant[key]) for key in side] for side in (units.plus, units.minus)
        ]
        return np.array(sides[0]) - np.array(sides[1])

    def difference_of(self, way: Way) -> float:
        """The true difference in what this way of asking is about: P@10, or a share of the queries."""
        values = self.values(way)
        return float(values.mean()) * self.units(way).scale if len(values) else 0.0

    def expected(self, way: Way, error: float = 0.0) -> float:
        """The pilot's rule: 8 (p+ + p−) / m² clicks, of the answers that speak for one side and of their mean, as given."""
        values = self.values(way)
        speaking, mean = float((values != 0).mean()), float(values.mean())
        if way == "pairs":  # either image of a pair may be judged wrong
            one = 2 * error * (1 - error)
            speaking, mean = speaking * (1 - one) + (1 - speaking) * one, mean * (1 - 2 * error)
        else:
            speaking, mean = speaking * (1 - error / 2) + (1 - speaking) * error, mean * (1 - 1.5 * error)
        needed = 8 * speaking / mean**2
        return max(20.0 if way == "pairs" else 10.0, needed / (1 + needed / len(values)))

    def without_difference(self, way: Way, seed: int = 0) -> Pair:
        """Two systems, each with one of the lists of these two for every query, so that neither is better in this way."""
        random = np.random.default_rng(seed)
        gain, first, second = self.gain.copy(), self.first.copy(), self.second.copy()
        gain = gain if way == "pairs" else np.sign(gain)
        if gain.sum() % 2:  # one query fewer, so that the rest can be even
            odd = random.choice(np.flatnonzero(gain % 2))
            second[odd], gain[odd] = first[odd], 0
        side = np.where(random.random(len(gain)) < 0.5, 1, -1)
        while rest := int((side * gain).sum()):
            towards = np.flatnonzero((side * gain * np.sign(rest) > 0) & (2 * np.abs(gain) <= abs(rest)))
            if not len(towards):
                return self.without_difference(way, seed + 1)
            side[random.choice(towards)] *= -1
        swapped = (side < 0)[:, None]
        return Pair(np.where(swapped, second, first), np.where(swapped, first, second), self.relevant, 0.0)


@dataclass(frozen=True)
class Outcome:
    """What came of many sessions on one pair.

    Attributes:
        clicks: (n_sessions,) answers until the verdict.
        first, second: share of sessions that ended with this system; same: with "no difference"; open: without verdict.
        missed: share of sessions whose interval left the true difference out at any look.
    """

    clicks: np.ndarray
    first: float
    second: float
    same: float
    open: float
    missed: float


def simulate(pair: Pair, sessions: int, error: float, way: Way = "pairs", seed: int = 0, part: float = 1.0) -> Outcome:
    """Sessions on one pair, each with an order of its own; of the answers a share `error` is wrong.

    Args:
        part: of the questions, after which a session ends without a verdict.
    """
    clicks, outcomes, missed = [], [], 0
    true = pair.difference_of(way)
    for session in range(sessions):
        units = pair.units(way, seed + session)
        comparison, random = judging.Comparison(units), np.random.default_rng([seed, session])
        answers: dict = {}
        held = True
        for number in range(min(int(part * len(units)), MOST)):
            for key in (units.plus[number], units.minus[number]):
                if key is not None:
                    answers[key] = pair.answer(key, random, error)
            comparison.advance(answers)
            low, high = comparison.interval
            held &= low - 1e-9 <= true <= high + 1e-9
            if comparison.outcome != "open":
                break
        clicks.append(comparison.bounds.count)
        outcomes.append(comparison.outcome)
        missed += not held
    shares = [outcomes.count(name) / sessions for name in ("first", "second", "same", "open")]
    return Outcome(np.array(clicks), *shares, missed / sessions)


def pairs_of(path: Path, per_difference: int, seed: int = 0) -> dict[float, list[Pair]]:
    """Pairs of systems on one set, by their true difference."""
    from core import data
    from core.fusion import FusionSpec
    from core.studies import embedding, judging_lists
    from core.studies.systems import System
    from core.studies.vector_set import VectorSet

    dataset = embedding.embed(data.load(path), BACKBONES).dataset
    space = VectorSet({name: embedding.embeddings(dataset, name).vectors for name in BACKBONES}, dataset.split)
    space.keep()
    random = np.random.default_rng(seed)
    systems = [System(name, space) for name in BACKBONES]
    for number in range(MIXES):
        names = tuple(random.choice(BACKBONES, int(random.integers(2, 4)), replace=False).tolist())
        shares = dict(zip(names, random.dirichlet(np.ones(len(names))).tolist()))
        systems.append(System(f"mix {number}", space, FusionSpec(f"mix {number}", "concat", names).with_shares(shares)))
    lists = judging_lists.of_systems(dataset, data.relevance(dataset), systems, [s.name for s in systems], K)
    labels = dataset.labels
    relevant = labels[dataset.split.queries][:, None] == labels[dataset.split.gallery][None]
    precision = [float(np.take_along_axis(relevant, items, axis=1).mean()) for items in lists.items]
    every = [(precision[a] - precision[b], a, b) for a, b in itertools.combinations(range(len(systems)), 2)]
    chosen: dict[float, list[Pair]] = {}
    for wanted in DIFFERENCES:
        near = [row for row in every if abs(abs(row[0]) - wanted) < 0.12 * wanted]
        picked = random.permutation(len(near))[:per_difference]
        chosen[wanted] = [
            Pair(lists.items[near[at][1]], lists.items[near[at][2]], relevant, near[at][0]) for at in picked
        ]
    return chosen


def run(args: list[str]) -> None:
    """`bench judge`: clicks until a verdict and wrong verdicts, by true difference, with and without wrong answers."""
    shared = paths.REPOSITORY.parent / "shared" / "data"
    parser = argparse.ArgumentParser(prog="python -m core bench judge", description=run.__doc__)
    parser.add_argument("--data", nargs="*", default=[str(shared / name) for name in ("photos", "instances")])
    parser.add_argument("--sessions", type=int, default=200, help="a pair (default: 200)")
    parser.add_argument("--pairs", type=int, default=3, help="of systems a set and difference (default: 3)")
    arguments = parser.parse_args(args)
    pairs: dict[float, list[Pair]] = {wanted: [] for wanted in DIFFERENCES}
    for name in arguments.data:
        for wanted, more in pairs_of(Path(name), arguments.pairs).items():
            pairs[wanted] += more
    began, missed = time.monotonic(), 0
    print(
        f"{'way':>5} {'P@10':>5} {'wrong':>6} {'pairs':>5}  {'clicks':>6} {'90 %':>5} {'rule':>6} {'x':>5} {'pilot':>6}  "
        f"{'worse':>6} {'same':>6} {'open':>6} {'interval missed':>16}"
    )
    for way, wanted, error in itertools.product(("pairs", "rows"), DIFFERENCES, ERRORS):
        if pairs[wanted]:
            missed += not _row(way, wanted, error, pairs[wanted], arguments.sessions)
        else:
            print(f"{wanted:5} no pair of systems differs by so much here")
    print("\nNothing differs: verdicts all the same")
    some = [pair for wanted in DIFFERENCES for pair in pairs[wanted][:: len(DIFFERENCES) - 1]]
    for way, error in itertools.product(("pairs", "rows"), ERRORS):
        missed += not _null_row(way, error, [pair.without_difference(way) for pair in some], arguments.sessions)
    minutes = (time.monotonic() - began) / 60
    print(f"\n{'every demand held' if not missed else f'{missed} demands missed'}; {minutes:.0f} minutes")
    if missed:
        sys.exit(1)


def _row(way: Way, wanted: float, error: float, pairs: list[Pair], sessions: int) -> bool:
    """Pairs of one true difference, and whether what is wanted of them held."""
    outcomes = [simulate(pair, sessions, error, way, seed=at * sessions) for at, pair in enumerate(pairs)]
    medians = np.array([np.median(outcome.clicks) for outcome in outcomes])
    most = float(np.median([np.quantile(outcome.clicks, 0.9) for outcome in outcomes]))
    rules = np.array([pair.expected(way, error) for pair in pairs])
    clicks, rule = float(np.median(medians)), float(np.median(rules))
    better = [pair.difference_of(way) > 0 for pair in pairs]
    worse = max(o.second if is_first else o.first for o, is_first in zip(outcomes, better))
    unequal = [o.same for o, pair in zip(outcomes, pairs) if abs(pair.difference_of(way)) > judging.SAME]
    same = max(unequal, default=0.0)
    missing = max(outcome.missed for outcome in outcomes)
    pilot = PILOT.get((way, error))
    held = worse <= WRONG and (pilot is None or clicks <= SLACK * rule)
    held &= error > 0 or max(same, missing) <= SAME  # a judge who errs makes every difference smaller
    print(
        f"{way:>5} {wanted:5} {error:6.0%} {len(outcomes):5}  {clicks:6.0f} {most:5.0f} {rule:6.0f} "
        f"{float(np.median(medians / rules)):5.2f} {pilot[DIFFERENCES.index(wanted)] if pilot else '':>6}  {worse:6.1%} "
        f"{same:6.1%} {float(np.mean([o.open for o in outcomes])):6.1%} {missing:16.1%}  {'held' if held else 'MISSED'}",
        flush=True,
    )
    return held


def _null_row(way: Way, error: float, pairs: list[Pair], sessions: int) -> bool:
    """Pairs without a difference: verdicts for either side, over all sessions together.

    A judge who errs ends with a list of answers whose mean is not 0 any more, and a verdict on all of it is right about
    this judge: such sessions end after half of the questions.
    """
    part = 0.5 if error else 1.0
    outcomes = [simulate(pair, sessions, error, way, at * sessions, part) for at, pair in enumerate(pairs)]
    sides = [float(np.mean([getattr(outcome, side) for outcome in outcomes])) for side in ("first", "second")]
    held = max(sides) <= WRONG and sum(sides) <= CALLED
    print(
        f"{way:>5} {error:6.0%} {len(pairs):5} pairs, {len(pairs) * sessions:,} sessions: first {sides[0]:.1%}, second "
        f"{sides[1]:.1%}, no difference {float(np.mean([outcome.same for outcome in outcomes])):.1%}, clicks "
        f"{float(np.median([np.median(outcome.clicks) for outcome in outcomes])):,.0f}  {'held' if held else 'MISSED'}",
        flush=True,
    )
    return held
