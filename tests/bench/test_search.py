"""`bench search`: its truth is the truth, and the demands are held at a small size already."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.bench import _gallery, search


def test_every_weighting_is_served_by_one_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gallery = _gallery.write(tmp_path / "rows.f16", 4000)
    with search.one_thread():
        outcome = search.measure(gallery, tmp_path / "index.faiss", depth=80, queries=24)
    search.print_outcome(gallery, outcome)
    assert len(outcome.recall) == 7 and set(outcome.recall) == set(_gallery.WEIGHTINGS)
    by_demand = {demand.check: demand for demand in search.demands(outcome)}
    assert by_demand["recall@10, lowest of 7 weightings"].held, outcome.recall
    assert by_demand["rebuilt while weights move"].held
    assert outcome.times.shape == (7 * 24,)
    assert "recall@24" in capsys.readouterr().out
    asked = np.array([5, 3999])
    wide = {name: gallery.block(name, slice(None)).astype(np.float64) for name in gallery.dims}
    truth = search.best(gallery, asked, 5)
    for name, shares in _gallery.WEIGHTINGS.items():
        for at, query in enumerate(asked):
            scores = sum(share * (wide[one] @ wide[one][query]) for one, share in shares.items())
            scores[query] = -np.inf
            np.testing.assert_allclose(scores[truth[name][at]], np.sort(scores)[::-1][:5], atol=1e-6)
