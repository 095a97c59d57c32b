"""Which classes are retrieved for which."""

from __future__ import annotations

import dataclasses

import numpy as np

from core import data
from core.studies import retrieval
from core.studies.systems import System
from core.studies.vector_set import VectorSet
from core.types import unit
from tests.studies.retrieval.worlds import world


def test_confusions_count_what_is_retrieved_for_what() -> None:
    dataset, space = world()
    labels = dataset.labels.copy()
    labels[40:] = -1
    dataset = dataclasses.replace(dataset, labels=labels)
    evaluation = retrieval.evaluate_queries(System("blunt", space), data.relevance(dataset))
    table = retrieval.confusions(dataset, evaluation, 5)
    counted: dict[tuple[str, str], int] = {}
    for query in range(48):
        for item in evaluation.ranking.items[query][:5]:
            pair = dataset.label_of(query), dataset.label_of(int(item))
            if pair[0]:
                counted[pair] = counted.get(pair, 0) + 1
    assert {(r[0], r[1]): r[2] for r in table.itertuples(index=False)} == counted
    np.testing.assert_allclose(table.groupby("query class")["share"].sum(), 1.0)
    asked, given = table[~table["agrees"]].iloc[0][["query class", "result class"]]
    found = retrieval.confused_pairs(dataset, evaluation, 5, asked, given, n=1000)
    assert len(found) == counted[(asked, given)]
    assert all(
        dataset.label_of(q) == asked and dataset.label_of(r) == given for q, r in found[["query", "result"]].to_numpy()
    )


def test_confusions_of_several_labels_leave_agreement_out() -> None:
    from scipy import sparse

    matrix = sparse.csr_matrix(np.array([[1, 1, 0], [1, 0, 0], [0, 1, 1], [0, 0, 1]], bool))
    base = world(4, 1)[0]
    dataset = dataclasses.replace(base, label_matrix=matrix, label_names=("a", "b", "c"))
    space = VectorSet({"one": unit(np.random.default_rng(0).normal(size=(4, 3)))}, dataset.split)
    evaluation = retrieval.evaluate_queries(System("one", space), data.relevance(dataset))
    table = retrieval.confusions(dataset, evaluation, 3).set_index(["query class", "result class"])["results"]
    # Query 0 (a, b) sees 1 (a), 2 (b, c), 3 (c): c is wrong twice for both of its labels, a and b agree once each.
    # Query 1 (a) sees 0 (a, b), 2 (b, c), 3 (c): a agrees once, b and c are wrong twice each.
    assert table["a", "a"] == 2 and table["a", "c"] == 4 and table["a", "b"] == 2
