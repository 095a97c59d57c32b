"""A registry keeps order, refuses duplicates and helps with typos; nothing else in core spells that help."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from core.errors import UnknownName
from core.registry import Registry

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Entry:
    name: str
    function: object = None


def test_entries_stand_in_order_and_a_name_is_taken_once() -> None:
    registry = Registry("shape", Entry)
    for name in ("square", "circle", "line"):
        registry.register(name)(len)
    assert registry.names == ("square", "circle", "line") == tuple(entry.name for entry in registry)
    assert registry["circle"].function is len and "line" in registry and len(registry) == 3
    with pytest.raises(ValueError, match="two shapes are named 'line'"):
        registry.add(Entry("line"))
    registry.discard("line")
    registry.discard("line")
    assert registry.names == ("square", "circle")


def test_a_typo_is_answered_with_the_nearest_names() -> None:
    registry = Registry("shape", Entry)
    registry.add(Entry("square"))
    registry.add(Entry("circle"))
    with pytest.raises(
        UnknownName, match=r"No shape is named 'circel'. Did you mean 'circle'\? There are square, circle"
    ):
        registry.get("circel")
    with pytest.raises(UnknownName, match=r"No shape is named \[\]. There are"):
        registry.get([])


def test_only_the_registry_looks_for_what_was_meant() -> None:
    others = [path for path in (ROOT / "core").rglob("*.py") if "difflib" in path.read_text(encoding="utf-8")]
    assert [path.name for path in others] == ["registry.py"]
