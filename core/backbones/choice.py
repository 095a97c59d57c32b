"""Which engine runs a backbone."""

from __future__ import annotations

from core.types import Backbone


def engine_names(backbone: Backbone, mode: str = "exact") -> tuple[str, ...]:
    """Every engine whose vectors may be in the store, the one that would be used now first."""
    return ("numpy",) if backbone.source == "own" else ("torch",)


def engine_name(backbone: Backbone, mode: str = "exact") -> str:
    """The engine that would be used now."""
    return engine_names(backbone, mode)[0]


def usable(engine: str) -> bool:
    """Whether an engine of that name can run on this machine."""
    return engine in {"numpy", "torch"}


def sentence() -> str:
    """What embeds on this machine, and why, for people."""
    return "Networks run on torch."
