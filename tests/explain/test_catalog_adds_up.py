"""Every backbone of the catalog: what its parts add is the score, exactly where it says so, on random weights."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from PIL import Image

from core import backbones, compat, explain
from core.backbones.catalog import BACKBONES
from core.errors import BadInput
from core.explain.explainers import ImageExplainer
from core.types import Backbone

compat.ensure_torchvision()
TWINS = {"efficientnet_lite0_hub", "dinov3_vitb16", "eva02_base", "resnet34", "resnet152", "convnextv2_tiny"}
"""The same building blocks as another record, only more of them."""
WITH_REST = {"convnextv2_nano", "eva02_small"}
APPROXIMATE = {
    name
    for name in BACKBONES.names
    if BACKBONES[name].pooling in {"CLS", "projection", "two hidden layers", "average, then a hidden layer"}
}
SHOWN = {"mobilenetv3_small", "dinov2_vits14"}
"""The approximate ones that are run here; the others take many seconds to build."""
EXACT = [b for b in BACKBONES if b.name not in APPROXIMATE | TWINS and b.family != "concepts"]


def images(seed: int) -> Image.Image:
    random = np.random.default_rng(seed)
    return Image.fromarray(random.integers(0, 256, (9, 12, 3), np.uint8)).resize((160 + 40 * seed, 180))


def small(backbone: Backbone) -> Backbone:
    """Random weights, and as few pixels a side as leave several places."""
    if backbone.source == "own":
        return backbone
    options = dict(backbone.options)
    if backbone.family in {"CNN", "mobile"}:
        options |= {"crop": 128 if "inception" in backbone.name else 96, "resize_to": 140}
    if "img_size" in options:
        options |= {"crop": 112, "resize_to": 112, "img_size": 112}
    return dataclasses.replace(backbone, random=True, options=tuple(sorted(options.items())))


@pytest.mark.parametrize("backbone", EXACT, ids=lambda backbone: backbone.name)
def test_what_the_places_add_is_the_score(backbone: Backbone) -> None:
    explainer = ImageExplainer(small(backbone))
    query, result = images(1), images(2)
    squares = np.stack([explainer.square(query), explainer.square(result)])
    if explainer.loaded.is_network:
        own = explainer.loaded.vectors(squares)
    else:
        from core.backbones.sources.descriptor import DESCRIPTORS

        own = DESCRIPTORS[backbone.architecture](squares).astype(np.float64)
        own /= np.linalg.norm(own, axis=1, keepdims=True)
    mean = own.mean(axis=0) / 2
    assert explainer.way.exact
    assert (explainer.way.name == "average_norm") == (backbone.name in WITH_REST)
    explained = explainer.explain(query)
    heat = explained.heat(own[1])
    assert min(heat.cells.shape) > 1
    assert abs(heat.total - own[0] @ own[1]) <= 1e-5
    assert abs(explain.heat_above(explained, own[1], mean).total - (own[0] - mean) @ (own[1] - mean)) <= 1e-5
    if backbone.name not in WITH_REST:
        assert heat.rest == 0.0


@pytest.mark.parametrize("name", sorted(SHOWN))
def test_an_approximation_says_so_and_leaves_a_rest(name: str) -> None:
    explainer = ImageExplainer(small(BACKBONES[name]))
    assert not explainer.way.exact and explainer.way.name == "gradient"
    square = explainer.square(images(1))
    target = explainer.loaded.vectors(explainer.square(images(2))[None])[0]
    heat = explainer.explain(images(1)).heat(target)
    assert np.isclose(heat.total, explainer.loaded.vectors(square[None])[0] @ target, atol=1e-5)
    assert min(heat.cells.shape) > 1 and np.isfinite(heat.cells).all() and np.abs(heat.cells).sum() > 0
    measured = explain.faithfulness(explainer, square, heat, target)
    assert np.isnan(measured) or -1 <= measured <= 1


def test_the_gradient_is_exact_where_the_vector_is_an_average() -> None:
    """The approximation agrees with the exact parts where both can be had."""
    from core.explain.gradients import gradient_map

    explainer = ImageExplainer(small(BACKBONES["resnet18"]))
    query, result = images(1), images(2)
    target = explainer.loaded.vectors(explainer.square(result)[None])[0]
    exact = explainer.explain(query).heat(target)
    near = gradient_map(explainer.loaded, explainer.square(query)).heat(target)
    assert np.allclose(near.cells, exact.cells, atol=1e-5) and abs(near.rest) < 1e-5
    assert explain.faithfulness(explainer, explainer.square(query), exact, target) <= 1


def test_the_catalog_is_covered() -> None:
    """No record falls between the exact ones, their larger twins, the approximations and the concepts."""
    assert {b.name for b in EXACT} | TWINS | APPROXIMATE | {"concepts_lite0"} == set(BACKBONES.names)
    assert len(APPROXIMATE) == 15 and SHOWN <= APPROXIMATE


def test_concepts_add_up_class_by_class(monkeypatch: pytest.MonkeyPatch) -> None:
    from core.backbones import concepts
    from core.types import unit

    places = unit(np.random.default_rng(0).normal(size=(1000, 384)).astype(np.float32))
    monkeypatch.setattr(concepts, "class_vectors", lambda *_: places)
    explainer = ImageExplainer(backbones.get("concepts_lite0"))
    query, result = images(1), images(2)
    own = explainer.loaded.vectors(np.stack([explainer.square(query), explainer.square(result)]))
    heat = explainer.explain(query).heat(own[1])
    assert explainer.way.name == "classes" and not heat.cells.size and len(heat.named) == 10
    assert abs(heat.total - own[0] @ own[1]) <= 1e-5


def test_vectors_from_elsewhere_cannot_be_explained() -> None:
    with pytest.raises(BadInput, match="made elsewhere"):
        ImageExplainer(Backbone("theirs", source="vectors", dim=8, label="Theirs"))
