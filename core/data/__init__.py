"""Image collections, described once and read lazily. Each name below is imported when it is first used."""

# ruff: noqa: F401 - the imports are what `__getattr__` finds, for type checkers
from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from core.data import attached_vectors, external_vectors, images, overrides, readers, splits
    from core.data.built_in import DATASETS, OPENING
    from core.data.changes import (
        decided,
        describe,
        keep_all,
        keep_one_of_each,
        make_split,
        quarantine,
        remove,
        rename,
        set_private,
        split_by_domain,
        use_judgements,
    )
    from core.data.dataset_table import subset
    from core.data.image_bytes import read_bytes, read_checked
    from core.data.library import add, from_dataframe, get, load, name_of, options_of, rescan
    from core.data.private_keys import is_hidden
    from core.data.relevance_rules import relevance
    from core.data.saved import is_private, names, remarks, visible, whole
    from core.data.vector_import import add_vectors

_MODULES = "attached_vectors external_vectors images overrides readers splits"
_NAMES = {
    "vector_import": "add_vectors",
    "built_in": "DATASETS OPENING",
    "changes": "decided describe keep_all keep_one_of_each make_split quarantine remove rename set_private split_by_domain "
    "use_judgements",
    "dataset_table": "subset",
    "image_bytes": "read_bytes read_checked",
    "library": "add from_dataframe get load name_of options_of rescan",
    "private_keys": "is_hidden",
    "relevance_rules": "relevance",
    "saved": "is_private names remarks visible whole",
}
_MODULE_OF = {name: module for module, names in _NAMES.items() for name in names.split()}

__all__ = [*_MODULES.split(), *_MODULE_OF]


def __getattr__(name: str) -> Any:
    if name in _MODULES.split():
        return importlib.import_module(f"core.data.{name}")
    if name in _MODULE_OF:
        return getattr(importlib.import_module(f"core.data.{_MODULE_OF[name]}"), name)
    raise AttributeError(f"module 'core.data' has no attribute {name!r}")
