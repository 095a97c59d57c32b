"""Metrics of single lists, curves, kNN and clustering: against independent libraries where definitions agree, slow
loops where they do not, and relations that must hold for any list."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk
from sklearn.neighbors import KNeighborsClassifier

from core import metrics as m
from core.errors import BadInput, UnknownName
from core.metrics import clustering, curves, knn
from core.search import CosineScores, rank_scores
from core.types import Relevance, RelevantRanks, unit
from tests import ranx_reference
from tests.search_reference import top

CUTS = (1, 2, 3, 5, 10, 100, 1000)


def random_truth(draw: np.random.Generator, n: int, size: int, graded: bool = False) -> Relevance:
    lists = [np.flatnonzero(row) for row in draw.random((n, size)) < draw.random((n, 1)) * 0.6]
    indptr = np.cumsum([0, *map(len, lists)])
    gains = draw.integers(1, 5, indptr[-1]).astype(float) if graded else None
    return Relevance(n, size, indptr, np.concatenate(lists), gains)


def distinct_scores(draw: np.random.Generator, n: int, size: int) -> np.ndarray:
    """No ties, also after the cast to float32 that pytrec_eval makes."""
    return np.stack([draw.permutation(size) for _ in range(n)]).astype(np.float64)


def as_dicts(scores: np.ndarray, truth: Relevance) -> tuple[dict, dict]:
    """qrels and run as the TREC tools take them; a query without relevant items gets an empty judgement."""
    qrels, run = {}, {}
    for q in range(truth.n_queries):
        gains = (
            np.ones(truth.n_relevant[q]) if truth.gains is None else truth.gains[truth.indptr[q] : truth.indptr[q + 1]]
        )
        qrels[f"q{q:04}"] = {f"d{item:05}": int(gain) for item, gain in zip(truth.relevant(q), gains)}
        run[f"q{q:04}"] = {f"d{item:05}": float(score) for item, score in enumerate(scores[q])}
    return qrels, run


@pytest.mark.slow
@pytest.mark.parametrize("graded", [False, True])
def test_trec_eval_agrees(graded: bool) -> None:
    import pytrec_eval

    draw = np.random.default_rng(1 + graded)
    truth = random_truth(draw, 40, 120, graded)
    scores = distinct_scores(draw, 40, 120)
    qrels, run = as_dicts(scores, truth)
    cuts = "1,5,10,100,1000"
    wanted = {f"{name}.{cuts}" for name in ("P", "recall", "success", "ndcg_cut", "map_cut")} | {
        "map",
        "recip_rank",
        "Rprec",
        "ndcg",
    }
    theirs = pytrec_eval.RelevanceEvaluator(qrels, wanted).evaluate(run)
    names = {"map": "map", "mrr": "recip_rank", "rprec": "Rprec", "ndcg": "ndcg"}
    for k in (1, 5, 10, 100, 1000):
        names |= {f"p@{k}": f"P_{k}", f"recall@{k}": f"recall_{k}", f"hit@{k}": f"success_{k}"}
        names |= {f"ndcg@{k}": f"ndcg_cut_{k}", f"map_cut@{k}": f"map_cut_{k}"}
    ours = m.compute(rank_scores(scores, truth).ranks, list(names))
    for q in np.flatnonzero(truth.n_relevant > 0):
        for key, name in names.items():
            assert ours[key][q] == pytest.approx(theirs[f"q{q:04}"][name], abs=1e-9), (key, q)
    for q in np.flatnonzero(truth.n_relevant == 0):
        assert all(np.isnan(values[q]) for values in ours.values())


@pytest.mark.slow
def test_ranx_agrees_on_valid_queries() -> None:
    draw = np.random.default_rng(3)
    truth = random_truth(draw, 30, 80)
    scores = distinct_scores(draw, 30, 80)
    qrels, run = as_dicts(scores, truth)
    kept = [name for name, found in qrels.items() if found]
    names = {"map": "map", "map@5": "map_cut@5", "r-precision": "rprec"}
    theirs = ranx_reference.evaluated({n: qrels[n] for n in kept}, {n: run[n] for n in kept}, list(names))
    ours = m.compute(rank_scores(scores, truth).ranks, list(names.values()))
    for name, key in names.items():
        assert m.mean(ours[key]) == pytest.approx(theirs[name], abs=1e-9), name


def test_scikit_learn_agrees_without_ties() -> None:
    draw = np.random.default_rng(5)
    truth = random_truth(draw, 30, 70)
    scores = distinct_scores(draw, 30, 70)
    ours = m.compute(rank_scores(scores, truth).ranks, ["map", "ndcg", "ndcg@7"])
    for q in np.flatnonzero(truth.n_relevant > 0):
        relevant = np.isin(np.arange(70), truth.relevant(q))
        assert ours["map"][q] == pytest.approx(sk.average_precision_score(relevant, scores[q]), abs=1e-12)
        assert ours["ndcg"][q] == pytest.approx(sk.ndcg_score(relevant[None], scores[q][None]), abs=1e-12)
        assert ours["ndcg@7"][q] == pytest.approx(sk.ndcg_score(relevant[None], scores[q][None], k=7), abs=1e-12)


def slow(flags: list[float], r: int, ideal: list[float], k: int, others: int) -> dict[str, float]:
    """Every definition of the contract, read out loud. `flags` are the gains of a list in order, 0 is not relevant."""
    at = [i for i, gain in enumerate(flags, start=1) if gain > 0]

    def part(cut: float) -> float:
        return sum(c / rank for c, rank in enumerate(at, start=1) if rank <= cut)

    def dcg(gains: list[float], cut: int) -> float:
        return sum(gain / math.log2(i + 1) for i, gain in enumerate(gains[:cut], start=1))

    def hits(cut: int) -> int:
        return sum(rank <= cut for rank in at)

    trapezoids = 0.0
    for c, rank in enumerate(at, start=1):
        trapezoids += ((1.0 if rank == 1 else (c - 1) / (rank - 1)) + c / rank) / 2
    levels = []
    for i in range(11):
        needed = max(1, -(-i * r // 10))
        levels.append(max([c / rank for c, rank in enumerate(at, start=1) if c >= needed], default=0.0))
    return {
        "map": part(math.inf) / r,
        f"map_cut@{k}": part(k) / r,
        f"map_min@{k}": part(k) / min(k, r),
        "map@r": part(r) / r,
        "map_trapz": trapezoids / r,
        f"p@{k}": hits(k) / k,
        f"recall@{k}": hits(k) / r,
        f"hit@{k}": float(hits(k) > 0),
        "mrr": 1 / at[0] if at else 0.0,
        "rprec": hits(r) / r,
        "bpref": sum(1 - min(rank - c, r) / max(min(others, r), 1) for c, rank in enumerate(at, start=1)) / r,
        f"ndcg@{k}": dcg(flags, k) / dcg(ideal, k),
        "ndcg": dcg(flags, len(flags)) / dcg(ideal, len(ideal)),
        "ap11": sum(levels) / 11,
        "levels": levels,
    }


@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    size=st.integers(1, 60),
    graded=st.booleans(),
    kind=st.sampled_from(["random", "tied", "partial"]),
)
def test_every_definition_by_a_slow_loop(seed: int, size: int, graded: bool, kind: str) -> None:
    draw = np.random.default_rng(seed)
    truth = random_truth(draw, 4, size, graded)
    scores = draw.normal(size=(4, size))
    if kind != "random":
        scores = draw.integers(0, 4, (4, size)).astype(np.float64)
    if kind == "partial":
        scores[draw.random((4, size)) < 0.5] = -np.inf
    ranks = rank_scores(scores, truth).ranks
    ours, levels = m.compute(ranks, m.list_keys(CUTS)), curves.levels(ranks)
    for q in range(4):
        if not truth.n_relevant[q]:
            assert all(np.isnan(values[q]) for values in ours.values()) and np.isnan(levels[q]).all()
            continue
        mine = slice(truth.indptr[q], truth.indptr[q + 1])
        gains = np.zeros(size)
        gains[truth.items[mine]] = 1 if truth.gains is None else truth.gains[mine]
        order = sorted((j for j in range(size) if scores[q, j] > -np.inf), key=lambda j: (-scores[q, j], j))
        for k in CUTS:
            r = int(truth.n_relevant[q])
            said = slow([gains[j] for j in order], r, sorted(gains[gains > 0], reverse=True), k, size - r)
            assert levels[q].tolist() == pytest.approx(said.pop("levels"), abs=1e-12)
            for key, value in said.items():
                assert ours[key][q] == pytest.approx(value, abs=1e-12), key


def made(lists: list[list[int]], sizes: list[int], length: int = 100) -> RelevantRanks:
    """Ranks of relevant items, R of each query, N."""
    filled = [at + [RelevantRanks.NOT_RETRIEVED] * (r - len(at)) for at, r in zip(lists, sizes)]
    return RelevantRanks(
        np.cumsum([0, *sizes]),
        np.array(sum(filled, []), np.int32),
        np.array([len(at) for at in lists], np.int32),
        np.full(len(lists), length),
    )


@settings(max_examples=80)
@given(st.lists(st.integers(1, 90), min_size=1, max_size=30, unique=True), st.integers(0, 4))
def test_relations_of_any_list(at: list[int], lost: int) -> None:
    r = len(at) + lost
    ranks = made([sorted(at)], [r], 100)
    values = {key: float(one[0]) for key, one in m.compute(ranks, m.list_keys(range(1, 101))).items()}
    for key, value in values.items():
        assert -1e-12 <= value <= 1 + 1e-12, key
    for k in range(1, 101):
        assert values[f"p@{k}"] * k == pytest.approx(values[f"recall@{k}"] * r)
        assert values[f"map_cut@{k}"] <= k / r + 1e-12
        if k > 1:
            assert values[f"hit@{k}"] >= values[f"hit@{k - 1}"] and values[f"recall@{k}"] >= values[f"recall@{k - 1}"]
    assert values["hit@1"] == values["p@1"]
    assert values["rprec"] == values[f"p@{r}"] == values[f"recall@{r}"]
    assert values["map@r"] <= values["rprec"] + 1e-12
    assert values["map@r"] <= values["map"] + 1e-12
    gap = sum(1 / (2 * rank) for rank in at) / r
    assert -1e-12 <= values["map"] - values["map_trapz"] <= gap + 1e-12
    levels = curves.levels(ranks)[0]
    assert (np.diff(levels) <= 1e-12).all()
    if not lost:
        assert levels[10] == pytest.approx(r / max(at))
    assert m.falls_with_k(values) is None


def test_a_perfect_list_is_one_everywhere_it_can_be() -> None:
    for r in range(1, 60):
        ranks = made([list(range(1, r + 1))], [r])
        keys = ("map", "map_trapz", "map_min@7", "ndcg", "ndcg@7", "rprec", "map@r", "ap11")
        assert all(one[0] == pytest.approx(1) for one in m.compute(ranks, keys).values())
        assert (curves.levels(ranks) == 1).all()


@pytest.mark.parametrize("r", [1, 2, 3, 5, 7, 10, 15, 20, 23, 33, 43, 205, 2000])
def test_recall_levels_count_in_whole_items(r: int) -> None:
    """One hit at the end of every step: a level that is read one item too early or too late changes its value."""
    at = np.cumsum(np.random.default_rng(r).integers(1, 4, r))
    levels = curves.levels(made([at.tolist()], [r], int(at[-1]) + 5))[0]
    for i in range(11):
        needed = max(1, -(-i * r // 10))
        assert levels[i] == max(c / at[c - 1] for c in range(needed, r + 1))


def test_trapezoids_are_those_of_the_oxford_paris_benchmark() -> None:
    def compute_ap(ranks: np.ndarray, nres: int) -> float:
        """Radenović et al. 2018, ranks from 0."""
        ap, step = 0.0, 1.0 / nres
        for j, rank in enumerate(ranks):
            before = 1.0 if rank == 0 else float(j) / rank
            ap += (before + float(j + 1) / (rank + 1)) * step / 2.0
        return ap

    for seed in range(20):
        draw = np.random.default_rng(seed)
        at = np.sort(draw.choice(np.arange(1, 90), draw.integers(1, 30), replace=False))
        ours = m.compute(made([at.tolist()], [len(at)]), ["map_trapz"])["map_trapz"][0]
        assert ours == pytest.approx(compute_ap(at - 1, len(at)), abs=1e-12)


def test_revisited_precision_divides_by_the_last_relevant_rank() -> None:
    ranks = made([[1, 3], [2], []], [2, 3, 0])
    assert m.precision_revisitop(ranks, 10)[:2].tolist() == pytest.approx([2 / 3, 1 / 10])
    assert np.isnan(m.precision_revisitop(ranks, 10)[2])


def test_curves_over_k_are_the_metrics_at_each_k() -> None:
    draw = np.random.default_rng(8)
    truth = random_truth(draw, 25, 40)
    ranks = rank_scores(draw.normal(size=(25, 40)), truth).ranks
    found = curves.over_k(ranks, 50)
    for k in range(1, 51):
        values = m.compute(ranks, [f"p@{k}", f"recall@{k}"])
        assert found["p"][k - 1] == pytest.approx(m.mean(values[f"p@{k}"]))
        assert found["recall"][k - 1] == pytest.approx(m.mean(values[f"recall@{k}"]))
    one = np.arange(25) == np.flatnonzero(ranks.valid)[0]
    recalls, precisions = curves.raw_curve(ranks, int(np.flatnonzero(one)[0]))
    assert recalls[-1] == 1 and len(recalls) == truth.n_relevant[one][0]
    assert precisions.mean() == pytest.approx(m.compute(ranks, ["map"])["map"][one][0])
    assert np.isnan(curves.over_k(ranks, 3, np.zeros(25, bool))["p"]).all()


def test_an_average_curve_that_rises_is_refused() -> None:
    assert np.isnan(curves.average_curve(np.full((3, 11), np.nan))).all()
    with pytest.raises(BadInput, match="rises"):
        curves.average_curve(np.linspace(0, 1, 11)[None])


def test_means_over_classes_and_with_empty_queries() -> None:
    values, classes = np.array([1.0, 0.5, 0.0, np.nan, 0.25]), np.array([0, 0, 1, 2, -1])
    assert m.class_mean(values, classes) == pytest.approx((0.75 + 0) / 2)
    assert m.empty_as_zero(values) == pytest.approx(1.75 / 5) and m.mean(values) == pytest.approx(1.75 / 4)
    nothing = np.full(3, np.nan)
    assert all(
        math.isnan(x) for x in (m.mean(nothing), m.empty_as_zero(nothing), m.class_mean(nothing, np.zeros(3, int)))
    )


def test_a_recall_that_falls_is_refused() -> None:
    assert "cannot fall" in m.falls_with_k({"recall@1": 0.5, "recall@5": 0.4})
    assert "cannot fall" in m.falls_with_k({"hit@1": 0.5, "hit@10": 0.4})
    assert m.falls_with_k({"p@1": 0.9, "p@5": 0.4, "hit@1": 0.9, "hit@5": float("nan"), "recall@5": 0.1}) is None


@pytest.mark.parametrize("metric", list(m.METRICS), ids=lambda metric: metric.name)
def test_every_metric_answers_its_questions(metric: m.Metric) -> None:
    key = metric.at(10)
    assert m.parse(key)[0] is metric and m.label(key) and "@k" not in m.label(key)
    assert metric.divided_by and metric.definition.endswith(".") and metric.nothing_relevant
    assert not m.label(key).startswith("R@")
    assert ("better." in m.sentence(key)) and (metric.kind != "list" or metric.function is not None)
    if metric.name in ("map_cut@k", "map_min@k"):
        assert "(/" in metric.label


def test_unknown_metrics_and_cut_offs() -> None:
    ranks = made([[1]], [1])
    with pytest.raises(UnknownName, match="mpa"):
        m.parse("mpa")
    for key in ("p@0", "p@k", "silhouette_cosine"):
        with pytest.raises(BadInput):
            m.compute(ranks, [key])


def knn_world(seed: int, n: int = 120) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    labels = draw.integers(0, 6, n)
    labels[0] = 7
    return unit(draw.normal(size=(8, 12))[labels] + 1.5 * draw.normal(size=(n, 12))), labels


@pytest.mark.parametrize("k", [1, 3, 4, 10, 200])
def test_knn_is_scikit_learns_leave_one_out(k: int) -> None:
    vectors, labels = knn_world(0)
    n = len(labels)
    truth = Relevance(n, n, self_position=np.arange(n), query_classes=labels, gallery_classes=labels)
    items = top(CosineScores(vectors, vectors), k, np.arange(n)).items
    theirs = KNeighborsClassifier(min(k, n - 1), metric="cosine", algorithm="brute").fit(
        vectors.astype(np.float64), labels
    )
    ours = knn.correct(items, truth, k)
    assert ours.tolist() == (theirs.predict(None) == labels).astype(float).tolist()
    assert knn.lone(truth).tolist() == [True] + [False] * (n - 1)
    assert ours[0] == 0 and np.isnan(knn.without_lone(ours, truth)[0])


def test_the_first_neighbour_is_the_hit_rate() -> None:
    vectors, labels = knn_world(1)
    n = len(labels)
    truth = Relevance(n, n, self_position=np.arange(n), query_classes=labels, gallery_classes=labels)
    ranked = rank_scores(CosineScores(vectors, vectors), truth, k=1)
    nearest = knn.without_lone(knn.correct(ranked.best.items, truth, 1), truth)
    assert np.array_equal(nearest, m.compute(ranked.ranks, ["hit@1"])["hit@1"], equal_nan=True)


def test_unlabelled_items_do_not_vote_and_ties_go_to_the_smallest_label() -> None:
    truth = Relevance(2, 5, query_classes=np.array([1, -1]), gallery_classes=np.array([-1, 3, 1, -1, 1]))
    items = np.array([[0, 1, 2, 3, 4]] * 2)
    assert [knn.correct(items, truth, k)[0] for k in (1, 2, 3)] == [0, 1, 1]
    assert np.isnan(knn.correct(items, truth, 1)[1])
    assert np.isnan(knn.correct(np.full((2, 3), -1), truth, 3)).all()


@pytest.mark.parametrize("seed", range(4))
def test_clustering_indices_are_scikit_learns(seed: int) -> None:
    vectors, labels = knn_world(seed)
    wide = vectors.astype(np.float64)
    wide /= np.linalg.norm(wide, axis=1, keepdims=True)
    found, note = clustering.indices(vectors, labels)
    assert note == ""
    assert found["silhouette_cosine"] == pytest.approx(sk.silhouette_score(wide, labels, metric="cosine"), abs=1e-9)
    assert found["silhouette_euclidean_l2"] == pytest.approx(sk.silhouette_score(wide, labels), abs=1e-9)
    assert found["davies_bouldin_l2"] == pytest.approx(sk.davies_bouldin_score(wide, labels), abs=1e-7)
    assert found["calinski_harabasz_l2"] == pytest.approx(sk.calinski_harabasz_score(wide, labels), rel=1e-9)


def test_silhouette_with_zero_vectors_by_a_slow_loop() -> None:
    vectors, labels = knn_world(2, 40)
    vectors[[3, 9, 20]] = 0
    distances = 1 - clustering.as_units(vectors) @ clustering.as_units(vectors).T
    np.fill_diagonal(distances, 0)
    values = []
    for u, own in enumerate(labels):
        mates = (labels == own) & (np.arange(40) != u)
        if not mates.any():
            values.append(0.0)
            continue
        a = distances[u, mates].mean()
        b = min(distances[u, labels == other].mean() for other in set(labels.tolist()) - {own})
        values.append((b - a) / max(a, b))
    assert clustering.silhouette_cosine(vectors, labels) == pytest.approx(np.mean(values), abs=1e-12)


def test_clustering_where_it_is_not_defined_or_degenerate() -> None:
    vectors, labels = knn_world(3, 20)
    for bad in (np.zeros(20, int), np.arange(20), np.full(20, -1)):
        found, note = clustering.indices(vectors, bad)
        assert all(math.isnan(value) for value in found.values()) and note
    assert clustering.indices(None, labels)[1] and clustering.indices(vectors, None)[1]
    same = np.tile(vectors[:1], (20, 1))
    two = np.arange(20) % 2
    found, _ = clustering.indices(same, two)
    assert found["silhouette_cosine"] == found["silhouette_euclidean_l2"] == found["davies_bouldin_l2"] == 0
    assert found["calinski_harabasz_l2"] == 1
