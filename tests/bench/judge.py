"""`bench judge`: simulated people with true labels judge pairs of systems; how many clicks, and how often wrong.

Systems are the backbones and seeded mixes of them, over photographs and over products, paired so that their true P@10
differs by about so much. Every session looks after every answer and stops at the first verdict, as somebody would who
stops when it looks good. Demands: wrong verdicts, and clicks against what the pilot needed.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core import judging, paths

BACKBONES = ("tf_efficientnet_lite0", "tf_efficientnet_lite2", "hsv_histogram", "hog", "lbp", "gist", "concepts_lite0")
DIFFERENCES = (0.3, 0.1, 0.05, 0.02)
"""True differences in P@10 of the pairs."""
WRONG, WRONG_SAME, SLACK = 0.025, 0.05, 1.15
"""Wrong verdicts each way; calls of "no difference" where there is one; clicks against the pilot's."""
K, MIXES, MOST = 10, 40, 3000


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

    @property
    def units(self) -> judging.Units:
        """The questions, in the order of the seed 0."""
        return judging.pairs(self.first, self.second, K)

    def expected(self) -> float:
        """The pilot's rule: 8 (p+ + p−) / m² clicks, of the answers that speak for one side and of their mean."""
        units = self.units
        both = [(a, b) for a, b in zip(units.plus, units.minus) if a and b]
        values = np.array([self.relevant[a] * 1.0 - self.relevant[b] for a, b in both])
        needed = 8 * float((values != 0).mean()) / float(values.mean()) ** 2
        return max(20.0, needed / (1 + needed / len(units)))


@dataclass(frozen=True)
class Outcome:
    """What came of many sessions on one pair.

    Attributes:
        clicks: (n_sessions,) answers until the verdict.
        wrong: share of sessions that ended with the worse system; same: with "no difference"; open: without verdict.
    """

    clicks: np.ndarray
    wrong: float
    same: float
    open: float


def simulate(pair: Pair, sessions: int, error: float, same: float = judging.SAME, seed: int = 0) -> Outcome:
    """Sessions on one pair, each with an order of its own; of the answers a share `error` is wrong."""
    clicks, outcomes = [], []
    better = "first" if pair.difference > 0 else "second"
    for session in range(sessions):
        units = judging.pairs(pair.first, pair.second, K, seed + session)
        comparison, random = judging.Comparison(units, same=same), np.random.default_rng([seed, session])
        answers: dict = {}
        for number in range(min(len(units), MOST)):
            for key in (units.plus[number], units.minus[number]):
                if key is not None and key not in answers:
                    answers[key] = float(pair.relevant[key] ^ (random.random() < error))
            comparison.advance(answers)
            if comparison.outcome != "open":
                break
        clicks.append(comparison.bounds.count)
        outcomes.append(comparison.outcome)
    share = {name: outcomes.count(name) / sessions for name in ("first", "second", "same", "open")}
    return Outcome(np.array(clicks), share["second" if better == "first" else "first"], share["same"], share["open"])


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
    given = parser.parse_args(args)
    pairs: dict[float, list[Pair]] = {wanted: [] for wanted in DIFFERENCES}
    for name in given.data:
        for wanted, more in pairs_of(Path(name), given.pairs).items():
            pairs[wanted] += more
    missed = 0
    print(
        f"{'P@10':>5} {'wrong':>6} {'pairs':>5}  {'clicks':>6} {'90 %':>5} {'pilot':>6}  {'worse':>6} {'same':>6} {'open':>6}"
    )
    for wanted, error in itertools.product(DIFFERENCES, (0.0, 0.05)):
        outcomes = [simulate(pair, given.sessions, error) for pair in pairs[wanted]]
        if not outcomes:
            print(f"{wanted:5} no pair of systems differs by so much here")
            continue
        clicks = float(np.median([np.median(outcome.clicks) for outcome in outcomes]))
        most = float(np.median([np.quantile(outcome.clicks, 0.9) for outcome in outcomes]))
        pilot = float(np.median([pair.expected() for pair in pairs[wanted]])) / (1 - 2 * error) ** 2
        worse = max(outcome.wrong for outcome in outcomes)
        same = (
            max(outcome.same for outcome, pair in zip(outcomes, pairs[wanted]) if abs(pair.difference) > judging.SAME)
            if any(abs(pair.difference) > judging.SAME for pair in pairs[wanted])
            else 0.0
        )
        room = 2 * np.sqrt(WRONG / given.sessions)
        held = worse <= WRONG + room and (same <= WRONG_SAME + room or error > 0)
        held &= clicks <= SLACK * pilot if not error else True
        missed += not held
        unfinished = float(np.mean([outcome.open for outcome in outcomes]))
        print(
            f"{wanted:5} {error:6.0%} {len(outcomes):5}  {clicks:6.0f} {most:5.0f} {pilot:6.0f}  {worse:6.1%} {same:6.1%} "
            f"{unfinished:6.1%}  {'held' if held else 'MISSED'}",
            flush=True,
        )
    print(f"\n{'every demand held' if not missed else f'{missed} demands missed'}")
    if missed:
        sys.exit(1)
