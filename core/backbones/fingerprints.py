"""What tells the vectors of one backbone from any others: everything that changes a number.

The whole record of the backbone, its weights (file hash or hub revision), preprocessing, pooling, engine, dtype,
precision, decoder and `CODE`. Vectors of different fingerprints are never mixed.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import Any

from core.backbones import preprocessing, weights
from core.types import Backbone

CODE = 1
"""Raise it when encoding changes in a way that moves numbers: every image is then embedded anew."""


def as_plain(backbone: Backbone) -> dict[str, Any]:
    """A backbone's record as plain JSON values, for keys; exact ones without their mode: they are older than the word."""
    plain = json.loads(json.dumps(dataclasses.asdict(backbone)))
    if backbone.mode == "exact":
        del plain["mode"]
    return plain


def record(backbone: Backbone, engine: str | None = None) -> dict[str, Any]:
    """Everything that changes a number, as plain JSON values.

    Args:
        backbone: the record.
        engine: the engine's name; by default the one that would be used now.
    """
    from core.backbones.engines.select import engine_name, float32_convolutions, precision

    fast = backbone.mode == "fast"
    engine = engine or engine_name(backbone)
    plain = as_plain(backbone)
    if backbone.source == "file":
        plain["weights"] = ""  # the content counts, not the place: see the hash below
    said = {
        "name": backbone.name,
        "backbone": plain,
        "weights": weights.identity(backbone),
        "preprocessing": json.loads(json.dumps(dataclasses.asdict(preprocessing.preprocessing_of(backbone)))),
        "pooling": backbone.pooling,
        "engine": engine,
        "dtype": "float32",
        "precision": precision(engine, backbone.mode),
        "decoder": f"pillow, JPEG reduced to {preprocessing.ENOUGH} times the target" if fast else "pillow, full",
        "resize": "box" if fast else "full",
        "code": CODE,
    }
    first = float32_convolutions(engine, backbone.mode)
    return {**said, "float32 convolutions": first} if first else said  # exact vectors keep their fingerprints


def fingerprint(backbone: Backbone, engine: str | None = None) -> tuple[str, dict[str, Any]]:
    """(first 16 hex digits of the SHA-256 of the record, the record)."""
    said = record(backbone, engine)
    return digest(said), said


def digest(said: dict[str, Any]) -> str:
    """The short id of a fingerprint record."""
    return hashlib.sha256(json.dumps(said, sort_keys=True, separators=(",", ":")).encode()).hexdigest()[:16]
