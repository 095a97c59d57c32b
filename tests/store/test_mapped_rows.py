"""Vectors of large datasets are mapped from a file: the same numbers, one file, written again when it is damaged."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from core import paths
from core.errors import NotComputed
from core.store import Store, mapped_rows
from tests.store import test_store as contract
from tests.store.test_store import DIM, RECORD, dataset_of, key_of, vectors_of


@pytest.fixture
def store(home: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr(mapped_rows, "MAPPED_FROM", 100)
    return Store(paths.store())


def mapped_files() -> list[Path]:
    return sorted((paths.cache() / "rows").glob("*"))


@pytest.mark.parametrize("dim", [DIM, 2056], ids=["float32", "float16"])
def test_mapped_rows_are_those_of_memory(dim: int, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.store.lance._ROWS_PER_BLOCK", 64)
    numbers = np.arange(300)
    with store.writer("f00d", RECORD, dim) as adding:
        adding.append([key_of(n) for n in numbers], vectors_of(numbers, dim))
    order = np.random.default_rng(0).permutation(300)[:250]
    keys = np.array([key_of(n) for n in order], "S64")
    keys[7] = keys[9]
    dataset = dataclasses.replace(dataset_of(order), keys=keys)  # two images of equal bytes
    mapped = store.embeddings(dataset, "fake", "f00d", dim).vectors
    again = store.embeddings(dataset, "fake", "f00d", dim).vectors
    assert len(mapped_files()) == 1 and not mapped.flags.writeable and isinstance(again.base, np.memmap)
    monkeypatch.setattr(mapped_rows, "MAPPED_FROM", 10_000)
    memory = store.embeddings(dataset, "fake", "f00d", dim).vectors
    assert memory.dtype == mapped.dtype and np.array_equal(mapped, memory) and np.array_equal(again, memory)


def test_a_damaged_file_is_written_again_and_a_missing_vector_is_said(store: Store) -> None:
    contract.fill(store, np.arange(120))
    there = dataset_of(np.arange(120))
    before = np.array(store.embeddings(there, "fake", "f00d", DIM).vectors)
    file = mapped_files()[0]
    file.write_bytes(file.read_bytes()[:1000])
    assert np.array_equal(store.embeddings(there, "fake", "f00d", DIM).vectors, before)
    assert store.remove("f00d", [key_of(3)]) == 1
    with pytest.raises(NotComputed):
        store.embeddings(there, "fake", "f00d", DIM)


def test_a_cache_that_cannot_be_written_is_done_without(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(mapped_rows, "_reserve", full)
    contract.fill(store, np.arange(120))
    vectors = store.embeddings(dataset_of(np.arange(120)), "fake", "f00d", DIM).vectors
    assert contract.close_to_given(vectors, np.arange(120)) and not mapped_files()


def test_only_the_last_files_are_kept(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapped_rows, "KEPT", 2)
    contract.fill(store, np.arange(130))
    for last in (110, 120, 130):
        store.embeddings(dataset_of(np.arange(last)), "fake", "f00d", DIM)
    assert len(mapped_files()) == 2
