"""The machine and the library versions that a measurement belongs to. `python -m core bench machine` prints them."""

from __future__ import annotations

import datetime
import platform
from typing import Any

LIBRARIES = ("torch", "timm", "open_clip_torch", "openvino", "pillow", "numpy")


def run(args: list[str]) -> None:
    """Print what a measurement made now would be signed with."""
    print(machine()["sentence"])


def machine() -> dict[str, Any]:
    """Processor, cores, memory, system, versions, date; and all of it in one sentence."""
    import psutil

    from core import compat, paths
    from core.backbones.engines.select import processor

    versions = compat.versions(LIBRARIES)
    memory = psutil.virtual_memory().total / 2**30
    name, cores = processor().split(";")[0], paths.cpu_count()
    said = ", ".join(f"{library} {version}" for library, version in versions.items())
    date = datetime.date.today().isoformat()
    return {
        "processor": processor(),
        "cores": cores,
        "memory_gib": round(memory, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": versions,
        "date": date,
        "sentence": f"{name}, {cores} cores, {memory:.0f} GiB, Python {platform.python_version()}, {said}; {date}.",
    }
