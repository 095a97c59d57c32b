"""What all sessions share is kept under everything that changes it: other vectors under a known name change every figure."""

from __future__ import annotations

import ast
import importlib
import pkgutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import core.ui
from core import data
from core.data import attached_vectors
from core.fusion import FusionSpec
from core.studies.system_spec_text import SystemRef
from core.studies.systems import System
from core.ui.app import cache, stamps
from core.ui.app.cache import datasets
from core.ui.app.cached import CACHED, cached, digest, key_of
from core.ui.views.backbones import devices
from core.ui.views.map import map_colours
from core.ui.views.retrieval import query_evaluation

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("given", "other")
SPEC = FusionSpec("mix", "concat", NAMES)
WITHOUT_VECTORS = {"_trained_on"}
"""Cached functions that take a fusion and read no vectors."""


@pytest.fixture(scope="module", autouse=True)
def _all_of_the_interface() -> None:
    for module in pkgutil.walk_packages(core.ui.__path__, "core.ui."):
        importlib.import_module(module.name)


def attach(labels: np.ndarray, seed: int | None) -> None:
    """Vectors under both names: drawn by chance, or (seed None) one direction per class."""
    loaded = data.load("tiny")
    for number, name in enumerate(NAMES):
        chance = np.random.default_rng([seed or 0, number]).normal(size=(len(labels), 6))
        attached_vectors.attach(loaded, name, np.eye(6)[labels] + 1e-3 * chance if seed is None else chance)


# ------------------------------------------------------------------------------------------------ keys


def test_a_key_is_made_of_every_argument_and_of_nothing_else() -> None:
    @cached(max_entries=4, ignore=("tell",), also=lambda at, where="here", tell=None: len(where))
    def computed(at: int, where: str = "here", tell: Callable | None = None) -> list:
        """Doc."""
        return [at, where]

    assert computed.__doc__ == "Doc." and computed(1) == computed(1, where="here", tell=print) == [1, "here"]
    assert computed.key(1) == computed.key(1, "here") == computed.key(1, tell=print)
    assert (
        len({computed.key(1), computed.key(2), computed.key(1, "there!"), computed.key(1.0), computed.key(True)}) == 5
    )
    with pytest.raises(TypeError, match="cannot be part of a cache key"):
        computed.key(object())


def test_the_home_folder_is_in_every_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = datasets._status.key("tiny"), digest("x")
    monkeypatch.setenv("FUSIONSCOPE_HOME", str(tmp_path))
    assert datasets._status.key("tiny") != before[0] and digest("x") != before[1]


def test_copies_of_tables_and_one_object_of_arrays() -> None:
    @cached()
    def table() -> list:
        return []

    @cached("resource")
    def array() -> list:
        return []

    assert table() is not table() and array() is array()


def test_fusions_count_with_what_changes_a_figure() -> None:
    assert key_of(SPEC) == key_of(FusionSpec("another name", "concat", NAMES))
    assert key_of(SPEC) != key_of(SPEC.with_shares({"given": 0.3, "other": 0.7}))


# ------------------------------------------------------------------------------------------------ vectors


def test_no_cached_function_takes_vectors_without_the_stamp() -> None:
    """Who is given systems, fusions or names of backbones is given the dataset too, whose key holds the stamp."""
    wrong = []
    for name, function in CACHED.items():
        notes = {
            argument: str(parameter.annotation)
            for argument, parameter in function.signature.parameters.items()
            if argument not in function.ignore
        }
        takes = any(kind in note for note in notes.values() for kind in ("System", "FusionSpec", "VectorSet"))
        stamped = any(kind in note for note in notes.values() for kind in ("Dataset", "study.Catalogue", "Searcher"))
        if (takes or "names" in notes) and not stamped and name.rpartition(".")[2] not in WITHOUT_VECTORS:
            wrong.append(name)
    assert len(CACHED) > 30 and not [name for name in wrong if not name.startswith("tests.")]


def test_only_the_decorator_knows_the_caches_of_streamlit() -> None:
    """A cache beside it would have a hand-made key again; the few registries of the process have none."""
    registries = {"search_mode.py", "text_cache.py", "registration.py"}
    for path in [*(ROOT / "core" / "ui").rglob("*.py"), *(ROOT / "pages").glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and node.attr in {"cache_data", "cache_resource"}:
                assert path.name in {*registries, "cached.py"}, f"{path.relative_to(ROOT)}:{node.lineno}"


def figures(loaded: Any) -> dict[str, Any]:
    """One number, or a few, of every figure that rests on vectors."""
    named = SystemRef("given", "given")
    system = System("given", cache.vector_set(loaded, NAMES))
    evaluation = cache.evaluation_of(loaded, system, (5,), False)
    return {
        "vectors": cache.vectors(loaded, NAMES)["given"][0, 0],
        "list metrics": cache.list_metrics(loaded, NAMES, SPEC, ("map",))["map"].mean(),
        "average precision": cache.average_precision(loaded, NAMES, SPEC).mean(),
        "intervals": cache.intervals(loaded, NAMES, SPEC, ("map",))["map"],
        "levels": cache.interpolated_curve(loaded, NAMES, SPEC).mean(),
        "standing": repr(cache.baseline_comparison(loaded, NAMES, SPEC, "map").rows),
        "landscape": cache.landscape(loaded, NAMES, SPEC).values.mean(),
        "attribution": repr(cache.attribution(loaded, NAMES, SPEC)),
        "offers": [offer.value for offer in cache.subset_costs(loaded, NAMES, SPEC)],
        "evaluated": evaluation.per_query["map"].mean(),
        "compared": cache.comparison_of(loaded, (system,), (5,), "map", False).best.figures["map"].mean,
        "ranks": repr(cache.system_ranks(loaded, system)),
        "question": cache.image_query(loaded, NAMES, 0).space.scores("given", 0, 1).sum(),
        "best and worst": query_evaluation.evaluated(loaded, named).per_query["map"].mean(),
        "similarity": repr(devices.similarity(loaded, NAMES)),
        "map": map_colours.view_of(loaded, named, None).space.fingerprint,
        "map figures": np.nanmean(map_colours.view_of(loaded, named, None).figures["ap"]),
    }


def test_other_vectors_under_a_known_name_change_every_figure(tiny_world) -> None:
    """As when the command line attaches better vectors while the app is open."""
    labels = tiny_world.dataset.labels
    attach(labels, 1)
    loaded = cache.dataset("tiny")
    before, again = figures(loaded), figures(loaded)
    keys = {name: digest(loaded) for name in before}
    assert {name: repr(value) for name, value in before.items()} == {n: repr(v) for n, v in again.items()}
    attach(labels, None)
    after = figures(cache.dataset("tiny"))
    assert keys["map"] != digest(cache.dataset("tiny"))
    assert not [name for name in before if repr(before[name]) == repr(after[name])]
    assert after["best and worst"] == after["average precision"] == after["list metrics"] == 1.0


def test_replaced_weights_change_the_stamp_and_new_backbones_do_not(home: Path) -> None:
    start = stamps.vectors("pets")
    stamps.note_fingerprints("pets", [("mine", "aaaa")])
    stamps.note_fingerprints("pets", [("mine", "aaaa"), ("second", "cccc")])
    assert stamps.vectors("pets") == start
    stamps.note_fingerprints("pets", [("mine", "bbbb"), ("second", "cccc")])
    assert stamps.vectors("pets") != start
