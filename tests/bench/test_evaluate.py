"""The evaluation benchmark on a tiny world: every method runs and they agree."""

from __future__ import annotations

import numpy as np
import pytest

from core.errors import BadInput
from tests.bench import evaluate


def test_all_methods_agree_query_by_query() -> None:
    world = evaluate.make(150, 5)
    parts = evaluate.shares(3)
    mine = evaluate.ours(world, parts)
    methods = evaluate._methods()
    for method in (methods[name][1] for name in ("plain", "sum", "library")):
        assert np.abs(method(world, parts) - mine).mean() < 1e-4, method.__name__
    assert 0.2 < mine.mean() < 1


def test_the_table_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    evaluate.run(["--images", "60", "--classes", "3", "--rounds", "1"])
    said = capsys.readouterr().out
    assert said.count("(agrees)") == 3 and "floor" in said and "60 images, 3 classes" in said
    with pytest.raises(BadInput, match="whole numbers"):
        evaluate.run(["--images", "many"])


def test_every_demand_stands_beside_its_figure() -> None:
    cpu = {"plain": [1.9], "library": [4.1], "sum": [1.6], "ours": [0.1, 0.1], "floor": [0.03]}
    said = evaluate.demands(5_000, 20, cpu, {"ours": [0.1]})
    assert [line.rsplit(" ", 1)[-1] for line in said] == ["MISSED", "held", "held", "MISSED"]
    assert "demanded 20.0 x against 'plain': 19.0 x" in said[0] and "15.2 x against 'sum'" in said[2]
    assert not evaluate.demands(2_000, 20, cpu, {"ours": [0.1]})
    assert said[3].startswith("demanded at most 3 weighted sums: 3.3")
    line = evaluate.demands(10_000, 20, cpu, {"ours": [0.4, 0.6, 0.45]})[-1]
    assert "demanded under 0.5 s: 0.450 s by the clock, held" in line and "processor s" in line


def test_the_page_benchmark_knows_its_strategies() -> None:
    from tests.bench import page

    with pytest.raises(BadInput, match="combsum"):
        page.run(["--strategies", "concat,combsum"])
