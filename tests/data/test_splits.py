"""Splits are seeded and stratified, and no instance stands on both sides of the border of training."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core import data
from core.data.splits import SplitShares, leakage, stratified, with_split
from core.errors import BadInput
from core.types import Dataset, Split


def made(labels: list[int], instances: list[int] | None = None, keys: list[int] | None = None) -> Dataset:
    n = len(labels)
    return Dataset.of(
        "made",
        ids=np.array([f"i{k}" for k in range(n)]),
        keys=np.array([f"{k:064x}" for k in (keys or range(n))], "S64"),
        items=pd.DataFrame({"path": [""] * n}),
        label_names=tuple("abcdefgh"),
        labels=np.array(labels),
        instances=None if instances is None else np.array(instances),
    )


@settings(max_examples=120)
@given(
    labels=st.lists(st.integers(-1, 4), min_size=2, max_size=60),
    query=st.floats(0.05, 0.6),
    train=st.sampled_from([0.0, 0.2, 0.35]),
    seed=st.integers(0, 5),
)
def test_every_class_is_spread_by_the_shares(labels: list[int], query: float, train: float, seed: int) -> None:
    dataset = made(labels)
    sizes = {label: labels.count(label) for label in set(labels) - {-1}}
    if not any(size > 1 for size in sizes.values()):
        with pytest.raises(BadInput, match="can be a query"):
            stratified(dataset, SplitShares(query, train), seed)
        return
    split = stratified(dataset, SplitShares(query, train), seed)
    assert sorted([*split.queries, *split.gallery, *split.train]) == list(range(len(labels)))
    again = stratified(dataset, SplitShares(query, train), seed)
    assert np.array_equal(split.queries, again.queries) and np.array_equal(split.train, again.train)
    for label, size in sizes.items():
        asks, found, fits = (
            int((dataset.labels[part] == label).sum()) for part in (split.queries, split.gallery, split.train)
        )
        assert found >= 1 and (asks >= 1 or size == 1)
        assert abs(fits - size * train) <= 1 and (size < 3 or abs(asks - size * query) <= 2)
    assert (dataset.labels[split.queries] >= 0).all()
    assert (data.relevance(dataset, split).n_relevant >= 1).all()


@settings(max_examples=120)
@given(
    rows=st.lists(st.tuples(st.integers(0, 2), st.integers(-1, 6)), min_size=4, max_size=60),
    query=st.floats(0.1, 0.5),
    train=st.sampled_from([0.0, 0.3]),
    seed=st.integers(0, 3),
)
def test_no_instance_crosses_the_border_of_training(rows: list, query: float, train: float, seed: int) -> None:
    instances = [instance for _, instance in rows]
    dataset = made([instance % 3 if instance >= 0 else label for label, instance in rows], instances)
    object.__setattr__(dataset, "relevant_by", "instance")
    try:
        split = stratified(dataset, SplitShares(query, train), seed)
    except BadInput:
        assert max(np.bincount(np.maximum(dataset.instances, 0))) < 60
        return
    inside = set(dataset.instances[split.train]) - {-1}
    outside = set(dataset.instances[np.r_[split.queries, split.gallery]])
    assert not inside & outside
    assert len(leakage(dataset, split)["instance"]) == 0
    asked = dataset.instances[split.queries]
    assert np.isin(asked[asked >= 0], dataset.instances[split.gallery]).all()


def test_another_seed_is_another_split() -> None:
    dataset = made([0] * 50 + [1] * 50)
    one, other = stratified(dataset, SplitShares(0.3), 0), stratified(dataset, SplitShares(0.3), 1)
    assert len(one.queries) == len(other.queries) == 30 and not np.array_equal(one.queries, other.queries)
    assert with_split(dataset, one).split is one


@pytest.mark.parametrize(("query", "train"), [(0, 0), (1, 0), (0.5, 0.5), (-0.1, 0), (0.2, -0.2)])
def test_shares_that_leave_nothing_are_refused(query: float, train: float) -> None:
    with pytest.raises(BadInput, match="gallery"):
        SplitShares(query, train)


def test_leakage_names_equal_bytes_and_instances() -> None:
    dataset = made([0, 0, 1, 1], instances=[5, 6, 5, -1], keys=[1, 2, 3, 2])
    found = leakage(dataset, Split(np.array([2]), np.array([3]), np.array([0, 1])))
    assert found["content"].tolist() == [1] and found["instance"].tolist() == [0]


# ------------------------------------------------------------------------------------------- the truth


def test_instances_define_relevance_and_labels_stay_for_knn() -> None:
    dataset = made([0, 0, 1, 1, 1], instances=[7, 7, 7, 8, -1])
    object.__setattr__(dataset, "relevant_by", "instance")
    truth = data.relevance(dataset)
    assert [list(truth.relevant(q)) for q in range(5)] == [[1, 2], [0, 2], [0, 1], [], []]
    assert truth.query_classes.tolist() == [0, 0, 1, 1, 1]
    bare = made([-1] * 5, instances=[7, 7, 7, 8, -1])
    object.__setattr__(bare, "relevant_by", "instance")
    same = data.relevance(bare)
    assert same.by_class and [list(same.relevant(q)) for q in range(5)] == [[1, 2], [0, 2], [0, 1], [], []]


@settings(max_examples=60)
@given(labels=st.lists(st.integers(-1, 3), min_size=1, max_size=25), data_=st.data())
def test_relevance_of_labels_is_what_a_loop_finds(labels: list[int], data_: st.DataObject) -> None:
    n = len(labels)
    parts = [np.array(sorted(data_.draw(st.sets(st.integers(0, n - 1)))), np.int64) for _ in range(2)]
    split = Split(*parts)
    truth = data.relevance(made(labels), split)
    for q, position in enumerate(parts[0]):
        wanted = [g for g, other in enumerate(parts[1]) if other != position and labels[other] == labels[position] >= 0]
        assert list(truth.relevant(q)) == wanted and truth.n_relevant[q] == len(wanted)


def test_pairs_outside_the_split_change_nothing() -> None:
    dataset = made([0, 0, 0, 1])
    pairs = pd.DataFrame({"query_id": ["i0", "i3", "i0"], "item_id": ["i3", "i0", "i1"], "kind": ["relevant"] * 3})
    object.__setattr__(dataset, "pairs", pairs)
    split = Split(np.array([0]), np.array([1, 2, 3]))
    assert list(data.relevance(dataset, split).relevant(0)) == [0, 1, 2]
    object.__setattr__(dataset, "relevant_by", "pairs")
    assert list(data.relevance(dataset, split).relevant(0)) == [0, 2]
    assert list(data.relevance(dataset, Split(np.array([1]), np.array([0, 2]))).n_relevant) == [0]
