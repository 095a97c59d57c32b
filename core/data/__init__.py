"""Image collections, described once and read lazily. Each name below is imported when it is first used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from core.data import attached, blackbox, decisions, images, readers, splits
    from core.data.catalog import DATASETS
    from core.data.library import (
        add,
        add_vectors,
        decided,
        describe,
        from_dataframe,
        keep_all,
        keep_one_of_each,
        load,
        make_split,
        names,
        options_of,
        quarantine,
        read_bytes,
        remove,
        rename,
        rescan,
        whole,
    )
    from core.data.table import subset
    from core.data.truth import relevance

_LIBRARY = (
    "add",
    "add_vectors",
    "decided",
    "describe",
    "from_dataframe",
    "keep_all",
    "keep_one_of_each",
    "load",
    "make_split",
    "names",
    "options_of",
    "quarantine",
    "read_bytes",
    "remove",
    "rename",
    "rescan",
    "whole",
)
_PLACES = {
    "DATASETS": "catalog",
    "relevance": "truth",
    "subset": "table",
    **dict.fromkeys(_LIBRARY, "library"),
}
_MODULES = ("attached", "blackbox", "decisions", "images", "readers", "splits")

__all__ = [
    "DATASETS",
    "add",
    "add_vectors",
    "attached",
    "blackbox",
    "decided",
    "decisions",
    "describe",
    "from_dataframe",
    "images",
    "keep_all",
    "keep_one_of_each",
    "load",
    "make_split",
    "names",
    "options_of",
    "quarantine",
    "read_bytes",
    "readers",
    "relevance",
    "remove",
    "rename",
    "rescan",
    "splits",
    "subset",
    "whole",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"core.data.{name}")
    if name in _PLACES:
        return getattr(importlib.import_module(f"core.data.{_PLACES[name]}"), name)
    raise AttributeError(f"module 'core.data' has no attribute {name!r}")
