"""Trustworthiness against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest

from core import projection
from core.projection import (
    JointSpace,
    measure_quality,
)
from tests.projection.conftest import grouped


def test_quality_equals_scikit_learn_and_a_sample_comes_near(
    world: tuple[JointSpace, np.ndarray], tsne: np.ndarray
) -> None:
    from sklearn.manifold import trustworthiness

    space, _ = world
    exact = measure_quality(space, tsne)
    assert exact.trustworthiness == pytest.approx(trustworthiness(space.rows(), tsne, n_neighbors=10), abs=1e-4)
    assert exact.n_measured == 400
    near = projection.neighbours(space.rows(), 10).indices
    on_map = projection.neighbours(tsne, 10).indices
    kept = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(near, on_map)])
    assert exact.preservation == pytest.approx(kept, abs=2e-3)
    part = measure_quality(space, tsne, sample=150)
    assert part.n_measured == 150
    assert part.trustworthiness == pytest.approx(exact.trustworthiness, abs=0.03)
    assert "measured on 150 points" in part.sentence()


def test_quality_says_when_there_are_too_few() -> None:
    rows, _ = grouped(8, 4, 2)
    assert np.isnan(measure_quality(JointSpace((rows,), (1.0,)), rows[:, :2]).trustworthiness)
