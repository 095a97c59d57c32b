"""A small seeded part of `bench judge` on drawn lists: demands held, and more clicks for smaller differences."""

from __future__ import annotations

import numpy as np
import pytest

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
        assert pair.difference_of("pairs") == pytest.approx(pair.difference)
        outcome = bench.simulate(pair, 40, 0.0)
        assert outcome.first == 1 and outcome.missed <= 0.1
        medians.append(float(np.median(outcome.clicks)))
        assert medians[-1] <= bench.SLACK * pair.expected("pairs") + 5
    assert medians[0] < medians[1]
    assert bench.simulate(small, 20, 0.05).second <= 0.1


def test_rows_take_fewer_clicks_for_the_same_verdict() -> None:
    small = drawn(0.2, 0.12)
    outcome = bench.simulate(small, 40, 0.05, "rows")
    assert outcome.first == 1 and np.median(outcome.clicks) < small.expected("pairs")
    assert np.median(outcome.clicks) <= bench.SLACK * small.expected("rows", 0.05) + 5


@pytest.mark.parametrize("way", ["pairs", "rows"])
def test_where_nothing_differs_there_is_seldom_a_verdict(way: bench.Way) -> None:
    nothing = drawn(0.2, 0.12, n=120).without_difference(way)
    assert nothing.difference_of(way) == 0 and not np.array_equal(nothing.first, nothing.second)
    outcome = bench.simulate(nothing, 60, 0.0, way)
    assert outcome.first + outcome.second <= bench.CALLED + 2 * np.sqrt(bench.CALLED / 60)
