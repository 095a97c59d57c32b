"""A home on an object store: everything that is kept is there for another machine, and nobody overwrites anybody."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from core import cli, data, files, paths
from core.data import changes
from core.errors import StoreUnusable, UnknownName
from core.fusion import FusionSpec
from core.fusion import store as fusion_store
from core.objects import S3Objects, opened
from core.store import open_store
from core.studies import embedding
from tests import house, object_store_server

OWN = ("hsv_histogram", "hog")
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def machine(tmp_path: Path, remote_home: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Go on as another machine of the same home, with a cache of its own: it looks at once, or believes what it saw."""

    def become(name: str, looks: bool = True) -> None:
        monkeypatch.setenv("FUSIONSCOPE_CACHE", str(tmp_path / name))
        mirror = opened(remote_home, paths.home())
        mirror._fresh = {} if looks else dict.fromkeys(mirror._fresh, float("inf"))

    become("first")
    return become


def objects_below(address: str) -> list[str]:
    return list(S3Objects(address).listing())


def test_what_one_machine_keeps_another_one_has(
    machine: Callable[..., None], tiny_images: Path, remote_home: str, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset = data.add("tiny", tiny_images)
    report = embedding.embed(dataset, OWN)
    assert report.computed == {name: 60 for name in OWN}
    before = {name: embedding.embeddings(dataset, name).vectors for name in OWN}
    fusion_store.save(FusionSpec("both", "concat", OWN))
    thumbnail = open_store().thumbnail(dataset.keys[7])
    assert thumbnail

    machine("second")
    there = data.get("tiny")
    assert there.fingerprint == dataset.fingerprint and "tiny" in data.names()
    again = embedding.embed(there, OWN)
    assert again.present == {name: 60 for name in OWN} and not any(again.computed.values())
    for name in OWN:
        assert np.array_equal(embedding.embeddings(there, name).vectors, before[name])
    assert fusion_store.load("both").backbones == OWN
    assert open_store().thumbnail(there.keys[7]) == thumbnail and not open_store().thumbnails_missing(
        there.keys.tolist()
    )
    assert cli.main(["check"]) == 0
    said = capsys.readouterr().out
    assert "60 vectors of 192 numbers" in said and "thumbnails of 60 images" in said
    assert said.startswith(f"Store: {remote_home}/store, cache: ")
    kinds = {name.partition("/")[0] for name in objects_below(remote_home)}
    assert kinds == {"datasets", "fusions", "store"}


def test_what_is_removed_or_renamed_is_so_for_all(
    machine: Callable[..., None], tiny_images: Path, remote_home: str
) -> None:
    data.add("tiny", tiny_images)
    fusion_store.save(FusionSpec("both", "concat", OWN))
    embedding.embed(data.get("tiny"), ["hsv_histogram"])
    machine("second")
    changes.rename("tiny", "small")
    fusion_store.remove("both")
    fingerprint = open_store().records()[0]["fingerprint"]
    assert open_store().remove(fingerprint) == 60
    machine("first")
    assert "small" in data.names() and "tiny" not in data.names() and len(data.get("small")) == 60
    assert not fusion_store.saved()[0] and not open_store().records()
    changes.remove("small")
    machine("third")
    with pytest.raises(UnknownName):
        data.get("small")
    assert {name for name in objects_below(remote_home) if "thumbnails" not in name} == set()


def test_nobody_overwrites_what_they_have_not_seen(machine: Callable[..., None], tiny_images: Path) -> None:
    data.add("tiny", tiny_images)
    machine("second")
    data.get("tiny")
    machine("first")
    changes.describe("tiny", notes="by the first")
    machine("second", looks=False)
    with pytest.raises(StoreUnusable, match="changed by somebody else.*nothing was saved"):
        changes.describe("tiny", notes="by the second")
    assert data.get("tiny").notes == "by the first", "it has been fetched"
    changes.describe("tiny", notes="by the second, who has seen it")
    machine("first")
    assert data.get("tiny").notes == "by the second, who has seen it"


def test_answers_of_several_machines_all_stay(remote_home: str, tmp_path: Path, object_server: str) -> None:
    script = textwrap.dedent("""
        import sys
        from core import files, paths
        for number in range(12):
            files.append_text(paths.judgements() / "Ann.jsonl", f"{sys.argv[1]} {number}" + chr(10))
    """)
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", script, name],
            cwd=ROOT,
            env=object_store_server.environment(
                object_server, FUSIONSCOPE_HOME=remote_home, FUSIONSCOPE_CACHE=str(tmp_path / cache)
            ),
        )
        for name, cache in (("a", "one"), ("b", "two"), ("c", "two"))
    ]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    lines = (paths.judgements() / "Ann.jsonl").read_text().splitlines()
    assert sorted(lines) == sorted(f"{name} {number}" for name in "abc" for number in range(12))


def test_a_kill_between_object_and_file_is_mended_by_the_next_look(
    machine: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = paths.fusions() / "a.json"
    files.write_json(path, 1)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            files.write_json(path, 2)
    assert json.loads(path.read_text()) == 1
    machine("first")
    assert json.loads((paths.fusions() / "a.json").read_text()) == 2
    assert sorted(entry.name for entry in paths.fusions().iterdir()) == ["a.json"]


def test_what_somebody_changed_in_the_cache_by_hand_is_fetched_again(machine: Callable[..., None]) -> None:
    path = paths.fusions() / "a.json"
    files.write_json(path, 1)
    path.write_text("damaged")
    machine("first")
    assert json.loads((paths.fusions() / "a.json").read_text()) == 1


def test_a_store_that_does_not_answer_is_one_sentence(
    machine: Callable[..., None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setenv("FUSIONSCOPE_HOME", "s3://some-other-bucket")
    assert cli.main(["list", "datasets"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: s3://some-other-bucket cannot be used:") and error.count("\n") == 1
    assert object_store_server.KEYS["AWS_SECRET_ACCESS_KEY"] not in error


def test_nothing_that_is_kept_holds_credentials(
    machine: Callable[..., None], tmp_path: Path, tiny_images: Path
) -> None:
    embedding.embed(data.add("tiny", tiny_images), ["hsv_histogram"])
    secret = object_store_server.KEYS["AWS_SECRET_ACCESS_KEY"].encode()
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert kept and not [path for path in kept if secret in path.read_bytes()]


def test_what_several_machines_share_is_written_by_core_files_alone() -> None:
    """A file that is written past `core.files` stays on one machine, and the next look takes it away."""
    shared = re.compile(r"paths\.(datasets|fusions|stories|judgements|fitted|studies|calibrations|backbones|tuned)\(\)")
    past = re.compile(
        r"\.(unlink|rename|rmdir|write_text|write_bytes|touch)\(|rmtree\(|copyfile\(|open\([^)]*[\"'][wax]b?\+?[\"']"
    )
    given_a_folder = {"dataset_table", "changes", "authors", "answers", "overrides", "judged_truth"}
    wrong = []
    for path in house.CORE:
        source = path.read_text(encoding="utf-8")
        if (shared.search(source) and path.name != "paths.py") or path.stem in given_a_folder:
            lines = [line.strip() for line in source.splitlines() if past.search(line) and "files." not in line]
            wrong += [f"{path.name}: {line}" for line in lines if "columns=" not in line and "save.lock" not in line]
    assert not wrong, wrong
