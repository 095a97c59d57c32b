"""Everything that changes a number changes the fingerprint; nothing else does."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path

import pytest

from core import backbones
from core.backbones import custom, fingerprints, text_cache
from core.backbones.engines import names
from core.backbones.sources import source_of
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
    assert source_of(backbones.get("hog")).identity(backbones.get("hog")) == {"none": "no weights"}


PINNED = json.loads((Path(__file__).parent / "fingerprints.json").read_text(encoding="utf-8"))
"""Of each record of the catalog, without a hub cache, as stores on disk have them: the fingerprint of the plainest
engine, a digest of those of every engine and mode, and the key of its texts."""
ADDED = {
    "timm:resnet26.bt_in1k": "283bd174bc76510d",
    "timm:vit_tiny_patch16_224.augreg_in21k_ft_in1k": "2d76ed84b22942c5",
    "open_clip:ViT-B-16/openai": "094d4924adfad1e1",
    "open_clip:convnext_base_w/laion2b_s13b_b82k": "6fb9478c1bfc95de",
}


@pytest.fixture
def without_hub(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def all_fingerprints(backbone: Backbone) -> list[str]:
    if source_of(backbone).engine:
        return [fingerprints.fingerprint(backbone, source_of(backbone).engine)[0]]
    exact = [fingerprints.fingerprint(backbone, engine)[0] for engine in ("torch", "openvino", "torch packed")]
    engines = (*names.FAST_ENGINES[:4], *names.RETIRED["fast"], names.FAST_ENGINES[4])
    return exact + [fingerprints.fingerprint(custom.fast(backbone), engine)[0] for engine in engines]


@pytest.mark.parametrize("name", PINNED)
def test_vectors_that_stores_hold_keep_their_fingerprints(name: str, without_hub: None) -> None:
    backbone, pinned = backbones.BACKBONES[name], PINNED[name]
    ids = all_fingerprints(backbone)
    assert ids[0] == pinned["first"]
    assert hashlib.sha256(" ".join(ids).encode()).hexdigest()[:16] == pinned["all"]
    if "texts" in pinned:
        assert text_cache.file_of(backbone).stem.endswith(pinned["texts"])


def test_every_record_of_the_catalog_is_pinned() -> None:
    assert set(PINNED) == set(backbones.BACKBONES.names)


@pytest.mark.parametrize("name", ADDED)
def test_records_that_people_added_keep_their_fingerprints(name: str, without_hub: None) -> None:
    assert fingerprints.fingerprint(backbones.get(name), "torch")[0] == ADDED[name]
