"""Ranks, RRF and Borda against slow loops and ranx."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.fusion import rank
from tests import ranx_reference


def slow_ranks(scores: np.ndarray, own: np.ndarray) -> np.ndarray:
    result = np.zeros(scores.shape, int)
    for i, row in enumerate(scores):
        kept = [j for j in range(len(row)) if j != own[i] and np.isfinite(row[j])]
        for place, j in enumerate(sorted(kept, key=lambda j: (-row[j], j)), start=1):
            result[i, j] = place
    return result


TIED = st.integers(0, 2**32 - 1).map(np.random.default_rng)


@settings(max_examples=60)
@given(TIED, st.integers(1, 6), st.integers(1, 12))
def test_ranks_are_those_of_a_stable_sort(rng: np.random.Generator, n_queries: int, n_gallery: int) -> None:
    scores = rng.choice(np.array([-1.0, -0.25, -0.0, 0.0, 0.25, 1.0], np.float32), (n_queries, n_gallery))
    own = rng.integers(-1, n_gallery, n_queries)
    assert np.array_equal(rank.ranks(scores, own), slow_ranks(scores, own))


def test_what_was_not_retrieved_has_no_rank() -> None:
    scores = np.array([[0.5, -np.inf, 0.7]], np.float32)
    assert rank.ranks(scores).tolist() == [[2, 0, 1]]


@settings(max_examples=60)
@given(TIED, st.integers(1, 4), st.one_of(st.none(), st.integers(1, 9)))
def test_rrf_is_the_sum_of_reciprocals(rng: np.random.Generator, n_backbones: int, depth: int | None) -> None:
    scores = rng.choice(np.linspace(-1, 1, 7, dtype=np.float32), (n_backbones, 4, 9))
    own, weights = rng.integers(-1, 9, 4), rng.random(n_backbones) + 0.1
    found = rank.rrf(list(scores), weights, own=own, k=60, depth=depth)
    places = [slow_ranks(one, own) for one in scores]
    for i in range(4):
        for j in range(9):
            terms = [
                w / (60 + p[i, j]) for w, p in zip(weights, places) if p[i, j] and (depth is None or p[i, j] <= depth)
            ]
            expected = round(sum(terms), 12) if terms else -np.inf
            assert found[i, j] == pytest.approx(expected, abs=2e-12)


def test_rrf_ties_whatever_the_order_of_addition() -> None:
    rng = np.random.default_rng(5)
    scores = [rng.standard_normal((20, 30)).astype(np.float32) for _ in range(3)]
    one = rank.rrf(scores, np.ones(3))
    for order in ([1, 2, 0], [2, 1, 0], [0, 2, 1]):
        assert np.array_equal(one, rank.rrf([scores[m] for m in order], np.ones(3)))


def test_borda_gives_one_point_to_the_last() -> None:
    scores = [np.array([[0.1, 0.9, 0.5, 0.3]], np.float32), np.array([[0.9, 0.1, 0.5, 0.3]], np.float32)]
    own = np.array([2])
    assert rank.borda(scores, np.array([1.0, 2.0]), own=own).tolist() == [[1 + 2 * 3, 3 + 2 * 1, -np.inf, 2 + 2 * 2]]
    cut = rank.borda(scores, np.ones(2), own=own, depth=1)
    assert cut.tolist() == [[1.0, 1.0, -np.inf, -np.inf]]


def test_borda_of_queries_in_and_outside_the_gallery() -> None:
    scores = np.array([[0.1, 0.2, 0.3], [0.1, 0.2, 0.3]], np.float32)
    found = rank.borda([scores], np.ones(1), own=np.array([2, -1]))
    assert found.tolist() == [[1, 2, -np.inf], [1, 2, 3]]


@pytest.mark.slow
def test_rrf_agrees_with_ranx() -> None:
    rng = np.random.default_rng(0)
    # Falling scores without ties: ranx has its own order for equal scores.
    scores = [rng.permuted(np.tile(np.linspace(-1, 1, 25, dtype=np.float32), (8, 1)), axis=1) for _ in range(3)]
    (theirs,) = ranx_reference.fused(scores, {"method": "rrf", "params": {"k": 60}})
    assert np.allclose(rank.rrf(scores, np.ones(3), k=60), theirs, rtol=0, atol=1e-11)
