"""`evaluate` prints every figure and every pair, and writes each table to a file that reads back as the study says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from core import cli
from core.metrics import ranking as metrics
from core.studies import embedding, fusion
from core.studies import evaluation as study

OWN = ("hsv_histogram", "hog")
ASKED = [
    "evaluate",
    "--data",
    "tiny",
    *(part for name in OWN for part in ("--backbone", name)),
    "--fuse",
    "+".join(OWN),
]
JOINED = "hsv_histogram + hog"


@pytest.fixture
def expected(tiny_world: SimpleNamespace) -> study.Result:
    from core.fusion import spec

    embedding.embed(tiny_world.dataset, OWN)
    return fusion.evaluate(tiny_world.dataset, OWN, [spec.equal(OWN)], (1, 5, 10))


def test_every_table_is_written_and_reads_back(expected: study.Result, tmp_path: Path, capsys) -> None:  # noqa: ANN001
    flags = {
        "table": "t.csv", "latex": "t.tex", "differences": "d.csv", "per-query": "q.parquet", "per-class": "c.csv",
        "curves": "k.csv", "ranking": "r.parquet", "json": "r.json",
    }  # fmt: skip
    assert {*flags, "protocols"} == set(cli.EXPORTS), "every export is tried; protocols in test_landmarks"
    assert (
        cli.main([*ASKED, *(part for flag, name in flags.items() for part in (f"--{flag}", str(tmp_path / name)))]) == 0
    )
    table = pd.read_csv(tmp_path / "t.csv").set_index("system")
    assert set(table.index) == {*OWN, JOINED} and table.loc[JOINED, "made of"].count("50 %") == 2
    for name in table.index:
        for key, figure in expected[name].figures.items():
            if key != "iprec":
                np.testing.assert_allclose(table.loc[name, [key, f"{key} low", f"{key} high"]].astype(float),
                                           [figure.mean, figure.low, figure.high], atol=1e-9)  # fmt: skip
    pairs = pd.read_csv(tmp_path / "d.csv")
    assert len(pairs) == 3 and (pairs["difference"] >= 0).all()
    for row in pairs.itertuples():
        assert row.difference == pytest.approx(expected[row.better].mean("map") - expected[row.other].mean("map"))
    queries = pd.read_parquet(tmp_path / "q.parquet")
    mine = queries[queries["system"] == "hog"]["map"].to_numpy()
    np.testing.assert_allclose(mine, expected["hog"].per_query["map"], atol=1e-12)
    classes = pd.read_csv(tmp_path / "c.csv")
    own = classes[(classes["class"] == "cross") & (classes["system"] == "hog")]
    labels = expected.query_labels == "cross"
    assert (
        own["map"].item() == pytest.approx(expected["hog"].per_query["map"][labels].mean())
        and own["n_queries"].item() == 10
    )
    levels = pd.read_csv(tmp_path / "k.csv")
    np.testing.assert_allclose(levels[levels["system"] == "hog"]["precision"], expected["hog"].figures["iprec"].mean)
    assert (
        r"\begin{tabular}" in (tmp_path / "t.tex").read_text() and r"hsv\_histogram" in (tmp_path / "t.tex").read_text()
    )
    assert len(pd.read_parquet(tmp_path / "r.parquet")) == 3 * 60 * 59
    written = json.loads((tmp_path / "r.json").read_text())
    assert [one["ties"] for one in written["systems"]] == [
        expected.tie_groups[one["name"]] for one in written["systems"]
    ]


def test_what_is_printed(expected: study.Result, capsys) -> None:  # noqa: ANN001
    assert cli.main(ASKED) == 0
    said = capsys.readouterr().out
    assert "wins/ties/losses" in said and "Queries were resampled one by one" in said
    for a, b in expected.comparisons:
        assert f"{a} less {b} " in said or f"{b} less {a} " in said
    assert re.search(r"(differ|cannot be told apart|contradict)", said)
    assert cli.main([*ASKED, "--show", "all", "--by-class", "--metric", "p@5"]) == 0
    said = capsys.readouterr().out
    lines = {line.split("  ")[0].strip() for line in said.splitlines()}
    for key in expected["hog"].figures:
        assert key == "iprec" or metrics.label(key) in lines, key
    assert "Whole classes were resampled" in said and f"{expected['hog'].mean('map'):.4f} [" in said
    assert cli.main([*ASKED, "--show", "mrr,p@5"]) == 0
    head = capsys.readouterr().out.splitlines()[0]
    assert head.split("  ")[0] == "system" and "mAP" in head and "MRR" in head and "nDCG" not in head


def test_vectors_out_of_files_claim_nothing_of_a_backbone_of_that_name(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).standard_normal((20, 6)).astype(np.float32)
    np.save(tmp_path / "a.npy", rows)
    (tmp_path / "l.csv").write_text("id,label\n" + "".join(f"i{n},{n % 4}\n" for n in range(20)))
    given = ["evaluate", "--vectors", f"resnet50={tmp_path / 'a.npy'}", "--labels", str(tmp_path / "l.csv")]
    assert cli.main([*given, "--table", str(tmp_path / "t.csv")]) == 0
    row = pd.read_csv(tmp_path / "t.csv").iloc[0]
    assert row["system"] == "resnet50" and row["dim"] == 6 and pd.isna(row["licence"]) and pd.isna(row["ms"])


@pytest.mark.parametrize(
    ("more", "named"),
    [
        (["--table", "t.xlsx"], ".csv or .parquet"),
        (["--differences", "nowhere/d.csv"], "no folder"),
        (["--metric", "acc"], "'acc'"),
        (["--metric", "nonsense"], "'nonsense'"),
        (["--show", "p@7"], "--k"),
        (["--protocols", "p.csv"], "gnd_*.pkl"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(expected: study.Result, capsys, more: list, named: str) -> None:  # noqa: ANN001
    assert cli.main([*ASKED, *more]) == 2
    said = capsys.readouterr().err
    assert named in said and "Traceback" not in said and said.count("error:") == 1


def test_the_help_names_every_file(capsys) -> None:  # noqa: ANN001
    with pytest.raises(SystemExit):
        cli.main(["evaluate", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    for flag in (*cli.EXPORTS, "show", "metric", "by-class"):
        assert f"--{flag}" in said
