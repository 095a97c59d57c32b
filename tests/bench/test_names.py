"""Every benchmark is reached by its name, wherever it lies."""

from __future__ import annotations

from pathlib import Path

import pytest

from core import bench

ROOT = Path(__file__).resolve().parents[2]
USERS = {"backbones", "finetune", "listing", "machine", "text"}
DEMANDS = {
    "cuda",
    "embed",
    "evaluate",
    "failures",
    "floors",
    "guards",
    "judge",
    "load",
    "map",
    "page",
    "report",
    "rerank",
    "retrieval",
    "search",
    "slices",
    "statistics",
    "threshold",
    "why",
}


def test_the_names_of_both_places_are_offered_and_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert set(bench.names()) == USERS | DEMANDS
    for name in bench.names():
        if name not in {"machine", "floors"}:
            with pytest.raises(SystemExit, match="0"):
                bench.run(name, ["--help"])
            assert f"bench {name}" in capsys.readouterr().out


def test_an_installation_without_the_repository_offers_the_users_own(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr(bench, "_DEMANDS", tmp_path / "tests" / "bench")
    assert set(bench.names()) == USERS


def test_the_docstring_names_each_where_it_lies() -> None:
    here, there = bench.__doc__.split("**`tests/bench`**")
    assert all(f"`{name}`" in here and f"`{name}`" not in there for name in USERS)
    assert all(f"`{name}`" in there for name in DEMANDS)
