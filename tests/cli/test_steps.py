"""`evaluate` and `pipeline` with steps before and after the search."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from core import cli
from core.fusion import store
from core.studies import embedding

PAIR = ("hsv_histogram", "hog")
FLAGS = [part for name in PAIR for part in ("--backbone", name)]


@pytest.fixture
def embedded(tiny_world: SimpleNamespace) -> SimpleNamespace:
    embedding.embed(tiny_world.dataset, PAIR)
    return tiny_world


def test_every_system_stands_beside_itself_with_the_steps(embedded: SimpleNamespace, tmp_path: Path, capsys) -> None:
    out = tmp_path / "out.json"
    steps = ["--prepare", "centred", "--rerank", "k_reciprocal:k1=5,k2=2,lambda=0.3"]
    assert cli.main(["evaluate", "--data", "tiny", *FLAGS, *steps, "--json", str(out)]) == 0
    names = [system["name"] for system in json.loads(out.read_text())["systems"]]
    assert names == [
        "hsv_histogram",
        "hog",
        "hsv_histogram + hog",
        "hsv_histogram, centred, k-reciprocal (k1 5, k2 2)",
        "hog, centred, k-reciprocal (k1 5, k2 2)",
        "hsv_histogram + hog, centred, k-reciprocal (k1 5, k2 2)",
    ]
    assert cli.main(["evaluate", "--data", "tiny", *FLAGS, "--rerank", "k_recipocal"]) == 2
    assert "k_reciprocal" in capsys.readouterr().err


def test_a_pipeline_is_printed_saved_and_refused_where_it_was_tuned(
    embedded: SimpleNamespace, tmp_path: Path, capsys
) -> None:
    out = tmp_path / "pipeline.json"
    assert cli.main(["pipeline", "--data", "tiny", *FLAGS, "--rerank", "csls", "--fusion-out", str(out)]) == 0
    printed = capsys.readouterr().out
    for stage in ("best single", "equal fusion", "tuned weights", "CSLS, untuned"):
        assert stage in printed
    (spec,) = store.read(out)
    assert spec.rerank is not None and spec.trained_on
    assert cli.main(["evaluate", "--data", "tiny", *FLAGS, "--fusions", str(out)]) == 2
    assert "fitted on" in capsys.readouterr().err
    report = tmp_path / "report.html"
    assert cli.main(["report", "--data", "tiny", *FLAGS, "--rerank", "csls", "--out", str(report)]) == 0
    html = report.read_text()
    assert "What each step adds" in html and "CSLS, untuned" in html


def test_an_image_is_searched_with_and_says_where_each_stood(embedded: SimpleNamespace, capsys) -> None:
    first = str(embedded.dataset.ids[0])
    like = ["search", "--like", first, "--data", "tiny", *FLAGS, "--k", "5"]
    assert cli.main([*like, "--prepare", "centred", "--rerank", "k_reciprocal:k1=5,k2=2,keep=0"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("centred, k-reciprocal (k1 5, k2 2, keep 0)") and len(lines) == 6
    assert all("before" in line for line in lines[1:]) and not any(first in line for line in lines[1:])
    for wrong in (["search", "--data", "tiny"], ["search", "shoe", "--like", first], ["search", "--like", "nothing"]):
        assert cli.main([*wrong, "--data", "tiny", *FLAGS]) == 2
    assert cli.main(["search", "shoe", "--rerank", "csls", "--data", "tiny"]) == 2
