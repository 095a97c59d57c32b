"""What ranx says. It compiles each of its functions for seconds to minutes; here it runs uncompiled, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from tests.browser import ROOT


def _answer(question: dict[str, Any]) -> Any:
    """In that process."""
    import ranx

    runs = [ranx.Run(run) for run in question["runs"]]
    if "metrics" in question:
        return ranx.evaluate(ranx.Qrels(question["qrels"]), runs[0], question["metrics"])
    return [ranx.fuse(runs=runs, **fusion).to_dict() for fusion in question["fusions"]]


def _ask(**question: Any) -> Any:
    pytest.importorskip("ranx")
    seen = subprocess.run(
        [sys.executable, "-m", "tests.ranx_reference"],
        input=json.dumps(question),
        cwd=ROOT,
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
    )
    assert seen.returncode == 0, seen.stderr
    return json.loads(seen.stdout)


def evaluated(
    qrels: dict[str, dict[str, int]], run: dict[str, dict[str, float]], metrics: list[str]
) -> dict[str, float]:
    """The mean of each metric."""
    return _ask(qrels=qrels, runs=[run], metrics=metrics)


def fused(scores: list[np.ndarray], *fusions: dict[str, Any]) -> list[np.ndarray]:
    """One (n_queries, n_gallery) per fusion of those scores."""
    runs = [
        {f"q{i}": {f"d{j}": float(score) for j, score in enumerate(row)} for i, row in enumerate(s)} for s in scores
    ]
    n_queries, n_gallery = scores[0].shape
    return [
        np.array([[run[f"q{i}"][f"d{j}"] for j in range(n_gallery)] for i in range(n_queries)])
        for run in _ask(runs=runs, fusions=list(fusions))
    ]


if __name__ == "__main__":
    print(json.dumps(_answer(json.load(sys.stdin))))
