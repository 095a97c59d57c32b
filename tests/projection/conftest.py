"""Vectors in groups, and maps of them."""

from __future__ import annotations

import numpy as np
import pytest

from core.projection import (
    JointSpace,
    layout,
)
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
