"""Nearest others, exact and by lists."""

from __future__ import annotations

import numpy as np
import pytest

from core import projection
from core.projection import (
    JointSpace,
    neighbourhoods,
)
from tests.projection.conftest import grouped


def test_neighbours_equal_the_slow_way_even_with_twins() -> None:
    rows, _ = grouped(120, 16)
    rows[5] = rows[6] = rows[7] = rows[8]
    measured = projection.neighbours(rows, 3)
    slow = np.linalg.norm(rows[:, None].astype(float) - rows[None], axis=2)
    np.fill_diagonal(slow, np.inf)
    np.testing.assert_allclose(measured.distances, np.sort(slow, axis=1)[:, :3], atol=2e-3)
    assert not (measured.indices == np.arange(120)[:, None]).any()
    assert set(measured.indices[5]) == {6, 7, 8}


def test_many_rows_are_looked_through_by_lists_and_hardly_a_neighbour_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, _ = grouped(6_000, 24, 30, seed=4)
    exact = projection.neighbours(rows, 10).indices
    monkeypatch.setattr(neighbourhoods, "EXACT_NEIGHBOURS", 2_000)
    near = projection.neighbours(rows, 10)
    measured = (near.indices[:, :, None] == exact[:, None, :]).any(axis=2).mean()
    assert 0.9 < measured < 1.0, "lists were used, and measured nearly everyone"
    assert (np.diff(near.distances, axis=1) >= 0).all() and not (near.indices == np.arange(6_000)[:, None]).any()
    np.testing.assert_array_equal(near.indices, projection.neighbours(rows, 10).indices)


def test_the_nearest_of_large_sets_come_from_the_components(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, _ = grouped(900, 200, 30, seed=4)
    space = JointSpace((rows,), (1.0,))
    exact = projection.nearest(space, 10)
    monkeypatch.setattr(neighbourhoods, "EXACT_UP_TO", 500)
    near = projection.nearest(space, 10)
    assert 0.4 < (near[:, :, None] == exact[:, None, :]).any(axis=2).mean() < 1.0


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


def test_neighbourhood_change() -> None:
    rows, _ = grouped(100, 16, seed=1)
    other, _ = grouped(100, 16, seed=9)
    same = projection.neighbourhood_change(JointSpace((rows,), (1.0,)), JointSpace((rows,), (2.0,)))
    np.testing.assert_array_equal(same, 0)
    changed = projection.neighbourhood_change(JointSpace((rows,), (1.0,)), JointSpace((other,), (1.0,)))
    assert 0.1 < changed.mean() <= 1
