"""Learned weights against brute force, planted cases, and the rule that nobody is judged on what trained it."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import BadInput, Cancelled
from core.fusion import FusionSpec
from core.studies import training_split, weight_search
from core.studies.systems import System
from core.studies.vector_set import VectorSet
from core.task import Task
from core.types import Relevance, Split, unit


def test_the_simplex_is_every_point_of_step_a_tenth() -> None:
    for n, count in ((1, 1), (2, 11), (3, 66), (4, 286), (5, 1001)):
        points = weight_search.simplex(n)
        assert points.shape == (count, n)
        assert np.allclose(points.sum(axis=1), 1)
    brute = sorted(p for p in itertools.product(range(11), repeat=3) if sum(p) == 10)
    assert np.array_equal(np.round(weight_search.simplex(3) * 10).astype(int), np.array(brute))


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(2, 4))
def test_the_choice_is_that_of_brute_force(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    points = weight_search.simplex(n)
    values = rng.integers(0, 3, len(points)) / 3.0 + rng.uniform(-1e-14, 1e-14, len(points))
    table = {tuple(p): v for p, v in zip(np.round(points, 6), values)}
    found = (
        weight_search.learn(lambda p: np.array([table[tuple(np.round(p, 6))]]), list("abcd"[:n]), refine=False)
        if (tuple(np.round(np.full(n, 1 / n), 6)) in table)
        else None
    )
    best = max(values)
    good = [p for p, v in zip(points, values) if v >= best - 1e-12]
    good.sort(key=lambda p: (round(((p - 1 / n) ** 2).sum(), 12), tuple(p)))
    assert np.allclose(points[weight_search.best_point(points, values)], good[0])
    if found is not None:
        assert np.allclose(found.shares, good[0])


def test_refinement_reaches_between_the_points() -> None:
    goal = np.array([0.13, 0.52, 0.35])
    found = weight_search.learn(lambda p: np.array([1 - ((p - goal) ** 2).sum()]), ("a", "b", "c"))
    assert np.abs(found.shares - goal).max() < 0.02
    assert found.value > found.uniform and found.shares.sum() == pytest.approx(1)


def test_seven_backbones_are_searched_by_coordinates() -> None:
    goal = np.array([0.4, 0.3, 0.3, 0, 0, 0, 0])
    found = weight_search.learn(lambda p: np.array([1 - ((p - goal) ** 2).sum()]), list("abcdefg"))
    assert np.abs(found.shares - goal).max() < 0.04 and len(found.points) < 3000


def test_a_flat_objective_keeps_equal_weights() -> None:
    found = weight_search.learn(lambda p: np.array([0.5, np.nan]), ("a", "b"))
    assert found.by_name == {"a": 0.5, "b": 0.5}


def test_nothing_to_learn_from_is_said() -> None:
    with pytest.raises(BadInput, match="No training query"):
        weight_search.learn(lambda p: np.array([np.nan]), ("a", "b"))


def test_progress_counts_points_and_cancel_stops() -> None:
    seen, task = [], Task()
    weight_search.learn(lambda p: np.array([p[0]]), ("a", "b", "c"), task=Task(seen.append))
    assert seen[-1].done >= 66 and seen[-1].unit == "points"
    task.cancel()
    with pytest.raises(Cancelled):
        weight_search.learn(lambda p: np.array([p[0]]), ("a", "b"), task=task)


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1), st.floats(0.1, 0.9))
def test_no_group_is_on_both_sides(seed: int, fraction: float) -> None:
    rng = np.random.default_rng(seed)
    groups = rng.integers(-1, 8, 80)
    found = training_split.split_queries(groups, fraction, seed)
    assert found.by == "class"
    assert not set(groups[found.train]) & set(groups[found.report])
    assert sorted([*found.train, *found.report]) == np.flatnonzero(groups >= 0).tolist()
    assert np.array_equal(found.train, training_split.split_queries(groups, fraction, seed).train)


def test_few_groups_are_parted_query_by_query() -> None:
    found = training_split.split_queries(np.array([0, 0, 0, 1, 1, 1, -1]), 0.5)
    assert found.by == "query" and len(found.train) == 3 and 6 not in [*found.train, *found.report]


def test_training_and_reporting_on_the_same_queries_is_an_error() -> None:
    with pytest.raises(BadInput, match="2 queries are used for training and for reporting"):
        training_split.TrainingSplit(np.array([1, 2, 3]), np.array([2, 3, 4]), "query")
    with pytest.raises(BadInput, match="no queries for reporting"):
        training_split.TrainingSplit(np.array([1]), np.array([], int), "query")


# ---------------------------------------------------------------- on real scores


def planted(noise: dict[str, float], n_classes: int = 12, per_class: int = 10, seed: int = 0):
    """Backbones that see classes with this much noise; "useless" ones see none."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(n_classes), per_class)
    vectors = {}
    for name, much in noise.items():
        centres = rng.standard_normal((n_classes, 16))
        vectors[name] = unit(
            centres[labels] * np.isfinite(much)
            + np.nan_to_num(much, posinf=1.0) * rng.standard_normal((len(labels), 16))
        )
    n = len(labels)
    truth = Relevance(n, n, self_position=np.arange(n), query_classes=labels, gallery_classes=labels)
    return VectorSet(vectors, Split.self_retrieval(n)), truth, labels


def slow_ap(system: System, truth: Relevance) -> np.ndarray:
    values = []
    for query in range(system.n_queries):
        row = system.block(query, query + 1)[0]
        retrieved = [j for j in np.argsort(-row, kind="stable") if np.isfinite(row[j])]
        hits = np.isin(retrieved, truth.relevant(query))
        places = np.flatnonzero(hits) + 1
        wanted = len(truth.relevant(query))
        values.append((np.arange(1, len(places) + 1) / places).sum() / wanted if wanted else np.nan)
    return np.array(values)


@pytest.mark.parametrize(
    "kind, more",
    [("concat", ()), ("score_sum", ()), ("score_sum", (("norm", "minmax"),)), ("rrf", (("depth", 20),)), ("mean", ())],
)
def test_the_objective_is_exact_live_or_not(kind: str, more: tuple) -> None:
    space, truth, _ = planted({"a": 1.5, "b": 2.0, "c": 1.0}, 6, 7)
    spec = FusionSpec("f", kind, ("a", "b", "c"), parameters=more)
    objective = weight_search.ObjectiveOf(space, spec, truth)
    for shares in ([0.2, 0.3, 0.5], [1, 0, 0], [0, 0.4, 0.6]):
        system = System("f", space, spec.with_shares(dict(zip("abc", shares))))
        assert np.allclose(objective(np.array(shares)), slow_ap(system, truth), atol=1e-9, equal_nan=True)


def test_a_kind_without_weights_has_none_to_learn() -> None:
    space, truth, _ = planted({"a": 1.0, "b": 1.0}, 4, 4)
    with pytest.raises(BadInput, match="CombSUM has no weights"):
        weight_search.ObjectiveOf(space, FusionSpec("f", "combsum", ("a", "b")), truth)


def test_a_useless_backbone_is_dropped() -> None:
    space, truth, labels = planted({"good": 1.2, "useless": np.inf})
    split = training_split.split_queries(labels, 0.5)
    tuned = weight_search.tune(space, FusionSpec("f", "concat", ("good", "useless")), truth, split)
    assert tuned.learned.by_name["useless"] <= 0.1
    assert tuned.tuned.mean() > tuned.equal.mean() + 0.05
    assert len(tuned.tuned) == len(split.report)


def test_tuned_weights_equal_a_search_by_hand() -> None:
    space, truth, labels = planted({"a": 1.6, "b": 1.2, "c": 2.5}, 8, 6)
    split = training_split.split_queries(labels, 0.5)
    spec = FusionSpec("f", "concat", ("a", "b", "c"))
    asked, judged = space.only(split.train), truth.take(split.train)
    found = weight_search.learn(weight_search.ObjectiveOf(asked, spec, judged), spec.backbones, refine=False)
    best, value = None, -1.0
    for point in itertools.product(range(11), repeat=3):
        if sum(point) != 10:
            continue
        shares = np.array(point) / 10
        mean = slow_ap(System("f", asked, spec.with_shares(dict(zip("abc", shares)))), judged).mean()
        nearer = (
            best is not None
            and abs(mean - value) <= 1e-12
            and (((shares - 1 / 3) ** 2).sum() < ((best - 1 / 3) ** 2).sum() - 1e-12)
        )
        if mean > value + 1e-12 or nearer:
            best, value = shares, mean
    assert np.allclose(found.shares, best) and found.value == pytest.approx(value)


def test_labels_of_reporting_queries_do_not_move_the_weights() -> None:
    space, truth, labels = planted({"a": 1.6, "b": 1.2}, 8, 6)
    split = training_split.split_queries(labels, 0.5)
    shuffled = labels.copy()
    shuffled[split.report] = np.random.default_rng(0).permutation(labels[split.report])
    n = len(labels)
    other = Relevance(n, n, self_position=np.arange(n), query_classes=shuffled, gallery_classes=shuffled)
    spec = FusionSpec("f", "concat", ("a", "b"))
    one = weight_search.tune(space, spec, truth, split, keys=[f"k{i}" for i in range(n)])
    two = weight_search.tune(space, spec, other, split, keys=[f"k{i}" for i in range(n)])
    assert one.spec == two.spec and set(one.spec.trained_on) == {f"k{i}" for i in split.train}


def test_the_dimension_curve_proposes_the_smallest_that_is_enough() -> None:
    space, truth, labels = planted({"a": 0.8, "b": 0.8}, 6, 20)
    spec = FusionSpec("f", "concat_pca", ("a", "b"))
    held = training_split.split_queries(labels, 0.5).report
    found = weight_search.dimension_curve(space.only(held), spec, truth.take(held))
    assert found.dims == (8, 16, 32)
    best = int(np.argmax(found.mean))
    assert found.proposed == next(d for d, m in zip(found.dims, found.mean) if m >= found.low[best])
    for dim, mean in zip(found.dims, found.mean):
        plain = FusionSpec("g", "concat_pca", ("a", "b"), parameters=(("dim", dim),))
        fresh = VectorSet(space.vectors, space.only(held).split)
        assert slow_ap(System("g", fresh, plain), truth.take(held)).mean() == pytest.approx(mean, abs=1e-6)
    with pytest.raises(BadInput, match="concat_pca"):
        weight_search.dimension_curve(space, FusionSpec("f", "concat", ("a", "b")), truth)
