"""`bench map`: what it prints is what happened."""

from __future__ import annotations

import numpy as np
import pytest

from core import projection
from tests.bench import _map_page
from tests.bench import map as bench_map


@pytest.mark.slow
def test_a_line_tells_of_a_fresh_and_a_moved_layout(capsys: pytest.CaptureFixture[str]) -> None:
    bench_map.run(["--images", "240", "--methods", "pca", "tsne", "--repeats", "1"])
    lines = capsys.readouterr().out.splitlines()
    said = {words[1]: words for line in lines if (words := line.split()) and words[0] == "240"}
    assert set(said) == {"blocks", "pca", "tsne"}
    fresh, _, trust, kept, moved, _, first, after, drift = map(float, said["tsne"][2:11])
    assert 0.7 < trust <= 1 and 0.7 < after <= 1 and 0 < kept <= 1
    assert 0 < first <= moved + 0.01 and drift < 0.5 and fresh > 0


def test_the_groups_are_there_to_be_found() -> None:
    rows = bench_map.clustered(300, 64, seed=1)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    again = bench_map.clustered(300, 64, seed=1)
    np.testing.assert_array_equal(rows, again)
    found = projection.measure_quality(projection.JointSpace((rows,), (1.0,)), rows[:, :2])
    assert np.isfinite(found.trustworthiness)


def test_the_page_is_held_to_its_demands() -> None:
    assert _map_page.DEMANDS == {2_000: 1_500, 5_000: 4_000}
    assert set(bench_map.PAGE_SIZES) == set(_map_page.DEMANDS)
