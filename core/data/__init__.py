"""Image collections, described once and read lazily. Each name below is imported when it is first used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from core.data import attached_vectors, external_vectors, images, overrides, readers, splits
    from core.data.built_in import DATASETS
    from core.data.dataset_table import subset
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
    from core.data.relevance_rules import relevance

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
    "DATASETS": "built_in",
    "relevance": "relevance_rules",
    "subset": "dataset_table",
    **dict.fromkeys(_LIBRARY, "library"),
}
_MODULES = ("attached_vectors", "external_vectors", "overrides", "images", "readers", "splits")

__all__ = [
    "DATASETS",
    "add",
    "add_vectors",
    "attached_vectors",
    "external_vectors",
    "decided",
    "overrides",
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
