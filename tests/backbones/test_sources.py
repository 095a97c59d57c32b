"""A source of backbones is one class: with nothing else, its backbone embeds, is asked, is shown and is kept apart."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from core import backbones
from core.backbones import custom, preprocessing, sources
from core.backbones.sources import Engine, Source, source_of
from core.errors import BadInput, WeightsMissing
from core.studies import backbone_info, costs, embedding
from core.types import Backbone


class ColourEngine:
    """The mean colour of each corner."""

    name, precision, device, chunk = "colours", "float32", "cpu", 4

    def __init__(self, backbone: Backbone) -> None:
        self.dim, self.preprocessing = backbone.dim, preprocessing.preprocessing_of(backbone)

    def embed(self, squares: np.ndarray) -> np.ndarray:
        half = squares.shape[1] // 2
        parts = [squares[:, y : y + half, x : x + half].mean((1, 2)) for y in (0, half) for x in (0, half)]
        return np.concatenate(parts, axis=1).astype(np.float32)


class Colours(Source):
    """The one class."""

    key, title, scheme, engine = "colours", "a test", "colours:", "colours"

    def identity(self, backbone: Backbone) -> dict[str, str]:
        return {"formula": backbone.architecture}

    def available(self, backbone: Backbone) -> tuple[bool, str]:
        return True, "it is in this file"

    def build_engine(self, backbone: Backbone) -> Engine:
        return ColourEngine(backbone)

    def resolve(self, rest: str) -> Backbone:
        return Backbone(
            f"colours:{rest}", self.key, 12, architecture=rest, image_size=16, options=preprocessing.options(16)
        )


def test_a_new_source_is_one_class(tiny_world, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sources.SOURCES, Colours.key, Colours())
    record = backbones.add("colours:corners")
    assert "colours:corners" in backbones.names() and backbones.available(record) == (True, "it is in this file")
    report = embedding.embed(tiny_world.dataset, [record.name])
    assert report.computed == {record.name: 60} and report.engine == {record.name: "colours on cpu"}
    assert embedding.embeddings(tiny_world.dataset, record.name).vectors.shape == (60, 12)
    assert embedding.stored(tiny_world.dataset, record).engine == "colours"
    assert backbones.fingerprint(record)[1]["weights"] == {"formula": "corners"}
    assert backbone_info.built_by(record) == "a test: corners" and backbone_info.engine(record) == "colours"
    assert costs.measure(record.name, tiny_world.dataset, n_images=4).engine == "colours"
    with pytest.raises(BadInput, match="no faster mode"):
        custom.fast(record)
    with pytest.raises(BadInput, match="reads no text"):
        backbones.query_encoder(record.name).encode_text(["a"])


def test_no_code_outside_the_sources_asks_which_source_it_is() -> None:
    root = Path(__file__).resolve().parents[2]
    allowed = {"core/export/report/provenance.py"}  # it writes the word down
    asking = [
        f"{path.relative_to(root)}:{number}"
        for folder in ("core", "pages")
        for path in (root / folder).rglob("*.py")
        if "core/backbones/sources" not in path.as_posix() and path.relative_to(root).as_posix() not in allowed
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if "backbone.source" in line or ".source ==" in line or ".source in" in line
    ]
    assert not asking, asking


@pytest.mark.parametrize("source", sources.SOURCES.values(), ids=lambda source: source.key)
def test_every_source_answers_for_what_it_cannot_do(source: Source, home: Path) -> None:
    record = Backbone("gone", source.key, 4, architecture="resnet18", weights="nowhere", label="Gone")
    here, sentence = source.available(record)
    assert sentence.endswith(".") or here
    assert source_of(record) is source and source.megabytes(record) == 0 and source.built_by(record)
    assert source.identity(dataclasses.replace(record)) == source.identity(record)
    if not here:
        with pytest.raises(WeightsMissing):
            source.require(record)
