"""Density clusters and their names."""

from __future__ import annotations

import numpy as np

from core import projection
from core.projection import (
    JointSpace,
)
from tests.projection.conftest import grouped


def test_clusters_come_from_the_space_and_carry_their_majority() -> None:
    rows, labels = grouped(240, 64, 4, seed=5)
    measured = projection.density_clusters(JointSpace((rows,), (1.0,)))
    inside = measured >= 0
    assert inside.mean() > 0.7
    assert measured.max() == 3
    names = projection.cluster_names(measured, labels, ["ant", "bee", "cat", "dog"])
    assert {name.split(" ")[0] for name in names} == {"ant", "bee", "cat", "dog"}
    assert all("%" in name for name in names)
    assert list(np.bincount(measured[inside])) == sorted(np.bincount(measured[inside]), reverse=True)
