"""A small seeded part of `bench judge` on drawn lists: demands held, and more clicks for smaller differences."""

from __future__ import annotations

import numpy as np

from tests.bench import judge as bench


def drawn(strength: float, other: float, seed: int = 0, n: int = 250) -> bench.Pair:
    random = np.random.default_rng(seed)
    truth = random.random((n, 80)) < 0.3
    noise = random.random((n, 80))
    lists = [
        np.argsort(-(truth * s + 0.7 * noise + 0.3 * random.random((n, 80))), axis=1, kind="stable")[:, : bench.K]
        for s in (strength, other)
    ]
    precision = [np.take_along_axis(truth, items, axis=1).mean() for items in lists]
    return bench.Pair(*lists, truth, float(precision[0] - precision[1]))


def test_verdicts_are_right_and_cost_what_the_pilot_said() -> None:
    large, small = drawn(0.3, 0.05), drawn(0.2, 0.12)
    assert large.difference > 2.5 * small.difference > 0.1
    medians = []
    for pair in (large, small):
        outcome = bench.simulate(pair, 40, 0.0)
        assert outcome.wrong == outcome.same == outcome.open == 0
        medians.append(float(np.median(outcome.clicks)))
        assert medians[-1] <= bench.SLACK * pair.expected() + 5
    assert medians[0] < medians[1]
    assert bench.simulate(small, 20, 0.05).wrong <= 0.1
