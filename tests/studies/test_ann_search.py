"""Large galleries: what an index finds is scored by the exact rule, whatever the weights; one index serves them all."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from core import data, paths
from core.errors import BadInput, Cancelled, StoreMismatch
from core.fusion import FusionSpec, spec
from core.progress import Progress
from core.search.block_index import BlockIndex
from core.studies import ann_index, ann_search, fusion_attribution, retrieval
from core.studies.systems import System
from core.studies.vector_set import VectorSet
from core.task import Task
from core.types import Dataset, Split, unit

N, CLASSES = 3000, 40


def world(split: Split | None = None, seed: int = 0) -> tuple[Dataset, VectorSet]:
    """Two backbones over loose classes, and some rows that are the same."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, CLASSES, N)
    made = {}
    for name, dim, noise in (("sharp", 24, 0.6), ("blunt", 9, 1.2)):
        rows = random.normal(size=(CLASSES, dim))[labels] + noise * random.normal(size=(N, dim))
        rows[50:53] = rows[7]
        made[name] = unit(rows)
    dataset = Dataset.of(
        "world",
        np.arange(N).astype(str),
        np.array([f"{at:064x}" for at in range(N)], "S64"),
        pd.DataFrame(index=np.arange(N)),
        tuple(map(str, range(CLASSES))),
        labels,
        split=split,
    )
    return dataset, VectorSet(made, dataset.split)


BOTH = FusionSpec("both", "concat", ("sharp", "blunt"), (2.0, 1.0))
EQUAL = FusionSpec("equal", "concat", ("sharp", "blunt"))
NAMES = ("blunt", "sharp")
SYSTEMS = [None, BOTH, FusionSpec("sum", "score_sum", ("blunt", "sharp"), (0.3, 0.7), (("norm", "none"),))]


def system(space: VectorSet, fusion: FusionSpec | None) -> System:
    return System("sharp", space) if fusion is None else System(fusion.name, space, fusion)


@pytest.mark.parametrize("fusion", SYSTEMS, ids=["backbone", "concat", "score_sum"])
@pytest.mark.parametrize("split", [None, Split(np.arange(0, N, 7), np.arange(5, N))], ids=["self", "split"])
def test_what_is_found_stands_as_in_the_exact_list(fusion: FusionSpec | None, split: Split | None, home) -> None:
    """400 candidates of 3,000 hold the first 100."""
    dataset, space = world(split)
    asked, truth = system(space, fusion), data.relevance(dataset)
    indexed = ann_index.build(space, tuple(sorted(asked.backbones)))
    for query in (1, 9, 30):
        question = retrieval.gallery_image_query(dataset, space, int(dataset.split.queries[query]), truth)
        near, exact = ann_search.search_index(question, asked, indexed), retrieval.retrieve(question, asked)
        assert near.approximate and not exact.approximate and near.has_relevance
        assert near.order[:100].tolist() == exact.order[:100].tolist()
        np.testing.assert_allclose(near.scores[near.order], exact.scores[near.order], atol=2e-6)
        assert np.isneginf(np.delete(near.scores, near.order)).all() and near.n_relevant == exact.n_relevant
        places = near.order[:20]
        said, whole = near.parts(places), exact.parts(places)
        np.testing.assert_allclose(said.scores, whole.scores, atol=2e-6)
        np.testing.assert_allclose(said.shares, whole.shares, atol=1e-5)
        assert (said.ranks == (whole.ranks if fusion is None else fusion_attribution.UNKNOWN)).all()
        assert set(near.missed(20)) <= set(near.order) and (np.diff(near.ranks[near.missed(20)]) > 0).all()
        told, right = retrieval.query_metrics(near, 10), retrieval.query_metrics(exact, 10)
        assert np.isnan([told["map"], told["ndcg"], told["rprec"]]).all()
        assert (told["p@10"], told["recall@10"], told["first"]) == (right["p@10"], right["recall@10"], right["first"])
        assert set(retrieval.results_table(dataset, near, 5)["search"]) == {"index"}


def test_a_picture_from_outside_asks_an_index_too(home) -> None:
    dataset, space = world()
    indexed = ann_index.build(space, NAMES)
    guest = {name: space.get(name)[[40, 41]] for name in space.names}
    question = retrieval.uploaded_image_query(dataset, space, guest)
    near, exact = (
        ann_search.search_index(question, system(space, BOTH), indexed),
        retrieval.retrieve(question, system(space, BOTH)),
    )
    assert len(set(near.order[:50]) & set(exact.order[:50])) >= 45 and not near.has_relevance


def test_agreement_is_the_recall_of_single_searches(home) -> None:
    dataset, space = world()
    indexed = ann_index.build(space, NAMES)
    for shares in ({"sharp": 0.8, "blunt": 0.2}, {"sharp": 0.1, "blunt": 0.9}):
        asked = system(space, BOTH.with_shares(shares))
        recalls = []
        for query in ann_search.query_sample(space):
            question = retrieval.gallery_image_query(dataset, space, int(query))
            exact = retrieval.retrieve(question, asked)
            rows = {name: space.get(name)[[query]] for name in NAMES}
            items = indexed.candidates(rows, asked.shares, 12)[0]
            near = exact.scores[items] >= exact.scores[exact.order[9]] - 1e-6
            recalls.append(min(near.sum(), 10) / 10)
        assert ann_search.agreement(indexed, asked, 10, 11) == pytest.approx(np.mean(recalls), abs=1e-9)
        assert np.mean(recalls) < 1.0, "twelve candidates must miss something, or this test tells nothing"


def test_one_file_answers_every_weighting_of_its_backbones_and_each_alone(home) -> None:
    """The blunt one is independent of the other, and small: cells of an index over both would not know it."""
    dataset, space = world()
    random = np.random.default_rng(5)
    loose = {**space.vectors, "blunt": unit(np.abs(random.normal(size=(N, 9))) ** 3)}
    space = VectorSet(loose, space.split)
    ann_index.build(space, NAMES)
    file = next(paths.indexes().glob("*.faiss"))
    content = file.read_bytes()
    fusions = [
        EQUAL,
        *(BOTH.with_shares({"sharp": share, "blunt": 1 - share}) for share in (1.0, 0.9, 0.1, 0.001, 0.0)),
    ]
    for asked in [*(system(space, fusion) for fusion in fusions), System("sharp", space), System("blunt", space)]:
        indexed = ann_index.load_index(space, tuple(sorted(asked.backbones)))
        assert indexed is not None and indexed.names == NAMES and ann_search.reason_against(asked) == ""
        assert ann_search.agreement(indexed, asked, 10, 60) >= 0.98, asked.shares
    assert file.read_bytes() == content and len(list(paths.indexes().glob("*.faiss"))) == 1


def test_an_index_is_kept_under_what_changes_it(home) -> None:
    dataset, space = world()
    told: list[Progress] = []
    built = ann_index.build(space, NAMES, task=Task(told.append))
    assert "Filling the index" in {one.stage for one in told}
    again = ann_index.load_index(VectorSet(space.vectors, space.split), NAMES)
    assert again is not None and again.key == built.key
    query = {name: space.get(name)[[3]] for name in NAMES}
    assert (again.candidates(query, EQUAL.shares, 20) == built.candidates(query, EQUAL.shares, 20)).all()
    moved = {name: rows.copy() for name, rows in space.vectors.items()}
    moved["blunt"][11] = moved["blunt"][12]
    assert ann_index.load_index(VectorSet(moved, space.split), NAMES) is None
    assert ann_index.load_index(VectorSet(space.vectors, Split(space.split.queries, np.arange(1, N))), NAMES) is None
    assert (
        ann_index.load_index(VectorSet({**space.vectors, "third": space.get("blunt")}, space.split), ("third",)) is None
    )
    with pytest.raises(BadInput, match="does not|not third"):
        built.candidates({"third": query["blunt"]}, {"third": 1.0}, 5)
    file = next(paths.indexes().glob("*.faiss"))
    file.write_bytes(file.read_bytes()[:1000])
    assert ann_index.load_index(VectorSet(space.vectors, space.split), NAMES) is None
    with pytest.raises(StoreMismatch, match="damaged"):
        BlockIndex.read(file)
    stopped = Task()
    stopped.cancel()
    with pytest.raises(Cancelled):
        ann_index.build(VectorSet(moved, space.split), ("sharp",), task=stopped)
    assert not list(paths.indexes().glob("*.part"))


def test_new_images_are_added_and_those_gone_are_not_found(home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Images stand by their path: new ones lie between the old ones, and some old ones are gone."""
    _, space = world()
    first = Split.self_retrieval(2000)
    ann_index.build(VectorSet({name: rows[:2000] for name, rows in space.vectors.items()}, first), NAMES)
    kept_rows = np.random.default_rng(1).permutation(np.arange(40, N))
    shuffled = VectorSet({name: rows[kept_rows] for name, rows in space.vectors.items()}, Split.self_retrieval(N - 40))
    with monkeypatch.context() as untrained:
        untrained.setattr(BlockIndex, "train", lambda *_: (_ for _ in ()).throw(AssertionError("it was trained again")))
        grown = ann_index.build(shuffled, NAMES)
    assert grown.index.n_rows == N and (grown.positions < 0).sum() == 40
    assert sorted(grown.positions[grown.positions >= 0]) == list(range(N - 40))
    for fusion in (EQUAL, BOTH.with_shares({"sharp": 0.02, "blunt": 0.98})):
        assert ann_search.agreement(grown, system(shuffled, fusion), 10) >= 0.99
    again = ann_index.load_index(shuffled, ("blunt",))
    assert again is not None and (again.positions == grown.positions).all()
    few = VectorSet({name: rows[:900] for name, rows in space.vectors.items()}, Split.self_retrieval(900))
    assert ann_index.build(few, NAMES).index.n_rows == 900, "an index of which most is gone is built anew"


def test_what_an_index_cannot_serve_is_said(home) -> None:
    _, space = world()
    assert ann_search.reason_against(System("sharp", space)) == ann_search.reason_against(system(space, EQUAL)) == ""
    assert "vectors" in ann_search.reason_against(system(space, spec.equal(("sharp", "blunt"), "rrf")))
    holes = {name: rows.copy() for name, rows in space.vectors.items()}
    holes["blunt"][4] = 0
    assert "no vector" in ann_search.reason_against(system(VectorSet(holes, space.split), BOTH))


def test_only_the_last_indexes_are_kept(home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ann_index, "CACHED", 2)
    _, space = world()
    few = VectorSet({name: rows[:400] for name, rows in space.vectors.items()}, Split.self_retrieval(400))
    keys = [ann_index.build(few, names).key for names in (("sharp",), ("blunt",), NAMES)]
    left = {file.name.split(".")[0] for file in paths.indexes().iterdir()}
    assert left == set(keys[1:])
    assert ann_index.load_index(few, ("blunt",)) is not None
