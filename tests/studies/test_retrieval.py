"""One query at a time: answers against slow loops, guests, moves, words, confusions, and systems as texts."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score

from core import data
from core.errors import BadInput, CoreError, UnknownName
from core.fusion import FusionSpec, spec
from core.studies import retrieval, system_spec_text
from core.studies.systems import System
from core.studies.vector_set import VectorSet
from core.types import Dataset, Split, unit

CLASSES, PER_CLASS = 4, 12


def world(
    n_classes: int = CLASSES, per_class: int = PER_CLASS, seed: int = 0, split: Split | None = None
) -> tuple[Dataset, VectorSet]:
    """Two backbones of different lengths over noisy classes."""
    random = np.random.default_rng(seed)
    labels = np.repeat(np.arange(n_classes), per_class)
    n = len(labels)
    made = {}
    for name, dim, noise in (("sharp", 16, 0.8), ("blunt", 7, 2.0)):
        centres = random.normal(size=(n_classes, dim))
        made[name] = unit(centres[labels] + noise * random.normal(size=(n, dim)))
    dataset = Dataset.of(
        "world",
        np.array([f"c{label}/{at}.jpg" for at, label in enumerate(labels)]),
        np.array([f"{at:064x}" for at in range(n)], "S64"),
        pd.DataFrame({"path": [f"/p/{at}.jpg" for at in range(n)], "title": [f"Thing <b>{at}</b>" for at in range(n)]}),
        tuple(f"class {c}" for c in range(n_classes)),
        labels,
        split=split,
    )
    return dataset, VectorSet(made, dataset.split)


MIX = FusionSpec("mix", "concat", ("sharp", "blunt"), (2.0, 1.0))
SYSTEMS = [
    None,
    MIX,
    spec.equal(("sharp", "blunt"), "rrf"),
    FusionSpec("z", "score_sum", ("sharp", "blunt"), None, (("norm", "zscore"),)),
    FusionSpec("p", "concat_pca", ("sharp", "blunt"), None, (("dim", 5),)),
]
ids = [one.kind if one else "backbone" for one in SYSTEMS]


def system(space: VectorSet, fusion: FusionSpec | None) -> System:
    return System("sharp", space) if fusion is None else System(fusion.name, space, fusion)


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


@pytest.mark.parametrize("fusion", SYSTEMS, ids=ids)
@pytest.mark.parametrize("split", [None, Split(np.arange(0, 48, 3), np.arange(4, 48))], ids=["self", "split"])
def test_an_answer_is_the_row_of_the_matrix(fusion: FusionSpec | None, split: Split | None) -> None:
    dataset, space = world(split=split)
    whole, truth = system(space, fusion), data.relevance(dataset)
    for query in (0, 3, 7):
        position = int(dataset.split.queries[query])
        answer = retrieval.retrieve(retrieval.gallery_image_query(dataset, space, position, truth), whole)
        row = whole.block(query, query + 1)[0]
        assert answer.order.tolist() == retrieval.ordered(row).tolist()
        np.testing.assert_allclose(answer.scores[answer.order], row[answer.order], atol=1e-6)
        assert position not in dataset.split.gallery[answer.order]
        same = dataset.labels[dataset.split.gallery] == dataset.labels[position]
        listed = np.isfinite(row)
        told = retrieval.figures(answer, 10)
        # ties in gallery order, which scikit-learn groups
        places = np.lexsort((np.arange(len(row)), -row))[: listed.sum()]
        assert told["map"] == pytest.approx(average_precision_score(same[places], -np.arange(len(places))), abs=1e-9)
        assert told["p@10"] == pytest.approx(same[answer.order[:10]].mean())
        missed = answer.missed(5)
        assert set(missed) == set(np.flatnonzero(same & listed)) - set(answer.order[:5])
        assert (np.diff(answer.ranks[missed]) > 0).all()


def test_an_image_outside_the_queries_may_ask_too() -> None:
    dataset, space = world(split=Split(np.array([0, 1]), np.arange(2, 48)))
    answer = retrieval.retrieve(retrieval.gallery_image_query(dataset, space, 30), System("sharp", space))
    assert answer.judged and answer.n_relevant == PER_CLASS - 1
    assert 30 not in dataset.split.gallery[answer.order]
    with pytest.raises(UnknownName, match="48"):
        retrieval.gallery_image_query(dataset, space, 48)


def test_junk_leaves_the_answer_and_unlabelled_queries_are_not_judged() -> None:
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
    assert not answer.judged and np.isnan(retrieval.figures(answer, 5)["map"]) and len(answer.missed(5)) == 0


@pytest.mark.parametrize("fusion", SYSTEMS, ids=ids)
def test_a_guest_is_answered_as_if_it_were_one_more_image(fusion: FusionSpec | None) -> None:
    dataset, space = world()
    guest = {
        name: unit(np.random.default_rng(5).normal(size=(1, rows.shape[1]))) for name, rows in space.vectors.items()
    }
    asked = retrieval.uploaded_image_query(dataset, space, guest)
    answer = retrieval.retrieve(asked, system(space, fusion))
    joined = VectorSet(
        {name: np.vstack([rows, guest[name]]) for name, rows in space.vectors.items()},
        Split(np.array([48]), np.arange(48)),
    )
    row = system(joined, fusion).block(0, 1)[0]
    np.testing.assert_allclose(answer.scores, row, atol=1e-6)
    assert not answer.judged and len(answer.order) == 48
    # The space of the dataset is as it was: its own figures do not change.
    np.testing.assert_array_equal(
        system(space, fusion).block(0, 4), system(VectorSet(space.vectors, space.split), fusion).block(0, 4)
    )


def test_several_pictures_ask_by_their_mean_and_a_part_leaves_its_picture_out() -> None:
    dataset, space = world()
    several = {name: rows[[3, 4, 5]] for name, rows in space.vectors.items()}
    answer = retrieval.retrieve(retrieval.uploaded_image_query(dataset, space, several), System("sharp", space))
    mean = unit(space.vectors["sharp"][[3, 4, 5]].mean(axis=0, keepdims=True))[0]
    np.testing.assert_allclose(answer.scores, space.vectors["sharp"] @ mean, atol=1e-6)
    part = retrieval.uploaded_image_query(dataset, space, {"sharp": space.vectors["sharp"][[7]]}, part_of=7)
    answer = retrieval.retrieve(part, System("sharp", space))
    whole = retrieval.retrieve(retrieval.gallery_image_query(dataset, space, 7), System("sharp", space))
    assert answer.order.tolist() == whole.order.tolist() and answer.judged
    with pytest.raises(BadInput, match="no picture"):
        retrieval.mean_vector(np.empty((0, 4)))


def test_missing_vectors_are_heeded_for_guests_and_images() -> None:
    dataset, space = world()
    vectors = {name: rows.copy() for name, rows in space.vectors.items()}
    vectors["blunt"][[2, 9]] = 0
    holey = VectorSet(vectors, dataset.split)
    for position in (2, 5):
        answer = retrieval.retrieve(retrieval.gallery_image_query(dataset, holey, position), System("mix", holey, MIX))
        np.testing.assert_allclose(answer.scores, System("mix", holey, MIX).block(position, position + 1)[0], atol=1e-6)


def test_the_table_of_results_says_what_each_backbone_says() -> None:
    dataset, space = world()
    answer = retrieval.retrieve(retrieval.gallery_image_query(dataset, space, 5), System("mix", space, MIX))
    table = retrieval.results_table(dataset, answer, 8)
    assert table["rank"].tolist() == list(range(1, 9)) and table["id"].is_unique
    np.testing.assert_allclose(table["sharp share"] + table["blunt share"], 1.0)
    np.testing.assert_allclose(table["sharp score"] * 0.8 + table["blunt score"] * 0.2, table["score"], atol=1e-6)
    alone = retrieval.retrieve(retrieval.gallery_image_query(dataset, space, 5), System("blunt", space))
    assert table["blunt rank"].tolist() == alone.ranks[answer.order[:8]].tolist()
    assert table["relevant"].tolist() == (table["label"] == dataset.label_of(5)).tolist()


def test_moves_are_places_gained() -> None:
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


# -- all queries


def test_extremes_are_the_best_and_the_worst_in_a_fixed_order() -> None:
    dataset, space = world()
    truth = data.relevance(dataset)
    evaluation = retrieval.judge(System("sharp", space), truth)
    best, worst = retrieval.best_and_worst(dataset, evaluation, truth, 10)
    values = evaluation.per_query["map"]
    assert [c.query for c in worst] == np.argsort(values, kind="stable")[:10].tolist()
    assert [c.query for c in best] == np.argsort(-values, kind="stable")[:10].tolist()
    for case in [*best, *worst]:
        assert case.ap == values[case.query] and case.n_relevant == PER_CLASS - 1 and case.words
        assert (case.hits == (dataset.labels[case.items] == dataset.labels[case.position])).all()
    best, worst = retrieval.best_and_worst(dataset, evaluation, truth, 10, label="class 1")
    assert len(best) == len(worst) == 6 and not {c.query for c in best} & {c.query for c in worst}
    assert {dataset.label_of(c.position) for c in [*best, *worst]} == {"class 1"}
    assert retrieval.best_and_worst(dataset, evaluation, truth, 10, label="no such") == ([], [])


def test_what_went_wrong_is_said_in_words() -> None:
    dataset, space = world(seed=3)
    vectors = {"sharp": space.vectors["sharp"].copy()}
    labels = dataset.labels.copy()
    vectors["sharp"][0] = vectors["sharp"][40]  # almost the same picture, another label
    vectors["sharp"][1] = -vectors["sharp"].mean(axis=0) / np.linalg.norm(vectors["sharp"].mean(axis=0))
    vectors["sharp"][2:8] = unit(vectors["sharp"][24] + 0.2 * np.random.default_rng(0).normal(size=(6, 16)))
    labels[2:8:2] = 1
    changed = dataclasses.replace(dataset, labels=labels)
    truth = data.relevance(changed)
    evaluation = retrieval.judge(System("sharp", VectorSet(vectors, changed.split)), truth)
    _, worst = retrieval.best_and_worst(changed, evaluation, truth, 48)
    best, _ = retrieval.best_and_worst(changed, evaluation, truth, 48)
    told = {case.position: case for case in [*best, *worst]}
    assert told[0].doubt == 40 and "labelled 'class 3'" in told[0].words
    assert "Nothing similar exists" in told[1].words
    assert any("Confused with 'class" in case.words for case in told.values())
    perfect = retrieval.judge(System("one", VectorSet({"one": unit(np.eye(4)[changed.labels])}, changed.split)), truth)
    assert "come first" in retrieval.best_and_worst(changed, perfect, truth, 1)[0][0].words


def test_a_duel_has_two_sides() -> None:
    dataset, space = world()
    truth = data.relevance(dataset)
    sharp, blunt = (retrieval.judge(System(name, space), truth) for name in ("sharp", "blunt"))
    wins, losses = retrieval.largest_differences(dataset, sharp, blunt, truth, 10)
    gaps = [a.ap - b.ap for a, b in wins]
    assert gaps == sorted(gaps, reverse=True) and gaps[-1] > 0 and all(a.query == b.query for a, b in wins)
    assert all(a.ap < b.ap for a, b in losses)
    mirrored = retrieval.largest_differences(dataset, blunt, sharp, truth, 10)
    assert [b.query for _, b in mirrored[1]] == [a.query for a, _ in wins]
    assert retrieval.largest_differences(dataset, sharp, sharp, truth, 10) == ([], [])
    panel = retrieval.judge(System("sharp", space), truth, queries=np.array([0, 5, 9]))
    assert panel.per_query["map"].tolist() == sharp.per_query["map"][[0, 5, 9]].tolist()
    with pytest.raises(BadInput, match="same queries"):
        retrieval.largest_differences(dataset, sharp, panel, truth)


def test_confusions_count_what_is_retrieved_for_what() -> None:
    dataset, space = world()
    labels = dataset.labels.copy()
    labels[40:] = -1
    dataset = dataclasses.replace(dataset, labels=labels)
    evaluation = retrieval.judge(System("blunt", space), data.relevance(dataset))
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
    evaluation = retrieval.judge(System("one", space), data.relevance(dataset))
    table = retrieval.confusions(dataset, evaluation, 3).set_index(["query class", "result class"])["results"]
    # Query 0 (a, b) sees 1 (a), 2 (b, c), 3 (c): c is wrong twice for both of its labels, a and b agree once each.
    # Query 1 (a) sees 0 (a, b), 2 (b, c), 3 (c): a agrees once, b and c are wrong twice each.
    assert table["a", "a"] == 2 and table["a", "c"] == 4 and table["a", "b"] == 2


def test_browsing_finds_by_class_and_words() -> None:
    dataset, _ = world()
    assert retrieval.browse(dataset).tolist() == list(range(48))
    assert retrieval.browse(dataset, "class 2").tolist() == list(range(24, 36))
    assert retrieval.browse(dataset, "class 2", "THING 25").tolist() == [25]
    assert retrieval.browse(dataset, "no such").tolist() == [] == retrieval.browse(dataset, "", "zzz").tolist()


def test_hard_ones_are_the_lowest() -> None:
    dataset, space = world()
    evaluation = retrieval.judge(System("sharp", space), data.relevance(dataset))
    hard = retrieval.hardest_queries(evaluation, dataset, 5)
    values = evaluation.per_query["map"]
    assert values[hard].max() <= np.delete(values, hard).min()


def test_graded_gains_reach_the_figures_of_one_query() -> None:
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
    assert retrieval.figures(answer, 5)["ndcg"] == pytest.approx(
        (gains @ discounts) / (np.sort(gains)[::-1] @ discounts)
    )


# -- systems as texts


@pytest.mark.parametrize(
    "fusion", [MIX, spec.equal(("sharp", "blunt"), "rrf"), SYSTEMS[3], SYSTEMS[4]], ids=lambda s: s.kind
)
def test_a_fusion_survives_its_text(fusion: FusionSpec) -> None:
    named = system_spec_text.read(system_spec_text.spell(fusion), ("sharp", "blunt"), {})
    assert named.spec.kind == fusion.kind and named.spec.parameters == fusion.parameters
    assert named.spec.shares == pytest.approx(fusion.shares, abs=1e-4)
    assert system_spec_text.spell(named.spec) == system_spec_text.spell(fusion)


def test_backbones_and_saved_fusions_have_texts_too() -> None:
    assert system_spec_text.read("sharp", ("sharp",), {}).spec is None
    assert system_spec_text.read("saved:my, (mix)", ("sharp", "blunt"), {"my, (mix)": MIX}).spec is MIX
    named = system_spec_text.read("concat(timm:resnet50.a1_in1k:0.5,blunt:0.5)", ("timm:resnet50.a1_in1k", "blunt"), {})
    assert named.spec.backbones == ("timm:resnet50.a1_in1k", "blunt")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no such",
        "saved:gone",
        "concat()",
        "concat(sharp)",
        "concat(sharp:x)",
        "concat(sharp:1,sharp:1)",
        "concat(sharp:nan)",
        "concat(sharp:inf,blunt:1)",
        "concat(sharp:0,blunt:0)",
        "nothing(sharp:1)",
        "concat(sharp:0.5,other:0.5)",
        "rrf(sharp:1;k=x)",
        "rrf(sharp:1;zzz=3)",
        "rrf(sharp:1;k)",
        "concat(" * 50,
        "x" * 5000,
        "concat(sharp:-1,blunt:1",
        "<script>alert(1)</script>",
        "concat(sharp:1e999)",
        "__import__('os')(sharp:1)",
        "\x00\x01",
        "concat(sharp:1;norm=;;)",
    ],
)
def test_nonsense_is_one_sentence(text: str) -> None:
    with pytest.raises(CoreError) as caught:
        system_spec_text.read(text, ("sharp", "blunt"), {})
    assert len(str(caught.value)) < 400 and str(caught.value).endswith(".")
