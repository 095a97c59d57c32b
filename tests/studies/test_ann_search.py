"""Large galleries: what an index finds is scored by the exact rule, weights change no index, keys hold what matters."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from core import data, paths
from core.errors import Cancelled, StoreMismatch
from core.fusion import FusionSpec, spec
from core.progress import Progress
from core.search.index import GalleryIndex
from core.studies import ann_search, fusion_attribution, retrieval
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
SYSTEMS = [None, BOTH, FusionSpec("sum", "score_sum", ("blunt", "sharp"), (0.3, 0.7), (("norm", "none"),))]


def system(space: VectorSet, fusion: FusionSpec | None) -> System:
    return System("sharp", space) if fusion is None else System(fusion.name, space, fusion)


@pytest.mark.parametrize("fusion", SYSTEMS, ids=["backbone", "concat", "score_sum"])
@pytest.mark.parametrize("split", [None, Split(np.arange(0, N, 7), np.arange(5, N))], ids=["self", "split"])
def test_what_is_found_stands_as_in_the_exact_list(fusion: FusionSpec | None, split: Split | None, home) -> None:
    dataset, space = world(split)
    asked, truth = system(space, fusion), data.relevance(dataset)
    indexed = ann_search.build(space, tuple(sorted(asked.backbones)))
    indexed.index.effort = indexed.index.cells  # every cell: then the candidates are the best ones
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
    indexed = ann_search.build(space, ("blunt", "sharp"))
    guest = {name: space.get(name)[[40, 41]] for name in space.names}
    question = retrieval.uploaded_image_query(dataset, space, guest)
    near, exact = (
        ann_search.search_index(question, system(space, BOTH), indexed),
        retrieval.retrieve(question, system(space, BOTH)),
    )
    assert len(set(near.order[:50]) & set(exact.order[:50])) >= 45 and not near.has_relevance


def test_agreement_is_the_recall_of_single_searches_and_weights_need_no_new_index(home) -> None:
    dataset, space = world()
    indexed = ann_search.build(space, ("blunt", "sharp"))
    indexed.index.effort = 2
    for shares in ({"sharp": 0.8, "blunt": 0.2}, {"sharp": 0.1, "blunt": 0.9}):
        fusion = BOTH.with_shares(shares)
        found = []
        for query in ann_search.query_sample(space):
            question = retrieval.gallery_image_query(dataset, space, int(query))
            near, exact = (
                ann_search.search_index(question, system(space, fusion), indexed),
                retrieval.retrieve(question, system(space, fusion)),
            )
            last = exact.scores[exact.order[9]]
            found.append(min((near.scores[near.order] >= last - 1e-6).sum(), 10) / 10)
        assert ann_search.agreement(indexed, system(space, fusion), 10) == pytest.approx(np.mean(found), abs=1e-9)
        assert np.mean(found) < 1.0, "two cells of many must miss something, or this test tells nothing"


def test_an_index_is_kept_under_what_changes_it(home) -> None:
    dataset, space = world()
    told: list[Progress] = []
    built = ann_search.build(space, ("blunt", "sharp"), task=Task(told.append))
    assert {"Filling the index", "Comparing with the exact search"} <= {one.stage for one in told}
    again = ann_search.load_index(VectorSet(space.vectors, space.split), ("blunt", "sharp"))
    assert again is not None and again.key == built.key and again.index.effort == built.index.effort
    query = np.concatenate([space.get("blunt")[3], space.get("sharp")[3]])[None]
    assert again.index.search(query, 20).items.tolist() == built.index.search(query, 20).items.tolist()
    moved = {name: rows.copy() for name, rows in space.vectors.items()}
    moved["blunt"][11] = moved["blunt"][12]
    assert ann_search.load_index(VectorSet(moved, space.split), ("blunt", "sharp")) is None
    assert (
        ann_search.load_index(VectorSet(space.vectors, Split(space.split.queries, np.arange(1, N))), ("blunt", "sharp"))
        is None
    )
    assert ann_search.load_index(space, ("sharp",)) is None and ann_search.load_index(space, ("sharp", "blunt")) is None
    file = next(paths.indexes().glob("*.faiss"))
    file.write_bytes(file.read_bytes()[:1000])
    assert ann_search.load_index(VectorSet(space.vectors, space.split), ("blunt", "sharp")) is None
    with pytest.raises(StoreMismatch, match="damaged"):
        GalleryIndex.read(file, ann_search.KIND)
    stopped = Task()
    stopped.cancel()
    with pytest.raises(Cancelled):
        ann_search.build(VectorSet(moved, space.split), ("sharp",), task=stopped)
    assert not list(paths.indexes().glob("*.part"))


def test_what_an_index_cannot_serve_is_said(home) -> None:
    _, space = world()
    assert ann_search.reason_against(System("sharp", space)) == ann_search.reason_against(system(space, EQUAL)) == ""
    assert "vectors" in ann_search.reason_against(system(space, spec.equal(("sharp", "blunt"), "rrf")))
    holes = {name: rows.copy() for name, rows in space.vectors.items()}
    holes["blunt"][4] = 0
    assert "no vector" in ann_search.reason_against(system(VectorSet(holes, space.split), BOTH))


def test_an_index_serves_the_weights_that_it_is_tuned_for_and_no_others(home) -> None:
    """At the histogram's own weight an index of both backbones finds a part of the exact list only."""
    dataset, space = world()
    for weights in ((2.0, 1.0), (0.01, 1.0), (1.0, 0.01)):
        assert "equal weights" in ann_search.reason_against(system(space, BOTH.with_weights(weights)))
    indexed = ann_search.made(space, ("blunt", "sharp"))
    indexed.index.effort = 4
    at_equal = ann_search.agreement(indexed, system(space, EQUAL), 10)
    assert ann_search.agreement(indexed, system(space, BOTH.with_shares({"sharp": 1e-6, "blunt": 1.0})), 10) < at_equal
    alone = system(space, BOTH.with_weights((0.0, 1.0)))  # the other backbone is out: an index of its own
    assert ann_search.reason_against(alone) == "" and alone.backbones == ("blunt",)
    assert ann_search.agreement(ann_search.made(space, alone.backbones), alone, 10) >= 0.98


def test_only_the_last_indexes_are_kept(home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ann_search, "KEPT", 2)
    _, space = world()
    few = VectorSet({name: rows[:400] for name, rows in space.vectors.items()}, Split.self_retrieval(400))
    keys = [ann_search.build(few, names).key for names in (("sharp",), ("blunt",), ("blunt", "sharp"))]
    left = {file.stem for file in paths.indexes().iterdir()}
    assert left == set(keys[1:])
    assert dataclasses.is_dataclass(ann_search.load_index(few, ("blunt",)))
