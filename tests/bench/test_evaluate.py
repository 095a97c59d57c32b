"""The evaluation benchmark on a tiny world: every method runs and they agree."""

from __future__ import annotations

import numpy as np
import pytest

from core.bench import evaluate
from core.errors import BadInput


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
