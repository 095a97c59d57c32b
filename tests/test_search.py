"""The order of a list, exact ranks, the best k, blocks and memory: against slow, obvious loops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import BadInput, ShapeMismatch, UnknownName
from core.search import BlockScores, CosineScores, LiveEngine, first_copies, rank_scores
from core.search.index import GalleryIndex
from core.types import Relevance, Split, unit
from tests.search_reference import fused_scores, top


def slow_list(scores: np.ndarray, leave_out: set[int]) -> list[int]:
    """The contract's order of one list: score falling, position rising, some left out, −inf not retrieved."""
    there = [j for j in range(len(scores)) if j not in leave_out and scores[j] > -np.inf]
    return sorted(there, key=lambda j: (-scores[j], j))


def check(scores: np.ndarray, truth: Relevance, k: int = 7) -> None:
    """Everything `rank_scores` says, said again by the slow way."""
    ranked = rank_scores(scores, truth, k=k, hits=True)
    for q in range(truth.n_queries):
        relevant = set(truth.relevant(q).tolist())
        order = slow_list(scores[q], set(truth.junk(q).tolist()) | {int(truth.self_position[q])})
        ranks = [i + 1 for i, item in enumerate(order) if item in relevant]
        assert ranked.ranks.of(q).tolist() == ranks
        begin, end = ranked.ranks.indptr[q : q + 2]
        assert end - begin == len(relevant) == truth.n_relevant[q]
        assert (ranked.ranks.ranks[begin + len(ranks) : end] == ranked.ranks.NOT_RETRIEVED).all()
        assert ranked.ranks.hits[begin : begin + len(ranks)].tolist() == [j for j in order if j in relevant]
        best = order[:k]
        assert ranked.best.items[q, : len(best)].tolist() == best
        assert (ranked.best.items[q, len(best) :] == -1).all()
        assert np.isnan(ranked.best.scores[q, len(best) :]).all()
        assert np.array_equal(ranked.best.scores[q, : len(best)], scores[q, best].astype(np.float32))
        hit_scores = {float(scores[q, j]) for j in order if j in relevant}
        other_scores = {float(scores[q, j]) for j in order if j not in relevant}
        assert ranked.mixed_ties[q] == bool(hit_scores & other_scores)
        full = truth.n_gallery - len(set(truth.junk(q).tolist()) | ({int(truth.self_position[q])} - {-1}))
        assert ranked.ranks.list_length[q] == full


def single_label(n: int, classes: int, seed: int) -> Relevance:
    labels = np.random.default_rng(seed).integers(-1, classes, n)
    return Relevance(n, n, self_position=np.arange(n), query_classes=labels, gallery_classes=labels)


def shapes_of_scores(n: int, m: int, seed: int) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(seed)
    plain = draw.normal(size=(n, m))
    sparse = np.where(draw.random((n, m)) < 0.4, -np.inf, draw.integers(0, 5, (n, m)))
    signed_zero = draw.choice([0.0, -0.0, 0.5], (n, m))
    skewed = np.where(draw.random((n, m)) < 0.02, -1e6, 1 + 1e-7 * draw.integers(0, 50, (n, m)))
    return {
        "random": plain,
        "few values": np.round(plain, 1),
        "constant": np.zeros((n, m)),
        "narrow": 0.99 + plain * 1e-6,
        "signed zero": signed_zero,
        "partial": sparse,
        "nothing retrieved": np.full((n, m), -np.inf),
        "skewed": skewed,
        "huge": plain * 1e30,
        "tiny": plain * 1e-40,
        "nearly nothing": plain * 1e-310,
        "as far apart as can be": plain * 3e37,
        "beyond each other": np.where(plain > 0, 3.4e38, -3.4e38) * (1 - 1e-3 * draw.random((n, m))),
        "far beyond": np.where(plain > 0, 1.7e308, -1.7e308) * (1 - 1e-3 * draw.random((n, m))),
        "infinite": np.where(draw.random((n, m)) < 0.2, np.inf, plain),
        "infinite both ways": draw.choice([np.inf, -np.inf, 0.0], (n, m)),
    }


@pytest.mark.filterwarnings("ignore:overflow encountered in cast")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", list(shapes_of_scores(1, 1, 0)))
def test_ranks_are_those_of_the_slow_way(kind: str, dtype: type) -> None:
    for seed, classes in ((0, 3), (1, 30), (2, 1)):
        check(shapes_of_scores(90, 90, seed)[kind].astype(dtype), single_label(90, classes, seed))


def test_one_big_class_with_crowded_bins_is_exact() -> None:
    scores = shapes_of_scores(400, 400, 5)["skewed"].astype(np.float32)
    labels = np.zeros(400, np.int64)
    labels[::9] = 1
    check(scores, Relevance(400, 400, self_position=np.arange(400), query_classes=labels, gallery_classes=labels))


def random_lists(draw: np.random.Generator, n: int, m: int, graded: bool) -> Relevance:
    """Pairs with junk, self inside the gallery for some, queries with nothing relevant."""
    own = np.where(draw.random(n) < 0.5, draw.integers(0, m, n), -1)
    kind = draw.choice(3, (n, m), p=[0.7, 0.2, 0.1])
    kind[np.flatnonzero(own >= 0), own[own >= 0]] = 0
    kind[draw.random(n) < 0.1] = 0
    relevant, junk = [np.flatnonzero(row == 1) for row in kind], [np.flatnonzero(row == 2) for row in kind]
    indptr = np.cumsum([0, *map(len, relevant)])
    gains = draw.integers(1, 4, indptr[-1]).astype(float) if graded else None
    return Relevance(
        n, m, indptr, np.concatenate(relevant), gains, np.cumsum([0, *map(len, junk)]), np.concatenate(junk), own
    )


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 12), m=st.integers(1, 40), graded=st.booleans())
def test_lists_of_pairs_with_junk_and_self(seed: int, n: int, m: int, graded: bool) -> None:
    draw = np.random.default_rng(seed)
    truth = random_lists(draw, n, m, graded)
    for scores in (draw.normal(size=(n, m)), draw.integers(0, 3, (n, m)).astype(np.float64)):
        check(scores, truth, k=int(draw.integers(1, 50)))
        if graded:
            ranks = rank_scores(scores, truth, hits=True).ranks
            for q in range(n):
                known = dict(zip(truth.relevant(q), truth.gains[truth.indptr[q] : truth.indptr[q + 1]]))
                mine = slice(ranks.indptr[q], ranks.indptr[q + 1])
                assert ranks.gains[mine].tolist() == [known[item] for item in ranks.hits[mine]]
                assert ranks.ideal_gains[mine].tolist() == sorted(known.values(), reverse=True)


@settings(max_examples=12)
@given(seed=st.integers(0, 2**32 - 1), kind=st.sampled_from(list(shapes_of_scores(1, 1, 0))), lane=st.integers(0, 40))
def test_long_lists_of_any_shape_are_those_of_the_slow_way(seed: int, kind: str, lane: int) -> None:
    draw = np.random.default_rng(seed)
    n_gallery = 600 + lane  # every remainder of a cache line
    truth = random_lists(draw, 6, n_gallery, graded=False)
    with np.errstate(over="ignore"):
        scores = shapes_of_scores(6, n_gallery, seed)[kind].astype(draw.choice([np.float32, np.float64]))
        check(scores, truth)


def test_split_with_the_query_inside_the_gallery_and_classes_with_junk() -> None:
    split = Split(queries=np.array([0, 3, 5]), gallery=np.array([5, 4, 0, 2, 1]))
    labels = np.array([0, 0, 1, 1, 1, 0])
    truth = Relevance(
        3,
        5,
        junk_indptr=np.array([0, 1, 1, 3]),
        junk_items=np.array([3, 1, 3]),
        self_position=split.self_position,
        query_classes=labels[split.queries],
        gallery_classes=labels[split.gallery],
    )
    assert truth.n_relevant.tolist() == [2, 2, 2]
    check(np.random.default_rng(0).normal(size=(3, 5)), truth)


def test_relevance_refuses_what_contradicts_itself() -> None:
    with pytest.raises(BadInput, match="both relevant and junk"):
        Relevance(1, 3, np.array([0, 1]), np.array([1]), None, np.array([0, 1]), np.array([1]))
    with pytest.raises(BadInput, match="relevant to itself"):
        Relevance(1, 3, np.array([0, 1]), np.array([1]), self_position=np.array([1]))
    with pytest.raises(BadInput, match="outside the gallery"):
        Relevance(1, 3, np.array([0, 1]), np.array([3]))
    with pytest.raises(BadInput, match="must rise"):
        Relevance(2, 3, np.array([0, 2, 2]), np.array([1, 1]))
    with pytest.raises(ShapeMismatch):
        Relevance(2, 3)


def test_relevance_of_several_labels_counts_the_shared_ones() -> None:
    labels = np.array([[1, 1, 0], [0, 1, 1], [1, 1, 1], [0, 0, 0]], bool)
    truth = Relevance.from_matrices(labels, labels, np.arange(4))
    assert truth.n_relevant.tolist() == [2, 2, 2, 0]
    assert truth.gains.tolist() == [1, 2, 1, 2, 2, 2]
    taken = truth.take(np.array([2, 3]))
    assert taken.relevant(0).tolist() == [0, 1] and taken.n_relevant.tolist() == [2, 0]


def test_classes_and_their_lists_say_the_same() -> None:
    truth = single_label(50, 6, 3)
    lists = Relevance(50, 50, truth.indptr, truth.items, self_position=np.arange(50))
    assert np.array_equal(truth.n_relevant, lists.n_relevant)
    assert all(np.array_equal(truth.relevant(q), lists.relevant(q)) for q in range(50))
    scores = np.random.default_rng(0).integers(0, 9, (50, 50)).astype(np.float32)
    assert np.array_equal(rank_scores(scores, truth).ranks.ranks, rank_scores(scores, lists).ranks.ranks)


def world(n: int = 120, dims: tuple[int, ...] = (8, 16, 5), seed: int = 0) -> tuple[dict[str, np.ndarray], Relevance]:
    """Some backbones over duplicated, missing and ordinary vectors."""
    draw = np.random.default_rng(seed)
    labels = draw.integers(0, 7, n)
    vectors = {}
    for number, dim in enumerate(dims):
        rows = unit(draw.normal(size=(7, dim))[labels] + draw.normal(size=(n, dim)))
        rows[n // 2 : n // 2 + 10] = rows[:10]
        rows[30 + 3 * number : 35 + 3 * number] = 0
        vectors[f"b{number}"] = rows
    return vectors, Relevance(n, n, self_position=np.arange(n), query_classes=labels, gallery_classes=labels)


def test_identical_rows_get_identical_scores() -> None:
    draw = np.random.default_rng(0)
    rows = unit(draw.normal(size=(500, 77)))
    rows[[7, 300, 499]] = rows[3]
    rows[[10, 20]] = 0
    rows[20, 4] = -0.0
    copies, firsts = first_copies(rows)
    assert dict(zip(copies.tolist(), firsts.tolist())) == {7: 3, 300: 3, 499: 3, 20: 10}
    block = CosineScores(rows, rows).block(0, 500)
    assert (block[:, [7, 300, 499]] == block[:, [3]]).all()
    assert (block[:, [10, 20]] == 0).all() and not np.isnan(block).any()


def test_the_engine_ranks_the_cosine_of_the_weighted_concatenation() -> None:
    vectors, truth = world()
    split = Split.self_retrieval(120)
    engine = LiveEngine(vectors, split, truth, background=False)
    for shares in ({"b0": 1.0}, {"b0": 0.2, "b1": 0.8}, {"b0": 2, "b1": 3, "b2": 5}, {"b1": 0.5, "b2": 0.5, "b0": 0}):
        ranked = engine.rank(shares, k=15)
        sources = {name: CosineScores(v, v) for name, v in vectors.items()}
        plain = fused_scores(sources, shares, 0, 120)
        # The order within a query does not depend on the query's norm; the engine multiplies by it last.
        again = rank_scores(plain, truth, k=15)
        assert np.allclose(ranked.best.scores, again.best.scores, atol=1e-6)
        used = [name for name, share in shares.items() if share > 0]
        together = np.hstack([np.sqrt(shares[name]) * vectors[name].astype(np.float64) for name in used])
        norms = np.linalg.norm(together, axis=1, keepdims=True)
        together = np.divide(together, norms, out=np.zeros_like(together), where=norms > 0)
        cosines = together @ together.T
        assert np.allclose(plain, cosines, atol=2e-6)
        for q in range(120):
            slow = [i + 1 for i, j in enumerate(slow_list(cosines[q], {q})) if j in set(truth.relevant(q))]
            # float32 may swap neighbours that are closer than 1e-6, and duplicates tie exactly only here.
            assert np.abs(np.array(slow) - ranked.ranks.of(q)).max(initial=0) <= 14


def test_every_amount_of_memory_threads_and_backbones_gives_the_same_bits() -> None:
    vectors, truth = world(150, dims=(4, 6, 8, 5, 7, 9, 3, 4, 6, 5), seed=4)
    split = Split.self_retrieval(150)
    shares = {name: 1 + i for i, name in enumerate(vectors)}
    for used in (1, 2, 3, 4, 5, 8, 10):
        part = dict(list(shares.items())[:used])
        results = []
        for memory, threads in ((None, 1), (None, 3), (0, 2), (4 * 150 * 150 * 2, 1)):
            engine = LiveEngine(vectors, split, truth, memory_bytes=memory, threads=threads, background=False)
            results.append(engine.rank(part, k=5))
        for other in results[1:]:
            # Blocks of another height may round a cosine differently: at most neighbours swap.
            assert np.abs(results[0].ranks.ranks - other.ranks.ranks).max() <= 2
        assert np.array_equal(results[0].ranks.ranks, results[1].ranks.ranks)
        assert np.array_equal(results[0].best.items, results[1].best.items)


def test_a_panel_is_those_queries_and_no_others() -> None:
    vectors, truth = world()
    engine = LiveEngine(vectors, Split.self_retrieval(120), truth, background=False)
    panel = engine.query_sample(25, seed=3)
    assert np.array_equal(panel, engine.query_sample(25, seed=3)) and len(panel) == 25 and (np.diff(panel) > 0).all()
    assert engine.query_sample(120) is None
    whole, part = engine.rank({"b0": 1, "b1": 1}, k=3), engine.rank({"b0": 1, "b1": 1}, k=3, queries=panel)
    assert np.array_equal(part.queries, panel)
    for at, q in enumerate(panel):
        assert part.ranks.of(at).tolist() == whole.ranks.of(q).tolist()
        assert part.best.items[at].tolist() == whole.best.items[q].tolist()


def test_the_engine_says_what_is_wrong() -> None:
    vectors, truth = world()
    engine = LiveEngine(vectors, Split.self_retrieval(120), truth, memory_bytes=3 * 4 * 120 * 120, background=False)
    assert engine.fits() and not engine.fits(("b0", "b1", "b2", "b3"))
    with pytest.raises(UnknownName, match="b9"):
        engine.rank({"b9": 1})
    with pytest.raises(BadInput, match="All shares are 0"):
        engine.rank({"b0": 0})
    with pytest.raises(BadInput, match="-1"):
        engine.rank({"b0": -1, "b1": 2})
    with pytest.raises(ShapeMismatch):
        LiveEngine(vectors, Split.self_retrieval(20), truth)
    with pytest.raises(ShapeMismatch):
        rank_scores(np.zeros((3, 4)), truth)
    scores = np.zeros((120, 120))
    scores[5, 6] = np.nan
    with pytest.raises(BadInput, match="NaN"):
        rank_scores(scores, truth)


def test_top_without_truth() -> None:
    scores = np.array([[0.1, 0.9, 0.9, -0.5]], np.float32)
    assert top(scores, 3).items.tolist() == [[1, 2, 0]]
    assert top(scores, 9, np.array([1])).items.tolist() == [[2, 0, 3, -1]]
    assert top(BlockScores(scores[0][None]), 1).scores.tolist() == [[np.float32(0.9)]]


def test_an_index_of_one_backbone_finds_the_neighbours() -> None:
    draw = np.random.default_rng(0)
    gallery = unit(draw.normal(size=(20, 24))[draw.integers(0, 20, 2000)] + 0.7 * draw.normal(size=(2000, 24)))
    gallery[1000:1003] = gallery[4]
    exact = top(CosineScores(gallery[:50], gallery), 10)
    found = GalleryIndex(gallery, 12).search(gallery[:50], 10)
    recall = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(found.items, exact.items)])
    assert recall > 0.9, recall
    every_cell = GalleryIndex(gallery, 10_000).search(gallery[:50], 10)
    assert every_cell.items[4, :4].tolist() == [4, 1000, 1001, 1002]
    assert np.allclose(every_cell.scores, exact.scores, atol=2e-3), "numbers of 16 bits"
    assert GalleryIndex(gallery[:3]).search(gallery[:1], 10).items.shape == (1, 3)
