"""The store keeps what is slow: appends, resume, kills, two writers, full disks, damage."""

from __future__ import annotations

import hashlib
import importlib
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.errors import BadInput, NotComputed, ShapeMismatch, StoreMismatch, StoreUnusable
from core.objects import mirror_of
from core.store import Store, folders, open_store
from core.store.lance import LanceVectors
from core.types import Dataset, unit

RECORD = {"name": "fake", "weights": "none", "options": ("a", 1)}
DIM = 12
ROOT = Path(__file__).resolve().parents[2]


def key_of(number: int) -> str:
    return f"{number * 7919 + 1:064x}"


def vectors_of(numbers: np.ndarray, dim: int = DIM) -> np.ndarray:
    """The one vector that belongs to each key, so that any row read back can be checked."""
    return np.stack([np.random.default_rng(int(n)).normal(size=dim) for n in numbers])


def dataset_of(numbers: np.ndarray) -> Dataset:
    return Dataset.of(
        "made",
        ids=np.array([f"image {n}" for n in numbers]),
        keys=np.array([key_of(n) for n in numbers], "S64"),
        items=pd.DataFrame({"path": [""] * len(numbers)}),
    )


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def fill(store: Store, numbers: np.ndarray, step: int = 8) -> None:
    with store.writer("f00d", RECORD, DIM) as writer:
        for start in range(0, len(numbers), step):
            part = numbers[start : start + step]
            writer.append([key_of(n) for n in part], vectors_of(part))


def close_to_given(found: np.ndarray, numbers: np.ndarray) -> bool:
    cosines = (found * unit(vectors_of(numbers))).sum(axis=1)
    return bool((1 - cosines < 1e-6).all())


def test_what_is_appended_comes_back_in_dataset_order_as_unit_float32(store: Store) -> None:
    fill(store, np.arange(300))
    order = np.array([299, 3, 7, 0, 120, 3 + 200])
    found = store.embeddings(dataset_of(order), "fake", "f00d", DIM)
    assert found.vectors.dtype == np.float32 and found.vectors.shape == (6, DIM)
    assert not found.vectors.flags.writeable and found.vectors.flags.c_contiguous
    assert close_to_given(found.vectors, order)
    assert np.allclose(np.linalg.norm(found.vectors, axis=1), 1, atol=1e-6)


def test_a_whole_dataset_and_a_few_rows_read_the_same(store: Store) -> None:
    fill(store, np.arange(900))
    whole = store.embeddings(dataset_of(np.arange(900)), "fake", "f00d", DIM).vectors
    few = store.embeddings(dataset_of(np.array([5, 899, 400])), "fake", "f00d", DIM).vectors
    assert np.array_equal(few, whole[[5, 899, 400]])


def test_zero_rows_stay_zero(store: Store) -> None:
    with store.writer("f00d", RECORD, DIM) as writer:
        writer.append([key_of(1), key_of(2)], np.stack([np.zeros(DIM), np.ones(DIM)]))
    found = store.embeddings(dataset_of(np.array([1, 2])), "fake", "f00d", DIM)
    assert found.n_zero == 1 and not found.vectors[0].any()


def test_the_first_of_two_rows_with_one_key_wins(store: Store) -> None:
    with store.writer("f00d", RECORD, DIM) as writer:
        writer.append([key_of(1)], vectors_of(np.array([1])))
        writer.flush()
        writer.append([key_of(1), key_of(2)], vectors_of(np.array([9, 2])))
        writer.flush()
        before = store.embeddings(dataset_of(np.array([1, 2])), "fake", "f00d", DIM).vectors
    after = store.embeddings(dataset_of(np.array([1, 2])), "fake", "f00d", DIM).vectors
    assert close_to_given(before, np.array([1, 2])) and np.array_equal(before, after)
    assert store.contents()[0]["rows"] == 2, "compaction drops the repeated row"


def test_resume_finds_what_is_done_and_says_what_is_missing(store: Store) -> None:
    fill(store, np.arange(40))
    writer = store.writer("f00d", RECORD, DIM)
    assert writer.done([key_of(n) for n in range(35, 50)]) == {key_of(n) for n in range(35, 40)}
    writer.close()
    everything = dataset_of(np.arange(50))
    assert store.count(everything, "f00d") == 40
    with pytest.raises(NotComputed, match=r"10 of 50 images.*embed --dataset made --backbone fake"):
        store.embeddings(everything, "fake", "f00d", DIM)
    with pytest.raises(NotComputed, match="No embeddings of 'made'"):
        store.embeddings(everything, "other", "beef", DIM)


def test_compaction_leaves_one_piece(store: Store) -> None:
    with store.writer("f00d", RECORD, DIM) as writer:
        for n in range(20):
            writer.append([key_of(n)], vectors_of(np.array([n])))
            writer.flush()
    folder = Path(store.contents()[0]["folder"])
    assert len(list(folder.rglob("*.lance/data/*.lance"))) == 1
    assert close_to_given(store.embeddings(dataset_of(np.arange(20)), "fake", "f00d", DIM).vectors, np.arange(20))


def test_vectors_of_some_images_or_all_can_be_removed(store: Store) -> None:
    numbers = np.arange(40)
    fill(store, numbers)
    assert store.remove("f00d", [key_of(n) for n in range(10)] + [key_of(999)]) == 10
    assert store.count(dataset_of(numbers), "f00d") == 30
    assert close_to_given(store.embeddings(dataset_of(numbers[10:]), "fake", "f00d", DIM).vectors, numbers[10:])
    with pytest.raises(NotComputed):
        store.embeddings(dataset_of(numbers), "fake", "f00d", DIM)
    fill(store, numbers[:5])
    assert store.count(dataset_of(numbers), "f00d") == 35
    assert [held["fingerprint"] for held in store.records()] == ["f00d"]
    with store.writer("f00d", RECORD, DIM), pytest.raises(StoreUnusable, match="in use"):
        store.remove("f00d")
    assert store.remove("f00d") == 35 and store.remove("f00d") == 0
    assert store.records() == [] and store.count(dataset_of(numbers), "f00d") == 0
    fill(store, numbers)
    assert store.count(dataset_of(numbers), "f00d") == 40


def test_key_json_and_folder_belong_together(store: Store) -> None:
    fill(store, np.arange(4))
    folder = Path(store.contents()[0]["folder"])
    with pytest.raises(StoreMismatch, match="another backbone"):
        store.writer("f00d", {**RECORD, "weights": "others"}, DIM)
    with pytest.raises(StoreMismatch, match="dim 12"):
        store.embeddings(dataset_of(np.arange(4)), "fake", "f00d", DIM + 1)
    text = (folder / "key.json").read_text()
    (folder / "key.json").write_text(text.replace("none", "some"))
    with pytest.raises(StoreMismatch, match="changed after it was written"):
        store.embeddings(dataset_of(np.arange(4)), "fake", "f00d", DIM)


def test_bad_vectors_are_refused_whole(store: Store) -> None:
    with store.writer("f00d", RECORD, DIM) as writer:
        with pytest.raises(ShapeMismatch):
            writer.append([key_of(1)], np.ones((1, DIM + 1)))
        with pytest.raises(BadInput, match="NaN"):
            writer.append([key_of(1), key_of(2)], np.stack([np.ones(DIM), np.full(DIM, np.nan)]))
        with pytest.raises(BadInput, match="not a key"):
            writer.append(["nonsense"], np.ones((1, DIM)))
    assert store.count(dataset_of(np.array([1, 2])), "f00d") == 0


@pytest.mark.parametrize(
    ("dim", "dtype", "error"), [(768, "float32", 2e-7), (folders.FLOAT32_DIMS + 1, "float16", 4e-7)]
)
def test_vectors_that_are_not_long_are_not_rounded(store: Store, dim: int, dtype: str, error: float) -> None:
    numbers = np.arange(50)
    given = unit(vectors_of(numbers, dim))
    with store.writer("wide", RECORD, dim) as writer:
        writer.append([key_of(n) for n in numbers], given)
    stored = store.embeddings(dataset_of(numbers), "fake", "wide", dim).vectors
    assert store.contents()[0]["dtype"] == dtype
    assert np.array_equal(stored, given) == (dtype == "float32"), "the very numbers that attached vectors keep"
    assert (1 - (stored * given).sum(axis=1)).max() < error


def older_folder(store: Store, shelf: str) -> Path:
    """A folder as earlier versions made it: float16, its key.json written by hand."""
    content = {"dim": DIM, "dtype": "float16", "fingerprint": "f00d", "record": RECORD, "shelf": shelf}
    text = folders.canonical(content)
    folder = store.root / "embeddings" / f"fake-f00d-{hashlib.sha256(text).hexdigest()[:16]}"
    folder.mkdir(parents=True)
    (folder / "key.json").write_bytes(text)
    return folder


def test_a_folder_of_an_earlier_version_stays_and_goes_on_in_float16(store: Store) -> None:
    folder, numbers = older_folder(store, "lance"), np.arange(30)
    raw = np.frombuffer(b"".join(bytes.fromhex(key_of(n)) for n in range(20)), np.uint8).reshape(-1, 32)
    LanceVectors(folder, DIM, "float16").append(raw, unit(vectors_of(numbers[:20])))
    assert store.count(dataset_of(numbers), "f00d") == 20
    fill(store, numbers[20:])
    assert [Path(part["folder"]) for part in store.contents()] == [folder] and store.contents()[0]["dtype"] == "float16"
    assert close_to_given(store.embeddings(dataset_of(numbers), "fake", "f00d", DIM).vectors, numbers)


def test_shards_of_an_earlier_version_are_taken_over(store: Store) -> None:
    folder, numbers = older_folder(store, "npy"), np.arange(30)
    (folder / "shards").mkdir()
    for part in (numbers[:12], numbers[10:20]):
        rows = np.empty(len(part), np.dtype([("key", np.uint8, (32,)), ("vec", np.float16, (DIM,))]))
        rows["key"] = np.frombuffer(b"".join(bytes.fromhex(key_of(n)) for n in part), np.uint8).reshape(-1, 32)
        rows["vec"] = unit(vectors_of(part))
        np.save(folder / "shards" / f"{part[0]:020d}.npy", rows)
    assert store.count(dataset_of(numbers), "f00d") == 20 and not (folder / "shards").exists()
    fill(store, numbers[20:])
    assert close_to_given(store.embeddings(dataset_of(numbers), "fake", "f00d", DIM).vectors, numbers)


def test_a_kill_before_the_first_manifest_is_mended_by_the_next_run(store: Store) -> None:
    store.writer("f00d", RECORD, DIM).close()
    folder = store._folder("f00d")
    for part in ("data", "_transactions", "_versions"):
        (folder / "vectors.lance" / part).mkdir(parents=True)
    assert store.count(dataset_of(np.arange(4)), "f00d") == 0 and "NOT WHOLE" not in store.check()
    fill(store, np.arange(4))
    assert close_to_given(store.embeddings(dataset_of(np.arange(4)), "fake", "f00d", DIM).vectors, np.arange(4))


WRITER = """
    import sys, numpy as np
    sys.path.insert(0, {root!r})
    from pathlib import Path
    from core import paths
    from core.store import Store, writer
    from tests.store.test_store import key_of, vectors_of, RECORD, DIM
    writer.ROWS_PER_APPEND = 16
    store = Store({root_of_store})
    with store.writer("f00d", RECORD, DIM) as writer:
        there = writer.done([key_of(n) for n in range({low}, {high})])
        print("found", len(there), flush=True)
        todo = [n for n in range({low}, {high}) if key_of(n) not in there]
        for start in range(0, len(todo), 4):
            part = todo[start:start + 4]
            writer.append([key_of(n) for n in part], vectors_of(part))
    print("whole", flush=True)
"""


def start_writer(store: Store, low: int, high: int) -> subprocess.Popen:
    where = f"Path({str(store.root)!r})" if mirror_of(store.root / "embeddings") is None else "paths.store()"
    code = textwrap.dedent(WRITER.format(root=str(ROOT), root_of_store=where, low=low, high=high))
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_twenty_kills_lose_only_the_batch_in_flight(store: Store) -> None:
    random = np.random.default_rng(5)
    total, before = 60_000, 0
    for _ in range(20):
        process = start_writer(store, 0, total)
        process.stdout.readline()
        time.sleep(float(random.uniform(0.0, 0.35)))
        process.send_signal(signal.SIGKILL)
        process.wait()
        everyone = dataset_of(np.arange(total))
        n_done = store.count(everyone, "f00d")
        assert n_done >= before
        folder = store._folder("f00d")
        _, rows = store._rows(folder, everyone)
        there = np.flatnonzero(rows >= 0)
        sample = there[random.permutation(len(there))[:300]]
        if len(sample):
            assert close_to_given(store.embeddings(dataset_of(sample), "fake", "f00d", DIM).vectors, sample)
        before = n_done
    assert 0 < before < total
    fill(store, there[:1] + 0)
    assert store.count(everyone, "f00d") == before, "compaction after the kills loses nothing"


@pytest.mark.slow
def test_two_processes_write_the_same_and_other_images_at_once(store: Store) -> None:
    writers = [start_writer(store, 0, 3000), start_writer(store, 0, 3000), start_writer(store, 2000, 5000)]
    said = [writer.communicate(timeout=120)[0] for writer in writers]
    assert all("whole" in text for text in said), said
    numbers = np.arange(5000)
    assert close_to_given(store.embeddings(dataset_of(numbers), "fake", "f00d", DIM).vectors, numbers)
    fill(store, np.array([0]))
    assert close_to_given(store.embeddings(dataset_of(numbers), "fake", "f00d", DIM).vectors, numbers)


def test_two_that_end_at_the_same_moment_do_not_fail_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One joins the small files; the other one finds them joined under its hands."""
    store = Store(tmp_path / "store")
    first, second = (store.writer("f00d", RECORD, DIM) for _ in range(2))
    for number, writer in enumerate((first, second)):
        writer.append([key_of(number)], vectors_of(np.array([number])))
        writer.flush()

    def preempted(*_: object, **__: object) -> None:
        raise OSError("Retryable commit conflict for version 4: This Rewrite transaction was preempted. Please retry.")

    with monkeypatch.context() as patch:
        patch.setattr(importlib.import_module("lance.dataset").DatasetOptimizer, "compact_files", preempted)
        first.close()
        second.close()
    assert close_to_given(store.embeddings(dataset_of(np.arange(2)), "fake", "f00d", DIM).vectors, np.arange(2))


def test_a_full_disk_is_one_sentence_and_loses_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(store, np.arange(30))
    writer = store.writer("f00d", RECORD, DIM)
    writer.append([key_of(77)], vectors_of(np.array([77])))
    real = type(writer._stored).append

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(writer._stored), "append", full)
    with pytest.raises(StoreUnusable, match="the disk is full") as caught:
        writer.flush()
    assert "\n" not in str(caught.value) and str(store.root) in str(caught.value)
    monkeypatch.setattr(type(writer._stored), "append", real)
    writer.close()
    numbers = np.array([*range(30), 77])
    assert close_to_given(store.embeddings(dataset_of(numbers), "fake", "f00d", DIM).vectors, numbers)


def test_a_store_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("not a folder")
    with pytest.raises(StoreUnusable, match="is a file"):
        open_store(tmp_path / "store")


def test_a_read_only_store_still_reads(store: Store, permissions: None) -> None:
    fill(store, np.arange(30))
    store.put_thumbnails({key_of(1): {"small": b"s", "large": b"l"}})
    places = [store.root, *store.root.rglob("*")]
    for place in places:
        place.chmod(0o555 if place.is_dir() else 0o444)
    try:
        fresh = Store(store.root)
        assert len(fresh.embeddings(dataset_of(np.arange(30)), "fake", "f00d", DIM).vectors) == 30
        assert fresh.thumbnail(key_of(1), "small") == b"s"
        with pytest.raises(StoreUnusable, match="cannot be written"):
            fresh.writer("f00d", RECORD, DIM)
        with pytest.raises(StoreUnusable, match="cannot be written"):
            fresh.writer("new", RECORD, DIM)
        with pytest.raises(StoreUnusable):
            fresh.put_thumbnails({key_of(2): {"small": b"s", "large": b"l"}})
    finally:
        for place in places:
            place.chmod(0o755 if place.is_dir() else 0o644)


def test_check_reads_everything_and_names_what_is_not_whole(store: Store) -> None:
    assert "thumbnails of 0 images, whole" in store.check()
    fill(store, np.arange(20))
    store.put_thumbnails({key_of(1): {"small": b"s", "large": b"l"}})
    said = store.check()
    assert "fake, 20 vectors of 12 numbers" in said and "thumbnails of 1 image, whole" in said
    assert "NOT WHOLE" not in said and str(store.root) in said
    folder = store._folder("f00d")
    LanceVectors(folder, DIM, "float32").append(np.full((1, 32), 9, np.uint8), np.full((1, DIM), 3, np.float16))
    assert "NOT WHOLE. 1 of 21 vectors have no norm of 1" in store.check()
    (folder / "key.json").write_text("{}")
    assert "was changed after it was written" in store.check()


def cut_short(store: Store) -> Path:
    """The folder of the vectors, after something wrote ten bytes over each file that holds them."""
    folder = store._folder("f00d")
    written = [path for path in folder.rglob("*.lance") if path.is_file()]
    for path in written:
        path.write_bytes(b"x" * 10)
    assert written
    return folder


def test_damaged_vectors_are_one_sentence_and_the_way_back_deletes_nothing(store: Store) -> None:
    numbers = np.arange(20)
    fill(store, numbers)
    with store.writer("cafe", {**RECORD, "name": "other"}, DIM) as writer:
        writer.append([key_of(1)], vectors_of(np.array([1])))
    folder = cut_short(store)
    tries = (
        lambda: store.count(dataset_of(numbers), "f00d"),
        lambda: store.embeddings(dataset_of(numbers), "fake", "f00d", DIM),
        lambda: fill(store, numbers),
    )
    for attempt in tries:
        with pytest.raises(StoreMismatch, match="is damaged; `python -m core check --mend` sets it aside"):
            attempt()
    assert len(store.damage_report()) == 1 and folder.name in store.damage_report()[0]
    said = store.check()
    assert f"{folder.name}: NOT WHOLE." in said and "other, 1 vectors of 12 numbers" in said

    (line,) = store.repair()
    assert folder.name in line and not folder.exists() and not store.damage_report()
    assert [path.name for path in (store.root / "damaged").glob("*/*")] == [folder.name]
    assert store.count(dataset_of(np.array([1])), "cafe") == 1, "what is whole stays where it is"
    fill(store, numbers)
    assert close_to_given(store.embeddings(dataset_of(numbers), "fake", "f00d", DIM).vectors, numbers)
    assert "NOT WHOLE" not in store.check() and store.repair() == []


def test_damage_that_is_in_use_is_left_where_it_is(store: Store) -> None:
    fill(store, np.arange(4))
    writer = store.writer("f00d", RECORD, DIM)
    folder = cut_short(store)
    (line,) = store.repair()
    assert "in use just now" in line and folder.exists()
    writer.close()
    assert "was damaged" in store.repair()[0] and not folder.exists()


def test_a_damaged_key_json_hides_no_other_record_and_can_be_removed_or_set_aside(store: Store) -> None:
    fill(store, np.arange(4))
    with store.writer("cafe", {**RECORD, "name": "other"}, DIM) as writer:
        writer.append([key_of(1)], vectors_of(np.array([1])))
    (store._folder("f00d") / "key.json").write_text("{")
    assert [held["fingerprint"] for held in store.records()] == ["cafe"]
    assert "was changed after it was written" in store.damage_report()[0]
    assert len(store.repair(known=True)) == 1 and store.damage_report() == ()


def test_damaged_vectors_can_be_removed(store: Store) -> None:
    fill(store, np.arange(4))
    folder = cut_short(store)
    assert store.remove("f00d") == 0 and not folder.exists()
