"""Bounds of a mean that is drawn without replacement: exact at the ends, and right at every look."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.judging.bounds import BETS, PARTS, MeanBounds

VALUES = st.lists(st.sampled_from([-1.0, 0.0, 1.0]), min_size=1, max_size=40)


def drawn(values, alpha: float = 0.05) -> MeanBounds:
    bounds = MeanBounds(len(values), alpha)
    for value in values:
        bounds.add(value)
    return bounds


def test_a_list_of_nothing_has_the_mean_nothing() -> None:
    assert MeanBounds(0).interval == (0.0, 0.0) and MeanBounds(0).sign == 0
    with pytest.raises(ValueError, match="drawn already"):
        MeanBounds(0).add(1.0)
    with pytest.raises(ValueError):
        MeanBounds(3).add(1.5)


@settings(max_examples=60, deadline=None)
@given(VALUES)
def test_once_all_is_drawn_the_mean_is_exact(values: list[float]) -> None:
    bounds = drawn(values)
    assert bounds.interval == (pytest.approx(np.mean(values)),) * 2
    assert bounds.sign == np.sign(np.round(np.mean(values), 12))


@settings(max_examples=60, deadline=None)
@given(VALUES, st.integers(1, 30))
def test_bounds_never_leave_what_is_possible_and_never_widen_beyond_it(values: list[float], more: int) -> None:
    bounds, before = MeanBounds(len(values) + more), (-1.0, 1.0)
    for value in values:
        bounds.add(value)
        low, high = bounds.interval
        left = bounds.total - bounds.count
        assert (bounds.sum - left) / bounds.total - 1e-12 <= low <= high <= (bounds.sum + left) / bounds.total + 1e-12
        assert low >= before[0] - 1e-12 or high == before[1]
        assert -1 <= low <= high <= 1
        before = (low, high)


@settings(max_examples=40, deadline=None)
@given(VALUES)
def test_the_two_directions_are_mirrors(values: list[float]) -> None:
    bounds, mirrored = MeanBounds(len(values) + 5), MeanBounds(len(values) + 5)
    for value in values:
        bounds.add(value)
        mirrored.add(-value)
    low, high = bounds.interval
    assert mirrored.interval == (pytest.approx(-high, abs=1e-9), pytest.approx(-low, abs=1e-9))
    assert mirrored.sign == -bounds.sign


def test_the_fortune_is_that_of_the_pilot() -> None:
    """The wealth of a naive loop over bets, for the hypothesis that nothing differs."""
    random = np.random.default_rng(3)
    values, total = random.choice([-1.0, 0.0, 0.0, 1.0, 1.0], 60), 200
    fortune, seen = PARTS.copy(), 0.0
    bounds = MeanBounds(total, 1e-9)
    for count, value in enumerate(values):
        mean = (0 - seen) / (total - count)
        for at, bet in enumerate(BETS):
            fortune[at] *= 1 + bet * (value - mean) / (1 + mean)
        seen += value
        bounds.add(value)
    assert bounds._above.sum(axis=0)[np.flatnonzero(bounds._means == 0)[0]] == pytest.approx(fortune.sum())


def test_the_game_is_fair() -> None:
    """Over all orders of a list of mean 0 the fortunes against 0 are 1 on average after every draw, whatever its parts."""
    orders = sorted(set(itertools.permutations([1.0, 1.0, -1.0, -1.0, 0.0])))
    for n_drawn in range(1, 5):
        fortunes = []
        for order in orders:
            bounds = MeanBounds(len(order), 1e-9)
            for value in order[:n_drawn]:
                bounds.add(value)
            null = np.flatnonzero(bounds._means == 0)[0]
            fortunes.append((bounds._above[:, null].sum(), bounds._below[:, null].sum()))
        assert np.mean(fortunes, axis=0) == pytest.approx(1), n_drawn
    assert PARTS.sum() == pytest.approx(1) and (PARTS > 0).all()


@pytest.mark.parametrize(("total", "share_up", "share_down"), [(300, 0.2, 0.2), (1500, 0.1, 0.1), (400, 0.30, 0.15)])
def test_looking_after_every_answer_is_seldom_wrong(total: int, share_up: float, share_down: float) -> None:
    """A person who stops when it looks good: the bounds hold at all looks together, each way."""
    random, sessions, looks = np.random.default_rng(5), 100, 80
    values = np.repeat([1.0, -1.0, 0.0], [round(total * share_up), round(total * share_down), 0][:2] + [0])
    values = np.r_[values, np.zeros(total - len(values))]
    above = below = 0
    for _ in range(sessions):
        bounds, wrong = MeanBounds(total), set()
        for value in random.permutation(values)[:looks]:
            bounds.add(value)
            low, high = bounds.interval
            wrong |= {"above"} if low > values.mean() else set()
            wrong |= {"below"} if high < values.mean() else set()
        above, below = above + ("above" in wrong), below + ("below" in wrong)
    most = 0.025 * sessions + 2 * np.sqrt(0.025 * sessions)
    assert above <= most and below <= most
