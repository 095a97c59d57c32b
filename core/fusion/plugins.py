"""The user's own fusions, preparations, re-rankings and corruptions: Python files in a folder, which register themselves."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
import sys
from pathlib import Path
from typing import Any

from core import paths
from core.data.corruptions import CORRUPTIONS
from core.fusion import FUSIONS, PREPARATIONS, RERANKINGS
from core.registry import Registry

_PREFIX = "fusionscope_plugin_"
TABLES: tuple[Registry[Any], ...] = (FUSIONS, PREPARATIONS, RERANKINGS, CORRUPTIONS)
"""What a plug-in may add to: ways of joining, of preparing, of ranking once more, and of spoiling images."""


def load_plugins(folder: Path | None = None) -> tuple[str, ...]:
    """Run the user's own Python files, which register strategies; a file is run once, and one that is gone is forgotten.

        A file looks like this:

            import numpy as np
            from core.fusion import FUSIONS, PREPARATIONS, RERANKINGS
    from core.registry import Registry

            @FUSIONS.register("max", label="Highest score", joins="scores", sentence="The most certain backbone decides.")
            def highest(scores, weights):
                return np.max(scores, axis=0)

        Returns:
            One sentence per file that could not be used; all others work.
    """
    folder = folder or paths.plugins()
    problems = []
    files = {_module_of(path): path for path in sorted(folder.glob("*.py"))} if folder.is_dir() else {}
    for module in [name for name in sys.modules if name.startswith(_PREFIX)]:
        if module not in files:
            _forget(module)
    for module, path in files.items():
        stamp = path.stat().st_mtime_ns
        if getattr(sys.modules.get(module), "loaded_at", None) == stamp:
            continue
        _forget(module)
        before = [set(table.names) for table in TABLES]
        try:
            _run_plugin(module, path, stamp)
        except Exception as error:  # noqa: BLE001  whatever a stranger's file raises becomes its sentence
            for table, names in zip(TABLES, before):
                for name in set(table.names) - names:
                    table.discard(name)
            sys.modules.pop(module, None)
            problems.append(
                f"The plug-in {path.name} could not be used: {type(error).__name__}: {error}. Mend or remove it."
            )
    return tuple(problems)


def _module_of(path: Path) -> str:
    """The name under which a plug-in is loaded."""
    return f"{_PREFIX}{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"


def _run_plugin(module: str, path: Path, stamp: int) -> None:
    before = [set(table.names) for table in TABLES]
    spec = importlib.util.spec_from_file_location(module, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    loaded: Any = importlib.util.module_from_spec(spec)
    sys.modules[module] = loaded
    spec.loader.exec_module(loaded)
    loaded.loaded_at = stamp
    loaded.registered = tuple(
        (table, name) for table, names in zip(TABLES, before) for name in table.names if name not in names
    )
    for table, name in loaded.registered:
        entry = table.get(name)
        table.discard(name)
        table.add(dataclasses.replace(entry, is_plugin=True))


def _forget(module: str) -> None:
    """What a plug-in registered goes: it was edited and is loaded afresh, or its file is gone."""
    for table, name in getattr(sys.modules.get(module), "registered", ()):
        table.discard(name)
    sys.modules.pop(module, None)
