"""Maps: by trustworthiness and by determinism, never by coordinates."""

from __future__ import annotations

import numpy as np
import pytest

from core import projection
from core.errors import BadInput, Cancelled, UnknownName
from core.projection import (
    METHODS,
    JointSpace,
    drift,
    layout,
    measure_quality,
    methods,
    umap_layout,
)
from core.task import Task
from tests.projection.conftest import grouped


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
    chance = measure_quality(space, np.random.default_rng(0).normal(size=xy.shape).astype(np.float32))
    measured = measure_quality(space, xy)
    floor = {"pca": 0.68, "tsne": 0.85, "umap": 0.80}[method]
    assert measured.trustworthiness > floor > chance.trustworthiness + 0.1
    assert measured.preservation > 3 * chance.preservation
    if method != "pca":
        nearest = projection.neighbours(xy, 5).indices
        assert (labels[nearest] == labels[:, None]).mean() > 0.9


@pytest.mark.parametrize("method", ["pca", "umap"])
def test_three_dimensions(world: tuple[JointSpace, np.ndarray], method: str) -> None:
    flat, deep = layout(world[0], method), layout(world[0], method, dims=3)
    assert deep.xy.shape == (400, 3)
    assert deep.xy[:, 2].std() > 0
    assert (
        measure_quality(world[0], deep.xy).trustworthiness >= measure_quality(world[0], flat.xy).trustworthiness - 0.02
    )


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
    assert measure_quality(moved, warm).trustworthiness > measure_quality(moved, fresh).trustworthiness - 0.02
    if method == "tsne":
        assert measure_quality(moved, warm).trustworthiness > measure_quality(moved, old).trustworthiness


def test_layouts_on_the_way_and_cancel(world: tuple[JointSpace, np.ndarray], tsne: np.ndarray) -> None:
    seen: list[np.ndarray] = []
    layout(world[0].with_shares((0.3, 0.7)), "tsne", start=tsne, on_layout=seen.append)
    assert len(seen) == methods.WARM_ITERATIONS // methods.WARM_EVERY
    assert all(xy.shape == (400, 2) for xy in seen)
    assert len({xy.tobytes() for xy in seen}) == len(seen)
    reports: list[float] = []

    def stop_at_once(progress: object) -> None:
        reports.append(progress.fraction)
        if len(reports) == 3:
            task.cancel()

    task = Task(stop_at_once)
    with pytest.raises(Cancelled):
        layout(world[0], "tsne", task=task)
    assert 0 < reports[-1] < 0.3


@pytest.mark.parametrize("dims", [2, 3])
def test_umap_shows_layouts_on_the_way_and_can_be_stopped(
    world: tuple[JointSpace, np.ndarray], dims: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = layout(world[0], "umap", dims=dims, seed=3)
    monkeypatch.setattr(umap_layout, "REPORT_EVERY", 0.0)
    seen: list[np.ndarray] = []
    watched = layout(world[0], "umap", dims=dims, seed=3, on_layout=seen.append)
    np.testing.assert_array_equal(watched.xy, plain.xy)
    assert len(seen) == umap_layout.UMAP_STEPS - 1
    assert len({xy.tobytes() for xy in seen}) == len(seen)
    assert np.linalg.norm(seen[-1] - watched.xy) < np.linalg.norm(seen[0] - watched.xy)
    reports = []

    def stop_soon(progress: object) -> None:
        reports.append(progress.done)
        if progress.done == 5:
            task.cancel()

    task = Task(stop_soon)
    with pytest.raises(Cancelled):
        layout(world[0], "umap", dims=dims, task=task)
    assert max(reports) == 5


@pytest.mark.parametrize("n", [1, 2, 5, 7, 12])
@pytest.mark.parametrize("method", METHODS.names)
def test_tiny_sets_have_a_map(method: str, n: int) -> None:
    rows, _ = grouped(n, 4, 1)
    xy = layout(JointSpace((rows,), (1.0,)), method).xy
    assert xy.shape == (n, 2)
    assert np.isfinite(xy).all()


def test_affinities_equal_those_of_opentsne_and_can_be_cancelled(
    world: tuple[JointSpace, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    from openTSNE.affinity import PerplexityBasedNN
    from openTSNE.nearest_neighbors import PrecomputedNeighbors

    space, _ = world
    monkeypatch.setattr(methods, "AFFINITIES_AT_ONCE", 150)
    job = methods.LayoutJob(2, 0, **methods.defaults(len(space)))
    near = projection.neighbours(space.reduced, 90)
    index = PrecomputedNeighbors(near.indices, near.distances.astype(np.float64))
    matrix = methods._affinities(space, job, 1)
    np.testing.assert_allclose(
        (matrix / matrix.sum()).toarray(), PerplexityBasedNN(knn_index=index, perplexity=30).P.toarray(), rtol=1e-12
    )
    task = Task()
    task.cancel()
    for stopped in (methods._affinities, lambda *_: projection.neighbours(space.reduced, 90, task)):
        with pytest.raises(Cancelled):
            stopped(space, methods.LayoutJob(2, 0, **methods.defaults(len(space)), task=task), 1)
