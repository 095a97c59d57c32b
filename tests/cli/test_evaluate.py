"""`evaluate` prints every figure and every pair, and writes each table to a file that reads back as the study says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from core import cli, metrics
from core.cli.evaluate import EXPORTS
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


def test_every_table_is_written_and_reads_back(expected: study.Result, tmp_path: Path, capsys) -> None:
    flags = {
        "table": "t.csv",
        "latex": "t.tex",
        "differences": "d.csv",
        "per-query": "q.parquet",
        "per-class": "c.csv",
        "curves": "k.csv",
        "ranking": "r.parquet",
        "overlap": "o.csv",
        "json": "r.json",
    }
    assert {*flags, "protocols"} == set(EXPORTS), "every export is tried; protocols in test_landmarks"
    assert (
        cli.main([*ASKED, *(part for flag, name in flags.items() for part in (f"--{flag}", str(tmp_path / name)))]) == 0
    )
    table = pd.read_csv(tmp_path / "t.csv").set_index("system")
    assert set(table.index) == {*OWN, JOINED} and table.loc[JOINED, "made of"].count("50 %") == 2
    for name in table.index:
        for key, figure in expected[name].figures.items():
            np.testing.assert_allclose(
                table.loc[name, [key, f"{key} low", f"{key} high"]].astype(float),
                [figure.mean, figure.low, figure.high],
                atol=1e-9,
            )
    pairs = pd.read_csv(tmp_path / "d.csv")
    assert len(pairs) == 3 and (pairs["difference"] >= 0).all()
    for row in pairs.itertuples():
        assert row.difference == pytest.approx(expected[row.better].mean("map") - expected[row.other].mean("map"))
    queries = pd.read_parquet(tmp_path / "q.parquet")
    mine = queries[queries["system"] == "hog"]["map"].to_numpy()
    np.testing.assert_allclose(mine, expected["hog"].per_query["map"], atol=1e-12)
    overlap = pd.read_csv(tmp_path / "o.csv")
    assert len(overlap) == 3 * 60 and set(overlap["k"]) == {10} and overlap["jaccard"].between(0, 1).all()
    assert (overlap[["only_left", "both"]].sum(axis=1) == 10).all()
    classes = pd.read_csv(tmp_path / "c.csv")
    own = classes[(classes["class"] == "cross") & (classes["system"] == "hog")]
    labels = expected.query_labels == "cross"
    assert (
        own["map"].item() == pytest.approx(expected["hog"].per_query["map"][labels].mean())
        and own["n_queries"].item() == 10
    )
    levels = pd.read_csv(tmp_path / "k.csv")
    np.testing.assert_allclose(levels[levels["system"] == "hog"]["precision"], expected["hog"].curve.mean)
    assert (
        r"\begin{tabular}" in (tmp_path / "t.tex").read_text() and r"hsv\_histogram" in (tmp_path / "t.tex").read_text()
    )
    assert len(pd.read_parquet(tmp_path / "r.parquet")) == 3 * 60 * 59
    written = json.loads((tmp_path / "r.json").read_text())
    assert [one["ties"] for one in written["systems"]] == [
        expected.tie_groups[one["name"]] for one in written["systems"]
    ]


def test_what_is_printed(expected: study.Result, capsys) -> None:
    assert cli.main(ASKED) == 0
    said = capsys.readouterr().out
    assert "wins/ties/losses" in said and "Intervals draw whole classes (6), and tests flip whole classes" in said
    for a, b in expected.comparison.differences:
        assert f"{a} less {b} " in said or f"{b} less {a} " in said
    assert re.search(r"(differ|cannot be told apart|disagree|too few to tell)", said)
    assert cli.main([*ASKED, "--show", "all", "--by-class", "--metric", "p@5"]) == 0
    said = capsys.readouterr().out
    lines = {line.split("  ")[0].strip() for line in said.splitlines()}
    for key in expected["hog"].figures:
        assert metrics.label(key) in lines, key
    assert "Intervals draw whole classes" in said and "Optimistic" not in said
    assert f"{expected['hog'].mean('map'):.4f} [" in said
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
        (["--show", "precision@5"], "Did you mean 'p@5'"),
        (["--show", "map,Hit rate@10"], "Did you mean 'hit@10'"),
        (["--metric", "recall"], "'recall'"),
        (["--k", "999999999999999999999"], "up to 10,000,000"),
        (["--k", "9" * 5000], "--k takes whole numbers"),
        (["--fuse", "hog"], "two names or more with +"),
        (["--fuse", "hog,hsv_histogram"], "two names or more with +"),
        (["--fuse", "hog+"], "two names or more with +"),
        (["--fuse", "hog+hogg"], "'hogg'"),
        (["--protocols", "p.csv"], "gnd_*.pkl"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(expected: study.Result, capsys, more: list, named: str) -> None:
    assert cli.main([*ASKED, *more]) == 2
    said = capsys.readouterr().err
    assert named in said and "Traceback" not in said and said.count("error:") == 1


def test_single_queries_are_an_option_that_says_what_it_assumes(expected: study.Result, capsys) -> None:
    assert cli.main([*ASKED, "--by-query"]) == 0
    assert "Optimistic: queries are taken as independent" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        cli.main([*ASKED, "--by-query", "--by-class"])


def test_the_help_names_every_file(capsys) -> None:
    with pytest.raises(SystemExit):
        cli.main(["evaluate", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    for flag in (*EXPORTS, "show", "metric", "by-class", "by-query"):
        assert f"--{flag}" in said


def test_what_is_asked_for_in_vain_is_said_before_anything_is_judged(
    expected: study.Result, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fusion, "evaluate", lambda *_, **__: pytest.fail("judged before it was refused"))
    for more in (["--show", "precision@5"], ["--show", "p@7"], ["--metric", "acc"], ["--fuse", "hog"]):
        assert cli.main([*ASKED, *more]) == 2


def test_a_k_beyond_the_list_is_a_warning_and_the_figures_are_those_of_the_contract(
    expected: study.Result, tmp_path: Path, capsys
) -> None:
    assert cli.main([*ASKED, "--k", "1,1000", "--json", str(tmp_path / "r.json")]) == 0
    said = capsys.readouterr().err
    assert "warning: k = 1,000 is more than the 59 images of a list: precision still divides by k" in said
    for one in json.loads((tmp_path / "r.json").read_text())["systems"]:
        assert one["metrics"]["p@1000"]["mean"] == pytest.approx(9 / 1000)
        assert one["metrics"]["recall@1000"]["mean"] == 1.0
    assert cli.main([*ASKED, "--k", "1,59"]) == 0 and "warning" not in capsys.readouterr().err


@pytest.fixture
def files(tmp_path: Path, home: Path) -> list[str]:
    """`evaluate` of two sets of vectors from files."""
    labels = np.arange(24) % 4
    random = np.random.default_rng(0)
    for name in "ab":
        np.save(tmp_path / f"{name}.npy", np.eye(4)[labels] + random.standard_normal((24, 4)))
    (tmp_path / "l.csv").write_text("id,label\n" + "".join(f"i{n},{label}\n" for n, label in enumerate(labels)))
    given = [part for name in "ab" for part in ("--vectors", f"{name}={tmp_path / name}.npy")]
    return ["evaluate", *given, "--labels", str(tmp_path / "l.csv")]


def test_vectors_from_files_are_fused_as_fuse_says(files: list[str], tmp_path: Path) -> None:
    assert cli.main([*files, "--fuse", "a+b", "--json", str(tmp_path / "r.json")]) == 0
    fused = json.loads((tmp_path / "r.json").read_text())["systems"]
    assert [one["name"] for one in fused] == ["a", "b", "a + b"]
    (tmp_path / "f.json").write_text(json.dumps([{"name": "x", "kind": "concat", "backbones": ["a", "b"]}]))
    assert cli.main([*files, "--fusions", str(tmp_path / "f.json"), "--json", str(tmp_path / "s.json")]) == 0
    assert json.loads((tmp_path / "s.json").read_text())["systems"][2]["metrics"] == fused[2]["metrics"]


@pytest.mark.parametrize(
    ("more", "named"),
    [
        (["--fuse", "a+z"], "'z'; there are a, b"),
        (["--fuse", "a+hog"], "'hog'; there are a, b"),
        (["--fuse", "+"], "with +"),
        (["--fuse", "a"], "with +"),
        (["--fuse", "a,b"], "with +, e.g. --fuse a+b"),
        (["--split", "0.5"], "--split cannot be used with --vectors alone"),
        (["--backbone", "hog", "--name", "x"], "--name, --backbone cannot be used"),
        (["--seed", "0"], "--seed cannot"),
    ],
)
def test_flags_that_vectors_from_files_do_not_take_are_refused(
    files: list[str], capsys, more: list, named: str
) -> None:
    assert cli.main([*files, *more]) == 2
    said = capsys.readouterr()
    assert named in said.err and said.err.count("error:") == 1 and not said.out


@pytest.mark.parametrize("weight", [1e308, 1e200, 1e-9, 1e-310])
def test_weights_of_any_size_are_judged_as_their_ratios(files: list[str], tmp_path: Path, weight: float) -> None:
    kinds = ("concat", "mean_pad", "mean_random", "score_sum", "rrf", "borda")
    fusions = [
        {"name": f"{kind} {size}", "kind": kind, "backbones": ["a", "b"], "weights": [size, size]}
        for kind in kinds
        for size in (weight, 1.0)
    ]
    (tmp_path / "f.json").write_text(json.dumps(fusions))
    assert cli.main([*files, "--fusions", str(tmp_path / "f.json"), "--json", str(tmp_path / "r.json")]) == 0
    found = {one["name"]: one["metrics"] for one in json.loads((tmp_path / "r.json").read_text())["systems"]}
    for kind in kinds:
        assert found[f"{kind} {weight}"] == found[f"{kind} 1.0"]


@pytest.mark.parametrize(
    "wrong",
    ['"weights": [1' + "0" * 400 + ", 1]", '"k": 1' + "0" * 400, '"learned": [{"name": "m", "shape": [Infinity]}]'],
)
def test_numbers_beyond_float64_in_a_file_are_one_sentence(
    files: list[str], tmp_path: Path, capsys, wrong: str
) -> None:
    (tmp_path / "f.json").write_text('[{"name": "x", "kind": "rrf", "backbones": ["a", "b"], ' + wrong + "}]")
    assert cli.main([*files, "--fusions", str(tmp_path / "f.json")]) == 2
    said = capsys.readouterr().err
    assert said.count("error:") == 1 and "fusion 1 ('x')" in said and len(said) < 400


def test_vectors_of_any_length_are_judged_by_their_directions(files: list[str], tmp_path: Path) -> None:
    np.save(tmp_path / "b.npy", np.load(tmp_path / "a.npy") * 1e200)
    assert cli.main([*files, "--json", str(tmp_path / "r.json")]) == 0
    first, second = (one["metrics"]["map"]["mean"] for one in json.loads((tmp_path / "r.json").read_text())["systems"])
    assert first == pytest.approx(second, abs=1e-4) and first < 1


@pytest.mark.parametrize("verb", ["evaluate", "report"])
def test_the_help_shows_a_list_of_fusions_that_can_be_read(verb: str, capsys) -> None:
    from core.fusion import spec

    with pytest.raises(SystemExit):
        cli.main([verb, "--help"])
    said = " ".join(capsys.readouterr().out.split())
    (one,) = spec.parse(re.search(r"\[\{.*?\}\]", said)[0])
    assert one.kind == "rrf" and "--by-query" in said


def test_labels_without_vectors_are_refused(tiny_world, tmp_path: Path, capsys) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text("id,label\n1.png,red\n")
    assert cli.main(["evaluate", "--data", "tiny", "--backbone", "hog", "--labels", str(labels)]) == 2
    assert "add --vectors NAME=FILE, or leave them out" in capsys.readouterr().err
