"""Image collections, described once and read lazily. Each name below is imported when it is first used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from core.data import attached, blackbox, images, readers, splits
    from core.data.catalog import DATASETS
    from core.data.library import (
        add,
        add_vectors,
        describe,
        from_dataframe,
        load,
        names,
        quarantine,
        read_bytes,
        remove,
        rename,
        rescan,
    )
    from core.data.table import subset
    from core.data.truth import relevance

_LIBRARY = (
    "add", "add_vectors", "describe", "from_dataframe", "load", "names",
    "quarantine", "read_bytes", "remove", "rename", "rescan",
)  # fmt: skip
_PLACES = {
    "DATASETS": "catalog", "relevance": "truth", "subset": "table", **dict.fromkeys(_LIBRARY, "library"),
}  # fmt: skip
_MODULES = ("attached", "blackbox", "images", "readers", "splits")

__all__ = [
    "DATASETS", "add", "add_vectors", "attached", "blackbox", "describe", "from_dataframe", "images", "load",
    "names", "quarantine", "read_bytes", "readers", "relevance", "remove", "rename", "rescan", "splits", "subset",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"core.data.{name}")
    if name in _PLACES:
        return getattr(importlib.import_module(f"core.data.{_PLACES[name]}"), name)
    raise AttributeError(f"module 'core.data' has no attribute {name!r}")
