"""Why a result matches: parts that add up to the score shown, of backbones and fusions, with what cannot be said."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from core import data
from core.data import attached_vectors
from core.explain import Heat
from core.fusion import FusionSpec, Step
from core.studies import embedding, fusion, match_explanation, match_sentences, retrieval
from core.studies.match_explanation import ExplainerPool, ShownImage, explain_match, image_of
from core.studies.systems import System
from core.types import Dataset

BACKBONES = ("hsv_histogram", "hog")


@pytest.fixture
def pair(tiny_world: SimpleNamespace) -> Dataset:
    embedding.embed(tiny_world.dataset, BACKBONES)
    return data.get("tiny")


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


def test_above_the_average_image_is_the_score_less_that_of_the_mean(pair: Dataset) -> None:
    result = answer(pair, None)
    item = int(result.order[0])
    why = explain_match(pair, result, item, image_of(pair, 3), ExplainerPool())
    match = why.parts[0]
    rows = result.query.space.gallery("hsv_histogram").astype(np.float64)
    mean = rows.mean(axis=0)
    assert match.result is not None and match.query is not None
    assert np.isclose(match.result.above.total, match.score - rows[item] @ mean, atol=1e-5)
    own = np.asarray(result.query.space.get("hsv_histogram")[3], np.float64)
    assert np.isclose(match.query.above.total, match.score - own @ mean, atol=1e-5)
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
    assert why.prepared and why.reranked and why.parts[1].way is None and "made elsewhere" in why.parts[1].obstacle
    notes = match_sentences.notes(why)
    assert any("theirs" in note for note in notes) and len(notes) == 4
    assert [layer.badge for layer in match_sentences.layers(why)] == ["partly approximate", "adds up to the score"]


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
