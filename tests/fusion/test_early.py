"""Fusion of vectors: the missing-parts rule, PCA against scikit-learn, and what may not change anything."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import BadInput, ShapeMismatch
from core.fusion import early
from core.types import unit

SEEDS = st.integers(0, 2**32 - 1).map(np.random.default_rng)


def parts_of(rng: np.random.Generator, rows: int = 12, dims: tuple[int, ...] = (3, 6, 4), holes: bool = False):
    parts = [unit(rng.standard_normal((rows, dim))) for dim in dims]
    if holes:
        for part in parts:
            part[rng.random(rows) < 0.3] = 0
    return parts


@settings(max_examples=60)
@given(SEEDS, st.booleans())
def test_concat_scores_are_the_cosines_of_the_concatenation(rng: np.random.Generator, holes: bool) -> None:
    parts, weights = parts_of(rng, holes=holes), rng.random(3) + 0.1
    joined = early.concat(parts, weights)
    scores = [part[:5] @ part.T for part in parts]
    there = np.stack([early.present(part) for part in parts], axis=1)
    found = early.concat_scores(scores, weights, there[:5], there)
    assert np.allclose(found, joined[:5] @ joined.T, atol=2e-6)
    squares = weights**2
    for i in range(5):
        for j in range(12):
            asked, held = squares[there[i]].sum(), squares[there[j]].sum()
            top = sum(s * one[i, j] for s, one in zip(squares, scores))
            assert found[i, j] == pytest.approx(top / np.sqrt(asked * held) if asked * held else 0.0, abs=1e-9)


@settings(max_examples=30)
@given(SEEDS)
def test_weights_on_the_query_side_alone_give_the_same_cosine(rng: np.random.Generator) -> None:
    parts, weights = parts_of(rng), rng.random(3) + 0.1
    stored = np.concatenate(parts, axis=1)
    joined = early.concat(parts, weights)
    asked = early.concat_queries([part[:4] for part in parts], weights)
    assert np.allclose(asked @ stored.T, joined[:4] @ joined.T, atol=1e-6)


def test_the_query_side_refuses_missing_parts() -> None:
    parts = parts_of(np.random.default_rng(0))
    parts[1][2] = 0
    with pytest.raises(BadInput, match="1 vectors are missing"):
        early.concat_queries(parts, np.ones(3))


@settings(max_examples=30)
@given(SEEDS)
def test_the_order_of_backbones_changes_no_score(rng: np.random.Generator) -> None:
    parts, weights, names = parts_of(rng, 20, (6, 6, 6)), rng.random(3) + 0.1, ("a", "b", "c")
    gallery, order = np.arange(15), [2, 0, 1]
    turned, turned_names = [parts[m] for m in order], tuple(names[m] for m in order)
    for function, extra, turned_extra in (
        (early.concat, {}, {}),
        (early.mean, {}, {}),
        (early.mean_pad, {}, {}),
        (early.mean_pca, {"gallery": gallery, "dim": 4}, {"gallery": gallery, "dim": 4}),
        (early.mean_random, {"names": names, "dim": 9}, {"names": turned_names, "dim": 9}),
        (early.concat_pca, {"gallery": gallery, "dim": 5}, {"gallery": gallery, "dim": 5}),
    ):
        one, other = function(parts, weights, **extra), function(turned, weights[order], **turned_extra)
        assert np.allclose(one @ one.T, other @ other.T, atol=1e-5), function.__name__


def test_mean_refuses_different_lengths_and_names_what_to_use() -> None:
    with pytest.raises(ShapeMismatch, match="a 3, b 6.*mean_pad, mean_pca or mean_random"):
        early.mean(parts_of(np.random.default_rng(0), dims=(3, 6)), np.ones(2), names=("a", "b"))


def test_mean_is_the_weighted_mean_and_unit() -> None:
    parts = parts_of(np.random.default_rng(3), dims=(4, 4))
    found = early.weighted(parts, np.array([1.0, 3.0]))
    plain = 0.25 * parts[0] + 0.75 * parts[1]
    assert np.allclose(found, plain / np.linalg.norm(plain, axis=1, keepdims=True), atol=1e-6)
    opposite = early.mean([parts[0], -parts[0]], np.ones(2))
    assert not opposite.any(), "a mean of nothing is nothing, not a random direction"


def test_padding_keeps_the_shorter_in_front() -> None:
    parts = [np.array([[1.0, 0.0]], np.float32), np.array([[0.0, 0.0, 1.0]], np.float32)]
    assert early.mean_pad(parts, np.ones(2))[0] == pytest.approx([2**-0.5, 0, 2**-0.5])


@pytest.mark.parametrize("whiten", [False, True])
@pytest.mark.parametrize("shape", [(40, 10, 6), (15, 30, 9)])
def test_pca_agrees_with_scikit_learn(whiten: bool, shape: tuple[int, int, int]) -> None:
    from sklearn.decomposition import PCA

    rng = np.random.default_rng(4)
    rows, wide, dim = shape
    data = (rng.standard_normal((rows, wide)) * np.linspace(3, 0.5, wide) + 5).astype(np.float32)
    queries = rng.standard_normal((7, wide)).astype(np.float32)
    theirs = PCA(dim, whiten=whiten, svd_solver="full").fit(data.astype(np.float64))
    ours = early.Pca(data, dim, whiten)
    signs = np.sign((ours.components * theirs.components_).sum(axis=1))
    assert np.allclose(ours.project(queries) * signs, theirs.transform(queries.astype(np.float64)), atol=1e-9)
    largest = np.abs(ours.components).argmax(axis=1)
    assert (ours.components[np.arange(dim), largest] > 0).all(), "the largest loading is positive"


def test_concat_pca_is_fitted_on_the_gallery_alone() -> None:
    rng = np.random.default_rng(5)
    parts, gallery = parts_of(rng, 30), np.arange(20)
    found = early.concat_pca(parts, np.ones(3), gallery=gallery, dim=4, whiten=True)
    joined = early.concat(parts, np.ones(3)).astype(np.float64)
    center = joined[:20].mean(axis=0)
    _, singular, components = np.linalg.svd(joined[:20] - center, full_matrices=False)
    plain = unit((joined - center) @ components[:4].T / (singular[:4] / np.sqrt(19)))
    assert np.allclose(found @ found.T, plain @ plain.T, atol=1e-5)
    moved = [part.copy() for part in parts]
    moved[0][25] = -moved[0][25]
    again = early.concat_pca(moved, np.ones(3), gallery=gallery, dim=4, whiten=True)
    assert np.array_equal(found[:20], again[:20]), "a query that changes moves no gallery vector"


def test_all_components_of_few_images_stay_finite_when_whitened() -> None:
    parts = parts_of(np.random.default_rng(6), 10, (8, 8))
    found = early.concat_pca(parts, np.ones(2), gallery=np.arange(6), dim=6, whiten=True)
    assert np.isfinite(found).all()
    assert np.abs(found).max() <= 1 + 1e-6


def test_missing_stays_missing() -> None:
    parts = parts_of(np.random.default_rng(7), 12, (5, 5))
    parts[0][3] = parts[1][3] = 0
    parts[0][4] = 0
    for function, extra in (
        (early.mean_pca, {"gallery": np.arange(12), "dim": 3}),
        (early.concat_pca, {"gallery": np.arange(12), "dim": 3}),
    ):
        found = function(parts, np.ones(2), **extra)
        assert not found[3].any() and found[4].any()


@pytest.mark.parametrize("dim", [0, 13])
def test_a_dim_that_cannot_be_is_refused(dim: int) -> None:
    parts = parts_of(np.random.default_rng(8), 12, (30, 30))
    with pytest.raises(BadInput, match="1 to 12 dimensions"):
        early.concat_pca(parts, np.ones(2), gallery=np.arange(12), dim=dim)


def test_random_projection_is_the_same_every_time_and_keeps_cosines_roughly() -> None:
    parts = parts_of(np.random.default_rng(9), 20, (64,))
    one = early.mean_random(parts, np.ones(1), names=("a",), dim=2048, seed=3)
    assert np.array_equal(one, early.mean_random(parts, np.ones(1), names=("a",), dim=2048, seed=3))
    assert not np.array_equal(one, early.mean_random(parts, np.ones(1), names=("a",), dim=2048, seed=4))
    assert np.abs(one @ one.T - parts[0] @ parts[0].T).max() < 0.15


@pytest.mark.parametrize("scale", [1e160, 1e200, 1e300])
def test_rows_whose_squares_are_beyond_float64_keep_their_direction(scale: float) -> None:
    rows = np.random.default_rng(0).standard_normal((5, 7))
    rows[2] = 0
    mixed = rows * np.array([1, scale, scale, 1, scale])[:, None]
    np.testing.assert_allclose(unit(mixed), unit(rows), atol=1e-7)
    assert np.array_equal(unit(mixed)[[0, 3]], unit(rows)[[0, 3]]) and not unit(mixed)[2].any()
    assert not unit(rows * 1e-200).any(), "a norm of at most 1e-12 means that nothing is there"
