"""The store keeps what is slow: one contract, both shelves; kills, two writers, full disks."""

from __future__ import annotations

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

from core.data import images
from core.errors import BadInput, NotComputed, ShapeMismatch, StoreMismatch, StoreUnusable
from core.store import SHELVES, Store, open_store
from core.types import Dataset, unit

RECORD = {"name": "fake", "weights": "none", "options": ("a", 1)}
DIM = 12
ROOT = Path(__file__).resolve().parent.parent


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


@pytest.fixture(params=sorted(SHELVES))
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return Store(tmp_path / "store", request.param)


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
    assert len(list(folder.rglob("*.npy")) + list(folder.rglob("*.lance/data/*.lance"))) == 1
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


def test_float16_keeps_the_cosine(store: Store) -> None:
    numbers = np.arange(50)
    with store.writer("wide", RECORD, 768) as writer:
        writer.append([key_of(n) for n in numbers], vectors_of(numbers, 768))
    found = store.embeddings(dataset_of(numbers), "fake", "wide", 768).vectors
    assert (1 - (found * unit(vectors_of(numbers, 768))).sum(axis=1)).max() < 4e-7


WRITER = """
    import sys, numpy as np
    sys.path.insert(0, {root!r})
    from pathlib import Path
    from core import store as s
    from tests.test_store import key_of, vectors_of, RECORD, DIM
    s.ROWS_PER_APPEND = 16
    store = s.Store(Path({place!r}), {kind!r})
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
    code = textwrap.dedent(WRITER.format(root=str(ROOT), place=str(store.root), kind=store.kind, low=low, high=high))
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_twenty_kills_lose_only_the_batch_in_flight(store: Store) -> None:
    random = np.random.default_rng(5)
    total, before = 60_000, 0
    for _ in range(10):  # two shelves: twenty moments
        process = start_writer(store, 0, total)
        process.stdout.readline()
        time.sleep(float(random.uniform(0.0, 0.35)))
        process.send_signal(signal.SIGKILL)
        process.wait()
        everyone = dataset_of(np.arange(total))
        n_done = store.count(everyone, "f00d")
        assert n_done >= before
        folder = store._folder("f00d")
        _, rows = store._rows(folder, DIM, everyone)
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
    store = Store(tmp_path / "store", kind="lance")
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
    real = type(writer._shelf).append

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(writer._shelf), "append", full)
    with pytest.raises(StoreUnusable, match="the disk is full") as caught:
        writer.flush()
    assert "\n" not in str(caught.value) and str(store.root) in str(caught.value)
    monkeypatch.setattr(type(writer._shelf), "append", real)
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
        fresh = Store(store.root, store.kind)
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
    assert "fake, 20 vectors of 12 numbers" in said and "thumbnails of 1 images, whole" in said
    assert "NOT WHOLE" not in said and str(store.root) in said
    folder = store._folder("f00d")
    SHELVES[store.kind](folder, DIM).append(np.full((1, 32), 9, np.uint8), np.full((1, DIM), 3, np.float16))
    assert "NOT WHOLE. 1 of 21 vectors have no norm of 1" in store.check()
    (folder / "key.json").write_text("{}")
    assert "was changed after it was written" in store.check()


def cut_short(store: Store) -> Path:
    """The folder of the vectors, after something wrote ten bytes over each file that holds them."""
    folder = store._folder("f00d")
    written = [path for ending in ("*.lance", "*.npy") for path in folder.rglob(ending) if path.is_file()]
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


# ------------------------------------------------------------------------------------------------ thumbnails


@pytest.mark.parametrize("content", [b"junk" * 500, b"SQLite format 3\0" + b"z" * 3000])
def test_damaged_thumbnails_are_made_from_the_originals_until_they_are_set_aside(tiny_world, content: bytes) -> None:
    store, dataset = Store(open_store().root), tiny_world.dataset
    file = store.root / "thumbnails.sqlite"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    assert store.thumbnail(dataset.keys[0]) is None
    assert (
        store.thumbnail_or_make(dataset, 0)[8:12] == b"WEBP"
        and "thumbnails.sqlite is damaged" in store.damage_report()[0]
    )
    with pytest.raises(StoreMismatch, match="check --mend"):
        store.thumbnails_missing(dataset.keys)
    assert "thumbnails: NOT WHOLE." in store.check()
    assert "The thumbnails were damaged" in store.repair(known=True)[0] and not store.damage_report()
    made = store.thumbnail_or_make(dataset, 0)
    assert store.thumbnail(dataset.keys[0]) == made and "thumbnails of 1 images, whole" in store.check()


def test_a_file_of_thumbnails_that_was_cut_to_nothing_is_filled_again(tiny_world) -> None:
    store, dataset = Store(open_store().root), tiny_world.dataset
    store.root.mkdir(parents=True, exist_ok=True)
    (store.root / "thumbnails.sqlite").touch()
    assert store.thumbnail(dataset.keys[0]) is None and "thumbnails of 0 images, whole" in store.check()
    assert store.thumbnail(dataset.keys[0]) is None and store.thumbnail_or_make(dataset, 0)
    assert store.thumbnail(dataset.keys[0])


def test_thumbnails_are_small_webp_and_quick_to_read(tiny_world) -> None:
    store = open_store()
    dataset = tiny_world.dataset
    assert store.thumbnail(dataset.keys[0]) is None
    assert store.ensure_thumbnails(dataset, range(60)) == {}
    assert store.thumbnails_missing(dataset.keys) == []
    for size, side in images.THUMBNAIL_SIDES.items():
        data = store.thumbnail(dataset.keys[5], size)
        picture = images.open_rgb(data)
        assert data[8:12] == b"WEBP" and max(picture.size) <= side
    took = []
    for key in dataset.keys:
        start = time.perf_counter()
        store.thumbnail(key, "large")
        took.append(time.perf_counter() - start)
    assert np.median(took) < 0.001


def test_a_thumbnail_is_made_when_it_is_asked_for_and_outlives_its_original(tiny_world, tmp_path: Path) -> None:
    from core import data
    from tests.conftest import write_tiny

    folder = write_tiny(tmp_path / "moving", 2, ("circle", "square"))
    dataset = data.add("moving", folder)
    store = open_store()
    made = store.thumbnail_or_make(dataset, 0, "large")
    for path in folder.rglob("*.png"):
        path.unlink()
    assert store.thumbnail_or_make(dataset, 0, "large") == made
    with pytest.raises(BadInput, match="not there any more"):
        store.thumbnail_or_make(dataset, 1, "large")
    failed = store.ensure_thumbnails(dataset, [0, 1])
    assert list(failed) == [1] and "not there any more" in failed[1]


THUMBS = """
    import sys
    sys.path.insert(0, {root!r})
    from pathlib import Path
    from core.store import Store
    store = Store(Path({place!r}))
    for n in range({low}, {high}):
        store.put_thumbnails({{f"{{n:064x}}": {{"small": b"small %d" % n, "large": b"large %d" % n}}}})
"""


def test_two_processes_keep_thumbnails_at_once(tmp_path: Path) -> None:
    place = tmp_path / "store"
    codes = [textwrap.dedent(THUMBS.format(root=str(ROOT), place=str(place), low=a, high=a + 200)) for a in (0, 100)]
    running = [subprocess.Popen([sys.executable, "-c", code]) for code in codes]
    assert [process.wait(timeout=60) for process in running] == [0, 0]
    store = Store(place)
    assert [store.thumbnail(f"{n:064x}", "large") for n in range(300)] == [b"large %d" % n for n in range(300)]
