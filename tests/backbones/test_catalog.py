"""Every record of the table against the library that builds it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from core import backbones, compat
from core.backbones import preprocessing
from core.backbones.catalog import BACKBONES
from core.backbones.engines import torch_engine
from core.backbones.sources import base, source_of
from core.backbones.sources import open_clip as open_clip_source
from core.backbones.sources import timm as timm_source
from core.setups import DEFAULT_BACKBONES
from core.types import Backbone

compat.ensure_torchvision()

EVERY = list(BACKBONES)
NETWORKS = [backbone for backbone in EVERY if backbone.source != "own" and backbone.family != "concepts"]
TWINS = {
    "vit_b16_in21k": "vit_b16_in1k",
    "efficientnet_lite0_hub": "tf_efficientnet_lite0",
    "clip_vitb32_laion2b": "clip_vitb32",
    "dinov2_vits14_518": "dinov2_vits14",
    "dinov2_vitb14_518": "dinov2_vitb14",
}
"""The same architecture with other weights or another input."""
FAMILIES = {"CNN", "ViT", "self-supervised ViT", "vision-language", "mobile", "concepts", "descriptor"}
ASKED_FOR = {
    "clip_vitb32",
    "clip_vitb32_laion2b",
    "vit_b16_in1k",
    "vit_b16_in21k",
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet152",
    "inception_v3",
    "inception_v4",
    "inception_resnet_v2",
    "vgg19",
    "efficientnet_b0",
    "densenet121",
    "nasnetalarge",
    "pnasnet5large",
    "efficientnet_lite0_hub",
    "tf_efficientnet_lite0",
    "tf_efficientnet_lite2",
    "mobilenetv3_small",
    "mobilenetv3_large",
    "dinov2_vits14",
    "dinov2_vits14_518",
    "dinov2_vitb14",
    "dinov2_vitb14_518",
    "dinov3_vits16",
    "dinov3_vitb16",
    "siglip2_vitb16",
    "mobileclip2_s0",
    "pe_core_b16",
    "convnextv2_tiny",
    "eva02_base",
    "hsv_histogram",
    "hog",
    "lbp",
}


def ids(backbone: Backbone) -> str:
    return backbone.name


def built(backbone: Backbone, device: str):
    if backbone.family == "concepts":
        return source_of(backbone).load(backbone)  # its weights travel in packages, and it is nothing without them
    if backbone.source == "open_clip":
        return open_clip_source.image_tower(open_clip_source.build(backbone, device=device))
    return timm_source.build(backbone).eval()


def test_everything_asked_for_is_there() -> None:
    assert set(BACKBONES.names) >= ASKED_FOR
    assert set(DEFAULT_BACKBONES) <= set(BACKBONES.names)
    assert all(BACKBONES[name].source in {"package", "own"} for name in DEFAULT_BACKBONES), (
        "the defaults need no download"
    )


@pytest.mark.parametrize("backbone", EVERY, ids=ids)
def test_every_record_says_what_a_person_needs(backbone: Backbone) -> None:
    assert backbone.family in FAMILIES
    assert backbone.label and backbone.trained_on and backbone.pooling
    assert "arXiv:" in backbone.reference or "doi:" in backbone.reference
    assert backbone.licence != "unknown" and backbone.commercial is not None
    assert ("text" in backbone.modalities) == (backbone.family in {"vision-language", "concepts"})
    words = backbones.licence_in_words(backbone)
    assert words.startswith("commercial use allowed" if backbone.commercial else "research only")


@pytest.mark.slow
@pytest.mark.parametrize("backbone", NETWORKS, ids=ids)
def test_dim_and_parameters_are_the_network_s_own(backbone: Backbone) -> None:
    import torch

    device = "cpu" if backbone.family == "concepts" else "meta"
    with torch.device(device), torch.inference_mode():
        network = built(backbone, device)
        found = network(torch.zeros(1, 3, backbone.image_size, backbone.image_size))
    assert tuple(found.shape) == (1, backbone.dim)
    millions = sum(parameter.numel() for parameter in network.parameters()) / 1e6
    assert math.isclose(millions, backbone.parameters, abs_tol=0.06)


@pytest.mark.parametrize("backbone", [b for b in NETWORKS if b.source != "open_clip"], ids=ids)
def test_preprocessing_and_licence_are_timm_s_own(backbone: Backbone) -> None:
    import timm

    tag = backbone.weights if backbone.source == "timm" else "in1k"
    config = timm.get_pretrained_cfg(f"{backbone.architecture}.{tag}")
    asked = {"img_size": size} if (size := dict(backbone.options).get("img_size")) else {}
    said = timm_source.evaluation_preprocessing(config.to_dict(), **asked)
    ours = preprocessing.preprocessing_of(backbone)
    assert (ours.geometry.crop, ours.geometry.resize_to) == (said["crop"], said["resize_to"])
    assert (ours.geometry.rule, ours.geometry.filter) == (said["rule"], said["filter"])
    assert (ours.mean, ours.std) == (said["mean"], said["std"])
    assert backbone.licence == base.LICENCES[config.license][0]
    assert backbone.commercial == base.LICENCES[config.license][1]
    if backbone.source == "timm":
        assert config.hf_hub_id == f"timm/{backbone.architecture}.{backbone.weights}"


@pytest.mark.parametrize("backbone", [b for b in NETWORKS if b.source == "open_clip"], ids=ids)
def test_preprocessing_and_repository_are_open_clip_s_own(backbone: Backbone) -> None:
    import open_clip

    config = open_clip.get_pretrained_cfg(backbone.architecture, backbone.weights)
    ours = preprocessing.preprocessing_of(backbone)
    assert (ours.geometry.rule, ours.geometry.filter) == (config["resize_mode"], config["interpolation"])
    assert (ours.mean, ours.std) == (tuple(config["mean"]), tuple(config["std"]))
    assert ours.geometry.crop == ours.geometry.resize_to == backbone.image_size
    assert dict(backbone.options)["repository"] == config["hf_hub"].rstrip("/")


@pytest.mark.parametrize(("name", "twin"), TWINS.items())
def test_twins_differ_in_weights_or_input_alone(name: str, twin: str) -> None:
    one, other = BACKBONES[name], BACKBONES[twin]
    assert one.architecture == other.architecture
    assert one.dim == other.dim and one.family == other.family
    assert (one.source, one.weights) != (other.source, other.weights) or one.image_size != other.image_size


def test_openai_s_clip_gets_the_activation_it_was_trained_with() -> None:
    import torch

    with torch.device("meta"):
        openai = open_clip_source.build(BACKBONES["clip_vitb32"], device="meta")
        laion = open_clip_source.build(BACKBONES["clip_vitb32_laion2b"], device="meta")
    names = [{type(module).__name__ for module in model.modules()} for model in (openai, laion)]
    assert "QuickGELU" in names[0] and "QuickGELU" not in names[1]


@pytest.mark.slow
@pytest.mark.parametrize("backbone", [b for b in NETWORKS if b.name not in TWINS], ids=ids)
def test_one_picture_alone_embeds_as_in_a_batch(backbone: Backbone) -> None:
    import torch

    torch.manual_seed(3)
    engine = torch_engine.TorchEngine(built(backbone, "cpu").requires_grad_(False), backbone)
    side = backbone.image_size
    squares = np.random.default_rng(0).integers(0, 256, (2, side, side, 3), np.uint8)
    squares[1, : side // 2] = 255
    together, alone = engine.embed(squares), engine.embed(squares[:1])
    assert together.shape == (2, backbone.dim) and together.dtype == np.float32
    # random weights may let a signal fade to 1e-10, so both are measured against the vector itself
    length = np.abs(together[0]).max()
    assert np.abs(together[0] - alone[0]).max() <= 1e-5 * length
    assert np.abs(together[0] - together[1]).max() > 1e-4 * length
