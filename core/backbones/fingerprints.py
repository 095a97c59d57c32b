"""What tells the vectors of one backbone from any others: everything that changes a number.

The whole record of the backbone, its weights (file hash or hub revision), preprocessing, pooling, engine, dtype,
precision, decoder and `CODE`. Vectors of different fingerprints are never mixed.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import Any

from core.backbones import preprocessing
from core.backbones.engines import names, select
from core.backbones.sources import source_of
from core.types import Backbone

CODE = 1
"""Raise it when encoding changes in a way that moves numbers: every image is then embedded anew."""


def record(backbone: Backbone, engine: str | None = None) -> dict[str, Any]:
    """Everything that changes a number, as plain JSON values.

    Args:
        backbone: the record.
        engine: the engine's name; by default the one that would be used now.
    """
    fast = backbone.mode == "fast"
    engine = engine or select.engine_name(backbone)
    source = source_of(backbone)
    fields = {
        "name": backbone.name,
        "backbone": source.plain_record(backbone),
        "weights": source.identity(backbone),
        "preprocessing": json.loads(json.dumps(dataclasses.asdict(preprocessing.preprocessing_of(backbone)))),
        "pooling": backbone.pooling,
        "engine": engine,
        "dtype": "float32",
        "precision": names.precision(engine, backbone.mode),
        "decoder": f"pillow, JPEG reduced to {preprocessing.ENOUGH} times the target" if fast else "pillow, full",
        "resize": "box" if fast else "full",
        "code": CODE,
    }
    float32 = names.float32_convolutions(engine, backbone.mode)
    # left out at 0: exact vectors keep the fingerprints that they had before there was a fast mode
    return {**fields, "float32 convolutions": float32} if float32 else fields


def fingerprint(backbone: Backbone, engine: str | None = None) -> tuple[str, dict[str, Any]]:
    """(first 16 hex digits of the SHA-256 of the record, the record)."""
    fields = record(backbone, engine)
    canonical = json.dumps(fields, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16], fields
