"""Parts of a vector add up to its dot product with any other: by the formulas, against slow loops."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from core.backbones.preprocessing import Geometry, seen_box, square
from core.backbones.sources import descriptor
from core.explain import on_image
from core.explain.parts import (
    Heat,
    NamedVectors,
    OwnedNumbers,
    PixelBins,
    PreparedParts,
    averaged,
    heat_above,
    normed,
)
from core.types import Affine

numbers = st.floats(-5, 5, allow_nan=False, width=32)
features = arrays(np.float64, st.tuples(st.integers(1, 4), st.integers(1, 4), st.just(6)), elements=numbers)
vectors = arrays(np.float64, 6, elements=numbers)


def unit(vector: np.ndarray) -> np.ndarray:
    return vector / (np.linalg.norm(vector) or 1.0)


@given(features, vectors)
def test_an_average_adds_up_place_by_place(places: np.ndarray, target: np.ndarray) -> None:
    mean = places.mean(axis=(0, 1))
    heat = averaged(places).heat(target)
    assert abs(heat.total - unit(mean) @ target) < 1e-8
    length = np.linalg.norm(mean) or 1.0
    for (row, column), cell in np.ndenumerate(heat.cells):
        assert np.isclose(cell, places[row, column] @ target / (places[..., 0].size * length), atol=1e-9)


@given(features, vectors, vectors, vectors)
def test_a_norm_of_an_average_adds_up_with_its_shift(
    places: np.ndarray, target: np.ndarray, scale: np.ndarray, shift: np.ndarray
) -> None:
    mean = places.mean(axis=(0, 1))
    wanted = (mean - mean.mean()) / np.sqrt(mean.var() + 1e-6) * scale + shift
    heat = normed(places, scale, shift, 1e-6).heat(target)
    assert abs(heat.total - unit(wanted) @ target) < 1e-6 * (1 + np.abs(heat.cells).sum())
    assert np.isclose(heat.rest, shift @ target / (np.linalg.norm(wanted) or 1.0), atol=1e-9)


@given(features, vectors, vectors)
def test_heat_above_the_mean_takes_it_off_both_images(places: np.ndarray, target: np.ndarray, mean: np.ndarray) -> None:
    parts = averaged(places)
    assert np.allclose(heat_above(parts, target, mean).total, (parts.vector - mean) @ (target - mean), atol=1e-9)


@given(features, vectors, vectors, arrays(np.float64, (3, 6), elements=numbers), st.floats(0.1, 2), st.integers(1, 3))
def test_parts_after_an_affine_map_add_up(
    places: np.ndarray, target: np.ndarray, shift: np.ndarray, matrix: np.ndarray, weight: float, of: int
) -> None:
    parts = averaged(places)
    for affine in (Affine(None, shift), Affine(matrix, shift[:3])):
        wanted = target[: len(affine.shift)]
        whole = affine.apply(weight * parts.vector[None])[0] - affine.shift * (1 - 1 / of)
        prepared = PreparedParts(parts, affine, 2.0, weight, of)
        assert np.allclose(prepared.vector, whole / 2, atol=1e-9)
        assert np.isclose(prepared.heat(wanted).total, whole @ wanted / 2, atol=1e-6)


def test_pixels_share_what_their_colour_adds() -> None:
    """Against the definition: root of the product of both shares, split among the result's pixels of that colour."""
    random = np.random.default_rng(0)
    query, result = (random.integers(0, 256, (16, 16, 3), np.uint8) // 90 * 90 for _ in range(2))
    roots = descriptor.hsv_histogram(np.stack([query, result])).astype(np.float64)
    bins = descriptor.hsv_bins(result)
    heat = PixelBins(unit(roots[1]), bins).heat(unit(roots[0]))
    assert abs(heat.total - unit(roots[0]) @ unit(roots[1])) < 1e-12
    shares = [np.bincount(descriptor.hsv_bins(image).ravel(), minlength=192) / 256 for image in (query, result)]
    for (row, column), cell in np.ndenumerate(heat.cells):
        number = bins[row, column]
        assert np.isclose(cell, np.sqrt(shares[0][number] * shares[1][number]) / (shares[1][number] * 256), atol=1e-6)


def test_numbers_of_a_descriptor_are_of_the_cell_that_changes_them() -> None:
    """A cell's numbers change where the image changes inside it: for LBP and GIST's cells, and for HOG's blocks."""
    grey = np.full((64, 64, 3), 90, np.uint8)
    grey[40:48, 16:24] = np.random.default_rng(1).integers(0, 256, (8, 8, 3))
    for name, side in (("hog", 8), ("lbp", 4)):
        vector = descriptor.DESCRIPTORS[name](grey[None])[0].astype(np.float64)
        owner, shape = descriptor.CELLS[name](len(vector))
        empty = descriptor.DESCRIPTORS[name](np.full_like(grey, 90)[None])[0]
        assert shape == (side, side)
        heat = OwnedNumbers(vector, owner, shape).heat(np.abs(vector - empty))
        assert np.unravel_index(heat.cells.argmax(), shape) == (40 * side // 64, 16 * side // 64)
    image = np.full((128, 128, 3), 90, np.uint8)
    image[70:90, 100:120] = np.random.default_rng(1).integers(0, 256, (20, 20, 3))
    vector = descriptor.gist(image[None])[0].astype(np.float64)
    owner, shape = descriptor.CELLS["gist"](512)
    heat = OwnedNumbers(vector, owner, shape).heat(vector)
    assert np.unravel_index(heat.cells.argmax(), shape) == (2, 3)


def test_named_parts_add_up_and_join_by_name() -> None:
    terms = np.array([[0.2, 0.1], [0.3, -0.4], [0.1, 0.1]])
    heat = NamedVectors(("cat", "dog", "cat"), terms).heat(np.array([1.0, 2.0]))
    assert heat.named == (("cat", 0.7), ("dog", -0.5)) or np.allclose([part for _, part in heat.named], [0.7, -0.5])
    assert np.isclose(heat.total, terms.sum(axis=0) @ [1.0, 2.0]) and not heat.cells.size
    assert np.isclose(heat.spread(0.1).total, heat.total + 0.1) and heat.spread(0.1).rest == 0.1
    assert np.allclose(Heat(np.ones((2, 2))).spread(-2.0).cells, 0.5)


sizes = st.tuples(st.integers(20, 900), st.integers(20, 900))
rules = st.sampled_from(["shortest", "squash", "longest"])


@given(sizes, rules, st.integers(1, 12), st.integers(1, 12), st.integers(1, 60))
def test_nothing_is_lost_on_the_way_to_the_image(size, rule, rows, columns, side) -> None:
    cells = np.random.default_rng(rows * columns).normal(size=(rows, columns))
    grid, outside = on_image(cells, seen_box(size, Geometry(rule, 256, 224 if rule != "longest" else 256)), side)
    assert np.isclose(grid.sum() + outside, cells.sum()) and grid.shape == (side, side)
    if rule != "longest":
        assert abs(outside) < 1e-9


@given(sizes, rules)
def test_the_seen_box_is_what_the_square_shows(size: tuple[int, int], rule: str) -> None:
    """A ramp of grey says where each column and row of the square comes from."""
    from PIL import Image

    geometry = Geometry(rule, 100, 80 if rule != "longest" else 100, "bilinear", (128, 128, 128))
    if max(size) > 12 * min(size):
        return  # such images are cut first
    ramp = np.zeros((size[1], size[0], 3), np.uint8)
    ramp[..., 0] = np.linspace(0, 255, size[0])[None]
    ramp[..., 1] = np.linspace(0, 255, size[1])[:, None]
    seen = square(Image.fromarray(ramp), geometry).astype(float)
    box, side = seen_box(size, geometry), geometry.crop
    middle = side // 2
    for axis, (low, high) in enumerate(((box[0], box[2]), (box[1], box[3]))):
        line = seen[middle, :, 0] if axis == 0 else seen[:, middle, 1]
        where = low + (np.arange(side) + 0.5) / side * (high - low)
        inside = (where > 0.06) & (where < 0.94)
        assert np.abs(line[inside] / 255 - where[inside]).max() < 0.05
