"""The cache stays within its bound, and what the home holds is never touched."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from core import cache_bound, paths


def put(path: Path, size: int, used: float) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size))
    os.utime(path, (used, used))
    return path


def test_what_was_used_longest_ago_goes_with_all_its_files(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FUSIONSCOPE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("FUSIONSCOPE_CACHE_GB", "0.00001")
    old = [put(paths.indexes() / name, 3_000, 1_000) for name in ("a.faiss", "a.rows.npz", "a.json")]
    folder = put(paths.cache() / "engines" / "b" / "network.xml", 3_000, 2_000)
    new = put(paths.layouts() / "c.npz", 3_000, 3_000)
    checkpoint = put(paths.checkpoints() / "run.ckpt", 90_000, 10)
    kept = put(paths.datasets() / "photos" / "table.parquet", 90_000, 10)
    assert cache_bound.trim() == 9_000
    assert not any(path.exists() for path in old)
    assert all(path.is_file() for path in (folder, new, checkpoint, kept)) and cache_bound.trim() == 0
    monkeypatch.setenv("FUSIONSCOPE_CACHE_GB", "0.000004")
    assert cache_bound.trim() == 3_000 and not folder.exists() and new.is_file()


def test_a_cache_that_is_the_home_is_left_alone(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FUSIONSCOPE_CACHE", raising=False)
    monkeypatch.setenv("FUSIONSCOPE_CACHE_GB", "0.000001")
    put(paths.layouts() / "c.npz", 3_000, 3_000)
    assert cache_bound.trim() == 0 and (paths.layouts() / "c.npz").is_file()


def test_what_cannot_be_removed_stays_and_the_page_goes_on(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FUSIONSCOPE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("FUSIONSCOPE_CACHE_GB", "0.000004")
    held, free = put(paths.layouts() / "held.npz", 3_000, 1_000), put(paths.layouts() / "free.npz", 3_000, 2_000)
    unlink = Path.unlink

    def refusing(path: Path, missing_ok: bool = False) -> None:
        if path == held:
            raise PermissionError(13, "in use", str(path))
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", refusing)
    assert cache_bound.trim() == 3_000
    assert held.is_file() and not free.exists()
