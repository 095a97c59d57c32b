"""Which engine runs a backbone, decided once by a probe on real photographs and remembered for this installation.

Torch always works. OpenVINO (an optional extra, CPU only) is chosen by itself when its vectors agree with torch's: the
smallest cosine, and the smallest cosine after the mean is taken out, must both be at least 0.9999. Anything else, a
failed conversion included, means torch, and the reason is kept for the page to show.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core import paths
from core.backbones import openvino_engine, weights
from core.types import Backbone, unit

EXACT = 0.9999
FAST_SMALLEST, FAST_MEAN = 0.985, 0.999
_PROBES = 16


@dataclass(frozen=True)
class Verdict:
    """What a probe found: whether OpenVINO is used, and why or why not, in one sentence."""

    accepted: bool
    why: str
    smallest: float = float("nan")
    centred: float = float("nan")
    mean: float = float("nan")


def engine_names(backbone: Backbone, mode: str = "exact") -> tuple[str, ...]:
    """Every engine whose vectors may be in the store, the one that would be used now first. Nothing is probed."""
    if backbone.source == "own":
        return ("numpy",)
    verdict = remembered(backbone, mode)
    return ("openvino", "torch") if verdict is not None and verdict.accepted else ("torch", "openvino")


def engine_name(backbone: Backbone, mode: str = "exact") -> str:
    """The engine that would be used now."""
    return engine_names(backbone, mode)[0]


def usable(engine: str) -> bool:
    """Whether an engine of that name can run on this machine."""
    return engine in {"numpy", "torch"} or (engine == "openvino" and openvino_engine.installed())


def decide(backbone: Backbone, mode: str = "exact", device: str | None = None) -> str:
    """The engine for a backbone, probed if that has not been done for these weights, versions and processor.

    On an accelerator it is torch.
    """
    from core.backbones.engines import pick_device

    if backbone.source == "own" or not openvino_engine.installed() or backbone.random:
        return engine_name(backbone, mode) if backbone.source == "own" else "torch"
    if pick_device(device) != "cpu":
        return "torch"
    if remembered(backbone, mode) is None:
        _remember(backbone, mode, probe(backbone, mode))
    return engine_name(backbone, mode)


def probe(backbone: Backbone, mode: str = "exact") -> Verdict:
    """Embed real photographs with both engines and compare."""
    from core.backbones import prep, threads
    from core.backbones.engines import TorchEngine, tune_process
    from core.backbones.loading import load_module
    from core.data import demo

    pictures = [picture for _, picture in demo.photographs()][:_PROBES]
    geometry = prep.preprocessing(backbone).geometry
    squares = np.stack([prep.square(picture.convert("RGB"), geometry) for picture in pictures])
    tune_process()
    reference = TorchEngine(load_module(backbone), backbone)
    chunks = np.array_split(squares, 4)
    with threads.workers(1) as pool:
        theirs = unit(np.concatenate(list(pool.map(reference.embed, chunks))))
    precision = "bfloat16" if mode == "fast" else "float32"
    try:
        engine = openvino_engine.OpenVinoEngine(backbone, precision)
        ours = unit(np.concatenate([engine.embed(chunk) for chunk in chunks]))
    except Exception as error:  # a network that cannot be converted is a reason to use torch, not an error
        return Verdict(False, f"OpenVINO cannot run {backbone.title} ({type(error).__name__}), so torch does.")
    return judge(backbone, mode, ours, theirs)


def judge(backbone: Backbone, mode: str, ours: np.ndarray, theirs: np.ndarray) -> Verdict:
    """Compare (n, dim) unit vectors of two engines."""
    rows = (ours * theirs).sum(1)
    middle = theirs.mean(0)
    centred = float((unit(ours - middle) * unit(theirs - middle)).sum(1).min())
    smallest, mean = float(rows.min()), float(rows.mean())
    if mode == "fast":
        good = smallest >= FAST_SMALLEST and mean >= FAST_MEAN
        floor = f"at least {FAST_SMALLEST} and {FAST_MEAN} on average"
    else:
        good = min(smallest, centred) >= EXACT
        floor = f"at least {EXACT}"
    seen = f"cosine {smallest:.6f}, {centred:.6f} after the mean is taken out, on {len(rows)} photographs"
    if good:
        return Verdict(True, f"OpenVINO agrees with torch ({seen}).", smallest, centred, mean)
    why = f"OpenVINO does not agree with torch for {backbone.title} ({seen}; {floor} is needed), so torch runs it."
    return Verdict(False, why, smallest, centred, mean)


def remembered(backbone: Backbone, mode: str = "exact") -> Verdict | None:
    """The verdict of an earlier probe of these weights with these versions on this processor; None without one."""
    if not openvino_engine.installed():
        return None
    file = _file(backbone, mode)
    try:
        return Verdict(**json.loads(file.read_text(encoding="utf-8"))["verdict"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _remember(backbone: Backbone, mode: str, verdict: Verdict) -> None:
    file = _file(backbone, mode)
    file.parent.mkdir(parents=True, exist_ok=True)
    said = {"backbone": backbone.name, "mode": mode, "conditions": _conditions(backbone), "verdict": vars(verdict)}
    beside = file.with_suffix(".part")
    beside.write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")
    beside.replace(file)


def _file(backbone: Backbone, mode: str) -> Any:
    said = json.dumps([_conditions(backbone), mode], sort_keys=True)
    return paths.home() / "engines" / f"verdict-{hashlib.sha256(said.encode()).hexdigest()[:16]}.json"


def _conditions(backbone: Backbone) -> dict[str, Any]:
    """What a verdict depends on."""
    return {
        "backbone": backbone.name,
        "architecture": backbone.architecture,
        "weights": weights.identity(backbone),
        "openvino": openvino_engine.version(),
        "torch": importlib.metadata.version("torch"),
        "processor": processor(),
    }


def processor() -> str:
    """The processor's name and, where the system says them, its instruction sets in short form."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").split("\n\n")[0]
    except OSError:
        return platform.processor() or platform.machine()
    said = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    plain = {key.strip(): value.strip() for key, value in said.items()}
    flags = sorted(flag for flag in plain.get("flags", "").split() if flag.startswith(("avx", "amx")))
    return f"{plain.get('model name', platform.machine())}; {' '.join(flags)}"


def sentence() -> str:
    """What embeds on this machine, and why, for people."""
    if not openvino_engine.installed():
        return (
            "Networks run on torch. `pip install -r requirements-fast.txt` adds OpenVINO, "
            "which gives the same vectors in a half to a quarter of the time on a CPU."
        )
    return (
        f"Networks run on OpenVINO {openvino_engine.version()} where its vectors agree with torch's to a cosine of "
        f"{EXACT} on real photographs, else on torch."
    )
