"""How much two lists have in common: by counting sets, and by the definition of rank-biased overlap, rank by rank."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import BadInput
from core.studies.retrieval import list_overlap


def padded(rows: list[list[int]], width: int) -> np.ndarray:
    return np.array([row + [-1] * (width - len(row)) for row in rows], dtype=np.int64).reshape(len(rows), width)


def rank_biased(left: list[int], right: list[int], p: float) -> float:
    """Equation 32 of Webber, Moffat and Zobel 2010, one rank after the other."""
    short, long = sorted((left, right), key=len)
    s, n = len(short), len(long)
    x = [len(set(short[:d]) & set(long[:d])) for d in range(n + 1)]
    total = sum(x[d] / d * p**d for d in range(1, n + 1))
    total += sum(x[s] * (d - s) / (s * d) * p**d for d in range(s + 1, n + 1))
    return (1 - p) / p * total + ((x[n] - x[s]) / n + x[s] / s) * p**n


def test_lists_by_hand() -> None:
    left = padded([[1, 2, 3], [4, 5], [7, 8, 9], [], [1]], 3)
    right = padded([[1, 2, 3], [6, 7, 8], [9, 8, 7], [1, 2], []], 3)
    overlap = list_overlap(left, right, 3)
    assert overlap.only_left.tolist() == [0, 2, 0, 0, 1]
    assert overlap.both.tolist() == [3, 0, 3, 0, 0]
    assert overlap.only_right.tolist() == [0, 3, 0, 2, 0]
    np.testing.assert_allclose(overlap.jaccard, [1, 0, 1, 0, 0])
    np.testing.assert_allclose(overlap.rank_biased[:2], [1, 0], atol=1e-12)
    assert 0.5 < overlap.rank_biased[2] < 1 and np.isnan(overlap.rank_biased[3:]).all()
    assert np.isnan(list_overlap(padded([[]], 2), padded([[]], 2), 2).jaccard).all()


LISTS = st.lists(st.integers(0, 12), min_size=1, max_size=9, unique=True)


@settings(max_examples=150)
@given(st.lists(st.tuples(LISTS, LISTS), min_size=1, max_size=5), st.integers(1, 9), st.floats(0.1, 0.98))
def test_it_is_what_its_definition_says(pairs: list, k: int, p: float) -> None:
    overlap = list_overlap(padded([a for a, _ in pairs], 9), padded([b for _, b in pairs], 9), k, p)
    turned = list_overlap(padded([b for _, b in pairs], 9), padded([a for a, _ in pairs], 9), k, p)
    for at, (a, b) in enumerate(pairs):
        first, second = a[:k], b[:k]
        both = len(set(first) & set(second))
        assert (overlap.only_left[at], overlap.both[at], overlap.only_right[at]) == (
            len(first) - both,
            both,
            len(second) - both,
        )
        assert overlap.jaccard[at] == pytest.approx(both / len({*first, *second}))
        assert overlap.rank_biased[at] == pytest.approx(rank_biased(first, second, p), abs=1e-9)
    np.testing.assert_allclose(overlap.rank_biased, turned.rank_biased, atol=1e-12)


def test_many_queries_are_counted_in_pieces() -> None:
    random = np.random.default_rng(0)
    left, right = (np.array([random.permutation(40)[:20] for _ in range(2500)]) for _ in range(2))
    overlap = list_overlap(left, right, 20)
    assert overlap.both.tolist() == [len(set(a) & set(b)) for a, b in zip(left.tolist(), right.tolist())]


def test_the_sentence_says_means_and_intervals() -> None:
    overlap = list_overlap(padded([[1, 2], [1, 3], [5, 6]], 2), padded([[1, 2], [1, 4], [7, 8]], 2), 2)
    text = overlap.sentence("A", "B", classes=np.array([0, 0, 1]))
    assert text.startswith("Of the first 2 results, 1.0 are only in A, 1.0 in both, 1.0 only in B; Jaccard 0.444 [")
    assert text.endswith("(mean of 3 queries).")
    one = list_overlap(padded([[1, 2]], 2), padded([[1, 3]], 2), 2).sentence()
    assert "[" not in one and one.endswith("(this query).")


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(BadInput, match="same queries"):
        list_overlap(np.zeros((2, 1), int), np.zeros((3, 1), int), 1)
    with pytest.raises(BadInput, match="between 0 and 1"):
        list_overlap(np.zeros((2, 1), int), np.zeros((2, 1), int), 1, 1.0)
