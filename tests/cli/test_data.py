"""What the command line says about data: readers, options, splits, copies and vectors from files."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core import cli, data, paths
from core.data import saved
from core.data.splits import SplitShares
from core.errors import StoreMismatch, UnknownName
from core.metrics import METRICS
from core.studies import embedding, registry_entries
from tests.conftest import write_tiny

SMALL = ("--backbone", "hsv_histogram")


def fails(capsys: pytest.CaptureFixture, *arguments: str) -> str:
    """The one sentence of a command that must be refused."""
    capsys.readouterr()
    assert cli.main(list(arguments)) == 2
    said = capsys.readouterr().err.strip()
    assert "Traceback" not in said
    said = said.splitlines()[-1]
    assert said.startswith("error: ")
    return said.removeprefix("error: ")


def test_a_reader_and_its_options(tmp_path: Path, home: Path, capsys: pytest.CaptureFixture) -> None:
    folder = write_tiny(tmp_path / "deep" / "outer", 2, ("circle", "cross"))
    assert cli.main(["embed", "--data", str(folder.parent), "--option", "depth=2", *SMALL]) == 0
    assert data.load("deep").label_names == ("circle", "cross")
    assert "has no option 'colour'" in fails(capsys, "embed", "--data", str(folder), "--option", "colour=red")
    assert "a whole number, not 'two'" in fails(capsys, "embed", "--data", str(folder), "--option", "depth=two")
    assert "NAME=VALUE" in fails(capsys, "embed", "--data", str(folder), "--option", "depth")
    assert "No reader is named 'foldr'" in fails(capsys, "embed", "--data", str(folder), "--reader", "foldr")
    assert "does not exist" in fails(capsys, "embed", "--data", str(tmp_path / "no" / "where"))


def test_columns_are_mapped_by_hand(tmp_path: Path, home: Path, capsys: pytest.CaptureFixture) -> None:
    write_tiny(tmp_path, 3, ("circle", "cross"))
    rows = [(f"{kind}/{kind}_{n:02d}.png", kind) for kind in ("circle", "cross") for n in range(3)]
    pd.DataFrame(rows, columns=["wo", "was, genau"]).to_csv(tmp_path / "liste.csv", index=False)
    said = fails(capsys, "embed", "--data", str(tmp_path / "liste.csv"), *SMALL)
    assert "no column with the images' paths" in said
    columns = json.dumps({"path": "wo", "label": "was, genau"})
    given = ["--data", str(tmp_path / "liste.csv"), "--name", "mapped", "--reader", "manifest"]
    assert cli.main(["embed", *given, "--option", f"columns={columns}", *SMALL]) == 0
    assert data.load("mapped").label_names == ("circle", "cross")
    assert "ours:theirs" in fails(capsys, "embed", *given, "--option", "columns=path", *SMALL)
    assert "no column 'nowhere'" in fails(capsys, "embed", *given, "--option", "columns=path:nowhere", *SMALL)


def test_a_split_of_the_users_shares(tiny_world, capsys: pytest.CaptureFixture) -> None:
    assert cli.main(["embed", "--data", "tiny", "--split", "0.2,0.3", "--seed", "7", *SMALL]) == 0
    assert "12 queries, 30 in the gallery, 18 to train on" in capsys.readouterr().err
    made = data.load("tiny")
    assert data.decided("tiny").shares == SplitShares(0.2, 0.3) and data.decided("tiny").seed == 7
    out = paths.home() / "out.json"
    assert cli.main(["evaluate", "--data", "tiny", *SMALL, "--json", str(out)]) == 0
    assert json.loads(out.read_text())["systems"][0]["metrics"]["map"]["n_queries"] == 12
    assert data.load("tiny").fingerprint == made.fingerprint
    assert cli.main(["embed", "--data", "tiny", "--split", "given", *SMALL]) == 0
    assert data.load("tiny").split.is_self_retrieval
    assert "0.2 or 0.15,0.5" in fails(capsys, "embed", "--data", "tiny", "--split", "half")
    assert "leave something" in fails(capsys, "embed", "--data", "tiny", "--split", "0.6,0.4")
    assert "shares" in fails(capsys, "embed", "--data", str(tiny_world.images), "--name", "other", "--split", "a,b,c")
    assert data.names()[-1] == "tiny"  # nothing was read
    assert "belongs to --split" in fails(capsys, "embed", "--data", "tiny", "--seed", "3")
    assert "at least 0" in fails(capsys, "embed", "--data", "tiny", "--split", "0.5", "--seed", "-1")


def test_what_would_have_no_effect_is_refused(tiny_world, capsys: pytest.CaptureFixture) -> None:
    assert cli.main(["embed", "--data", "tiny", *SMALL]) == 0
    assert "no device 'foo'" in fails(capsys, "embed", "--data", "tiny", *SMALL, "--device", "foo")
    assert "'tiny' keeps its name" in fails(capsys, "embed", "--data", "tiny", "--name", "other", *SMALL)
    assert cli.main(["embed", "--data", "tiny", "--name", "tiny", *SMALL, "--device", "cpu"]) == 0


def test_what_the_system_refuses_is_one_sentence(home: Path, capsys: pytest.CaptureFixture) -> None:
    said = fails(capsys, "embed", "--data", "x/" + "y" * 5000, *SMALL)
    assert "File name too long" in said and len(said) < 250


def test_one_of_each(tmp_path: Path, home: Path, capsys: pytest.CaptureFixture) -> None:
    folder = write_tiny(tmp_path / "twice", 3, ("circle", "cross"))
    shutil.copy(folder / "circle" / "circle_00.png", folder / "circle" / "same.png")
    assert cli.main(["embed", "--data", str(folder), "--one-of-each", *SMALL]) == 0
    assert "6 images; copies left out: 1" in capsys.readouterr().err and len(data.load("twice")) == 6
    assert cli.main(["embed", "--data", str(folder), *SMALL]) == 0 and len(data.load("twice")) == 6
    assert cli.main(["embed", "--data", "twice", "--no-one-of-each", *SMALL]) == 0 and len(data.load("twice")) == 7


def test_vectors_join_a_dataset_and_are_judged_beside_backbones(
    tiny_world, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    labels = tiny_world.dataset.labels
    np.save(tmp_path / "truth.npy", np.eye(6, dtype=np.float32)[labels])
    out = tmp_path / "out.json"
    given = ["evaluate", "--data", "tiny", "--vectors", f"truth={tmp_path / 'truth.npy'}", *SMALL, "--json", str(out)]
    assert cli.main([*given, "--fuse", "truth+hsv_histogram"]) == 0
    said = capsys.readouterr().err
    ids = tiny_world.dataset.ids.astype(str).tolist()
    assert f"truth: rows in the order of the dataset (sorted ids: {ids[0]!r} first, {ids[-1]!r} last)" in said
    assert "give an .npz with ids and vectors to be sure" in said
    np.savez(tmp_path / "named.npz", vectors=np.eye(6, dtype=np.float32)[labels], ids=ids)
    assert cli.main(["embed", "--data", "tiny", "--vectors", f"named={tmp_path / 'named.npz'}"]) == 0
    assert "rows in the order" not in capsys.readouterr().err
    found = {one["name"]: one["metrics"]["map"]["mean"] for one in json.loads(out.read_text())["systems"]}
    assert len(found) == 3 and found["truth"] == 1.0 and found["hsv_histogram"] < 0.9
    # They belong to the dataset from then on.
    assert cli.main(["evaluate", "--data", "tiny", "--backbone", "truth", "--json", str(out)]) == 0
    assert [one["name"] for one in json.loads(out.read_text())["systems"]] == ["truth"]
    assert cli.main(["embed", "--data", "tiny", "--vectors", f"again={tmp_path / 'truth.npy'}"]) == 0
    assert "again: 60 found" in capsys.readouterr().out
    np.save(tmp_path / "short.npy", np.eye(6, dtype=np.float32))
    said = fails(capsys, "evaluate", "--data", "tiny", "--vectors", f"short={tmp_path / 'short.npy'}")
    assert "short.npy has 6 rows" in said and "has 60" in said
    assert "truth2" in fails(capsys, "evaluate", "--data", "tiny", "--backbone", "truth2")


def test_vectors_alone_become_a_dataset(tmp_path: Path, home: Path, capsys: pytest.CaptureFixture) -> None:
    np.save(tmp_path / "a.npy", np.repeat(np.eye(2, dtype=np.float32), 3, axis=0))
    (tmp_path / "labels.csv").write_text("id,label\n" + "".join(f"i{n},{'xy'[n // 3]}\n" for n in range(6)))
    given = ["embed", "--name", "numbers", "--vectors", f"a={tmp_path / 'a.npy'}"]
    assert "--labels" in fails(capsys, *given)
    assert cli.main([*given, "--labels", str(tmp_path / "labels.csv")]) == 0
    assert len(data.load("numbers")) == 6
    assert cli.main(["evaluate", "--data", "numbers", "--backbone", "a"]) == 0
    assert "1.000" in capsys.readouterr().out


def test_damaged_imported_vectors_are_one_sentence_and_check_names_them(
    tiny_world, capsys: pytest.CaptureFixture
) -> None:
    rows = np.random.default_rng(0).normal(size=(60, 6))
    folder = data.attached_vectors.attach(tiny_world.dataset, "mine", rows) and paths.datasets() / "tiny" / "vectors"
    data.attached_vectors.attach(tiny_world.dataset, "junk", rows)
    data.attached_vectors.attach(tiny_world.dataset, "empty", rows)
    assert embedding.damage_report(tiny_world.dataset) == ()
    (folder / "junk.npz").write_bytes(b"x" * 10)
    (folder / "empty.json").write_text("{}")
    for name in ("junk", "empty"):
        said = fails(capsys, "evaluate", "--data", "tiny", "--backbone", name)
        assert said.startswith(f"The vectors '{name}' of 'tiny' are damaged") and "attach them again" in said
    assert [row.backbone for row in embedding.status(tiny_world.dataset)] == ["mine"]
    assert len(embedding.damage_report(tiny_world.dataset)) == 2
    assert cli.main(["check"]) == 0
    said = capsys.readouterr().out
    assert "vectors of tiny: mine, 60 vectors of 6 numbers (imported)" in said
    assert "NOT WHOLE. The vectors 'junk' of 'tiny'" in said and "NOT WHOLE. The vectors 'empty' of 'tiny'" in said
    data.attached_vectors.attach(tiny_world.dataset, "junk", rows)
    assert len(embedding.damage_report(tiny_world.dataset)) == 1, "attached again, it can be used again"


@pytest.mark.parametrize("content", ["[]", '{"name": "a", "dim": "x", "came_from": ""}', '{"name": "b", "dim": 6}'])
def test_a_record_of_imported_vectors_says_what_attach_writes(tiny_world, content: str) -> None:
    data.attached_vectors.attach(tiny_world.dataset, "a", np.ones((60, 6)))
    (paths.datasets() / "tiny" / "vectors" / "a.json").write_text(content)
    with pytest.raises(StoreMismatch, match="are damaged"):
        embedding.find(tiny_world.dataset, "a")
    assert data.attached_vectors.backbones("tiny") == ()


def test_a_damaged_store_is_mended_from_the_command_line(tiny_world, capsys: pytest.CaptureFixture) -> None:
    assert cli.main(["embed", "--data", "tiny", *SMALL]) == 0
    (folder,) = (paths.store() / "embeddings").iterdir()
    for path in (*folder.rglob("*.lance"), *folder.rglob("*.npy")):
        if path.is_file():
            path.write_bytes(b"x" * 10)
    for verb in ("embed", "evaluate"):
        assert "`python -m core check --mend` sets it aside" in fails(capsys, verb, "--data", "tiny", *SMALL)
    assert embedding.status(tiny_world.dataset) == [] and len(embedding.damage_report(tiny_world.dataset)) == 1
    assert cli.main(["check", "--mend"]) == 0 and folder.name in capsys.readouterr().out
    assert cli.main(["embed", "--data", "tiny", *SMALL]) == 0 and "60 computed" in capsys.readouterr().out
    assert cli.main(["check", "--mend"]) == 0 and "Nothing of the store is damaged." in capsys.readouterr().out


def test_one_damaged_dataset_does_not_hide_the_others(
    tiny_world, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    data.add("lone", write_tiny(tmp_path / "lone", 2, ("circle",)))
    for table in (paths.datasets() / "lone").glob("table-*.parquet"):
        table.unlink()
    saved.forget_opened()
    assert cli.main(["list", "datasets"]) == 0
    said = capsys.readouterr().out
    assert "60 images from" in said and "cannot be opened:" in said and "is missing or damaged" in said


def test_an_unknown_name_says_only_what_there_is() -> None:
    for table in (data.readers.READERS, METRICS):
        with pytest.raises(UnknownName) as refused:
            table.get("nope")
        named = re.findall(r"`python -m core list (\w+)`", str(refused.value))
        assert all(kind in registry_entries.KINDS for kind in named)
        assert named or all(name in str(refused.value) for name in table.names)


@pytest.mark.parametrize("verb", ["embed", "evaluate"])
def test_the_help_names_every_way_in(verb: str) -> None:
    said = subprocess.run(
        [sys.executable, "-m", "core", verb, "--help"], cwd=paths.REPOSITORY, capture_output=True, text=True, check=True
    ).stdout
    assert all(flag in said for flag in ("--reader", "--option", "--split", "--seed", "--one-of-each", "--vectors"))
