"""From a folder to aligned vectors: what is found, what is computed, what is set aside, what a stop keeps."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core import backbones, data
from core.backbones.engines import select
from core.data import images
from core.errors import Cancelled, NotComputed, WeightsMissing
from core.setups import DEFAULT_BACKBONES
from core.store import open_store
from core.studies import embedding
from core.task import Task
from core.types import Backbone

OWN = ("hsv_histogram", "hog")


@pytest.fixture
def quick(tiny_world):
    return tiny_world.dataset


def test_computes_once_then_finds(quick) -> None:
    done: list[str] = []
    report = embedding.embed(quick, OWN, on_backbone_done=done.append)
    assert done == ["hog", "hsv_histogram"] or done == ["hsv_histogram", "hog"]
    assert report.present == {"hsv_histogram": 0, "hog": 0}
    assert report.computed == {"hsv_histogram": 60, "hog": 60}
    again: list[str] = []
    second = embedding.embed(quick, OWN, on_backbone_done=again.append)
    assert second.present == {"hsv_histogram": 60, "hog": 60} and not any(second.computed.values())
    assert sorted(again) == sorted(OWN)
    assert "60 found, 0 computed" in second.sentence()


def test_vectors_come_back_aligned_and_right(quick, tiny_images: Path) -> None:
    embedding.embed(quick, OWN)
    held = embedding.embeddings(quick, "hsv_histogram")
    assert held.vectors.shape == (60, 192) and not held.vectors.flags.writeable
    np.testing.assert_allclose(np.linalg.norm(held.vectors, axis=1), 1, atol=1e-6)
    encoder = backbones.query_encoder("hsv_histogram")
    for position in (0, 17, 59):
        wanted = encoder.encode([data.images.open_rgb(data.read_bytes(quick, position))])[0]
        assert held.vectors[position] @ wanted > 0.99999


def test_a_second_dataset_with_the_same_pictures_computes_nothing(quick, tiny_images: Path, tmp_path: Path) -> None:
    embedding.embed(quick, ["hog"])
    flat = tmp_path / "flat"
    flat.mkdir()
    for number, file in enumerate(sorted(tiny_images.rglob("*.png"))):
        (flat / f"renamed {number}.png").write_bytes(file.read_bytes())
    Image.new("RGB", (30, 40), (9, 99, 199)).save(flat / "new.png")
    report = embedding.embed(data.add("flat", flat), ["hog"])
    assert report.present == {"hog": 60} and report.computed == {"hog": 1}


def test_unreadable_pictures_are_set_aside_with_their_reason(home: Path, tiny_images: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mixed"
    folder.mkdir()
    files = sorted(tiny_images.rglob("*.png"))[:6]
    for file in files:
        (folder / file.name).write_bytes(file.read_bytes())
    whole = files[0].read_bytes()
    (folder / "cut off.png").write_bytes(whole[: len(whole) // 2])
    dataset = data.add("mixed", folder)
    seen: list[int] = []
    report = embedding.embed(
        dataset,
        ["hog"],
        on_backbone_done=lambda name: seen.append(len(embedding.embeddings(data.load("mixed"), name).ids)),
    )
    assert [Path(path).name for path, _ in report.quarantined] == ["cut off.png"]
    assert "cut off" in report.quarantined[0][1] or "damaged" in report.quarantined[0][1]
    assert len(report.dataset) == 6 and seen == [6], "results can be read as soon as the backbone is done"
    assert "cut off.png" in " ".join(data.load("mixed").quarantine["path"])
    assert embedding.embed(data.load("mixed"), ["hog"]).quarantined == ()


def test_a_file_that_changed_since_the_scan_gets_no_vector(home: Path, tiny_images: Path, tmp_path: Path) -> None:
    folder = tmp_path / "changing"
    folder.mkdir()
    files = sorted(tiny_images.rglob("*.png"))[:4]
    for file in files:
        (folder / file.name).write_bytes(file.read_bytes())
    dataset = data.add("changing", folder)
    (folder / files[0].name).write_bytes(files[1].read_bytes())
    (folder / files[2].name).unlink()
    report = embedding.embed(dataset, ["hog"])
    assert report.computed == {"hog": 2} and len(report.unread) == 2 and not report.quarantined
    assert any("changed" in reason for _, reason in report.unread)
    with pytest.raises(NotComputed, match="core embed"):
        embedding.embeddings(dataset, "hog")


def test_thumbnails_are_there_after_embedding(quick) -> None:
    store = open_store()
    keys = [key.decode() for key in quick.keys]
    assert len(store.thumbnails_missing(keys)) == 60
    embedding.embed(quick, ["hog"])
    assert store.thumbnails_missing(keys) == []


def test_cancelling_keeps_what_is_done_and_the_next_run_goes_on(quick) -> None:
    task = Task()
    with pytest.raises(Cancelled):
        embedding.embed(quick, OWN, task=task, on_backbone_done=lambda _: task.cancel(), workers=1)
    kept = sum(row.n_images for row in embedding.status(quick))
    assert 60 <= kept < 120
    report = embedding.embed(quick, OWN)
    assert sum(report.present.values()) == kept and sum(report.computed.values()) == 120 - kept


def test_progress_says_stage_rate_and_time_left(quick) -> None:
    told = []
    embedding.embed(quick, OWN, task=Task(told.append))
    assert {progress.stage for progress in told} >= {"Reading images", "HOG"}
    last = [progress for progress in told if progress.stage == "HOG"][-1]
    assert last.done == last.total == 60
    assert all(progress.seconds_left is None or progress.seconds_left >= 0 for progress in told)


def test_missing_weights_stop_before_anything_is_decoded(
    quick, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    absent = Backbone("absent", "timm", 512, architecture="resnet18", weights="a1_in1k", parameters=11.2)
    monkeypatch.setitem(backbones.BACKBONES._entries, "absent", absent)
    with pytest.raises(WeightsMissing, match="python -m core fetch absent"):
        embedding.embed(quick, ["hog", "absent"])
    assert embedding.status(quick) == []


def test_the_engine_that_has_the_most_stands_for_a_backbone(quick, monkeypatch: pytest.MonkeyPatch) -> None:
    embedding.embed(quick, ["hog"])
    hog = backbones.get("hog")
    monkeypatch.setattr(select, "engine_names", lambda backbone: ("new", "numpy"))
    assert embedding.stored(quick, hog).engine == "numpy"
    report = embedding.embed(quick, ["hog"])
    assert report.present == {"hog": 60}, "a better engine re-embeds nothing"
    fingerprint, record = backbones.fingerprint(hog, "new")
    with open_store().writer(fingerprint, record, hog.dim) as writer:
        writer.append([key.decode() for key in quick.keys], np.eye(60, hog.dim, dtype=np.float32))
    assert embedding.stored(quick, hog).engine == "new"


@pytest.mark.slow
def test_the_fast_mode_is_a_backbone_of_its_own(quick) -> None:
    """Embedded beside the exact one, near it, kept apart from it, and compared like any other."""
    exact, fast = "tf_efficientnet_lite0", "fast:tf_efficientnet_lite0"
    report = embedding.embed(quick, [exact, fast, "hog"])
    assert report.computed == {exact: 60, fast: 60, "hog": 60}
    rows = [embedding.embeddings(quick, name).vectors for name in (exact, fast)]
    cosine = (rows[0] * rows[1]).sum(1)
    assert cosine.min() > 0.98 and not np.array_equal(*rows)
    held = {row.backbone: row.fingerprint for row in embedding.status(quick)}
    assert set(held) == {exact, fast, "hog"} and held[exact] != held[fast]
    assert backbones.get(fast).title == "EfficientNet-Lite0 (fast)" and fast in backbones.names()
    encoder = backbones.query_encoder(fast)
    asked = encoder.encode([images.open_rgb(quick.items["path"].iloc[0])])[0]
    assert asked @ rows[1][0] > 0.9999, "a picture that is too small to be reduced is seen alike"


def test_a_lost_hub_cache_does_not_hide_what_was_computed(quick, monkeypatch: pytest.MonkeyPatch) -> None:
    lost = {"missing": "timm/resnet18.a1_in1k"}
    known: dict[str, dict] = {"now": {"repository": "timm/resnet18.a1_in1k", "revision": "a" * 40}}
    monkeypatch.setattr("core.backbones.sources.timm.Timm.identity", lambda self, backbone: known["now"])
    store, backbone, keys = open_store(), backbones.get("resnet18"), [key.decode() for key in quick.keys]

    def compute(revision: str, count: int, **record) -> str:
        known["now"] = {"repository": "timm/resnet18.a1_in1k", "revision": revision * 40}
        fingerprint, said = backbones.fingerprint(backbone, "torch")
        if record:
            said, fingerprint = {**said, **record}, f"other{revision}"
        with store.writer(fingerprint, said, backbone.dim) as writer:
            writer.append(keys[:count], np.ones((count, backbone.dim)))
        time.sleep(0.01)
        return fingerprint

    oldest, other = compute("a", 60), compute("c", 60, code=-1)
    assert embedding.stored(quick, backbone).fingerprint not in (oldest, other), "revisions that are known never mix"
    newest, part = compute("b", 60), compute("d", 20)
    known["now"] = lost
    held = embedding.stored(quick, backbone)
    assert held.n_images == 60 and held.fingerprint == newest != part
    assert embedding.embeddings(quick, "resnet18").vectors.shape == (60, 512)
    assert embedding.embed(quick, ["resnet18"]).present == {"resnet18": 60}
    assert embedding.remove("resnet18", quick) == 200
    assert embedding.stored(quick, backbone).n_images == 0


def test_removing_takes_one_dataset_s_images_or_all(quick, tiny_images: Path, tmp_path: Path) -> None:
    embedding.embed(quick, OWN)
    folder = tmp_path / "pictures"
    folder.mkdir()
    Image.new("RGB", (30, 40), (9, 99, 199)).save(folder / "new.png")
    other = data.add("other", folder)
    embedding.embed(other, OWN)
    assert embedding.remove("hog", quick) == 60
    assert [row.backbone for row in embedding.status(quick)] == ["hsv_histogram"]
    assert embedding.stored(other, backbones.get("hog")).n_images == len(other)
    assert embedding.remove("hog") == len(other)
    assert [row.backbone for row in embedding.status(other)] == ["hsv_histogram"]


def test_attached_vectors_need_no_embedding(quick) -> None:
    data.attached_vectors.attach(quick, "mine", np.random.default_rng(0).normal(size=(60, 9)))
    report = embedding.embed(quick, ["mine"])
    assert report.present == {"mine": 60}
    assert embedding.embeddings(quick, "mine").vectors.shape == (60, 9)
    assert [(row.backbone, row.dim) for row in embedding.status(quick)] == [("mine", 9)]


SCRIPT = """
import sys
from core import data
from core.studies import embedding
report = embedding.embed(data.load("tiny"), ["hsv_histogram", "hog"])
print(report.present["hog"], report.computed["hog"], flush=True)
"""


def start(home: Path) -> subprocess.Popen:
    root = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "FUSIONSCOPE_HOME": str(home), "PYTHONPATH": str(root)}
    return subprocess.Popen([sys.executable, "-c", SCRIPT], env=environment, stdout=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_killed_at_any_moment_the_store_is_whole_and_the_next_run_goes_on(tiny_world) -> None:
    rng = random.Random(7)
    for _ in range(20):
        process = start(tiny_world.home)
        time.sleep(rng.uniform(0.2, 2.2))
        process.send_signal(signal.SIGKILL)
        process.wait()
        for row in embedding.status(tiny_world.dataset):
            assert 0 <= row.n_images <= 60
    report = embedding.embed(tiny_world.dataset, OWN)
    assert all(report.present[name] + report.computed[name] == 60 for name in OWN)
    encoder = backbones.query_encoder("hog")
    held = embedding.embeddings(tiny_world.dataset, "hog")
    pictures = [data.images.open_rgb(data.read_bytes(tiny_world.dataset, n)) for n in range(60)]
    assert ((held.vectors * encoder.encode(pictures)).sum(1) > 0.9999).all()


@pytest.mark.slow
def test_two_processes_may_embed_at_once(tiny_world) -> None:
    both = [start(tiny_world.home) for _ in range(2)]
    said = [process.communicate(timeout=120)[0] for process in both]
    assert all(process.returncode == 0 for process in both)
    assert all(sum(map(int, text.split())) == 60 for text in said)
    assert {row.backbone: row.n_images for row in embedding.status(tiny_world.dataset)} == dict.fromkeys(OWN, 60)
    assert np.isfinite(embedding.embeddings(tiny_world.dataset, "hog").vectors).all()


@pytest.mark.slow
def test_the_shared_photographs_give_the_expected_figures(home: Path, shared_data: Path) -> None:
    """Every other class, so that it takes seconds: the order of the four and about their figures."""
    dataset = data.load(str(shared_data / "photos" / "splits.csv"))
    keep = np.flatnonzero(dataset.labels % 3 == 0)
    dataset = data.subset(dataset, keep)
    report = embedding.embed(dataset, DEFAULT_BACKBONES)
    scores = {
        name: mean_average_precision(embedding.embeddings(report.dataset, name).vectors, dataset.labels)
        for name in DEFAULT_BACKBONES
    }
    assert scores["tf_efficientnet_lite2"] > 0.9 and scores["tf_efficientnet_lite0"] > 0.88
    assert 0.15 < scores["hsv_histogram"] < scores["hog"] < 0.5


def mean_average_precision(vectors: np.ndarray, labels: np.ndarray) -> float:
    scores = vectors @ vectors.T
    np.fill_diagonal(scores, -2)
    order = np.argsort(-scores, axis=1, kind="stable")[:, :-1]
    hits = labels[order] == labels[:, None]
    precision = np.cumsum(hits, axis=1) / np.arange(1, hits.shape[1] + 1)
    return float(((precision * hits).sum(1) / hits.sum(1)).mean())
