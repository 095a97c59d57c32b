"""Descriptors against a slow reference, and what they must and must not notice."""

from __future__ import annotations

import colorsys

import numpy as np
import pytest
from PIL import Image

from core import backbones
from core.backbones.engines import select
from core.backbones.sources.descriptor import DESCRIPTORS, hog, hsv_histogram

OWN = [backbone for backbone in backbones.BACKBONES if backbone.source == "own"]


@pytest.mark.parametrize("backbone", OWN, ids=lambda b: b.name)
def test_shape_and_independence_of_the_batch(backbone) -> None:
    side = backbone.image_size
    squares = np.random.default_rng(0).integers(0, 256, (5, side, side, 3), np.uint8)
    found = select.build(backbone).embed(squares)
    assert found.shape == (5, backbone.dim) and found.dtype == np.float32 and np.isfinite(found).all()
    alone = np.concatenate([select.build(backbone).embed(one[None]) for one in squares])
    np.testing.assert_allclose(found, alone, atol=1e-6)


@pytest.mark.parametrize("backbone", OWN, ids=lambda b: b.name)
def test_a_blank_picture_gives_finite_numbers(backbone) -> None:
    blank = np.zeros((1, backbone.image_size, backbone.image_size, 3), np.uint8)
    assert np.isfinite(select.build(backbone).embed(blank)).all()


def test_every_descriptor_has_a_record() -> None:
    assert set(DESCRIPTORS) == {backbone.architecture for backbone in OWN}


def test_the_histogram_counts_pixels_as_colorsys_does() -> None:
    picture = np.random.default_rng(1).integers(0, 256, (16, 16, 3), np.uint8)
    counts = np.zeros((12, 4, 4))
    for red, green, blue in picture.reshape(-1, 3) / 255.0:
        h, s, v = (min(int(value * 255), 255) for value in colorsys.rgb_to_hsv(red, green, blue))
        counts[h * 12 // 256, s * 4 // 256, v * 4 // 256] += 1
    found = hsv_histogram(picture[None])[0]
    assert np.isclose(np.linalg.norm(found), 1)
    # Pillow rounds hue and saturation a little differently: a few of 256 pixels may fall beside the border
    assert np.abs(found**2 * 256 - counts.ravel()).sum() <= 12


def test_the_histogram_sees_colour_and_not_place() -> None:
    picture = np.random.default_rng(2).integers(0, 256, (32, 32, 3), np.uint8)
    swapped, recoloured = picture[::-1, ::-1].copy(), picture[..., ::-1].copy()
    same, moved, other = hsv_histogram(np.stack([picture, swapped, recoloured]))
    np.testing.assert_allclose(same, moved)
    assert same @ other < 0.999


def test_oriented_gradients_see_direction_and_not_colour() -> None:
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::8] = stripes[:, 1::8] = stripes[:, 2::8] = 200
    turned = stripes.transpose(1, 0, 2).copy()
    tinted = np.asarray(Image.fromarray(stripes).convert("L").convert("RGB"))
    across, down, grey = hog(np.stack([stripes, turned, tinted]))
    cosine = lambda a, b: a @ b / np.linalg.norm(a) / np.linalg.norm(b)  # noqa: E731
    assert cosine(across, grey) > 0.999 > 0.5 > cosine(across, down)
