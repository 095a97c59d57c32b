"""Which engine runs a backbone, decided once by a probe on real photographs and remembered for this installation.

Exact mode: torch always works. OpenVINO (CPU only) is chosen by itself when its vectors agree with torch's: the
smallest cosine, and the smallest cosine after the mean is taken out, must both be at least 0.9999. Anything else, a
failed conversion included, means torch, and the reason is kept for the page to show.

Fast mode: bfloat16 after the first convolutions, a JPEG decoded at a reduced size, only what is kept resized. Every way
of running it, torch too, must stay above a floor against exact torch on real photographs: cosine at least 0.985, and
0.999 on average. Where bfloat16 does not, or is not faster, float32 with the cheaper pixels is tried; where nothing
does, there is no fast mode for that backbone.
"""

from __future__ import annotations

import hashlib
import json
import platform
from functools import lru_cache
from pathlib import Path
from typing import Any

from core import compat, files, paths
from core.backbones.engines import openvino_engine, torch_engine
from core.backbones.engines.names import EXACT_ENGINES, FAST_ENGINES, FLOAT32, OPENVINO, RETIRED, TORCH, library, usable
from core.backbones.engines.probe import EXACT, EngineVerdict, build_named, probe
from core.backbones.sources import Engine, source_of
from core.errors import BadInput
from core.types import Backbone

_PROBE = 4
"""Raise it when the probe changes, so that earlier verdicts are not taken for its own."""


def engine_names(backbone: Backbone) -> tuple[str, ...]:
    """Every engine whose vectors may be in the store, the one that would be used now first. Nothing is probed."""
    fixed = source_of(backbone).engine
    if fixed:
        return (fixed,)
    if backbone.mode == "fast":
        return (*sorted(FAST_ENGINES, key=lambda name: not _accepted(backbone, name)), *RETIRED["fast"])
    best = next((name for name in EXACT_ENGINES if _accepted(backbone, name)), TORCH)
    return (best, *(name for name in (*EXACT_ENGINES, TORCH, *RETIRED["exact"]) if name != best))


def _accepted(backbone: Backbone, engine: str) -> bool:
    known = remembered(backbone, engine)
    return known is not None and known.accepted


def engine_name(backbone: Backbone) -> str:
    """The engine that would be used now."""
    return engine_names(backbone)[0]


def build(
    backbone: Backbone, device: str | None = None, engine: str | None = None, workers: int = 1, threads: int = 1
) -> Engine:
    """The engine for a backbone, with its weights loaded.

    Args:
        engine: the engine's name; by default the one that is chosen for this backbone. Vectors of a retired engine
            are met by torch, which agrees with it.
        device, workers, threads: as `build_named`.
    Raises:
        WeightsMissing, BadInput: as `Source.load`; a device that is not there.
    """
    source_of(backbone).require(backbone)
    return build_named(backbone, engine or decide(backbone, device), device, workers, threads)


def decide(backbone: Backbone, device: str | None = None) -> str:
    """The engine for a backbone, probed if that has not been done for these weights, versions and processor.

    In exact mode it is torch on an accelerator.

    Raises:
        BadInput: the fast mode of this backbone is too far from its exact vectors.
    """
    fixed = source_of(backbone).engine
    if fixed:
        return fixed
    chosen = torch_engine.pick_device(device)
    fast = backbone.mode == "fast"
    if backbone.random or (not fast and chosen != "cpu"):
        return TORCH
    last = None
    for engine in FAST_ENGINES if fast else EXACT_ENGINES:
        if not usable(engine) or (chosen != "cpu" and engine not in {TORCH, FLOAT32}):
            continue
        last = verdict(backbone, engine, chosen)
        if last.accepted:
            return engine
    if last and fast:
        raise BadInput(f"{backbone.title} cannot run on this machine: {last.why} Use the exact backbone.")
    return TORCH


def verdict(backbone: Backbone, engine: str = OPENVINO, device: str = "cpu") -> EngineVerdict:
    """What the probe of an engine found: remembered, or made now and kept."""
    known = remembered(backbone, engine, device)
    if known is None:
        known = probe(backbone, engine, device)
        _remember(backbone, engine, device, known)
    return known


def remembered(backbone: Backbone, engine: str = OPENVINO, device: str = "cpu") -> EngineVerdict | None:
    """The verdict of an earlier probe of these weights with these versions on this processor; None without one."""
    if library(engine) == OPENVINO and not openvino_engine.installed():
        return None
    try:
        content = json.loads(_verdict_file(backbone, engine, device).read_text(encoding="utf-8"))
        return EngineVerdict(**content["verdict"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _remember(backbone: Backbone, engine: str, device: str, verdict: EngineVerdict) -> None:
    content = {
        "backbone": backbone.name,
        "mode": backbone.mode,
        "engine": engine,
        "device": device,
        "conditions": _conditions(backbone),
        "verdict": vars(verdict),
    }
    files.write_json(_verdict_file(backbone, engine, device), content)


def _verdict_file(backbone: Backbone, engine: str, device: str) -> Path:
    key = json.dumps([_conditions(backbone), backbone.mode, engine, device, _PROBE], sort_keys=True)
    return paths.cache() / "engines" / f"verdict-{hashlib.sha256(key.encode()).hexdigest()[:16]}.json"


def _conditions(backbone: Backbone) -> dict[str, Any]:
    """What a verdict depends on."""
    return {
        "backbone": backbone.name,
        "architecture": backbone.architecture,
        "weights": source_of(backbone).identity(backbone),
        "openvino": openvino_engine.version(),
        "torch": compat.version("torch"),
        "processor": processor(),
    }


@lru_cache(maxsize=1)
def processor() -> str:
    """The processor's name and, where the system says them, its instruction sets in short form."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").split("\n\n")[0]
    except OSError:
        return platform.processor() or platform.machine()
    lines = (line.split(":", 1) for line in text.splitlines() if ":" in line)
    fields = {key.strip(): value.strip() for key, value in lines}
    flags = sorted(flag for flag in fields.get("flags", "").split() if flag.startswith(("avx", "amx")))
    return f"{fields.get('model name', platform.machine())}; {' '.join(flags)}"


def sentence() -> str:
    """What embeds on this machine, and why, for people."""
    if not openvino_engine.installed():
        return (
            "Networks run on torch. OpenVINO, which gives the same vectors faster on a CPU, is not installed here: "
            "`pip install -r requirements.txt` adds it where it has wheels."
        )
    return (
        f"Networks run on OpenVINO {openvino_engine.version()} where its vectors agree with torch's to a cosine of "
        f"{EXACT} on real photographs, else on torch."
    )
