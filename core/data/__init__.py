"""Image collections, described once and read lazily. Each name below is imported when it is first used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from core.data import attached, blackbox, images, readers, splits
    from core.data.catalog import DATASETS
    from core.data.library import add, from_dataframe, load, names, quarantine, read_bytes, remove, rename, rescan
    from core.data.relevance import relevance
    from core.data.table import subset

_PLACES = {
    "DATASETS": "catalog", "add": "library", "from_dataframe": "library", "load": "library", "names": "library",
    "quarantine": "library", "read_bytes": "library", "remove": "library", "rename": "library", "rescan": "library",
    "relevance": "relevance", "subset": "table",
}  # fmt: skip
_MODULES = {"attached", "blackbox", "images", "readers", "splits"}

__all__ = [
    "DATASETS", "add", "attached", "blackbox", "from_dataframe", "images", "load", "names", "quarantine",
    "read_bytes", "readers", "relevance", "remove", "rename", "rescan", "splits", "subset",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"core.data.{name}")
    if name in _PLACES:
        value = getattr(importlib.import_module(f"core.data.{_PLACES[name]}"), name)
        globals()[name] = value  # a module `relevance` must not hide the function of that name
        return value
    raise AttributeError(f"module 'core.data' has no attribute {name!r}")
