"""Our squares are timm's, pixel for pixel."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from core import compat
from core.backbones import preprocessing
from core.types import Backbone


def drawn(width: int, height: int, seed: int = 0) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8))


def timm_square(picture: Image.Image, **config) -> np.ndarray:
    compat.ensure_torchvision()
    from timm.data import create_transform

    made = create_transform(**config, is_training=False, normalize=False)(picture)
    return np.moveaxis(made.numpy(), 0, -1)


@settings(max_examples=60)
@given(st.integers(8, 700), st.integers(8, 700), st.sampled_from(["bicubic", "bilinear"]), st.integers(0, 99))
def test_shortest_is_timm_s_center_crop(width: int, height: int, filter: str, seed: int) -> None:
    if max(width, height) > 12 * min(width, height):
        width = height
    picture = drawn(width, height, seed)
    ours = preprocessing.square(picture, preprocessing.Geometry("shortest", 73, 64, filter))
    theirs = timm_square(picture, input_size=(3, 64, 64), crop_pct=64 / 73.2, interpolation=filter)
    assert ours.dtype == np.uint8
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("size", [(64, 64), (200, 90), (91, 333)])
def test_squash_is_timm_s_squash(size: tuple[int, int]) -> None:
    picture = drawn(*size)
    theirs = timm_square(picture, input_size=(3, 64, 64), crop_pct=1.0, crop_mode="squash", interpolation="bicubic")
    np.testing.assert_array_equal(preprocessing.square(picture, preprocessing.Geometry("squash", 64, 64)), theirs)


@pytest.mark.parametrize("size", [(64, 64), (200, 90), (91, 333), (20, 64)])
def test_longest_is_timm_s_border(size: tuple[int, int]) -> None:
    picture = drawn(*size)
    theirs = timm_square(
        picture, input_size=(3, 64, 64), crop_pct=1.0, crop_mode="border", interpolation="bicubic", mean=(0.5,) * 3
    )
    np.testing.assert_array_equal(
        preprocessing.square(picture, preprocessing.Geometry("longest", 64, 64, fill=(128,) * 3)), theirs
    )


def test_a_ribbon_takes_little_memory_and_shows_its_middle() -> None:
    ribbon = Image.new("RGB", (1, 1000))
    ribbon.paste((200, 10, 10), (0, 499, 1, 502))
    seen = preprocessing.square(ribbon, preprocessing.Geometry("shortest", 256, 224))
    assert seen.shape == (224, 224, 3)
    assert seen[112, 112, 0] > 150


def test_box_policy_is_close_but_not_the_same_claim() -> None:
    picture = Image.effect_mandelbrot((500, 300), (-2, -1.2, 1, 1.2), 60).convert("RGB")
    geometry = preprocessing.Geometry("shortest", 256, 224)
    full, box = (preprocessing.square(picture, geometry, policy).astype(int) for policy in ("full", "box"))
    assert np.abs(full - box).max() <= 16 and np.abs(full - box).mean() < 1


def test_the_record_and_back() -> None:
    backbone = Backbone(
        "b",
        "timm",
        8,
        options=preprocessing.options(260, resize_to=292, mean=preprocessing.HALF, std=preprocessing.HALF, img_size=3),
    )
    said = preprocessing.preprocessing_of(backbone)
    assert said.geometry == preprocessing.Geometry("shortest", 292, 260, "bicubic")
    assert said.mean == said.std == preprocessing.HALF
    assert ("img_size", 3) in backbone.options
