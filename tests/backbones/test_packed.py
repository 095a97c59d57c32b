"""Packed weights are the same network: layer by layer, alone and in a batch, whatever a network asks of a layer."""

from __future__ import annotations

import numpy as np
import photographs
import pytest
import torch

from core import backbones, compat
from core.backbones import preprocessing
from core.backbones.engines import mkldnn_packing, torch_engine
from core.backbones.sources import open_clip_source
from core.data.images import open_rgb

compat.ensure_torchvision()
pytestmark = pytest.mark.skipif(not mkldnn_packing.possible(), reason="this torch cannot pack weights")


def same(ours: torch.Tensor, theirs: torch.Tensor) -> bool:
    return ours.shape == theirs.shape and bool((ours - theirs).abs().max() <= 1e-5 * theirs.abs().max())


@pytest.mark.parametrize("bias", [True, False])
def test_linear_and_pointwise_layers(bias: bool) -> None:
    torch.manual_seed(0)
    linear = torch.nn.Linear(24, 40, bias).requires_grad_(False)
    points = torch.nn.Conv2d(24, 40, 1, stride=2, bias=bias).requires_grad_(False)
    made = torch.nn.Sequential(linear, torch.nn.Sequential(points))
    rows, pictures = torch.randn(3, 5, 24), torch.randn(3, 24, 9, 7).contiguous(memory_format=torch.channels_last)
    wanted = linear(rows), points(pictures), linear.weight.clone()
    assert mkldnn_packing.pack(made) == 2
    with torch.inference_mode():
        assert same(made[0](rows), wanted[0]) and same(made[1][0](pictures), wanted[1])
        assert same(made[0](rows[:1]), wanted[0][:1])
        assert torch.equal(made[0].weight, wanted[2]), "some networks read the weight beside calling the layer"


@pytest.mark.parametrize("batch_first", [True, False])
def test_attention(batch_first: bool) -> None:
    torch.manual_seed(0)
    plain = torch.nn.MultiheadAttention(32, 4, batch_first=batch_first).eval().requires_grad_(False)
    query, other, more = torch.randn(6, 3, 32), torch.randn(6, 3, 32), torch.randn(6, 3, 32)
    ours = mkldnn_packing.PackedAttention(plain)
    with torch.inference_mode():
        for given in ((query, query, query), (query, other, other), (query, other, more)):
            assert same(ours(*given, need_weights=False)[0], plain(*given, need_weights=False)[0])
        with pytest.raises(NotImplementedError):
            ours(query, query, query)
        with pytest.raises(NotImplementedError):
            ours(query, query, query, need_weights=False, attn_mask=torch.zeros(6, 6))


@pytest.mark.parametrize(
    "name", ["test_vit", "test_convnext", "test_efficientnet", "test_resnet", "eva02_tiny_patch14_224", "test_vit4"]
)
def test_small_networks_of_many_families(name: str) -> None:
    import timm

    torch.manual_seed(0)
    network = timm.create_model(name, num_classes=0).eval().requires_grad_(False)
    pictures = torch.randn(2, 3, *network.default_cfg["input_size"][1:])
    with torch.inference_mode():
        wanted = network(pictures)
        assert mkldnn_packing.pack(network) > 0 and same(network(pictures), wanted)


def test_open_clip_s_picture_tower() -> None:
    import open_clip

    torch.manual_seed(0)
    settings = {"image_size": 64, "layers": 2, "width": 64, "patch_size": 16, "head_width": 32}
    text = {"context_length": 8, "vocab_size": 100, "width": 64, "heads": 2, "layers": 1}
    clip = open_clip.CLIP(64, settings, text).eval().requires_grad_(False)
    tower, pictures = open_clip_source.image_tower(clip), torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        wanted = tower(pictures)
        assert mkldnn_packing.pack(tower) >= 6 and same(tower(pictures), wanted)


def test_real_weights_on_real_photographs() -> None:
    backbone = backbones.get("tf_efficientnet_lite0")
    squares = [
        preprocessing.square(open_rgb(f), preprocessing.preprocessing_of(backbone).geometry)
        for f in photographs.files()[:6]
    ]
    squares = np.stack(squares)
    plain = torch_engine.build(backbone, "cpu", engine="torch").embed(squares)
    ours = torch_engine.build(backbone, "cpu", engine="torch packed")
    assert ours.name == "torch packed"
    smallest, centred = photographs.agreement(ours.embed(squares), plain)
    assert smallest >= 0.99999 and centred >= 0.99999
    alone = np.concatenate([ours.embed(one[None]) for one in squares])
    assert np.abs(alone - ours.embed(squares)).max() <= 1e-5 * np.abs(plain).max()


def test_a_subclass_is_left_alone() -> None:
    class Special(torch.nn.Linear):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return 2 * super().forward(x)

    assert mkldnn_packing.pack(torch.nn.Sequential(Special(3, 3))) == 0
