"""Systems judged: every figure against slow loops over the scores, degenerate worlds, and the tables to take away."""

from __future__ import annotations

import json
import math
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from core import data, metrics
from core.errors import BadInput
from core.fusion import FusionSpec
from core.metrics import resampling, significance
from core.search import rank_scores
from core.studies import evaluation, evaluation_tables
from core.studies.ranker import Ranker
from core.studies.systems import System, build
from core.studies.vector_set import VectorSet
from core.types import Dataset, Relevance, Split, unit

KS = (1, 3, 7, 50)
FUSED = (
    FusionSpec("mix", "concat", ("a", "b")),
    FusionSpec("ranks", "rrf", ("a", "b"), None, (("depth", 9),)),
)


def dataset_of(labels: np.ndarray, split: Split | None = None, **more) -> Dataset:
    n = len(labels)
    ids = np.array([f"i{at:03d}" for at in range(n)])
    names = tuple(f"c{code}" for code in range(int(labels.max(initial=-1)) + 1))
    keys = np.array([f"{at:064x}" for at in range(n)], "S64")
    return Dataset.of("drawn", ids, keys, pd.DataFrame({"path": ids}), names, labels, split=split, **more)


def space_for(dataset: Dataset, seed: int = 0, tied: bool = False) -> VectorSet:
    """Two backbones that know something of the classes; duplicates, and a zero vector in each.

    Args:
        tied: all cosines are multiples of 1/4, exact in any order of addition, so that very many of them tie.
    """
    random = np.random.default_rng(seed)
    n = len(dataset)
    centres = random.standard_normal((max(2, len(dataset.label_names) + 1), 12))
    vectors = {}
    for name, noise in (("a", 1.5), ("b", 2.5)):
        rows = centres[dataset.labels] + noise * random.standard_normal((n, 12))
        rows[n // 2] = rows[n // 3]
        if tied:
            largest = np.argsort(-np.abs(rows), axis=1)[:, :4]
            signs = np.sign(np.take_along_axis(rows, largest, axis=1))
            rows = np.zeros_like(rows)
            np.put_along_axis(rows, largest, 0.5 * signs, axis=1)
        else:
            rows[1 if name == "a" else 2] = 0
        vectors[name] = unit(rows)
    return VectorSet(vectors, dataset.split)


def several_labels(n: int = 40) -> Dataset:
    random = np.random.default_rng(4)
    matrix = sparse.csr_matrix(random.random((n, 6)) < 0.3)
    first = np.array([row.indices[0] if len(row.indices) else -1 for row in matrix])
    made = dataset_of(first, label_matrix=matrix)
    return Dataset.of("several", made.ids, made.keys, made.items, tuple("uvwxyz"), first, matrix)


def worlds() -> dict[str, Dataset]:
    random = np.random.default_rng(7)
    labels = random.integers(0, 5, 60)
    labels[10] = 5  # alone in its class
    labels[[20, 21]] = -1  # distractors
    order = random.permutation(60)
    pairs = pd.DataFrame(
        {
            "query_id": ["i000", "i000", "i004"],
            "item_id": ["i007", "i030", "i031"],
            "kind": ["junk", "junk", "junk"],
        }
    )
    labels[7] = labels[30] = (labels[0] + 1) % 5
    labels[31] = (labels[4] + 1) % 5
    return {
        "self": dataset_of(labels),
        "split": dataset_of(labels, Split(order[:25], order[20:])),
        "junk": dataset_of(labels, pairs=pairs),
        "several labels": several_labels(),
    }


# ---------------------------------------------------------------- slow loops


def lists_of(system: System, truth: Relevance) -> list[list[int]]:
    """Every query's whole list: falling score, equal ones in the order of the gallery, itself and its junk left out."""
    found = []
    for q in range(system.n_queries):
        row = system.block(q, q + 1)[0]
        out = {int(truth.self_position[q]), *map(int, truth.junk(q))}
        there = [g for g in range(len(row)) if g not in out and not np.isneginf(row[g])]
        found.append(sorted(there, key=lambda g: (-(float(row[g]) + 0.0), g)))
    return found


def gains_of(truth: Relevance, q: int) -> dict[int, float]:
    items = [int(g) for g in truth.relevant(q)]
    if truth.gains is None:
        return dict.fromkeys(items, 1.0)
    return dict(zip(items, map(float, truth.gains[truth.indptr[q] : truth.indptr[q + 1]])))


def slow_metrics(ranked: list[int], gains: dict[int, float], n: int) -> dict[str, float]:
    """DEFINITIONS.md, section 3, one query, word by word."""
    total = len(gains)
    places = [at + 1 for at, item in enumerate(ranked) if item in gains]
    sums = lambda cut: sum((c + 1) / r for c, r in enumerate(places) if r <= cut)  # noqa: E731
    ideal = sorted(gains.values(), reverse=True)
    dcg = lambda cut: sum(gains[i] / math.log2(at + 2) for at, i in enumerate(ranked[:cut]) if i in gains)  # noqa: E731
    best = lambda cut: sum(g / math.log2(at + 2) for at, g in enumerate(ideal[:cut]))  # noqa: E731
    whole = 10**9
    levels = []
    for i in range(11):
        need = max(1, -(-i * total // 10))
        levels.append(max([(c + 1) / r for c, r in enumerate(places) if c + 1 >= need], default=0.0))
    found = {
        "map": sums(whole) / total,
        "map@r": sums(total) / total,
        "mrr": 1 / places[0] if places else 0.0,
        "rprec": sum(r <= total for r in places) / total,
        "ndcg": dcg(whole) / best(whole),
        "ap11": sum(levels) / 11,
        "bpref": sum(1 - min(r - c - 1, total) / max(min(n - total, total), 1) for c, r in enumerate(places)) / total,
        "map_trapz": sum((((c / (r - 1)) if r > 1 else 1.0) + (c + 1) / r) / 2 for c, r in enumerate(places)) / total,
    }
    for k in KS:
        hits = sum(r <= k for r in places)
        found |= {
            f"map_cut@{k}": sums(k) / total,
            f"map_min@{k}": sums(k) / min(k, total),
            f"p@{k}": hits / k,
            f"recall@{k}": hits / total,
            f"hit@{k}": float(hits > 0),
            f"ndcg@{k}": dcg(k) / best(k),
        }
    return found | {"levels": levels}


def mixed(system: System, truth: Relevance, q: int, ranked: list[int]) -> bool:
    """A relevant and another listed item have the same score."""
    row, relevant = system.block(q, q + 1)[0], set(map(int, truth.relevant(q)))
    return bool({row[i] for i in ranked if i in relevant} & {row[i] for i in ranked if i not in relevant})


def slow_vote(ranked: list[int], truth: Relevance, q: int, k: int) -> float:
    votes = [int(truth.gallery_classes[i]) for i in ranked if truth.gallery_classes[i] >= 0][:k]
    if truth.query_classes[q] < 0 or not votes:
        return math.nan
    counted = Counter(votes)
    return float(min(counted, key=lambda c: (-counted[c], c)) == truth.query_classes[q])


@pytest.mark.parametrize("tied", [False, True], ids=["plain", "tied"])
@pytest.mark.parametrize("name", list(worlds()))
def test_every_figure_is_the_slow_loops(name: str, tied: bool) -> None:
    dataset = worlds()[name]
    truth, space = data.relevance(dataset), space_for(dataset, tied=tied)
    result = evaluation.evaluate(build(space, ("a", "b"), FUSED), truth, KS, dataset=dataset)
    systems = {system.name: system for system in build(space, ("a", "b"), FUSED)}
    for one in result.evaluations:
        lists = lists_of(systems[one.name], truth)
        slow = [
            slow_metrics(lists[q], gains_of(truth, q), int(truth.list_length[q])) if truth.n_relevant[q] else None
            for q in range(truth.n_queries)
        ]
        valid = [row for row in slow if row]
        assert (one.n_queries, one.n_valid) == (len(slow), len(valid))
        for key, values in one.per_query.items():
            expected = [math.nan if row is None else row[key] for row in slow]
            np.testing.assert_allclose(values, expected, atol=1e-9, err_msg=f"{one.name} {key}")
            figure = one.figures[key]
            assert figure.mean == pytest.approx(np.nanmean(expected)) and figure.n_valid == len(valid)
            assert figure.low - 1e-12 <= figure.mean <= figure.high + 1e-12
        assert set(valid[0]) - {"levels"} == set(one.per_query)
        assert one.queries_with_mixed_ties == sum(
            mixed(systems[one.name], truth, q, lists[q]) for q in range(len(slow))
        )
        assert not tied or one.queries_with_mixed_ties > len(slow) / 2
        np.testing.assert_allclose(one.curve.mean, np.mean([row["levels"] for row in valid], axis=0), atol=1e-9)
        zero = [0.0 if row is None else row["map"] for row in slow]
        assert one.figures["map_empty_as_zero"].mean == pytest.approx(np.mean(zero))
        assert one.figures["map_empty_as_zero"].n_valid == len(slow)
        _classes_and_votes(one, lists, slow, truth)


def _classes_and_votes(one, lists: list, slow: list, truth: Relevance) -> None:
    if truth.query_classes is None:
        for key in ("acc", "acc@3", "map_class_mean", "silhouette_cosine", "davies_bouldin_l2"):
            assert (
                math.isnan(one.figures[key].mean) and "several labels" in one.figures[key].note or one.name == "ranks"
            )
        return
    means = [
        np.mean([row["map"] for q, row in enumerate(slow) if row and truth.query_classes[q] == c])
        for c in np.unique(truth.query_classes[truth.query_classes >= 0])
        if any(row and truth.query_classes[q] == c for q, row in enumerate(slow))
    ]
    assert one.figures["map_class_mean"].mean == pytest.approx(np.mean(means))
    if one.name == "ranks":
        return  # a partial list: its unlisted items never vote, which tests of the votes look at
    for key, k in [("acc", 1), *((f"acc@{k}", k) for k in KS)]:
        votes = [slow_vote(lists[q], truth, q, k) for q in range(truth.n_queries)]
        assert one.figures[key].mean == pytest.approx(np.nanmean(votes)), key
        assert one.figures[key].n_valid == np.isfinite(votes).sum()


def test_clustering_indices_are_scikit_learns_on_unit_vectors_of_labelled_items() -> None:
    from sklearn import metrics as sklearn

    dataset = worlds()["self"]
    space = space_for(dataset)
    truth = data.relevance(dataset)
    found = evaluation.evaluate_one(System("mix", space, FUSED[0]), truth, KS, dataset=dataset).figures
    rows, labels = System("mix", space, FUSED[0]).vectors, dataset.labels
    rows, labels = rows[labels >= 0].astype(float), labels[labels >= 0]
    rows = np.where(
        np.linalg.norm(rows, axis=1, keepdims=True) > 1e-12,
        rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12),
        0,
    )
    assert found["silhouette_euclidean_l2"].mean == pytest.approx(sklearn.silhouette_score(rows, labels), abs=1e-6)
    assert found["davies_bouldin_l2"].mean == pytest.approx(sklearn.davies_bouldin_score(rows, labels), abs=1e-5)
    assert found["calinski_harabasz_l2"].mean == pytest.approx(sklearn.calinski_harabasz_score(rows, labels), rel=1e-5)
    assert found["silhouette_cosine"].n_valid == len(labels) and math.isnan(found["silhouette_cosine"].low)


def test_a_fusion_of_ranks_has_no_vectors_and_says_so() -> None:
    dataset = worlds()["self"]
    one = evaluation.evaluate_one(
        System("r", space_for(dataset), FUSED[1]), data.relevance(dataset), KS, dataset=dataset
    )
    assert math.isnan(one.figures["silhouette_cosine"].mean) and "no vectors" in one.figures["silhouette_cosine"].note


def test_the_live_engine_changes_nothing() -> None:
    dataset = worlds()["split"]
    truth, space = data.relevance(dataset), space_for(dataset)
    system = System("mix", space, FUSED[0])
    live, slow = Ranker(truth).rank(system, k=9), rank_scores(system, truth, k=9)
    for key, values in metrics.compute(live.ranks, ("map", "p@3", "ndcg@5")).items():
        np.testing.assert_allclose(values, metrics.compute(slow.ranks, (key,))[key], atol=1e-9)
    assert (live.best.items == slow.best.items).mean() > 0.99
    part = Ranker(truth).rank(System("r", space, FUSED[1]), queries=np.array([1, 4]))
    whole = rank_scores(System("r", space, FUSED[1]), truth)
    assert part.queries.tolist() == [1, 4] and part.ranks.of(1).tolist() == whole.ranks.of(4).tolist()


def test_pairs_letters_and_the_best() -> None:
    dataset = worlds()["self"]
    truth = data.relevance(dataset)
    result = evaluation.evaluate(build(space_for(dataset), ("a", "b"), FUSED), truth, KS, dataset=dataset, metric="p@3")
    assert list(result.comparison.differences) == [
        ("a", "b"),
        ("a", "mix"),
        ("a", "ranks"),
        ("b", "mix"),
        ("b", "ranks"),
        ("mix", "ranks"),
    ]
    groups = truth.query_groups
    plain = significance.compare(result["a"].per_query["p@3"], result["b"].per_query["p@3"], classes=groups)
    found = result.comparison.difference("a", "b")
    assert (found.mean, found.low, found.p, found.wins) == (plain.mean, plain.low, plain.p, plain.wins)
    assert result.best.mean("p@3") == max(one.mean("p@3") for one in result.evaluations)
    assert "a" in result.tie_groups[result.best.name] and set(result.tie_groups) == set(result.names)


def test_whole_classes_are_drawn_unless_single_queries_are_asked_for() -> None:
    dataset = worlds()["self"]
    truth, systems = data.relevance(dataset), build(space_for(dataset), ("a", "b"))
    plain = evaluation.evaluate(systems, truth, KS, dataset=dataset, by_class=False)
    careful = evaluation.evaluate(systems, truth, KS, dataset=dataset)
    assert (plain.resampled, careful.resampled) == ("queries", "classes")
    assert careful.comparison.difference("a", "b").resampled == "classes"
    values, classes = plain["a"].per_query["map"], truth.query_classes
    valid = ~np.isnan(values)
    low, high = resampling.interval(values[valid], classes=classes[valid])
    assert (careful["a"].figures["map"].low, careful["a"].figures["map"].high) == pytest.approx((low, high))
    assert careful["a"].figures["map"].mean == plain["a"].figures["map"].mean
    assert careful["a"].figures["map"].low != plain["a"].figures["map"].low
    assert "whole classes" in careful.comparison.unit.caution and "Optimistic" in plain.comparison.unit.caution
    several = worlds()["several labels"]
    mixed = evaluation.evaluate(build(space_for(several), ("a",)), data.relevance(several), KS, dataset=several)
    assert mixed.resampled == "queries" and "Optimistic" in mixed.comparison.unit.caution


# ---------------------------------------------------------------- degenerate


def judged(labels: list[int], vectors: np.ndarray | None = None, ks: tuple[int, ...] = (1, 5)):
    dataset = dataset_of(np.array(labels))
    rows = np.random.default_rng(0).standard_normal((len(labels), 6)) if vectors is None else vectors
    space = VectorSet({"a": unit(rows)}, dataset.split)
    return evaluation.evaluate(build(space, ("a",)), data.relevance(dataset), ks, dataset=dataset)["a"]


def test_all_classes_with_one_image_have_no_figures_and_it_is_said() -> None:
    one = judged([0, 1, 2, 3])
    assert one.n_valid == 0 and all(
        math.isnan(one.mean(key)) for key in ("map", "p@1", "ndcg", "mrr", "map_empty_as_zero")
    )
    assert one.mean("acc") == 0 and math.isnan(one.mean("acc_not_lone"))
    assert any("No query has a relevant image" in sentence for sentence in one.warnings)


def test_one_class_is_perfect_and_has_no_clusters() -> None:
    one = judged([0] * 8)
    assert one.mean("map") == one.mean("p@1") == one.mean("ndcg") == 1
    assert math.isnan(one.mean("silhouette_cosine")) and "one class" in one.figures["silhouette_cosine"].note
    assert one.mean("p@5") == 1 and not one.queries_with_mixed_ties


def test_nothing_labelled() -> None:
    one = judged([-1] * 6)
    assert one.n_valid == 0 and math.isnan(one.mean("map")) and math.isnan(one.mean("acc"))


@pytest.mark.parametrize("rows", [np.zeros((30, 4)), np.ones((30, 4))], ids=["all zero", "constant"])
def test_a_backbone_that_says_nothing_is_found_out(rows: np.ndarray) -> None:
    one = judged([at % 3 for at in range(30)], rows)
    assert one.queries_with_mixed_ties == 30
    assert any("equal scores" in sentence and "30 of 30" in sentence for sentence in one.warnings)
    assert any("zero vector" in sentence for sentence in one.warnings) == (not rows.any())
    assert one.ranking.items[5, :3].tolist() == [0, 1, 2], "equal scores stand in the order of the gallery"


def test_few_mixed_ties_are_no_warning() -> None:
    rows = np.random.default_rng(2).standard_normal((400, 8))
    rows[2] = rows[0]  # equal images of two classes: they tie for the other member of each
    one = judged([at // 2 for at in range(400)], rows)
    assert one.queries_with_mixed_ties == 2
    assert not any("equal scores" in sentence for sentence in one.warnings)


def test_k_beyond_the_gallery() -> None:
    one = judged([0, 0, 1, 1, 1], ks=(1, 100))
    assert one.mean("recall@100") == 1 and one.mean("hit@100") == 1
    assert one.mean("p@100") == pytest.approx(np.mean([1, 1, 2, 2, 2]) / 100)


def test_uneven_classes_are_said() -> None:
    assert any("2 to 9 queries" in sentence for sentence in judged([0] * 9 + [1] * 2).warnings)
    assert not judged([0] * 5 + [1] * 4).warnings


@pytest.mark.parametrize("ks", [(), (0,), (-3, 5)])
def test_cut_offs_below_one_are_refused(ks: tuple[int, ...]) -> None:
    with pytest.raises(BadInput, match="at least 1"):
        judged([0, 0, 1, 1], ks=ks)


def test_no_system_is_refused() -> None:
    dataset = worlds()["self"]
    with pytest.raises(BadInput, match="at least one backbone"):
        evaluation.evaluate([], data.relevance(dataset), dataset=dataset)


# ---------------------------------------------------------------- tables to take away


def test_tables_hold_what_was_found(tmp_path) -> None:
    dataset = worlds()["self"]
    truth = data.relevance(dataset)
    result = evaluation.evaluate(build(space_for(dataset), ("a", "b"), FUSED), truth, KS, dataset=dataset)
    printed = evaluation_tables.table(result)
    assert printed.splitlines()[1].startswith(result.best.name)
    for one in result.evaluations:
        assert f"{one.mean('map'):.4f} [{one.figures['map'].low:.4f}, {one.figures['map'].high:.4f}]" in printed
    assert f"{result.best.n_valid} of {result.best.n_queries} queries count" in printed
    plain = json.loads(json.dumps(evaluation_tables.as_json(result), allow_nan=False))
    assert [one["name"] for one in plain["systems"]] == ["a", "b", "mix", "ranks"]
    assert plain["systems"][0]["metrics"]["map"]["mean"] == result["a"].mean("map")
    assert plain["systems"][3]["metrics"]["silhouette_cosine"]["mean"] is None
    assert len(plain["comparisons"]) == 6 and plain["comparisons"][0]["p_holm"] >= plain["comparisons"][0]["p"]
    frame = evaluation_tables.per_query_table(result)
    assert len(frame) == 4 * truth.n_queries and set(metrics.list_keys(KS)) <= set(frame.columns)
    mine = frame[frame["system"] == "mix"]
    np.testing.assert_array_equal(mine["map"].to_numpy(), result["mix"].per_query["map"])
    assert mine["query_id"].tolist() == dataset.ids[dataset.split.queries].tolist()
    ranked = evaluation_tables.ranking_table(result, depth=4)
    first = ranked[(ranked["system"] == "a") & (ranked["query_id"] == "i005")]
    assert first["rank"].tolist() == [1, 2, 3, 4] and "i005" not in set(first["item_id"])
    assert first["item_id"].tolist() == [f"i{at:03d}" for at in lists_of(System("a", space_for(dataset)), truth)[5][:4]]
    frame.to_parquet(tmp_path / "p.parquet")
    ranked.to_parquet(tmp_path / "r.parquet")
