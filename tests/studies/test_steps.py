"""Systems with a step before or after the search: as if somebody had done it by hand, for every door that asks."""

from __future__ import annotations

import numpy as np
import pytest

from core.errors import BadInput
from core.fusion import FusionSpec, Step
from core.fusion.rerankings import RERANKINGS
from core.metrics import hubs
from core.search import rank_scores
from core.studies import retrieval, step_tuning, system_spec_text
from core.studies.ranker import Ranker
from core.studies.systems import System
from core.studies.vector_set import VectorSet
from core.types import Relevance, Split, unit

N, CLASSES = 60, 6
RNG = np.random.default_rng(3)
LABELS = np.repeat(np.arange(CLASSES), N // CLASSES)
CENTRED, RERANKED = Step("preparation", "centred"), Step("re-ranking", "k_reciprocal", (("k1", 6), ("k2", 2)))
DOMAINS = np.array(["photo", "sketch", ""] * 20, object)


def made() -> dict[str, np.ndarray]:
    return {
        name: unit(1 + RNG.standard_normal((CLASSES, dim))[LABELS] + 1.2 * RNG.standard_normal((N, dim)))
        for name, dim in (("a", 16), ("b", 9))
    }


VECTORS = made()


def groups(column: str) -> np.ndarray:
    if column != "domain":
        raise BadInput(f"no column {column}")
    return DOMAINS


@pytest.fixture
def space() -> VectorSet:
    return VectorSet(VECTORS, Split.self_retrieval(N), groups=groups)


@pytest.fixture
def truth() -> Relevance:
    return Relevance(N, N, self_position=np.arange(N), query_classes=LABELS, gallery_classes=LABELS)


def mix(kind: str = "concat", **steps: Step) -> FusionSpec:
    return FusionSpec("mix", kind, ("a", "b"), (0.6, 0.8) if kind == "concat" else (0.36, 0.64), **steps)


def by_hand(name: str, mean: np.ndarray | None = None) -> np.ndarray:
    rows = VECTORS[name]
    return unit(rows - (rows.mean(axis=0) if mean is None else mean))


def test_a_prepared_fusion_is_the_fusion_of_prepared_vectors(space: VectorSet) -> None:
    expected = VectorSet({name: by_hand(name) for name in VECTORS}, space.split)
    for kind in ("concat", "score_sum", "rrf", "concat_pca"):
        spec, bare = mix(kind, prepare=CENTRED), mix(kind)
        assert System("m", space, spec).block(0, N) == pytest.approx(System("m", expected, bare).block(0, N), abs=1e-5)


def test_a_backbone_alone_can_be_prepared_and_ranked_again(space: VectorSet) -> None:
    spec = FusionSpec("one", "concat", ("a",), prepare=CENTRED, rerank=RERANKED)
    system = System("one", space, spec)
    plain = System("one", space, FusionSpec("one", "concat", ("a",), prepare=CENTRED))
    assert not system.is_linear and plain.is_linear
    assert plain.vectors == pytest.approx(by_hand("a"), abs=1e-6)
    first = np.argmax(plain.block(0, N), axis=1)
    assert np.array_equal(np.argmax(system.block(0, N), axis=1), first), "the first hit is kept"
    assert not np.array_equal(np.argsort(-system.block(0, N)), np.argsort(-plain.block(0, N)))


def test_centring_is_ranked_live_beside_the_plain_vectors(space: VectorSet, truth: Relevance) -> None:
    ranker = Ranker(truth)
    systems = [System("p", space, mix()), System("c", space, mix(prepare=CENTRED)), System("a", space)]
    for system, ranked in zip(systems, ranker.rank_several(systems)):
        exact = rank_scores(system, truth)
        assert np.array_equal(ranked.ranks.ranks, exact.ranks.ranks), system.name


def test_part_of_the_queries_and_single_queries_get_the_same_scores(space: VectorSet) -> None:
    for step in [RERANKED, *(Step("re-ranking", name) for name in RERANKINGS.names if name != "k_reciprocal")]:
        system = System("m", space, mix(prepare=CENTRED, rerank=step))
        whole = system.block(0, N)
        some = np.array([3, 40, 59])
        part = System("m", space.only(some), system.spec).block(0, 3)
        assert part == pytest.approx(whole[some], abs=1e-6)
        assert system.block(17, 18)[0] == pytest.approx(whole[17], abs=1e-6)


def test_group_means_come_from_the_column_and_labels_are_none(space: VectorSet) -> None:
    step = Step("preparation", "centred_by_group", (("column", "domain"),))
    rows = System("g", space, mix(prepare=step)).prepared.get("a")
    photo = np.flatnonzero(DOMAINS == "photo")
    assert rows[photo] == pytest.approx(unit(VECTORS["a"][photo] - VECTORS["a"][photo].mean(axis=0)), abs=1e-6)
    nobody = np.flatnonzero(DOMAINS == "")
    assert rows[nobody] == pytest.approx(unit(VECTORS["a"][nobody] - VECTORS["a"].mean(axis=0)), abs=1e-6)
    with pytest.raises(BadInput, match="needs a column"):
        System("g", space, mix(prepare=Step("preparation", "centred_by_group"))).block(0, 1)


def test_what_has_no_vectors_is_refused_in_a_sentence(space: VectorSet) -> None:
    with pytest.raises(BadInput, match="no vectors"):
        System("m", space, mix("rrf", rerank=RERANKED)).block(0, 1)
    sums = System("m", space, mix("score_sum", rerank=RERANKED)).block(0, N)
    assert sums == pytest.approx(System("m", space, mix(rerank=RERANKED)).block(0, N), abs=1e-5)


def test_links_name_the_steps() -> None:
    spec = mix(prepare=CENTRED, rerank=RERANKED)
    text = system_spec_text.spell(spec)
    assert text == "concat(a:0.36,b:0.64)~centred~k_reciprocal:k1=6,k2=2"
    ref = system_spec_text.read(text, ("a", "b"), {})
    assert ref.title == "a 36 + b 64, centred, k-reciprocal (k1 6, k2 2)"
    assert ref.spec is not None and ref.spec.rerank == RERANKED and ref.spec.prepare == CENTRED
    alone = system_spec_text.read("a~csls", ("a", "b"), {})
    assert alone.backbones == ("a",) and alone.title == "a, CSLS" and system_spec_text.spell(alone.spec) == "a~csls"
    for wrong in ("a~csls~csls", "a~nothing_such", "a~csls:k=many", "c~csls"):
        with pytest.raises(Exception, match=r"second|named|number|parameter"):
            system_spec_text.read(wrong, ("a", "b"), {})


def test_neighbours_are_proposed_from_the_class_size_of_training_queries(space: VectorSet, truth: Relevance) -> None:
    training = truth.take(np.arange(30))
    step = Step("re-ranking", "k_reciprocal")
    assert step_tuning.class_size(training) == 9
    assert step_tuning.proposed(step, training).settings["k1"] == 9
    by_hand_set = step.with_settings(k1=4)
    assert step_tuning.proposed(by_hand_set, training).settings["k1"] == 4
    tuned = step_tuning.tune_rerank(space.only(np.arange(30)), mix(), training, step)
    values = dict(tuned.tried)
    assert tuned.step is not None and values[tuned.step.text] == max(values.values())
    assert tuned.untuned == step_tuning.proposed(step, training) and tuned.untuned.text in values


def test_hubness_is_the_skewness_of_scipy(space: VectorSet, truth: Relevance) -> None:
    from scipy.stats import skew

    items = Ranker(truth).rank(System("a", space), k=10).items
    counted = hubs.hubness(items, N)
    assert counted.skewness == pytest.approx(skew(np.bincount(items[:, :10].ravel(), minlength=N)))
    assert counted.counts.sum() == 10 * N and counted.n_anti_hubs == (counted.counts == 0).sum()


def test_an_uploaded_image_is_prepared_and_ranked_as_if_it_stood_behind_the_gallery(space: VectorSet) -> None:
    upload = {name: unit(VECTORS[name][:1] + 0.1 * VECTORS[name][7:8]) for name in VECTORS}
    query = retrieval.uploaded_image_query(None, space, upload)  # type: ignore[arg-type]  # only part_of reads the dataset
    behind = {name: np.concatenate([VECTORS[name], upload[name]]) for name in VECTORS}
    outside = VectorSet(behind, Split(np.array([N]), np.arange(N)))
    for step in (RERANKED, Step("re-ranking", "augmentation_expansion"), Step("re-ranking", "csls")):
        spec = mix(prepare=CENTRED, rerank=step)
        made = query.system("u", spec).block(0, 1)
        assert made == pytest.approx(System("o", outside, spec).block(0, 1), abs=1e-6), step.name


@pytest.mark.parametrize("name", ["k_reciprocal", "query_expansion", "csls"])
def test_what_is_proposed_is_tried_and_wins_a_tie(name: str, truth: Relevance, monkeypatch) -> None:
    first = step_tuning.proposed(Step("re-ranking", name), truth)
    assert step_tuning.candidates(Step("re-ranking", name), truth)[0] == first
    monkeypatch.setattr(step_tuning, "_values", lambda space, specs, truth, task: [0.5] * len(specs))
    tuned = step_tuning.tune_rerank(None, mix(), truth, Step("re-ranking", name))
    assert tuned.step == tuned.untuned == first and tuned.tried[0][0] == first.text
