"""Learned weights against brute force, planted cases, and the rule that nobody is judged on what trained it."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import BadInput, Cancelled
from core.progress import Cancel
from core.studies import weights


def test_the_simplex_is_every_point_of_step_a_tenth() -> None:
    for n, count in ((1, 1), (2, 11), (3, 66), (4, 286), (5, 1001)):
        points = weights.simplex(n)
        assert points.shape == (count, n)
        assert np.allclose(points.sum(axis=1), 1)
    brute = sorted(p for p in itertools.product(range(11), repeat=3) if sum(p) == 10)
    assert np.array_equal(np.round(weights.simplex(3) * 10).astype(int), np.array(brute))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 4))
def test_the_choice_is_that_of_brute_force(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    points = weights.simplex(n)
    values = rng.integers(0, 3, len(points)) / 3.0 + rng.uniform(-1e-14, 1e-14, len(points))
    table = {tuple(p): v for p, v in zip(np.round(points, 6), values)}
    found = (
        weights.learn(lambda p: np.array([table[tuple(np.round(p, 6))]]), list("abcd"[:n]), refine=False)
        if (tuple(np.round(np.full(n, 1 / n), 6)) in table)
        else None
    )
    best = max(values)
    good = [p for p, v in zip(points, values) if v >= best - 1e-12]
    good.sort(key=lambda p: (round(((p - 1 / n) ** 2).sum(), 12), tuple(p)))
    assert np.allclose(points[weights.best_point(points, values)], good[0])
    if found is not None:
        assert np.allclose(found.shares, good[0])


def test_refinement_reaches_between_the_points() -> None:
    goal = np.array([0.13, 0.52, 0.35])
    found = weights.learn(lambda p: np.array([1 - ((p - goal) ** 2).sum()]), ("a", "b", "c"))
    assert np.abs(found.shares - goal).max() < 0.02
    assert found.value > found.uniform and found.shares.sum() == pytest.approx(1)


def test_seven_backbones_are_searched_by_coordinates() -> None:
    goal = np.array([0.4, 0.3, 0.3, 0, 0, 0, 0])
    found = weights.learn(lambda p: np.array([1 - ((p - goal) ** 2).sum()]), list("abcdefg"))
    assert np.abs(found.shares - goal).max() < 0.04 and len(found.points) < 3000


def test_a_flat_objective_keeps_equal_weights() -> None:
    found = weights.learn(lambda p: np.array([0.5, np.nan]), ("a", "b"))
    assert found.by_name == {"a": 0.5, "b": 0.5}


def test_nothing_to_learn_from_is_said() -> None:
    with pytest.raises(BadInput, match="No training query"):
        weights.learn(lambda p: np.array([np.nan]), ("a", "b"))


def test_progress_counts_points_and_cancel_stops() -> None:
    seen, cancel = [], Cancel()
    weights.learn(lambda p: np.array([p[0]]), ("a", "b", "c"), on_progress=seen.append)
    assert seen[-1].done >= 66 and seen[-1].unit == "points"
    cancel.set()
    with pytest.raises(Cancelled):
        weights.learn(lambda p: np.array([p[0]]), ("a", "b"), cancel=cancel)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.1, 0.9))
def test_no_group_is_on_both_sides(seed: int, fraction: float) -> None:
    rng = np.random.default_rng(seed)
    groups = rng.integers(-1, 8, 80)
    found = weights.split_queries(groups, fraction, seed)
    assert found.by == "class"
    assert not set(groups[found.train]) & set(groups[found.report])
    assert sorted([*found.train, *found.report]) == np.flatnonzero(groups >= 0).tolist()
    assert np.array_equal(found.train, weights.split_queries(groups, fraction, seed).train)


def test_few_groups_are_parted_query_by_query() -> None:
    found = weights.split_queries(np.array([0, 0, 0, 1, 1, 1, -1]), 0.5)
    assert found.by == "query" and len(found.train) == 3 and 6 not in [*found.train, *found.report]


def test_training_and_reporting_on_the_same_queries_is_an_error() -> None:
    with pytest.raises(BadInput, match="2 queries are used for training and for reporting"):
        weights.TrainingSplit(np.array([1, 2, 3]), np.array([2, 3, 4]), "query")
    with pytest.raises(BadInput, match="no queries for reporting"):
        weights.TrainingSplit(np.array([1]), np.array([], int), "query")
