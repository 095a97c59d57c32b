"""Joint spaces and their components."""

from __future__ import annotations

import numpy as np
import pytest

from core.errors import BadInput
from core.projection import (
    JointSpace,
    layout,
)
from core.projection import space as spaces
from core.types import unit
from tests.projection.conftest import grouped


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
    before = space.compressed
    other = space.with_shares((0.1, 0.9))
    assert all(mine is theirs for mine, theirs in zip(other.compressed, before, strict=True))
    fresh = JointSpace(space.blocks, (0.1, 0.9))
    assert other.fingerprint == fresh.fingerprint != space.fingerprint
    np.testing.assert_allclose(other.reduced, fresh.reduced, atol=1e-5)


def test_components_of_the_compressed_space_are_those_of_the_whole() -> None:
    random = np.random.default_rng(0)
    wide = unit(random.normal(size=(300, 20)) @ random.normal(size=(20, 500)) + 0.01 * random.normal(size=(300, 500)))
    space = JointSpace((wide,), (1.0,))
    assert space.compressed[0].shape == (300, spaces.BLOCK_DIMS)
    mine = layout(space, "pca").xy
    centred = wide - wide.mean(axis=0)
    u, s, _ = np.linalg.svd(centred, full_matrices=False)
    for axis in range(2):
        theirs = u[:, axis] * s[axis]
        assert abs(np.corrcoef(mine[:, axis], theirs)[0, 1]) > 0.9999
        assert mine[:, axis].std() == pytest.approx(theirs.std(), rel=1e-3)


def test_joined_spaces_are_the_space_of_their_blocks(world: tuple[JointSpace, np.ndarray]) -> None:
    blocks = world[0].blocks
    joined = JointSpace.joined([JointSpace((block,), (1.0,)) for block in blocks], (3.0, 1.0))
    plain = JointSpace(blocks, (0.75, 0.25))
    assert joined.fingerprint == plain.fingerprint != world[0].with_shares((0.2, 0.8)).fingerprint
    np.testing.assert_array_equal(joined.reduced, plain.reduced)


@pytest.mark.parametrize("shares", [(0.0, 0.0), (-1.0, 2.0), (float("nan"), 1.0)])
def test_impossible_shares_are_refused(world: tuple[JointSpace, np.ndarray], shares: tuple[float, float]) -> None:
    with pytest.raises(BadInput):
        world[0].with_shares(shares)
