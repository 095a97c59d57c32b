"""The machine and the library versions that a measurement belongs to. `python -m core bench machine` prints them."""

from __future__ import annotations

import datetime
import os
import platform
import time
from pathlib import Path
from typing import Any

CONTAMINATED = 0.12
"""Cores of other programs above which a clock is not trusted."""
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
    libraries = ", ".join(f"{library} {version}" for library, version in versions.items())
    date = datetime.date.today().isoformat()
    return {
        "processor": processor(),
        "cores": cores,
        "memory_gib": round(memory, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": versions,
        "date": date,
        "sentence": f"{name}, {cores} cores, {memory:.0f} GiB, Python {platform.python_version()}, {libraries}; {date}.",
    }


class Watch:
    """Clock, processor time of this process, and cores that others used meanwhile, since it was made."""

    def __init__(self) -> None:
        self._others, self._mine, self._began = _busy(), time.process_time(), time.perf_counter()

    def read(self) -> dict[str, float]:
        """{"seconds", "cpu", "others"}."""
        seconds, mine = time.perf_counter() - self._began, time.process_time() - self._mine
        return {"seconds": seconds, "cpu": mine, "others": max(0.0, _busy() - self._others - mine) / seconds}


def _busy() -> float:
    """Processor seconds that the whole machine has spent so far; 0 where the system does not say."""
    try:
        first = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0].split()
    except OSError:
        return 0.0
    user, nice, system, _, _, irq, soft, steal = (int(value) for value in first[1:9])
    return (user + nice + system + irq + soft + steal) / os.sysconf("SC_CLK_TCK")
