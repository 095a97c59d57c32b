"""Maps: by trustworthiness and by determinism, never by coordinates."""

from __future__ import annotations

import numpy as np
import pytest

from core import projection
from core.errors import BadInput, Cancelled, ShapeMismatch, StoreUnusable, UnknownName
from core.projection import (
    METHODS,
    JointSpace,
    align,
    drift,
    framed,
    layout,
    layout_key,
    load_layout,
    quality,
    save_layout,
)
from core.task import Task
from core.types import unit


def grouped(n: int = 400, dim: int = 96, groups: int = 8, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors around a few centres, and which centre each belongs to."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(groups, dim))
    labels = np.arange(n) % groups
    return unit(centres[labels] + random.normal(size=(n, dim))), labels.astype(np.int64)


@pytest.fixture(scope="module")
def world() -> tuple[JointSpace, np.ndarray]:
    first, labels = grouped(seed=1)
    second, _ = grouped(dim=40, seed=2)
    return JointSpace((first, second), (0.6, 0.4)), labels


@pytest.fixture(scope="module")
def tsne(world: tuple[JointSpace, np.ndarray]) -> np.ndarray:
    return layout(world[0], "tsne", seed=3).xy


def test_the_space_is_the_weighted_concatenation(world: tuple[JointSpace, np.ndarray]) -> None:
    space, _ = world
    a, b = space.blocks
    rows = space.rows()
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(rows @ rows.T, 0.6 * a @ a.T + 0.4 * b @ b.T, atol=1e-5)


def test_a_missing_part_leaves_unit_rows() -> None:
    a, _ = grouped(30, 8)
    b = a.copy()
    b[3] = 0
    rows = JointSpace((a, b), (0.5, 0.5)).rows()
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)


def test_new_shares_keep_the_components_and_equal_a_fresh_space(world: tuple[JointSpace, np.ndarray]) -> None:
    space, _ = world
    kept = space.compressed
    other = space.with_shares((0.1, 0.9))
    assert all(mine is theirs for mine, theirs in zip(other.compressed, kept, strict=True))
    fresh = JointSpace(space.blocks, (0.1, 0.9))
    assert other.fingerprint == fresh.fingerprint != space.fingerprint
    np.testing.assert_allclose(other.reduced, fresh.reduced, atol=1e-5)


def test_components_of_the_compressed_space_are_those_of_the_whole() -> None:
    random = np.random.default_rng(0)
    wide = unit(random.normal(size=(300, 20)) @ random.normal(size=(20, 500)) + 0.01 * random.normal(size=(300, 500)))
    space = JointSpace((wide,), (1.0,))
    assert space.compressed[0].shape == (300, projection.BLOCK_DIMS)
    mine = layout(space, "pca").xy
    centred = wide - wide.mean(axis=0)
    u, s, _ = np.linalg.svd(centred, full_matrices=False)
    for axis in range(2):
        theirs = u[:, axis] * s[axis]
        assert abs(np.corrcoef(mine[:, axis], theirs)[0, 1]) > 0.9999
        assert mine[:, axis].std() == pytest.approx(theirs.std(), rel=1e-3)


def test_neighbours_equal_the_slow_way_even_with_twins() -> None:
    rows, _ = grouped(120, 16)
    rows[5] = rows[6] = rows[7] = rows[8]
    found = projection.neighbours(rows, 3)
    slow = np.linalg.norm(rows[:, None].astype(float) - rows[None], axis=2)
    np.fill_diagonal(slow, np.inf)
    np.testing.assert_allclose(found.distances, np.sort(slow, axis=1)[:, :3], atol=2e-3)
    assert not (found.indices == np.arange(120)[:, None]).any()
    assert set(found.indices[5]) == {6, 7, 8}


def test_many_rows_are_looked_through_by_lists_and_hardly_a_neighbour_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, _ = grouped(6_000, 24, 30, seed=4)
    exact = projection.neighbours(rows, 10).indices
    monkeypatch.setattr(projection, "EXACT_NEIGHBOURS", 2_000)
    near = projection.neighbours(rows, 10)
    found = (near.indices[:, :, None] == exact[:, None, :]).any(axis=2).mean()
    assert 0.9 < found < 1.0, "lists were used, and found nearly everyone"
    assert (np.diff(near.distances, axis=1) >= 0).all() and not (near.indices == np.arange(6_000)[:, None]).any()
    np.testing.assert_array_equal(near.indices, projection.neighbours(rows, 10).indices)


def test_the_nearest_of_large_sets_come_from_the_components(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, _ = grouped(900, 200, 30, seed=4)
    space = JointSpace((rows,), (1.0,))
    exact = projection.nearest(space, 10)
    monkeypatch.setattr(projection, "EXACT_UP_TO", 500)
    near = projection.nearest(space, 10)
    assert 0.4 < (near[:, :, None] == exact[:, None, :]).any(axis=2).mean() < 1.0


@pytest.mark.parametrize("method", METHODS.names)
def test_the_same_seed_gives_the_same_map(world: tuple[JointSpace, np.ndarray], method: str) -> None:
    space, _ = world
    again = JointSpace(space.blocks, space.shares)
    first, second = layout(space, method, seed=7).xy, layout(again, method, seed=7).xy
    np.testing.assert_array_equal(first, second)
    assert np.isfinite(first).all()
    assert first.shape == (400, 2)


@pytest.mark.parametrize("method", METHODS.names)
def test_a_map_keeps_neighbours_far_better_than_chance(world: tuple[JointSpace, np.ndarray], method: str) -> None:
    space, labels = world
    xy = layout(space, method, seed=0).xy
    chance = quality(space, np.random.default_rng(0).normal(size=xy.shape).astype(np.float32))
    found = quality(space, xy)
    floor = {"pca": 0.68, "tsne": 0.85, "umap": 0.80}[method]
    assert found.trustworthiness > floor > chance.trustworthiness + 0.1
    assert found.preservation > 3 * chance.preservation
    if method != "pca":
        nearest = projection.neighbours(xy, 5).indices
        assert (labels[nearest] == labels[:, None]).mean() > 0.9


@pytest.mark.parametrize("method", ["pca", "umap"])
def test_three_dimensions(world: tuple[JointSpace, np.ndarray], method: str) -> None:
    flat, deep = layout(world[0], method), layout(world[0], method, dims=3)
    assert deep.xy.shape == (400, 3)
    assert deep.xy[:, 2].std() > 0
    assert quality(world[0], deep.xy).trustworthiness >= quality(world[0], flat.xy).trustworthiness - 0.02


def test_tsne_refuses_three_dimensions_and_unknown_methods_are_named(world: tuple[JointSpace, np.ndarray]) -> None:
    with pytest.raises(BadInput, match="t-SNE is drawn in 2 dimensions"):
        layout(world[0], "tsne", dims=3)
    with pytest.raises(UnknownName, match="Did you mean 'tsne'"):
        layout(world[0], "tsn")


@pytest.mark.parametrize("method", ["tsne", "umap"])
def test_a_warm_start_stays_closer_and_loses_no_trust(world: tuple[JointSpace, np.ndarray], method: str) -> None:
    space, _ = world
    old = layout(space, method, seed=3).xy
    moved = space.with_shares((0.2, 0.8))
    warm = layout(moved, method, seed=3, start=old).xy
    fresh = layout(moved, method, seed=4).xy
    assert drift(warm, old) < 0.6 * drift(fresh, old)
    assert drift(warm, old) > 0
    assert quality(moved, warm).trustworthiness > quality(moved, fresh).trustworthiness - 0.02
    if method == "tsne":
        assert quality(moved, warm).trustworthiness > quality(moved, old).trustworthiness


def test_joined_spaces_are_the_space_of_their_blocks(world: tuple[JointSpace, np.ndarray]) -> None:
    blocks = world[0].blocks
    joined = JointSpace.joined([JointSpace((block,), (1.0,)) for block in blocks], (3.0, 1.0))
    plain = JointSpace(blocks, (0.75, 0.25))
    assert joined.fingerprint == plain.fingerprint != world[0].with_shares((0.2, 0.8)).fingerprint
    np.testing.assert_array_equal(joined.reduced, plain.reduced)


def test_layouts_on_the_way_and_cancel(world: tuple[JointSpace, np.ndarray], tsne: np.ndarray) -> None:
    seen: list[np.ndarray] = []
    layout(world[0].with_shares((0.3, 0.7)), "tsne", start=tsne, on_layout=seen.append)
    assert len(seen) == projection.WARM_ITERATIONS // projection.WARM_EVERY
    assert all(xy.shape == (400, 2) for xy in seen)
    assert len({xy.tobytes() for xy in seen}) == len(seen)
    told: list[float] = []

    def stop_at_once(progress: object) -> None:
        told.append(progress.fraction)
        if len(told) == 3:
            task.cancel()

    task = Task(stop_at_once)
    with pytest.raises(Cancelled):
        layout(world[0], "tsne", task=task)
    assert 0 < told[-1] < 0.3


@pytest.mark.parametrize("dims", [2, 3])
def test_umap_shows_layouts_on_the_way_and_can_be_stopped(
    world: tuple[JointSpace, np.ndarray], dims: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = layout(world[0], "umap", dims=dims, seed=3)
    monkeypatch.setattr(projection, "TELL_EVERY", 0.0)
    seen: list[np.ndarray] = []
    watched = layout(world[0], "umap", dims=dims, seed=3, on_layout=seen.append)
    np.testing.assert_array_equal(watched.xy, plain.xy)
    assert len(seen) == projection.UMAP_STEPS - 1
    assert len({xy.tobytes() for xy in seen}) == len(seen)
    assert np.linalg.norm(seen[-1] - watched.xy) < np.linalg.norm(seen[0] - watched.xy)
    told = []

    def stop_soon(progress: object) -> None:
        told.append(progress.done)
        if progress.done == 5:
            task.cancel()

    task = Task(stop_soon)
    with pytest.raises(Cancelled):
        layout(world[0], "umap", dims=dims, task=task)
    assert max(told) == 5


def test_the_nearest_of_one_image_are_those_of_the_whole_space(world: tuple[JointSpace, np.ndarray]) -> None:
    space = world[0]
    np.testing.assert_allclose(space.cosines(np.array([3, 9])), space.rows([3, 9]) @ space.rows().T, atol=1e-5)
    holes = JointSpace((space.blocks[0], np.where(np.arange(400)[:, None] % 7 == 0, 0, space.blocks[1])), space.shares)
    for one in (space, holes):
        np.testing.assert_allclose(one.cosines(np.array([7])), one.rows([7]) @ one.rows().T, atol=1e-5)
        everyone = projection.nearest(one, 10)
        for position in (0, 7, 123):
            np.testing.assert_array_equal(projection.nearest_to(one, position, 10), everyone[position])
    assert len(projection.nearest_to(JointSpace((space.blocks[0][:4],), (1.0,)), 2, 10)) == 3


def test_quality_equals_scikit_learn_and_a_sample_comes_near(
    world: tuple[JointSpace, np.ndarray], tsne: np.ndarray
) -> None:
    from sklearn.manifold import trustworthiness

    space, _ = world
    exact = quality(space, tsne)
    assert exact.trustworthiness == pytest.approx(trustworthiness(space.rows(), tsne, n_neighbors=10), abs=1e-4)
    assert exact.n_measured == 400
    near = projection.neighbours(space.rows(), 10).indices
    on_map = projection.neighbours(tsne, 10).indices
    kept = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(near, on_map)])
    assert exact.preservation == pytest.approx(kept, abs=2e-3)
    part = quality(space, tsne, sample=150)
    assert part.n_measured == 150
    assert part.trustworthiness == pytest.approx(exact.trustworthiness, abs=0.03)
    assert "measured on 150 points" in part.sentence()


def test_quality_says_when_there_are_too_few() -> None:
    rows, _ = grouped(8, 4, 2)
    assert np.isnan(quality(JointSpace((rows,), (1.0,)), rows[:, :2]).trustworthiness)


@pytest.mark.parametrize("n", [1, 2, 5, 7, 12])
@pytest.mark.parametrize("method", METHODS.names)
def test_tiny_sets_have_a_map(method: str, n: int) -> None:
    rows, _ = grouped(n, 4, 1)
    xy = layout(JointSpace((rows,), (1.0,)), method).xy
    assert xy.shape == (n, 2)
    assert np.isfinite(xy).all()


def test_align_turns_and_mirrors_without_bending() -> None:
    random = np.random.default_rng(0)
    reference = random.normal(size=(50, 2)).astype(np.float32)
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    xy = (3 * reference * [1, -1]) @ turn + 7
    moved = align(xy, reference)
    np.testing.assert_allclose(moved - moved.mean(0), 3 * (reference - reference.mean(0)), atol=1e-4)
    np.testing.assert_allclose(align(xy, reference, scale=True), reference, atol=1e-4)
    assert drift(xy, reference) < 1e-5
    with pytest.raises(ShapeMismatch):
        align(xy, reference[:10])


def test_framed_fits_the_canvas() -> None:
    xy = np.random.default_rng(0).normal(size=(2000, 2)) * [40, 5] + 300
    flat = framed(xy)
    assert (np.abs(flat) <= 1.0001).mean() > 0.98
    assert np.ptp(flat[:, 0]) / np.ptp(flat[:, 1]) == pytest.approx(np.ptp(xy[:, 0]) / np.ptp(xy[:, 1]), rel=1e-5)


def test_clusters_come_from_the_space_and_carry_their_majority() -> None:
    rows, labels = grouped(240, 64, 4, seed=5)
    found = projection.clusters(JointSpace((rows,), (1.0,)))
    inside = found >= 0
    assert inside.mean() > 0.7
    assert found.max() == 3
    names = projection.cluster_names(found, labels, ["ant", "bee", "cat", "dog"])
    assert {name.split(" ")[0] for name in names} == {"ant", "bee", "cat", "dog"}
    assert all("%" in name for name in names)
    assert list(np.bincount(found[inside])) == sorted(np.bincount(found[inside]), reverse=True)


def test_neighbourhood_change() -> None:
    rows, _ = grouped(100, 16, seed=1)
    other, _ = grouped(100, 16, seed=9)
    same = projection.neighbourhood_change(JointSpace((rows,), (1.0,)), JointSpace((rows,), (2.0,)))
    np.testing.assert_array_equal(same, 0)
    changed = projection.neighbourhood_change(JointSpace((rows,), (1.0,)), JointSpace((other,), (1.0,)))
    assert 0.1 < changed.mean() <= 1


@pytest.mark.parametrize("shares", [(0.0, 0.0), (-1.0, 2.0), (float("nan"), 1.0)])
def test_impossible_shares_are_refused(world: tuple[JointSpace, np.ndarray], shares: tuple[float, float]) -> None:
    with pytest.raises(BadInput):
        world[0].with_shares(shares)


def test_every_part_of_the_key_counts(world: tuple[JointSpace, np.ndarray]) -> None:
    space, _ = world
    base = {"space": space, "method": "tsne", "dims": 2, "parameters": {"perplexity": 30.0}, "seed": 0, "start": ""}
    assert layout_key(**base) == layout_key(**base | {"space": JointSpace(space.blocks, (6, 4))})
    keys = {layout_key(**base)}
    for change in (
        {"space": space.with_shares((0.5, 0.5))},
        {"method": "umap"},
        {"dims": 3},
        {"parameters": {"perplexity": 31.0}},
        {"seed": 1},
        {"start": "abc"},
    ):
        keys.add(layout_key(**base | change))
    assert len(keys) == 7


def test_kept_layouts_come_back_and_damaged_ones_do_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object, world: tuple[JointSpace, np.ndarray]
) -> None:
    monkeypatch.setenv("FUSIONSCOPE_HOME", str(tmp_path))
    made = layout(world[0], "pca")
    assert load_layout("k") is None
    save_layout("k", made, {"trustworthiness": 0.5})
    back, figures = load_layout("k")
    np.testing.assert_array_equal(back.xy, made.xy)
    assert (back.method, figures) == ("pca", {"trustworthiness": 0.5})
    (projection.paths.layouts() / "k.npy").write_bytes(b"\x93NUMPY broken")
    assert load_layout("k") is None
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("FUSIONSCOPE_HOME", str(tmp_path / "file"))
    with pytest.raises(StoreUnusable):
        save_layout("k", made)
