"""Samples, chunks, equal rows and shared threads."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from core import arrays


@given(st.integers(0, 200), st.integers(0, 50), st.integers(0, 5))
def test_a_sample_is_rising_without_repeats_and_the_same_for_the_same_seed(count: int, size: int, seed: int) -> None:
    drawn = arrays.sample(count, size, seed)
    assert len(drawn) == min(count, size)
    assert (np.diff(drawn) > 0).all() and (drawn < count).all()
    assert np.array_equal(drawn, arrays.sample(np.arange(count), size, seed))


def test_seeds_differ_and_none_takes_all() -> None:
    assert not np.array_equal(arrays.sample(1000, 10, 1), arrays.sample(1000, 10, 2))
    assert not np.array_equal(arrays.sample(1000, 10, [1, 2]), arrays.sample(1000, 10, 1))
    assert arrays.sample(np.array([4, 9]), None).tolist() == [4, 9]


@given(st.integers(0, 100), st.integers(-1, 30))
def test_chunks_cover_all_once_in_order(count: int, size: int) -> None:
    covered = [np.arange(count)[rows] for rows in arrays.chunks(count, size)]
    assert np.array_equal(np.concatenate([np.arange(0), *covered]), np.arange(count))
    assert all(0 < len(part) <= max(1, size) for part in covered)


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1))
def test_first_of_equal_rows_as_a_loop_finds_it(rows: list[tuple[int, int]]) -> None:
    assert arrays.first_of_equal(np.array(rows)).tolist() == [rows.index(row) for row in rows]


def test_every_row_is_worked_on_once_on_many_threads() -> None:
    counts = np.zeros(1000, int)

    def kernel(first: int, stop: int, step: int) -> None:
        counts[first:stop] += step

    arrays.by_rows(kernel, 1000, 2)
    arrays.by_rows(kernel, 5, 1)
    arrays.in_pieces(lambda first, stop: kernel(first, stop, 1), 10, 20, 4)
    assert counts.tolist() == [3] * 5 + [2] * 5 + [3] * 10 + [2] * 980


@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(0, 45), st.integers(1, 6))
def test_the_first_best_are_those_of_a_stable_sort(seed: int, width: int, k: int, values: int) -> None:
    random = np.random.default_rng(seed)
    scores = random.integers(0, values, (5, width)).astype(np.float32)
    scores[random.random((5, width)) < 0.3] = -np.inf
    np.testing.assert_array_equal(arrays.first_best(scores, k), np.argsort(-scores, axis=1, kind="stable")[:, :k])
