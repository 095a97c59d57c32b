"""The hybrid rule and its rivals against slow loops, on every edge of DEFINITIONS.md, section 10."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest

from core.errors import BadInput, ShapeMismatch, UnknownName
from core.fusion.bm25 import Bm25, tokens
from core.fusion.catalogue import CATALOGUE_STRATEGIES, fused_scores, reciprocal_ranks, scores, weights
from core.fusion.catalogue_components import Alternatives, Components
from core.types import unit

WEIGHING = [entry.name for entry in CATALOGUE_STRATEGIES if entry.function]


def world(seed: int, n_items: int = 14, n_components: int = 3, dim: int = 6, missing: float = 0.3) -> Components:
    random = np.random.default_rng(seed)
    common = random.normal(size=dim)
    made = {}
    for number in range(n_components):
        values = unit(random.normal(size=(n_items, dim)) + number * 0.8 * common)
        values[random.random(n_items) < missing] = 0
        made[f"part {number}"] = values
    return Components(made)


def slow_score(strategy: str, components: Components, query: np.ndarray, item: int, shares) -> float:
    """Section 10 word by word: pairs for G, one component at a time, the fused vector really formed."""
    norm = np.linalg.norm(query)
    query = query / norm if norm > 1e-12 else query * 0
    parts = [components.vectors(name) for name in components.names]
    has = [bool(np.linalg.norm(rows[item]) > 1e-12) for rows in parts]
    if not any(has):
        return 0.0
    G = []
    for rows in parts:
        own = [row for row in rows if np.linalg.norm(row) > 1e-12]
        pairs = [a @ b for i, a in enumerate(own) for b in own[i + 1 :]]
        G.append(sum(pairs) / len(pairs) if pairs else 0.0)
    p = []
    for i, rows in enumerate(parts):
        L = float(query @ rows[item])
        rule = {
            "average": 1.0,
            "fixed": shares[i],
            "hybrid": max(G[i], 0) * max(L, 0),
            "local": max(L, 0),
            "distinct": 1 - min(max(G[i], 0), 1),
        }[strategy]
        p.append(rule if has[i] else 0.0)
    total = sum(p)
    if total > 1e-12:
        w = [value / total for value in p]
    else:
        w = [0.0 if strategy == "fixed" else has[i] / sum(has) for i in range(len(parts))]
    fused = sum(w[i] * parts[i][item] for i in range(len(parts)))
    length = np.linalg.norm(fused)
    return float(query @ fused / length) if length > 1e-12 else 0.0


@pytest.mark.parametrize("strategy", WEIGHING)
@pytest.mark.parametrize("seed", range(6))
def test_scores_equal_the_slow_loop(strategy, seed):
    components = world(seed, n_components=1 + seed % 4)
    queries = np.random.default_rng(seed + 50).normal(size=(5, components.dim))
    queries[4] = 0
    shares = np.random.default_rng(seed).uniform(size=len(components))
    shares[0] = 0.0 if len(components) > 1 else 1.0
    found = scores(strategy, components, queries, shares)
    expected = [
        [slow_score(strategy, components, query, item, shares) for item in range(components.n_items)]
        for query in queries
    ]
    np.testing.assert_allclose(found, expected, atol=1e-12)
    assert (np.abs(found) <= 1 + 1e-12).all()


def test_the_global_similarity_is_the_mean_over_pairs_of_those_that_have_it():
    components = world(3)
    for i, name in enumerate(components.names):
        rows = components.vectors(name)[components.present[:, i]]
        pairs = [rows[a] @ rows[b] for a in range(len(rows)) for b in range(a + 1, len(rows))]
        assert components.global_similarity[i] == pytest.approx(np.mean(pairs), abs=1e-12)


def test_fewer_than_two_items_with_a_component_give_a_global_similarity_of_zero():
    rows = unit(np.eye(3))
    lone = rows.copy()
    lone[1:] = 0
    components = Components({"all": rows, "one": lone, "none": np.zeros((3, 3))})
    assert components.global_similarity[1] == 0 and components.global_similarity[2] == 0
    np.testing.assert_array_equal(components.present.sum(axis=0), [3, 1, 0])


def test_two_negatives_do_not_make_a_positive_weight():
    opposed = np.array([[1.0, 0, 0], [-1.0, 0, 0]])  # G = -1
    other = np.array([[0, 1.0, 0], [0, 1.0, 0]])  # G = 1
    components = Components({"opposed": opposed, "other": other})
    assert components.global_similarity[0] == pytest.approx(-1)
    query = unit(np.array([[-1.0, 0.2, 0.0]]))  # L of item 0 is negative for the opposed component
    similarities = components.similarities(query)
    assert similarities[0, 0, 0] < 0
    found = weights("hybrid", similarities, components, None)
    np.testing.assert_allclose(found[0, 0], [0, 1])


def test_where_the_rule_gives_next_to_nothing_the_present_components_count_alike():
    rows = unit(np.array([[1.0, 0, 0], [1.0, 0.1, 0]]))
    lacking = np.array([[0, 1.0, 0], [0, 0, 0]])
    components = Components({"a": rows, "b": lacking})
    for query in (np.array([[-1.0, -1.0, 0]]), np.array([[1e-14, 0, 1.0]]), np.zeros((1, 3))):
        found = weights("hybrid", components.similarities(unit(query)), components, None)
        np.testing.assert_allclose(found[0], [[0.5, 0.5], [1, 0]])


def test_an_item_without_components_scores_zero_everywhere():
    components = world(1)
    empty = {name: components.vectors(name).copy() for name in components.names}
    for rows in empty.values():
        rows[2] = 0
    components = Components(empty)
    queries = unit(np.random.default_rng(0).normal(size=(4, components.dim)))
    for strategy in [*WEIGHING, "rrf"]:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = scores(strategy, components, queries)
        assert (found[:, 2] == 0).all() and np.isfinite(found).all()
    assert (weights("average", components.similarities(queries), components, None)[:, 2] == 0).all()


def test_components_that_cancel_out_score_zero_not_nan():
    a = np.array([[1.0, 0], [0, 1.0]])
    components = Components({"a": a, "b": np.array([[-1.0, 0], [0, 1.0]])})
    found = scores("average", components, np.array([[1.0, 0.0]]))
    assert found[0, 0] == 0 and np.isfinite(found).all()


def test_one_component_alone_is_the_plain_cosine_under_every_strategy():
    components = world(2, n_components=1, missing=0.0)
    queries = unit(np.random.default_rng(1).normal(size=(3, components.dim)))
    expected = queries.astype(float) @ components.vectors("part 0").T
    for strategy in WEIGHING:
        np.testing.assert_allclose(scores(strategy, components, queries), expected, atol=1e-7)


def test_a_share_of_one_is_that_component_alone_and_lacking_it_scores_zero():
    components = world(4)
    queries = unit(np.random.default_rng(1).normal(size=(3, components.dim)))
    found = scores("fixed", components, queries, np.array([0.0, 2.0, 0.0]))
    np.testing.assert_allclose(found, components.similarities(queries)[:, :, 1], atol=1e-12)
    assert (found[:, ~components.present[:, 1]] == 0).all()


def test_weights_sum_to_one_over_what_an_item_has():
    components = world(5)
    similarities = components.similarities(unit(np.random.default_rng(5).normal(size=(4, components.dim))))
    for strategy in WEIGHING:
        found = weights(strategy, similarities, components, None)
        assert found.shape == similarities.shape
        np.testing.assert_allclose(found.sum(axis=2), np.broadcast_to(components.present.any(axis=1), (4, 14)))
        assert (found[:, ~components.present] == 0).all() and (found >= 0).all()


def test_items_with_the_same_components_get_the_same_score_to_the_last_bit():
    random = np.random.default_rng(8)
    parts = {name: unit(random.normal(size=(101, 384))) for name in ("title", "text", "picture")}
    twins = [3, 50, 77, 100]
    for rows in parts.values():
        rows[twins] = rows[3]
    components = Components(parts)
    queries = unit(random.normal(size=(7, 384)))
    for strategy in WEIGHING:
        found = scores(strategy, components, queries)
        assert (found[:, twins] == found[:, [3]]).all()


def test_blocks_give_what_one_piece_gives(monkeypatch):
    components = world(6, n_items=40)
    queries = unit(np.random.default_rng(5).normal(size=(23, components.dim)))
    whole = scores("hybrid", components, queries)
    monkeypatch.setattr("core.fusion.catalogue._BLOCK_BYTES", 8 * 40 * 3 * 4 * 5)
    np.testing.assert_allclose(scores("hybrid", components, queries), whole, atol=1e-14)


def test_reciprocal_ranks_equal_the_slow_loop_and_break_ties_by_position():
    similarities = np.array([[[0.5, 0.1], [0.5, 0.9], [0.7, 0.0]]])
    present = np.array([[True, True], [True, True], [True, False]])
    found = reciprocal_ranks(similarities, present)
    assert found[0] == pytest.approx([1 / 62 + 1 / 62, 1 / 63 + 1 / 61, 1 / 61], abs=1e-12)


def test_the_gram_trick_equals_the_vector_that_is_really_formed():
    components = world(9)
    queries = np.random.default_rng(2).normal(size=(3, components.dim))
    similarities = components.similarities(queries)
    random_weights = np.random.default_rng(3).uniform(size=similarities.shape) * components.present
    found = fused_scores(components.fit(queries), random_weights)
    for q in range(3):
        for n in range(components.n_items):
            fused = sum(random_weights[q, n, i] * components.vectors(c)[n] for i, c in enumerate(components.names))
            length = np.linalg.norm(fused)
            expected = queries[q] @ fused / length / np.linalg.norm(queries[q]) if length > 1e-12 else 0
            assert found[q, n] == pytest.approx(expected, abs=1e-9)


def world_of_several(seed: int) -> tuple[Components, np.ndarray, np.ndarray]:
    """Titles, and none to four pictures of each item, in no order; some repeat, one is empty."""
    random = np.random.default_rng(seed)
    n_items, dim = 9, 5
    common = random.normal(size=dim)
    title = unit(random.normal(size=(n_items, dim)) + common)
    title[random.random(n_items) < 0.2] = 0
    owner = random.permutation(np.repeat(np.arange(n_items), random.integers(0, 5, n_items)))
    rows = unit(random.normal(size=(len(owner), dim)) + 0.7 * common)
    rows[1::5] = rows[0]
    rows[-1] = 0
    alternatives = Alternatives(rows, owner, n_items)
    return (
        Components({"title": title, "picture": unit(alternatives.means)}, ("picture", alternatives)),
        alternatives.rows,
        owner,
    )


@pytest.mark.parametrize("strategy", WEIGHING)
@pytest.mark.parametrize("seed", range(4))
def test_the_best_of_several_pictures_equals_the_slow_loop(strategy, seed):
    components, rows, owner = world_of_several(seed)
    queries = np.random.default_rng(seed + 7).normal(size=(4, 5))
    queries[3] = 0
    shares = np.array([0.3, 0.7])
    found = scores(strategy, components, queries, shares)
    own = [[row for row, item in zip(rows, owner) if item == n and row.any()] for n in range(components.n_items)]
    means = [
        np.mean([a @ b for a in own[m] for b in own[n]])
        for m in range(components.n_items)
        for n in range(m)
        if own[m] and own[n]
    ]
    assert components.global_similarity[1] == pytest.approx(np.mean(means), abs=1e-12)
    for q, query in enumerate(queries):
        for n in range(components.n_items):
            # the same item as if the picture that fits best were its only one, G being that of all pictures
            best = max(own[n], key=lambda row: query @ row, default=np.zeros(5))
            only = Components({"title": components.vectors("title")[[n]], "picture": best[None]})
            only.global_similarity = components.global_similarity
            assert found[q, n] == pytest.approx(scores(strategy, only, query[None], shares)[0, 0], abs=1e-12)


def test_of_several_pictures_the_one_that_fits_is_named_and_the_first_of_equals():
    rows = unit(np.array([[0.0, 1], [1, 0], [1, 0], [1, 1]]))
    alternatives = Alternatives(rows, np.array([0, 0, 0, 2]), 3)
    components = Components({"picture": unit(alternatives.means)}, ("picture", alternatives))
    fit = components.fit(np.array([[1.0, 0], [0, 1.0], [0, 0]]))
    assert fit.chosen.tolist() == [[1, -1, 3], [0, -1, 3], [0, -1, 3]]
    np.testing.assert_allclose(fit.similarities[:2, :, 0], [[1, 0, 0.5**0.5], [1, 0, 0.5**0.5]])
    assert components.present[:, 0].tolist() == [True, False, True]
    found = reciprocal_ranks(fit.similarities, components.present)
    np.testing.assert_allclose(found[0], [1 / 61, 0, 1 / 62], atol=1e-12)


def test_one_picture_each_is_the_same_with_and_without_alternatives():
    plain = world(11)
    rows = plain.vectors("part 1")
    order = np.random.default_rng(0).permutation(len(rows))
    vectors = {name: plain.vectors(name) for name in plain.names}
    several = Components(vectors, ("part 1", Alternatives(rows[order], order, len(rows))))
    queries = np.random.default_rng(1).normal(size=(6, plain.dim))
    for strategy in [*WEIGHING, "rrf"]:
        np.testing.assert_allclose(scores(strategy, several, queries), scores(strategy, plain, queries), atol=1e-12)


def test_what_does_not_belong_together_is_refused():
    rows = np.eye(3)
    with pytest.raises(ShapeMismatch, match="one space"):
        Components({"a": rows, "b": np.eye(4)})
    with pytest.raises(ShapeMismatch, match="one space"):
        Components({})
    with pytest.raises(BadInput, match="not finite"):
        Components({"a": rows * np.nan})
    components = Components({"a": rows, "b": rows})
    with pytest.raises(ShapeMismatch, match="3"):
        components.similarities(np.eye(4))
    with pytest.raises(ShapeMismatch, match="2 components"):
        scores("fixed", components, rows, np.ones(3))
    for wrong in ([0, 0], [-1, 2], [np.nan, 1]):
        with pytest.raises(BadInput, match="Weights"):
            scores("fixed", components, rows, np.array(wrong, float))
    with pytest.raises(UnknownName, match="hybrid"):
        scores("hybird", components, rows)
    with pytest.raises(BadInput, match="words"):
        scores("bm25", components, rows)


def test_every_strategy_says_where_it_comes_from():
    assert {"average", "fixed", "hybrid", "local", "distinct", "rrf", "bm25"} == set(CATALOGUE_STRATEGIES.names)
    for entry in CATALOGUE_STRATEGIES:
        assert entry.label and entry.help and entry.reference
        assert (entry.function is not None) == (entry.joins == "vectors")


def slow_bm25(documents: list[list[str]], query: list[str]) -> list[float]:
    """Okapi BM25, k1 = 1.5, b = 0.75, negative idf replaced by a quarter of the mean idf."""
    mean_length = sum(map(len, documents)) / len(documents)
    every = {word for words in documents for word in words}
    idf = {}
    for word in every:
        n = sum(word in words for words in documents)
        idf[word] = math.log(len(documents) - n + 0.5) - math.log(n + 0.5)
    floor = 0.25 * sum(idf.values()) / len(idf)
    idf = {word: value if value >= 0 else floor for word, value in idf.items()}
    found = []
    for words in documents:
        score = 0.0
        for word in query:
            f = words.count(word)
            score += idf.get(word, 0) * f * 2.5 / (f + 1.5 * (0.25 + 0.75 * len(words) / mean_length))
        found.append(score)
    return found


def test_bm25_equals_its_formula():
    texts = ["red shoe for running", "blue shoe", "a green hat with a feather", "", "running running fast", "sock"]
    index = Bm25(texts)
    for query in ("red shoe", "running", "feather hat green", "nothing of it"):
        expected = slow_bm25([tokens(text) for text in texts], tokens(query))
        np.testing.assert_allclose(index.scores([(query, 1.0)]), expected, atol=1e-12)
    np.testing.assert_allclose(
        index.scores([("shoe", 2.0), ("red", -1.0)]),
        2 * index.scores([("shoe", 1.0)]) - index.scores([("red", 1.0)]),
    )
    assert (Bm25(["", ""]).scores([("shoe", 1.0)]) == 0).all()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Running JACKETS, size-40 (glass)", ["running", "jacket", "size", "40", "glass"]),
        ("a jacket for the rain", ["jacket", "rain"]),
        ("to be or not to be", ["to", "be", "or", "not", "to", "be"]),
        ("Crème brûlée", ["creme", "brulee"]),
        ("赤い靴", ["赤", "い", "靴"]),
        ("Красные туфли", ["красные", "туфли"]),
        ("🙂 ... !", []),
        ("", []),
    ],
)
def test_words_of_a_text(text, expected):
    assert tokens(text) == expected
