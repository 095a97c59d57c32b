"""Everything that changes a number changes the fingerprint; nothing else does."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from core import backbones
from core.backbones import custom, fingerprints, weights
from core.types import Backbone

BASE = backbones.get("tf_efficientnet_lite0")
OTHER = {
    "name": "x",
    "source": "timm",
    "dim": 7,
    "architecture": "x",
    "weights": "x",
    "label": "x",
    "family": "CNN",
    "image_size": 7,
    "parameters": 7.0,
    "modalities": ("image", "text"),
    "licence": "x",
    "commercial": None,
    "trained_on": "x",
    "pooling": "GeM",
    "reference": "x",
    "options": (("crop", 7),),
    "random": True,
    "mode": "fast",
}


def test_the_same_record_hits() -> None:
    assert fingerprints.fingerprint(BASE) == fingerprints.fingerprint(dataclasses.replace(BASE))
    assert len(fingerprints.fingerprint(BASE)[0]) == 16


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(Backbone)])
def test_each_field_of_the_record_misses(field: str) -> None:
    other = dataclasses.replace(BASE, **{field: OTHER[field]})
    assert fingerprints.fingerprint(other)[0] != fingerprints.fingerprint(BASE)[0]


def test_engine_mode_and_code_miss(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = {fingerprints.fingerprint(BASE)[0], fingerprints.fingerprint(custom.fast(BASE))[0]}
    seen.add(fingerprints.fingerprint(BASE, "another engine")[0])
    monkeypatch.setattr(fingerprints, "CODE", fingerprints.CODE + 1)
    seen.add(fingerprints.fingerprint(BASE)[0])
    assert len(seen) == 4


def test_records_of_exact_vectors_do_not_know_the_mode() -> None:
    assert "mode" not in fingerprints.record(BASE)["backbone"]
    assert fingerprints.record(custom.fast(BASE))["backbone"]["mode"] == "fast"


def test_a_file_counts_by_its_content_not_its_place(tmp_path: Path) -> None:
    one, two = tmp_path / "one.safetensors", tmp_path / "two.safetensors"
    one.write_bytes(b"weights")
    two.write_bytes(b"weights")
    at = [Backbone("b", "file", 4, weights=str(file)) for file in (one, two)]
    assert fingerprints.fingerprint(at[0]) == fingerprints.fingerprint(at[1])
    before = fingerprints.fingerprint(at[0])
    one.write_bytes(b"other weights")
    assert fingerprints.fingerprint(at[0]) != before


def test_the_packaged_weights_are_known_by_their_hash() -> None:
    said = fingerprints.record(BASE)
    assert said["name"] == BASE.name
    assert said["weights"]["sha256"].startswith("57934424")
    assert weights.identity(backbones.get("hog")) == {"none": "no weights"}
