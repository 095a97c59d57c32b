"""`python -m core bench NAME …`: measurements on this machine. Each module has `run(args)`, which prints a table.

The rule of what lies where: **here** is what the user's own images, backbones and labels cost or reach (`backbones`,
`finetune`, `listing`, `text`, `machine`). **`tests/bench`** holds this code against naive loops and the best library on drawn data,
in the same run, interleaved, and prints the demands it must hold (`embed`, `evaluate`, `failures`, `guards`, `judge`, `load`, `map`,
`page`, `report`, `rerank`, `retrieval`, `search`, `slices`, `statistics`, `threshold`, `why`, `floors`; `cuda`: what runs on an NVIDIA GPU); those names are there wherever the
repository is.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys

from core import paths

_DEMANDS = paths.REPOSITORY / "tests" / "bench"


def names() -> tuple[str, ...]:
    """The benchmarks that can be run here."""
    modules = [module.name for module in pkgutil.iter_modules([*__path__, str(_DEMANDS)])]
    return tuple(sorted(name for name in set(modules) if not name.startswith(("_", "test_", "conftest"))))


def run(name: str, args: list[str]) -> None:
    """Run one benchmark of `names`; `--help` among the arguments says what it takes."""
    package = "core.bench"
    if name not in {module.name for module in pkgutil.iter_modules(__path__)}:
        package = "tests.bench"
        if str(paths.REPOSITORY) not in sys.path:
            sys.path.insert(0, str(paths.REPOSITORY))
    importlib.import_module(f"{package}.{name}").run(args)
