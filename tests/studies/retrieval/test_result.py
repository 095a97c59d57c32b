"""Results of one query against slow loops."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score

from core import data
from core.fusion import FusionSpec
from core.studies import retrieval
from core.studies.systems import System
from core.studies.vector_set import VectorSet
from core.types import Split, unit
from tests.studies.retrieval.worlds import IDS, MIX, SYSTEMS, system, world


def test_looking_at_one_query_changes_no_score_of_another() -> None:
    """A query without a vector of one backbone: its concat score must not depend on what was looked at before."""
    split = Split(np.arange(0, 48, 4), np.setdiff1d(np.arange(48), np.arange(0, 48, 4)))
    dataset, whole = world(split=split)
    vectors = {name: rows.copy() for name, rows in whole.vectors.items()}
    vectors["sharp"][8] = 0.0
    expected = System("mix", VectorSet(vectors, split), MIX).block(0, 12)
    sums = FusionSpec("sum", "score_sum", ("sharp", "blunt"), (2.0, 1.0))

    space = VectorSet(vectors, split)
    for position in (0, 20):
        asked = retrieval.gallery_image_query(dataset, space, position)
        assert not asked.space.missing(MIX.active), "this query and the whole gallery have all their vectors"
    retrieval.retrieve(retrieval.gallery_image_query(dataset, space, 8), System("mix", space, MIX))

    assert space.missing(MIX.active)
    assert not System("sum", space, sums).is_linear
    assert np.array_equal(System("mix", space, MIX).block(0, 12), expected)
    raw = whole.vectors["blunt"][8] @ whole.vectors["blunt"][split.gallery].T
    # Only blunt (weight 1 of 2 and 1) is there for query 8: its norm is 1, the gallery's is sqrt(5).
    assert np.allclose(expected[2], raw / np.sqrt(5.0), atol=1e-6)


@pytest.mark.parametrize("fusion", SYSTEMS, ids=IDS)
@pytest.mark.parametrize("split", [None, Split(np.arange(0, 48, 3), np.arange(4, 48))], ids=["self", "split"])
def test_a_result_is_the_row_of_the_matrix(fusion: FusionSpec | None, split: Split | None) -> None:
    dataset, space = world(split=split)
    whole, truth = system(space, fusion), data.relevance(dataset)
    for query in (0, 3, 7):
        position = int(dataset.split.queries[query])
        answer = retrieval.retrieve(retrieval.gallery_image_query(dataset, space, position, truth), whole)
        row = whole.block(query, query + 1)[0]
        assert answer.order.tolist() == retrieval.ranked_positions(row).tolist()
        np.testing.assert_allclose(answer.scores[answer.order], row[answer.order], atol=1e-6)
        assert position not in dataset.split.gallery[answer.order]
        same = dataset.labels[dataset.split.gallery] == dataset.labels[position]
        listed = np.isfinite(row)
        metrics = retrieval.query_metrics(answer, 10)
        # ties in gallery order, which scikit-learn groups
        places = np.lexsort((np.arange(len(row)), -row))[: listed.sum()]
        assert metrics["map"] == pytest.approx(average_precision_score(same[places], -np.arange(len(places))), abs=1e-9)
        assert metrics["p@10"] == pytest.approx(same[answer.order[:10]].mean())
        missed = answer.missed(5)
        assert set(missed) == set(np.flatnonzero(same & listed)) - set(answer.order[:5])
        assert (np.diff(answer.ranks[missed]) > 0).all()


def test_junk_leaves_the_result_and_unlabelled_queries_have_no_relevance() -> None:
    dataset, space = world()
    pairs = pd.DataFrame(
        {"query_id": [dataset.ids[0]] * 2, "item_id": [dataset.ids[20], dataset.ids[30]], "kind": "junk"}
    )
    with_junk = dataclasses.replace(dataset, pairs=pairs)
    answer = retrieval.retrieve(retrieval.gallery_image_query(with_junk, space, 0), System("sharp", space))
    assert len(answer.order) == 45 and not {20, 30} & set(answer.order.tolist())
    labels = dataset.labels.copy()
    labels[0] = -1
    bare = dataclasses.replace(dataset, labels=labels)
    answer = retrieval.retrieve(retrieval.gallery_image_query(bare, space, 0), System("sharp", space))
    assert (
        not answer.has_relevance and np.isnan(retrieval.query_metrics(answer, 5)["map"]) and len(answer.missed(5)) == 0
    )


def test_the_table_of_results_has_what_each_backbone_contributes() -> None:
    dataset, space = world()
    answer = retrieval.retrieve(retrieval.gallery_image_query(dataset, space, 5), System("mix", space, MIX))
    table = retrieval.results_table(dataset, answer, 8)
    assert table["rank"].tolist() == list(range(1, 9)) and table["id"].is_unique
    np.testing.assert_allclose(table["sharp share"] + table["blunt share"], 1.0)
    np.testing.assert_allclose(table["sharp score"] * 0.8 + table["blunt score"] * 0.2, table["score"], atol=1e-6)
    alone = retrieval.retrieve(retrieval.gallery_image_query(dataset, space, 5), System("blunt", space))
    assert table["blunt rank"].tolist() == alone.ranks[answer.order[:8]].tolist()
    assert table["relevant"].tolist() == (table["label"] == dataset.label_of(5)).tolist()


def test_rank_changes_are_ranks_gained() -> None:
    dataset, space = world()
    question = retrieval.gallery_image_query(dataset, space, 5)
    left, right = (retrieval.retrieve(question, question.system(name)) for name in ("sharp", "blunt"))
    moves = retrieval.rank_changes(left, right, 10)
    for at, item in enumerate(left.order[:10]):
        there = right.order[:10].tolist()
        expected = there.index(item) - at if item in there else "new"
        assert moves.left[at] == expected
    assert moves.shared + len(moves.only_left) == 10 == moves.shared + len(moves.only_right)
    same = retrieval.rank_changes(left, left, 10)
    assert same.left == (0,) * 10 and not len(same.only_left)


def test_the_curve_of_one_query_ends_where_all_are_found() -> None:
    dataset, space = world()
    answer = retrieval.retrieve(retrieval.gallery_image_query(dataset, space, 5), System("sharp", space))
    recall, precision, levels = retrieval.precision_recall(answer)
    assert recall[-1] == 1.0 and precision[-1] == pytest.approx(11 / answer.relevant_ranks[-1])
    assert levels[10] == pytest.approx(precision[-1]) and levels[0] == pytest.approx(precision.max())
    assert (np.diff(levels) <= 0).all()


def test_graded_gains_reach_the_metrics_of_one_query() -> None:
    from scipy import sparse

    random = np.random.default_rng(1)
    matrix = sparse.csr_matrix(random.random((30, 6)) < 0.35)
    base = world(5, 6)[0]
    dataset = dataclasses.replace(base, label_matrix=matrix, label_names=tuple("abcdef"))
    space = VectorSet({"one": unit(random.normal(size=(30, 8)))}, dataset.split)
    truth = data.relevance(dataset)
    query = int(np.flatnonzero(truth.n_relevant > 2)[0])
    answer = retrieval.retrieve(retrieval.gallery_image_query(dataset, space, query, truth), System("one", space))
    gains = np.asarray((matrix[query].astype(float) @ matrix.T.astype(float)).todense()).ravel()[answer.order]
    discounts = 1 / np.log2(np.arange(len(gains)) + 2)
    assert retrieval.query_metrics(answer, 5)["ndcg"] == pytest.approx(
        (gains @ discounts) / (np.sort(gains)[::-1] @ discounts)
    )
