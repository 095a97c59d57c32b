"""What each backbone costs on this machine, as measured here and kept; published figures are never shown as measured."""

from __future__ import annotations

import json
from dataclasses import dataclass

from core import paths


@dataclass(frozen=True)
class Measured:
    """One measurement.

    Attributes:
        backbone: name.
        latency_ms: median of warm single images, file bytes to vector; p95_ms its 95th percentile.
        images_per_second: through batches.
        megabytes: of the weights.
        machine: processor, threads and library versions in one line; date: ISO.
    """

    backbone: str
    latency_ms: float
    p95_ms: float
    images_per_second: float
    megabytes: float
    machine: str
    date: str


def measured(name: str) -> Measured | None:
    """The last measurement of a backbone on this machine; None when there is none."""
    file = paths.measurements() / f"{name.replace('/', '-').replace(':', '-')}.json"
    if not file.is_file():
        return None
    known = json.loads(file.read_text(encoding="utf-8"))
    return Measured(**{key: known[key] for key in Measured.__dataclass_fields__ if key in known})
