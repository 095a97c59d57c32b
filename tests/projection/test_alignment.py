"""Layouts laid onto each other."""

from __future__ import annotations

import numpy as np
import pytest

from core.errors import ShapeMismatch
from core.projection import (
    align,
    drift,
    framed,
)


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
