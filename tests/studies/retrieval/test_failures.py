"""Best and worst queries, and what went wrong."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from core import data
from core.errors import BadInput
from core.studies import retrieval
from core.studies.systems import System
from core.studies.vector_set import VectorSet
from core.types import unit
from tests.studies.retrieval.worlds import PER_CLASS, world


def test_best_and_worst_are_the_best_and_the_worst_in_a_fixed_order() -> None:
    dataset, space = world()
    truth = data.relevance(dataset)
    evaluation = retrieval.evaluate_queries(System("sharp", space), truth)
    best, worst = retrieval.best_and_worst(dataset, evaluation, truth, 10)
    values = evaluation.per_query["map"]
    assert [c.query for c in worst] == np.argsort(values, kind="stable")[:10].tolist()
    assert [c.query for c in best] == np.argsort(-values, kind="stable")[:10].tolist()
    for case in [*best, *worst]:
        assert case.ap == values[case.query] and case.n_relevant == PER_CLASS - 1 and case.explanation
        assert (case.hits == (dataset.labels[case.items] == dataset.labels[case.position])).all()
    best, worst = retrieval.best_and_worst(dataset, evaluation, truth, 10, label="class 1")
    assert len(best) == len(worst) == 6 and not {c.query for c in best} & {c.query for c in worst}
    assert {dataset.label_of(c.position) for c in [*best, *worst]} == {"class 1"}
    assert retrieval.best_and_worst(dataset, evaluation, truth, 10, label="no such") == ([], [])


def test_what_went_wrong_is_explained() -> None:
    dataset, space = world(seed=3)
    vectors = {"sharp": space.vectors["sharp"].copy()}
    labels = dataset.labels.copy()
    vectors["sharp"][0] = vectors["sharp"][40]  # almost the same picture, another label
    vectors["sharp"][1] = -vectors["sharp"].mean(axis=0) / np.linalg.norm(vectors["sharp"].mean(axis=0))
    vectors["sharp"][2:8] = unit(vectors["sharp"][24] + 0.2 * np.random.default_rng(0).normal(size=(6, 16)))
    labels[2:8:2] = 1
    changed = dataclasses.replace(dataset, labels=labels)
    truth = data.relevance(changed)
    evaluation = retrieval.evaluate_queries(System("sharp", VectorSet(vectors, changed.split)), truth)
    _, worst = retrieval.best_and_worst(changed, evaluation, truth, 48)
    best, _ = retrieval.best_and_worst(changed, evaluation, truth, 48)
    cases = {case.position: case for case in [*best, *worst]}
    assert cases[0].label_error == 40 and "labelled 'class 3'" in cases[0].explanation
    assert "Nothing similar exists" in cases[1].explanation
    assert any("Confused with 'class" in case.explanation for case in cases.values())
    perfect = retrieval.evaluate_queries(
        System("one", VectorSet({"one": unit(np.eye(4)[changed.labels])}, changed.split)), truth
    )
    assert "come first" in retrieval.best_and_worst(changed, perfect, truth, 1)[0][0].explanation


def test_differences_have_two_sides() -> None:
    dataset, space = world()
    truth = data.relevance(dataset)
    sharp, blunt = (retrieval.evaluate_queries(System(name, space), truth) for name in ("sharp", "blunt"))
    wins, losses = retrieval.largest_differences(dataset, sharp, blunt, truth, 10)
    gaps = [a.ap - b.ap for a, b in wins]
    assert gaps == sorted(gaps, reverse=True) and gaps[-1] > 0 and all(a.query == b.query for a, b in wins)
    assert all(a.ap < b.ap for a, b in losses)
    mirrored = retrieval.largest_differences(dataset, blunt, sharp, truth, 10)
    assert [b.query for _, b in mirrored[1]] == [a.query for a, _ in wins]
    assert retrieval.largest_differences(dataset, sharp, sharp, truth, 10) == ([], [])
    panel = retrieval.evaluate_queries(System("sharp", space), truth, queries=np.array([0, 5, 9]))
    assert panel.per_query["map"].tolist() == sharp.per_query["map"][[0, 5, 9]].tolist()
    with pytest.raises(BadInput, match="different queries"):
        retrieval.largest_differences(dataset, sharp, panel, truth)


def test_hardest_queries_are_the_lowest() -> None:
    dataset, space = world()
    evaluation = retrieval.evaluate_queries(System("sharp", space), data.relevance(dataset))
    hard = retrieval.hardest_queries(evaluation, dataset, 5)
    values = evaluation.per_query["map"]
    assert values[hard].max() <= np.delete(values, hard).min()
