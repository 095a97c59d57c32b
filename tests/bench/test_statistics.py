"""A small seeded part of `bench statistics`: the demands in a few cells, and what by-query figures would say there."""

from __future__ import annotations

import pytest

from tests.bench import statistics as bench

SETS = 200


@pytest.mark.parametrize("shape", bench.SHAPES)
@pytest.mark.parametrize(("n_classes", "per_class", "correlation"), [(10, 20, 0.2), (28, 42, 0.2), (20, 1, 0.0)])
def test_intervals_cover_the_true_mean(shape: str, n_classes: int, per_class: int, correlation: float) -> None:
    cell = bench.Cell(n_classes, per_class, correlation, shape)
    low, high = bench.demanded(cell, SETS)
    assert low <= bench.coverage(cell, SETS, 1000) <= high


@pytest.mark.slow
@pytest.mark.parametrize("shape", bench.DIFFERENCES)
def test_a_gain_is_seldom_false_by_class_and_often_by_query(shape: str) -> None:
    cell = bench.Cell(28, 42, 0.2, shape)
    assert bench.false_gains(cell, SETS, 1000) <= 0.085
    assert bench.false_gains(cell, SETS, 1000, by_class=False) > 0.2, "queries of one class are no independent trials"


def test_a_choice_flatters_itself_unless_others_report() -> None:
    plain, honest = bench.flattery(50, 10, 10, 40)
    assert plain > 0.03 and abs(honest) < 0.015
