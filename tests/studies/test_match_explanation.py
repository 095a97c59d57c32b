"""Why a result matches: parts that add up to the score shown, of backbones and fusions, with what cannot be said."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from core import data
from core.data import attached_vectors
from core.explain import Heat
from core.fusion import PREPARATIONS, FusionSpec, Step
from core.studies import embedding, fusion, match_explanation, match_sentences, retrieval
from core.studies.match_explanation import ExplainerPool, ShownImage, explain_match, image_of
from core.studies.systems import System
from core.types import Dataset

BACKBONES = ("hsv_histogram", "hog")


@pytest.fixture
def pair(tiny_world: SimpleNamespace) -> Dataset:
    embedding.embed(tiny_world.dataset, BACKBONES)
    loaded = data.get("tiny")
    return dataclasses.replace(
        loaded, items=loaded.items.assign(camera=[f"camera {n % 2}" for n in range(len(loaded))])
    )


def answer(dataset: Dataset, spec: FusionSpec | None, position: int = 3, names=BACKBONES) -> retrieval.QueryResult:
    space = fusion.space_of(dataset, names)
    system = System(names[0] if spec is None else spec.name, space, spec)
    return retrieval.retrieve(retrieval.gallery_image_query(dataset, space, position), system)


def spec(kind: str, **more) -> FusionSpec:
    return FusionSpec("both", kind, BACKBONES, (0.7, 0.3), **more)


@pytest.mark.parametrize("kind", ["concat", "score_sum", "rrf"])
def test_what_the_maps_add_is_the_score(pair: Dataset, kind: str) -> None:
    result, pool = answer(pair, spec(kind)), ExplainerPool()
    for item in result.order[[0, 5, -1]].tolist():
        why = explain_match(pair, result, item, image_of(pair, 3), pool)
        assert [match.backbone for match in why.parts] == list(BACKBONES)
        assert abs(why.score - result.scores[item]) <= 1e-5
        for match in why.parts:
            assert abs(match.missing) <= 1e-5 and match.exact
            assert match.query is not None and abs(match.query.plain.total - match.score) <= 1e-5
        for together in (why.query, why.result):
            assert together is not None and together.plain.cells.shape == (56, 56)
            assert abs(together.plain.total - result.scores[item]) <= 1e-5
        layers = match_sentences.layers(why)
        assert [layer.badge for layer in layers] == ["adds up to the score"] * 3
        assert f"Score {result.scores[item]:.3f}".replace("-", "−") in layers[0].sentence


def test_above_the_average_image_the_mean_is_off_both_images(pair: Dataset) -> None:
    result = answer(pair, None)
    item = int(result.order[0])
    why = explain_match(pair, result, item, image_of(pair, 3), ExplainerPool())
    match = why.parts[0]
    rows = result.query.space.gallery("hsv_histogram").astype(np.float64)
    mean = rows.mean(axis=0)
    assert match.result is not None and match.query is not None
    own = np.asarray(result.query.space.get("hsv_histogram")[3], np.float64)
    above = float((own - mean) @ (rows[item] - mean))
    assert np.isclose(match.above, above, atol=1e-9)
    assert np.isclose(match.result.above.total, above, atol=1e-5)
    assert np.isclose(match.query.above.total, above, atol=1e-5)
    assert why.query is None and len(match_sentences.layers(why)) == 1  # one backbone needs no sum


def test_a_query_without_an_image_leaves_the_result(pair: Dataset) -> None:
    result = answer(pair, spec("concat"))
    why = explain_match(pair, result, int(result.order[0]), None, ExplainerPool())
    assert why.query is None and why.result is not None and why.parts[0].query is None
    assert abs(why.result.plain.total - why.score) <= 1e-5


def test_steps_and_vectors_from_elsewhere_are_said(pair: Dataset) -> None:
    rows = np.random.default_rng(0).normal(size=(len(pair), 5))
    attached_vectors.attach(pair, "theirs", rows)
    loaded = data.get("tiny")
    names = ("hsv_histogram", "theirs")
    fused = FusionSpec(
        "three", "concat", names, (0.5, 0.5), prepare=Step("preparation", "centred"), rerank=Step("re-ranking", "csls")
    )
    result = answer(loaded, fused, names=names)
    why = explain_match(loaded, result, int(result.order[0]), image_of(loaded, 3), ExplainerPool())
    assert why.reranked and why.parts[1].way is None and "made elsewhere" in why.parts[1].obstacle
    notes = match_sentences.notes(why)
    assert any("theirs" in note for note in notes) and len(notes) == 3
    assert [layer.badge for layer in match_sentences.layers(why)] == ["partly approximate", "adds up to the score"]


STEPS = {"centred": "centred", "by group": "centred_by_group:column=camera", "half-whitened": "half_whitened"}


@pytest.mark.parametrize("text", STEPS.values(), ids=STEPS)
@pytest.mark.parametrize("kind", [None, "concat"])
def test_maps_of_prepared_vectors_add_up_to_the_prepared_score(pair: Dataset, text: str, kind: str | None) -> None:
    step = Step.read("preparation", text)
    alone = FusionSpec("alone", "concat", ("hsv_histogram",), prepare=step)
    result = answer(pair, alone if kind is None else spec(kind, prepare=step))
    plain = answer(pair, None if kind is None else spec(kind))
    assert not np.allclose(result.scores[result.order], plain.scores[result.order], atol=1e-3), "it prepares"
    for item in result.order[[0, 4, -1]].tolist():
        why = explain_match(pair, result, item, image_of(pair, 3), ExplainerPool())
        assert abs(why.score - result.scores[item]) <= 1e-5 and not match_sentences.notes(why)
        for match in why.parts:
            assert match.query is not None and match.result is not None
            for side in (match.query, match.result):
                assert abs(side.plain.total - match.score) <= 1e-5
                assert abs(side.above.total - match.above) <= 1e-5
        for together in (why.query, why.result):
            assert together is None or abs(together.plain.total - result.scores[item]) <= 1e-5


def test_a_preparation_that_is_not_affine_is_said(pair: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    centred = PREPARATIONS.get("centred")
    rooted = dataclasses.replace(centred, function=lambda gallery: lambda rows: np.sign(rows) * np.sqrt(np.abs(rows)))
    monkeypatch.setitem(PREPARATIONS._entries, "centred", rooted)
    result = answer(pair, spec("concat", prepare=Step("preparation", "centred")))
    why = explain_match(pair, result, int(result.order[0]), image_of(pair, 3), ExplainerPool())
    assert why.unprepared == "Centred" and "not linear" in match_sentences.notes(why)[0]
    assert all(abs(match.missing) <= 1e-5 for match in why.parts), "the maps are of the vectors before"


def several(pair: Dataset, more: retrieval.Feedback, prepare: Step | None) -> retrieval.QueryResult:
    """A fusion asked by images 3, 9 and 30 together, perhaps moved by others."""
    space = fusion.space_of(pair, BACKBONES)
    rows = {name: np.asarray(space.get(name))[[3, 9, 30]] for name in BACKBONES}
    query = retrieval.uploaded_image_query(pair, space, rows)
    if more:
        query = retrieval.moved_query(pair, space, query, more)
    return retrieval.retrieve(query, query.system("both", spec("concat", prepare=prepare)))


@pytest.mark.parametrize("prepare", [None, *STEPS.values()])
@pytest.mark.parametrize("more", [retrieval.Feedback(), retrieval.Feedback((12, 20), (41,))], ids=["given", "moved"])
def test_images_that_ask_together_add_their_parts(pair: Dataset, more: retrieval.Feedback, prepare: str | None) -> None:
    step = None if prepare is None else Step.read("preparation", prepare)
    result, pool = several(pair, more, step), ExplainerPool()
    item, positions = int(result.order[1]), [3, 9, 30, *more.more, *more.less]
    assert result.query.n_images == len(positions)
    whys = [
        explain_match(pair, result, item, image_of(pair, position), pool, number)
        for number, position in enumerate(positions)
    ]
    for column in range(len(BACKBONES)):
        parts = [why.parts[column] for why in whys]
        assert abs(sum(part.query.plain.total for part in parts) - parts[0].score) <= 1e-5
        assert abs(sum(part.query.above.total for part in parts) - parts[0].above) <= 1e-5
    assert abs(sum(why.query.plain.total for why in whys) - result.scores[item]) <= 1e-5
    assert abs(whys[0].result.plain.total - result.scores[item]) <= 1e-5
    assert "image 2 add" in match_sentences.notes(whys[1])[0]


def test_a_fusion_of_vectors_that_cannot_be_taken_apart_has_maps_of_its_backbones_alone(pair: Dataset) -> None:
    result = answer(pair, FusionSpec("pca", "concat_pca", BACKBONES, (0.5, 0.5)))
    why = explain_match(pair, result, int(result.order[0]), image_of(pair, 3), ExplainerPool())
    assert why.query is None and why.result is None and np.isnan(why.score)
    assert [layer.backbone for layer in match_sentences.layers(why)] == list(BACKBONES)


def test_an_image_is_taken_apart_once(pair: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    pool, result = ExplainerPool(), answer(pair, None)
    done: list[str] = []
    explainer = pool.explainer("hsv_histogram")
    explain = explainer.explain
    monkeypatch.setattr(explainer, "explain", lambda image: done.append("once") or explain(image))
    for item in result.order[:2].tolist():
        explain_match(pair, result, item, image_of(pair, 3), pool)
    assert len(done) == 3  # the query once, each result once
    for number in range(40):
        pool.explained("hsv_histogram", str(number), Image.new("RGB", (8, 8)))
    assert len(pool._images) == match_explanation._IMAGES
    assert pool.explained("hsv_histogram", "", Image.new("RGB", (8, 8))) is not None


def test_the_share_outside_the_middle() -> None:
    even = Heat(np.ones((10, 10)))
    assert match_explanation.share_outside_centre(even) == pytest.approx(0.5, abs=0.05)
    border = np.ones((10, 10))
    border[2:8, 2:8] = 0
    assert match_explanation.share_outside_centre(Heat(border)) > 0.75
    assert np.isnan(match_explanation.share_outside_centre(Heat(-border)))
    assert even.is_flat and not Heat(border - 0.4).is_flat
    assert ShownImage(Image.new("RGB", (4, 4))).key == ""


def test_a_backbone_that_was_tuned_anew_is_explained_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(match_explanation.backbones, "names", lambda: ["tuned:x"])
    monkeypatch.setattr(match_explanation.backbones, "get", lambda name: name)
    monkeypatch.setattr(
        match_explanation, "ImageExplainer", lambda backbone: SimpleNamespace(explain=lambda image: object())
    )
    pool, image = ExplainerPool(), Image.new("RGB", (8, 8))
    made = []
    for digest in ("first", "second"):
        monkeypatch.setattr(match_explanation.backbones.tuned, "card", lambda name, digest=digest: {"sha256": digest})
        made += [pool.explainer("tuned:x"), pool.explained("tuned:x", "key", image)]
        assert pool.explainer("tuned:x") is made[-2] and pool.explained("tuned:x", "key", image) is made[-1]
    assert made[0] is not made[2] and made[1] is not made[3]
