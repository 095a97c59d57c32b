"""Adding one thing is one place: the recipes of CONTRIBUTING.md are run, and what they add is found wherever it belongs."""

from __future__ import annotations

import json
import re
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from core import cli, data
from core.backbones import BACKBONES
from core.backbones.sources import SOURCES
from core.data.readers import READERS, known
from core.fusion import FUSIONS, PREPARATIONS, RERANKINGS, FusionSpec
from core.metrics.ranking import METRICS
from core.studies import embedding
from tests.house import ROOT

TEXT = (ROOT / "core" / "CONTRIBUTING.md").read_text(encoding="utf-8")
RECIPES = dict(re.findall(r"^### (.+?)\n.*?```python\n(.*?)```", TEXT, re.S | re.M))
PAIR = ("hsv_histogram", "hog")


@pytest.fixture
def clean() -> Iterator[None]:
    """What a recipe adds is gone after the test."""
    known()  # readers are imported when they are first asked for
    before = {name: set(registry.names) for name, registry in _registries().items()}
    sources = set(SOURCES)
    yield
    for name, registry in _registries().items():
        for entry in set(registry.names) - before[name]:
            registry.discard(entry)
    for key in set(SOURCES) - sources:
        del SOURCES[key]


def _registries() -> dict[str, Any]:
    return {
        "backbones": BACKBONES,
        "readers": READERS,
        "fusions": FUSIONS,
        "preparations": PREPARATIONS,
        "re-rankings": RERANKINGS,
        "metrics": METRICS,
    }


def run(recipe: str) -> dict[str, Any]:
    """Run the block of one recipe; returns its names."""
    module = types.ModuleType("recipe")
    sys.modules["recipe"] = module  # dataclasses look their module up
    try:
        exec(compile(RECIPES[recipe], recipe, "exec"), vars(module))
    finally:
        del sys.modules["recipe"]
    return vars(module)


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What a command prints; it must end well."""
    code = cli.main(list(arguments))
    out = capsys.readouterr()
    assert code == 0, out.err
    return out.out


@pytest.fixture
def embedded(tiny_world: SimpleNamespace) -> SimpleNamespace:
    """The tiny world, embedded by two descriptors."""
    embedding.embed(tiny_world.dataset, PAIR)
    return tiny_world


def test_every_path_that_the_guides_name_is_there() -> None:
    for guide in ("ARCHITECTURE.md", "CONTRIBUTING.md"):
        text = (ROOT / "core" / guide).read_text(encoding="utf-8")
        for name in re.findall(r"`((?:core|tests|pages)/[\w./]+)`", text):
            assert (ROOT / name).exists(), f"{guide} names {name}, which is not there"


def test_a_backbone(clean: None, home: Path, capsys) -> None:
    run("A backbone")
    assert "example_resnet26" in printed(capsys, "list", "backbones")
    from core import backbones
    from core.studies import backbone_info

    record = backbones.get("example_resnet26")
    assert backbones.fingerprint(record)
    assert any(info.name == record.name for info in backbone_info.backbone_infos())


def test_a_source_of_backbones(clean: None, home: Path) -> None:
    run("A source of backbones")
    from core import backbones
    from core.types import Backbone

    record = BACKBONES.add(Backbone("example_mirrored", source="example_mirror", dim=8, licence="MIT"))
    assert backbones.available(record) == (True, "needs no weights")
    assert "example_mirror" in json.dumps(backbones.fingerprint(record))


def test_a_metric_of_one_list(clean: None, embedded: SimpleNamespace, tmp_path: Path, capsys) -> None:
    run("A metric of one list")
    out = tmp_path / "out.json"
    printed(capsys, "evaluate", "--data", "tiny", "--backbone", "hog", "--k", "1,5", "--json", str(out))
    system = json.loads(out.read_text())["systems"][0]
    text = json.dumps(system)
    assert "example_first@1" in text and "example_first@5" in text
    assert "example_first@k" in printed(capsys, "list", "metrics")


def test_a_clustering_metric(clean: None, embedded: SimpleNamespace, tmp_path: Path, capsys) -> None:
    run("A clustering metric")
    out = tmp_path / "out.json"
    printed(capsys, "evaluate", "--data", "tiny", "--backbone", "hog", "--k", "1", "--json", str(out))
    assert json.loads(out.read_text())["systems"][0]["metrics"]["example_classes"]["mean"] == 6
    assert "example_classes" in printed(capsys, "list", "metrics")


def test_a_fusion_and_its_attribution(clean: None, embedded: SimpleNamespace, tmp_path: Path, capsys) -> None:
    run("A fusion")
    from core.metrics.ranking import average_precision
    from core.studies import fusion, fusion_attribution, systems
    from core.studies.fusion_evaluator import FusionEvaluator

    file, out = tmp_path / "fusions.json", tmp_path / "out.json"
    file.write_text(json.dumps([{"name": "sure", "kind": "example_max", "backbones": list(PAIR)}]))
    flags = [part for name in PAIR for part in ("--backbone", name)]
    printed(capsys, "evaluate", "--data", "tiny", *flags, "--fusions", str(file), "--json", str(out))
    assert "sure" in out.read_text() and "Highest score" in printed(capsys, "list", "fusions")
    vectors = fusion.space_of(embedded.dataset, PAIR)
    fused = systems.System("sure", vectors, FusionSpec("sure", "example_max", PAIR)).block(0, 4)
    parts = [vectors.vectors[name][:4] @ vectors.vectors[name].T for name in PAIR]
    assert np.allclose(fused[np.isfinite(fused)], np.maximum(*parts)[np.isfinite(fused)], atol=1e-6)
    evaluator = FusionEvaluator(vectors, data.relevance(embedded.dataset))

    def of_subset(chosen: tuple[str, ...]) -> np.ndarray:
        whole = len(chosen) > 1
        ranks = evaluator.fusion(FusionSpec("part", "example_max", chosen)) if whole else evaluator.single(chosen[0])
        return average_precision(ranks)

    added = fusion_attribution.attribution(of_subset, PAIR, np.zeros(60))
    assert sum(added.shapley) == pytest.approx(of_subset(PAIR).mean(), abs=1e-9), "the parts sum to the whole"


@pytest.mark.parametrize(
    ("recipe", "name", "flag", "kind", "noun"),
    [
        ("A preparation", "example_flat", "--prepare", "preparations", "flattened"),
        ("A re-ranking", "example_lonely", "--rerank", "re-rankings", "lonely first"),
    ],
)
def test_a_step_before_or_after_the_search(
    clean: None,
    embedded: SimpleNamespace,
    tmp_path: Path,
    capsys,
    recipe: str,
    name: str,
    flag: str,
    kind: str,
    noun: str,
) -> None:
    run(recipe)
    out = tmp_path / "out.json"
    flags = [part for backbone in PAIR for part in ("--backbone", backbone)]
    printed(capsys, "evaluate", "--data", "tiny", *flags, flag, name, "--json", str(out))
    systems = {system["name"]: system["metrics"]["map"]["mean"] for system in json.loads(out.read_text())["systems"]}
    assert {"hog", f"hog, {noun}", f"hsv_histogram + hog, {noun}"} <= set(systems)
    assert systems["hog"] != systems[f"hog, {noun}"]
    assert name in printed(capsys, "list", kind)


def test_a_dataset_reader(clean: None, home: Path, tiny_images: Path, tmp_path: Path, capsys) -> None:
    run("A dataset reader")
    names = sorted(str(path.relative_to(tiny_images)) for path in tiny_images.rglob("*.png"))[:12]
    listed = tiny_images / "some.imagelist"
    listed.write_text("\n".join(names))
    try:
        dataset = data.add("listed", listed)
    finally:
        listed.unlink()
    assert dataset.ids.tolist() == names
    assert cli.main(["embed", "--data", "listed", "--reader", "example_lis"]) == 2
    assert "example_list" in capsys.readouterr().err


def test_a_chart_that_pages_and_the_report_share() -> None:
    chart = run("A chart that pages and the report share")["ExampleCount"](42)
    from core.export.report.document import Report

    report = Report("A report", "The answer.", "On nothing.", [chart]).html()
    assert ">42</text>" in report and chart.figure().layout.annotations[0].text == "42"


def test_a_page(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from streamlit.testing.v1 import AppTest

    (tmp_path / "example.py").write_text(RECIPES["A page"])

    def app(folder: str) -> None:
        import app as product
        from core import paths
        from core.ui import frame

        line = ("example.py", "Example", ":material/star:", "example", "Start")
        paths.REPOSITORY, before = paths.Path(folder), paths.REPOSITORY
        try:
            frame.run([line], {})
        finally:
            paths.REPOSITORY = before
        assert product.PAGES

    shown = AppTest.from_function(app, kwargs={"folder": str(tmp_path)}, default_timeout=60).run()
    assert not shown.exception and shown.title[0].value == "Example"
