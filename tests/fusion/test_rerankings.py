"""Re-rankings against slow loops of their definitions, in which the query's own row is not in the gallery at all."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_ndtr

from core.errors import BadInput
from core.fusion import gallery_graph
from core.fusion.gallery_graph import GalleryGraph
from core.fusion.rerankings import RERANKINGS, best_of, rerank
from core.metrics import hubs
from core.types import unit


def clustered(seed: int, n: int = 60, dim: int = 8, n_groups: int = 6) -> np.ndarray:
    """(n, dim) unit vectors in loose groups."""
    random = np.random.default_rng(seed)
    centres = random.standard_normal((n_groups, dim))
    return unit(centres[random.integers(0, n_groups, n)] + 0.6 * random.standard_normal((n, dim)))


def own_scores(rows: np.ndarray, own: np.ndarray) -> np.ndarray:
    scores = rows[own] @ rows.T
    scores[np.arange(len(own)), own] = -np.inf
    return scores


def nearest(gallery: np.ndarray, image: int, k: int) -> list[int]:
    scores = gallery @ gallery[image]
    scores[image] = -np.inf
    return [int(j) for j in np.argsort(-scores, kind="stable")[:k] if scores[j] > -np.inf]


# ---------------------------------------------------------------- slow loops: a query, and a gallery without it


def slow_expansion(query: np.ndarray, gallery: np.ndarray, n: int, alpha: float) -> np.ndarray:
    scores = gallery @ query
    joined = query.astype(float).copy()
    for j in np.argsort(-scores, kind="stable")[:n]:
        joined += max(scores[j], 0) ** alpha * gallery[j]
    return gallery @ unit(joined[None])[0]


def slow_augmented(gallery: np.ndarray, n: int, alpha: float) -> np.ndarray:
    rows = []
    for g in range(len(gallery)):
        near = nearest(gallery, g, n)
        rows.append(gallery[g] + sum(max(float(gallery[g] @ gallery[j]), 0) ** alpha * gallery[j] for j in near))
    return unit(np.array(rows))


def slow_augmentation_expansion(query: np.ndarray, gallery: np.ndarray, n: int, alpha: float) -> np.ndarray:
    return slow_expansion(query, slow_augmented(gallery, n, alpha), n, alpha)


def slow_augmentation(query: np.ndarray, gallery: np.ndarray, n: int, alpha: float) -> np.ndarray:
    return slow_augmented(gallery, n, alpha) @ query


def slow_csls(query: np.ndarray, gallery: np.ndarray, k: int) -> np.ndarray:
    scores = gallery @ query
    mine = np.sort(scores)[::-1][:k].mean()
    theirs = [np.mean([gallery[g] @ gallery[j] for j in nearest(gallery, g, k)]) for g in range(len(gallery))]
    return 2 * scores - mine - np.array(theirs)


def slow_mutual_proximity(query: np.ndarray, gallery: np.ndarray) -> np.ndarray:
    scores = (gallery @ query).astype(float)
    values = []
    for g, score in enumerate(scores):
        others = np.delete(gallery @ gallery[g], g).astype(float)
        sides = [(score - side.mean()) / side.std() for side in (scores, others)]
        values.append(log_ndtr(sides[0]) + log_ndtr(sides[1]))
    return np.array(values)


def slow_k_reciprocal(query: np.ndarray, gallery: np.ndarray, k1: int, k2: int, lambda_: float) -> np.ndarray:
    n, half = len(gallery), max(1, round(k1 / 2))
    lists = {k: [nearest(gallery, g, k) for g in range(n)] for k in (k1, half, k2 - 1)}

    def mutual(g: int, k: int) -> set[int]:
        return {g} | {j for j in lists[k][g] if g in lists[k][j]}

    def expanded(base: set[int]) -> set[int]:
        result = set(base)
        for j in base:
            part = mutual(j, half)
            if 3 * len(part & base) >= 2 * len(part):
                result |= part
        return result

    def vector(members: set[int], scores: np.ndarray) -> np.ndarray:
        weights = np.zeros(n)
        for j in members:
            weights[j] = np.exp(-(2 - 2 * scores[j]))
        return weights / weights.sum() if members else weights

    raw = [vector(expanded(mutual(g, k1)), np.where(np.arange(n) == g, 1.0, gallery @ gallery[g])) for g in range(n)]
    averaged = [np.mean([raw[g], *(raw[j] for j in lists[k2 - 1][g])], axis=0) for g in range(n)]
    scores = (gallery @ query).astype(float)
    order = [int(j) for j in np.argsort(-scores, kind="stable")]
    kth = [(gallery[g] @ gallery[lists[k1][g][k1 - 1]]) if len(lists[k1][g]) == k1 else -np.inf for g in range(n)]
    base = {g for g in order[:k1] if scores[g] >= kth[g]}
    mine = np.mean([vector(expanded(base), scores), *(raw[j] for j in order[: k2 - 1])], axis=0)
    shared = np.array([np.minimum(mine, theirs).sum() for theirs in averaged])
    distance = 2 - 2 * scores
    return -((1 - lambda_) * (1 - shared / (2 - shared)) + lambda_ * distance / distance.max())


SLOW = {
    "query_expansion": (slow_expansion, {"n": 4, "alpha": 2.0}),
    "database_augmentation": (slow_augmentation, {"n": 4, "alpha": 2.0}),
    "augmentation_expansion": (slow_augmentation_expansion, {"n": 4, "alpha": 2.0}),
    "csls": (slow_csls, {"k": 5}),
    "mutual_proximity": (slow_mutual_proximity, {}),
    "k_reciprocal": (slow_k_reciprocal, {"k1": 7, "k2": 4, "lambda": 0.3}),
}


def fast(name: str, given_settings: dict, rows: np.ndarray, queries: np.ndarray, scores: np.ndarray, own: np.ndarray):
    return rerank(RERANKINGS.get(name), given_settings | {"keep": 0}, GalleryGraph(rows), queries, scores, own)


def test_every_reranking_has_a_slow_loop() -> None:
    assert set(SLOW) == set(RERANKINGS.names)


@pytest.mark.parametrize("name", SLOW)
@pytest.mark.parametrize("seed", range(3))
def test_it_equals_the_slow_loop_without_the_query_in_the_gallery(name: str, seed: int) -> None:
    rows = clustered(seed)
    own = np.arange(len(rows))
    slow, parameters = SLOW[name]
    made = fast(name, parameters, rows, rows, own_scores(rows, own), own)
    words = {("lambda_" if key == "lambda" else key): value for key, value in parameters.items()}
    for q in range(len(rows)):
        others = np.delete(own, q)
        assert made[q, others] == pytest.approx(slow(rows[q], rows[others], **words), abs=2e-6, rel=2e-6), q
        assert made[q, q] == -np.inf


@pytest.mark.parametrize("name", SLOW)
def test_foreign_queries_equal_the_slow_loop_too(name: str) -> None:
    rows, queries = clustered(5), clustered(6, n=9)
    slow, parameters = SLOW[name]
    made = fast(name, parameters, rows, queries, queries @ rows.T, np.full(9, -1))
    words = {("lambda_" if key == "lambda" else key): value for key, value in parameters.items()}
    for q in range(9):
        assert made[q] == pytest.approx(slow(queries[q], rows, **words), abs=2e-6, rel=2e-6)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(3, 40),
    k1=st.integers(1, 25),
    k2=st.integers(1, 8),
    share=st.floats(0, 1),
)
def test_k_reciprocal_of_any_size(seed: int, n: int, k1: int, k2: int, share: float) -> None:
    rows = clustered(seed, n, dim=5, n_groups=3)
    own = np.arange(n)
    made = fast("k_reciprocal", {"k1": k1, "k2": k2, "lambda": share}, rows, rows, own_scores(rows, own), own)
    q = seed % n
    others = np.delete(own, q)
    slow = slow_k_reciprocal(rows[q], rows[others], k1, min(k2, k1 + 1), share)
    assert made[q, others] == pytest.approx(slow, abs=2e-6)


# ---------------------------------------------------------------- what is promised whatever the method


@pytest.mark.parametrize("name", SLOW)
def test_the_first_hits_are_kept_and_copies_score_alike(name: str) -> None:
    rows = clustered(3)
    rows[11] = rows[10] = rows[4]
    own = np.arange(len(rows))
    scores = own_scores(rows, own)
    scores[:, [10, 11]] = scores[:, [4, 4]]
    scores[own, own] = -np.inf
    for q, copies in ((4, (10, 11)), (10, (4, 11)), (11, (4, 10))):
        scores[q, list(copies)] = 1.0
    for keep in (1, 3):
        made = rerank(RERANKINGS.get(name), SLOW[name][1] | {"keep": keep}, GalleryGraph(rows), rows, scores, own)
        plain = np.argsort(-scores, axis=1, kind="stable")[:, :keep]
        assert np.array_equal(np.argsort(-made, axis=1, kind="stable")[:, :keep], plain)
    made = fast(name, SLOW[name][1], rows, rows, scores, own)
    assert np.array_equal(made[20:, 4], made[20:, 10]) and np.array_equal(made[20:, 4], made[20:, 11])
    assert made[4, 10] == made[4, 11] and made[10, 4] == made[10, 11]


@pytest.mark.parametrize("name", SLOW)
def test_a_query_never_sees_the_other_queries(name: str) -> None:
    rows, queries = clustered(5), clustered(6, n=9)
    together = fast(name, SLOW[name][1], rows, queries, queries @ rows.T, np.full(9, -1))
    for q in range(9):
        one = queries[q : q + 1]
        alone = fast(name, SLOW[name][1], rows, one, (queries @ rows.T)[q : q + 1], np.array([-1]))
        assert alone[0] == pytest.approx(together[q], abs=1e-6)


def test_a_planted_hub_is_pushed_down_by_mutual_proximity() -> None:
    random = np.random.default_rng(8)
    centre = unit(random.standard_normal((1, 40)))
    rows = unit(random.standard_normal((200, 40)) + 4 * centre)
    rows[0] = centre[0]  # near to everything
    own = np.arange(len(rows))
    scores = own_scores(rows, own)
    made = fast("mutual_proximity", {}, rows, rows, scores, own)
    before, after = (hubs.hubness(best_of(each, 10), 200) for each in (scores, made))
    assert before.hubs(1)[0] == 0 and before.counts[0] > 150
    assert after.counts[0] < before.counts[0] / 3 and after.skewness < before.skewness
    assert len(hubs.finders(best_of(scores, 10), 0)[0]) == before.counts[0]


def test_a_planted_duplicate_class_shows_that_the_query_does_not_help_itself() -> None:
    """Pairs of near copies, all else noise: a graph that has the query in it lets its copy name it; without, it cannot."""
    random = np.random.default_rng(0)
    base = unit(random.standard_normal((40, 12)))
    rows = unit(np.concatenate([base, base + 0.02 * random.standard_normal(base.shape)]))
    own = np.arange(80)
    scores = own_scores(rows, own)
    settings = {"k1": 4, "k2": 2, "lambda": 0.0}
    clean = fast("k_reciprocal", settings, rows, rows, scores, own)
    naive = fast("k_reciprocal", settings, rows, rows, scores, np.full(80, -1))  # the graph knows the query
    slow = np.array([slow_k_reciprocal(rows[q], np.delete(rows, q, axis=0), 4, 2, 0.0) for q in range(80)])
    others = ~np.eye(80, dtype=bool)
    assert clean[others].reshape(80, 79) == pytest.approx(slow, abs=2e-6)
    assert np.abs(naive[others].reshape(80, 79) - slow).max() > 0.05


def test_depth_ranks_the_first_alone_and_keeps_the_rest() -> None:
    rows, queries = clustered(5, n=90), clustered(6, n=4)
    scores = queries @ rows.T
    made = fast("k_reciprocal", {"k1": 5, "k2": 2, "depth": 30}, rows, queries, scores, np.full(4, -1))
    for q in range(4):
        order = np.argsort(-scores[q], kind="stable")
        first = np.sort(order[:30])
        small = slow_k_reciprocal(queries[q], rows[first], 5, 2, 0.3)
        assert made[q, first] == pytest.approx(small, abs=2e-6)
        assert np.array_equal(np.argsort(-made[q], kind="stable")[30:], order[30:])


def test_memory_grows_with_the_neighbourhoods_and_never_with_the_square_of_the_gallery() -> None:
    rows = clustered(7, n=9_000, n_groups=600).astype(np.float32)
    square = 4 * len(rows) ** 2
    scores = own_scores(rows, np.arange(2))
    fast("k_reciprocal", {"k1": 4, "k2": 2}, rows[:200], rows[:2], scores[:, :200], np.arange(2))  # compiled before
    tracemalloc.start()
    made = rerank(
        RERANKINGS["k_reciprocal"],
        {"k1": 10, "k2": 3},
        GalleryGraph(rows),
        rows[:2],
        scores.astype(float),
        np.arange(2),
    )
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert np.isfinite(made[0, 1:]).all() and peak < 0.75 * square, f"{peak / 1e6:.0f} of {square / 1e6:.0f} MB"


def test_what_would_not_fit_is_refused_and_what_is_remembered_stays_within_the_bound(monkeypatch) -> None:
    rows = clustered(8, n=400).astype(np.float32)
    graph = GalleryGraph(rows)
    graph.nearest(31)
    monkeypatch.setattr(gallery_graph, "MOST_BYTES", 300_000)
    with pytest.raises(BadInput, match="smaller k1 and k2, or a depth"):
        rerank(RERANKINGS["k_reciprocal"], {"k1": 30, "k2": 20}, graph, rows[:1], rows[:1] @ rows.T, np.full(1, -1))
    shallow = {"k1": 30, "k2": 20, "depth": 40}
    assert np.isfinite(fast("k_reciprocal", shallow, rows, rows[:1], rows[:1] @ rows.T, np.full(1, -1))).all()
    for number in range(6):
        graph.remember(("made", number), lambda: (np.zeros(10_000), np.zeros(5_000)))
        assert graph._remembered() <= gallery_graph.MOST_BYTES
    assert ("made", 5) in graph._memory and ("made", 0) not in graph._memory
    assert graph.n_bytes == rows.nbytes + sum(part.nbytes for part in graph._lists) + graph._remembered()
