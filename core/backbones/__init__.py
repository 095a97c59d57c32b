"""Backbones: what turns a picture into a vector. Slow, done once, kept in the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.backbones.catalog import BACKBONES, DEFAULTS
from core.backbones.fingerprints import CODE, fingerprint
from core.backbones.weights import available
from core.progress import OnProgress, Progress
from core.types import Backbone

if TYPE_CHECKING:
    from core.backbones.query import QueryEncoder

__all__ = [
    "BACKBONES",
    "CODE",
    "DEFAULTS",
    "available",
    "engine_sentence",
    "fetch",
    "fingerprint",
    "get",
    "names",
    "query_encoder",
]


def get(name: str) -> Backbone:
    """The record of a backbone: from the catalog, or added on this installation.

    Raises:
        UnknownName: with the nearest names.
    """
    return BACKBONES.get(name)


def names() -> tuple[str, ...]:
    """Every backbone that has a name here."""
    return BACKBONES.names


def query_encoder(name: str, device: str | None = None, mode: str = "exact") -> QueryEncoder:
    """An encoder for single pictures and texts; keep it, loading it takes seconds.

    Raises:
        UnknownName, WeightsMissing.
    """
    from core.backbones.query import QueryEncoder

    return QueryEncoder(get(name), device, mode)


def engine_sentence() -> str:
    """What embeds on this machine, and why, for people."""
    from core.backbones import choice

    return choice.sentence()


def fetch(name: str, on_progress: OnProgress | None = None) -> str:
    """Get the weights of a backbone onto this machine; returns where they are, in one sentence.

    Raises:
        UnknownName, WeightsMissing.
    """
    from core.backbones import weights

    backbone = get(name)
    if on_progress:
        size = round(weights.megabytes(backbone))
        on_progress(Progress(f"Fetching {backbone.title}", 0, size, "MB"))
    return f"{backbone.name}: {weights.fetch(backbone)}"
