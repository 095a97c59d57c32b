"""Fusions that are saved: names, damaged files, what is gone."""

from __future__ import annotations

import json

import pytest

from core.errors import UnknownName
from core.fusion import FusionSpec, store
from tests.fusion.test_spec import GOOD


def test_saved_under_a_name_and_removed() -> None:
    names = ["best", "best/../x", "Früh & spät", "best?"]
    for name in names:
        store.save(FusionSpec(name, "concat", ("a", "b")))
    specs, problems = store.saved()
    assert sorted(specs) == sorted(names) and not problems
    store.save(FusionSpec("best", "rrf", ("a", "b")))
    assert store.load("best").kind == "rrf" and len(store.saved()[0]) == 4
    store.remove("best")
    with pytest.raises(UnknownName, match="best\\?"):
        store.load("best")


def test_one_broken_file_does_not_hide_the_others(home) -> None:
    store.save(FusionSpec("good", "concat", ("a",)))
    (home / "fusions" / "bad.json").write_text("{")
    (home / "fusions" / "huge.json").write_text(json.dumps([GOOD | {"weights": [10**400, 1]}]))
    (home / "fusions" / "far.json").write_text(json.dumps([GOOD | {"kind": "rrf", "k": 10**400}]))
    array = {"name": "matrix", "shape": [float("inf")], "data": "AAAA"}
    (home / "fusions" / "odd.json").write_text(json.dumps([GOOD | {"kind": "linear_head", "learned": [array]}]))
    specs, problems = store.saved()
    assert list(specs) == ["good"] and len(problems) == 4
    assert all(any(name in fault for fault in problems) for name in ("bad.json", "huge.json", "far.json", "odd.json"))
