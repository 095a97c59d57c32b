"""The store's contract once more, with its home on an object store."""

from __future__ import annotations

import signal
import time

import numpy as np
import pytest

from core import paths
from core.errors import StoreUnusable
from core.objects import S3Objects
from core.store import Store, writer
from core.store.lance import LanceVectors
from tests.store import test_store as contract
from tests.store.test_store import DIM, RECORD, close_to_given, dataset_of, key_of, start_writer, vectors_of

test_order = contract.test_what_is_appended_comes_back_in_dataset_order_as_unit_float32
test_few_and_all = contract.test_a_whole_dataset_and_a_few_rows_read_the_same
test_zero_rows = contract.test_zero_rows_stay_zero
test_resume = contract.test_resume_finds_what_is_done_and_says_what_is_missing
test_removal = contract.test_vectors_of_some_images_or_all_can_be_removed
test_key_json = contract.test_key_json_and_folder_belong_together
test_bad_vectors = contract.test_bad_vectors_are_refused_whole


@pytest.fixture
def store(remote_home: str) -> Store:
    return Store(paths.store())


@pytest.mark.slow
def test_two_writers_and_kills_lose_nothing(store: Store) -> None:
    numbers = np.arange(600)
    for seconds in (0.1,):
        process = start_writer(store, 0, 600)
        process.stdout.readline()
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
        process.wait()
    writers = [start_writer(store, 0, 450), start_writer(store, 150, 600)]
    said = [process.communicate(timeout=120)[0] for process in writers]
    assert all("whole" in text for text in said), said
    paths.store()
    assert close_to_given(store.embeddings(dataset_of(numbers), "fake", "f00d", DIM).vectors, numbers)
    assert "NOT WHOLE" not in store.check()


def test_pieces_are_joined_when_there_are_many(store: Store, remote_home: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.store.lance._PIECES_TO_JOIN", 4)
    pieces = []
    for first in (0, 3):
        with store.writer("f00d", RECORD, DIM) as adding:
            for number in range(first, first + 3):
                adding.append([key_of(number)], vectors_of(np.array([number])))
                adding.flush()
        stored, _ = store._rows(store._folder("f00d"), dataset_of(np.arange(1)))
        pieces.append(len(stored._dataset.get_fragments()))
    assert pieces == [3, 1]
    assert close_to_given(store.embeddings(dataset_of(np.arange(6)), "fake", "f00d", DIM).vectors, np.arange(6))
    names = list(S3Objects(remote_home).listing("store/embeddings/"))
    assert sum(name.endswith(".lance") for name in names) > 1, "old versions stay for whoever reads them now"


def test_a_large_store_is_written_in_larger_pieces(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    append = LanceVectors.append
    monkeypatch.setattr(
        LanceVectors, "append", lambda self, keys, rows: (sizes.append(len(keys)), append(self, keys, rows))
    )
    monkeypatch.setattr(writer, "ROWS_PER_APPEND", 10)
    monkeypatch.setattr(writer, "MANY_ROWS", 30)
    monkeypatch.setattr(writer, "LARGE_APPEND", 50)
    with store.writer("f00d", RECORD, DIM) as adding:
        for start in range(0, 140, 5):
            part = np.arange(start, start + 5)
            adding.append([key_of(n) for n in part], vectors_of(part))
    assert sizes == [10, 10, 10, 50, 50, 10]
    assert store.count(dataset_of(np.arange(140)), "f00d") == 140


def test_vectors_lie_on_the_store_alone_and_a_version_is_seen_by_others(store: Store, remote_home: str) -> None:
    contract.fill(store, np.arange(8))
    assert not list(paths.home().rglob("*.lance/data"))
    from core.objects import opened
    from core.ui.app import stamps

    mirror = opened(remote_home, paths.home())
    mirror.freshen("store/embeddings", now=True)
    before = stamps.store()
    mirror.freshen("store/embeddings", now=True)
    assert stamps.store() == before
    contract.fill(store, np.arange(8, 16))
    mirror.freshen("store/embeddings", now=True)
    assert stamps.store() != before


def test_a_store_that_refuses_is_no_damage(store: Store, remote_home: str, monkeypatch: pytest.MonkeyPatch) -> None:
    contract.fill(store, np.arange(8))
    there = dataset_of(np.arange(8))
    store.embeddings(there, "fake", "f00d", DIM)
    options = {**S3Objects(remote_home).lance_options(), "aws_access_key_id": "AKIANOBODY"}
    monkeypatch.setattr(S3Objects, "lance_options", lambda _self: options)
    with pytest.raises(StoreUnusable, match="the object store refuses") as refused:
        store.embeddings(there, "fake", "f00d", DIM)
    assert not store.damage_report()
    assert not {value for key, value in options.items() if "key" in key and value in str(refused.value)}
    with pytest.raises(StoreUnusable), store.writer("f00d", RECORD, DIM) as adding:
        adding.append([key_of(9)], vectors_of(np.array([9])))
