"""Which engine runs a backbone, decided once by a probe on real photographs and remembered for this installation.

Exact mode: torch always works. OpenVINO (an optional extra, CPU only) is chosen by itself when its vectors agree with
torch's: the smallest cosine, and the smallest cosine after the mean is taken out, must both be at least 0.9999. Without
it, torch runs with packed weights where these agree as well and take less processor time by measurement. Anything else,
a failed conversion included, means plain torch, and the reason is kept for the page to show.

Fast mode: bfloat16 after the first convolutions, a JPEG decoded at a reduced size, only what is kept resized. Every way
of running it, torch too, must stay above a floor against exact torch on real photographs: cosine at least 0.985, and
0.999 on average. Where bfloat16 does not, or is not faster, float32 with the cheaper pixels is tried; where nothing
does, there is no fast mode for that backbone.
"""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import platform
import time
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from core import compat, files, paths
from core.backbones import preprocessing, weights
from core.backbones.engines import openvino_engine
from core.data import demo, images
from core.errors import BadInput
from core.types import Backbone, unit

EXACT = 0.9999
FAST_SMALLEST, FAST_MEAN = 0.985, 0.999
GAIN = 1.1
"""How many times less processor time packed weights, or torch's own bfloat16, must take than plain torch: what is not
faster is not worth it. Processors without bfloat16 emulate it, slowly."""
_PATIENCE, _WARMING = 5, 2.0
"""How many times the processor time of plain torch the first quarter of the probe may take before it is given up, beside
the seconds that a library may need to prepare itself."""
_PROBES, _SIZES, _THUMBNAIL = 16, 3, 130
_PROBE = 4
"""Raise it when the probe changes, so that earlier verdicts are not taken for its own."""
FLOAT32, PACKED_FLOAT32, OPENVINO_FLOAT32 = "torch float32", "torch packed float32", "openvino float32"
"""The engines of the fast mode where bfloat16 is not good enough: cheaper pixels, exact arithmetic."""
OPENVINO_CAREFUL = "openvino careful"
FAST_ENGINES = ("openvino", OPENVINO_CAREFUL, OPENVINO_FLOAT32, "torch", PACKED_FLOAT32, FLOAT32)
"""In the order in which the fast mode tries them: the quickest first."""
PACKED = "torch packed"
_PACKED_ENGINES = {PACKED, PACKED_FLOAT32}
EXACT_ENGINES = ("openvino", PACKED)
"""In the order in which the exact mode tries them; torch as it comes is what remains."""


@dataclass(frozen=True)
class EngineVerdict:
    """What a probe found: whether an engine is used, and why or why not, in one sentence."""

    accepted: bool
    why: str
    smallest: float = float("nan")
    centred: float = float("nan")
    mean: float = float("nan")
    gain: float = float("nan")


def engine_names(backbone: Backbone) -> tuple[str, ...]:
    """Every engine whose vectors may be in the store, the one that would be used now first. Nothing is probed."""
    if backbone.source == "own":
        return ("numpy",)
    if backbone.mode == "fast":
        return tuple(sorted(FAST_ENGINES, key=lambda name: not _accepted(backbone, name)))
    best = next((name for name in EXACT_ENGINES if _accepted(backbone, name)), "torch")
    return (best, *(name for name in (*EXACT_ENGINES, "torch") if name != best))


def _accepted(backbone: Backbone, engine: str) -> bool:
    verdict = remembered(backbone, engine)
    return verdict is not None and verdict.accepted


def engine_name(backbone: Backbone) -> str:
    """The engine that would be used now."""
    return engine_names(backbone)[0]


def precision(engine: str, mode: str) -> str:
    """What an engine computes in: "float32", or "bfloat16" in the fast mode."""
    return "bfloat16" if mode == "fast" and not engine.endswith("float32") else "float32"


def float32_convolutions(engine: str, mode: str) -> int:
    """How many of a network's first convolutions stay in float32 where the rest runs in bfloat16; 0 without bfloat16.

    They hold the widest spread of values, and what they round away no later layer brings back: with two of them kept,
    the mean cosine of EfficientNet-Lite2 to float32 rises from 0.994 to 0.999 for a twentieth of the time.
    """
    if precision(engine, mode) == "float32":
        return 0
    return 5 if engine == OPENVINO_CAREFUL else 2


def library(engine: str) -> str:
    """Who computes: "numpy", "torch" or "openvino"."""
    return engine.partition(" ")[0]


def usable(engine: str) -> bool:
    """Whether an engine of that name can run on this machine."""
    if engine in _PACKED_ENGINES:
        from core.backbones.engines import mkldnn_packing

        return mkldnn_packing.possible()
    return library(engine) in {"numpy", "torch"} or (library(engine) == "openvino" and openvino_engine.installed())


def decide(backbone: Backbone, device: str | None = None) -> str:
    """The engine for a backbone, probed if that has not been done for these weights, versions and processor.

    In exact mode it is torch on an accelerator.

    Raises:
        BadInput: the fast mode of this backbone is too far from its exact vectors.
    """
    from core.backbones.engines.torch_engine import pick_device

    if backbone.source == "own":
        return "numpy"
    place = pick_device(device)
    fast = backbone.mode == "fast"
    if backbone.random or (not fast and place != "cpu"):
        return "torch"
    last = None
    for engine in FAST_ENGINES if fast else EXACT_ENGINES:
        if not usable(engine) or (place != "cpu" and engine not in {"torch", FLOAT32}):
            continue
        last = verdict(backbone, engine, place)
        if last.accepted:
            return engine
    if fast:
        raise BadInput(f"{backbone.title} cannot run on this machine: {last.why} Use the exact backbone.")
    return "torch"


def verdict(backbone: Backbone, engine: str = "openvino", device: str = "cpu") -> EngineVerdict:
    """What the probe of an engine found: remembered, or made now and kept."""
    found = remembered(backbone, engine, device)
    if found is None:
        found = probe(backbone, engine, device)
        _remember(backbone, engine, device, found)
    return found


def probe(backbone: Backbone, engine: str = "openvino", device: str = "cpu") -> EngineVerdict:
    """Embed real photographs with an engine and, exactly, with torch; compare. Decoding and resizing are part of it."""
    from core.backbones import threads
    from core.backbones.encode import ImageView
    from core.backbones.engines import torch_engine
    from core.backbones.loading import load_module

    geometry = preprocessing.preprocessing_of(backbone).geometry
    exact, asked = ImageView(False, geometry), ImageView(backbone.mode == "fast", geometry)
    photographs = _photographs(2 * asked.at_least)  # the fewest pixels that it decodes at a half
    squares = np.stack([exact.square(images.open_rgb(file)) for file in photographs])
    torch_engine.tune_process()
    reference = torch_engine.TorchEngine(load_module(backbone), backbone)
    with threads.workers(1) as pool:
        theirs, plain = _embedded(pool, reference, squares)
        if asked.fast:
            squares = np.stack([asked.square(images.open_rgb(file, asked.at_least)) for file in photographs])
        try:
            patience = _PATIENCE * plain + _WARMING if engine == "torch" and device == "cpu" else float("inf")
            ours, seconds = _embedded(pool, torch_engine.build(backbone, device, engine), squares, patience)
        except _TooSlow as slow:
            why = f"Bfloat16 is not faster here for {backbone.title} ({plain / slow.seconds:.2f} times)."
            return EngineVerdict(False, why, gain=plain / slow.seconds)
        except Exception as error:  # a network that cannot be converted is a reason to use torch, not an error
            what = f"{_TITLES[engine]} cannot run {backbone.title} ({type(error).__name__})"
            return EngineVerdict(False, f"{what[0].upper()}{what[1:]}{'' if asked.fast else ', so torch does'}.")
    found = judge(backbone, ours, theirs, engine)
    if not found.accepted or device != "cpu" or engine not in {*_PACKED_ENGINES, "torch"}:
        return found
    gain = plain / seconds
    if gain >= GAIN:
        return replace(found, gain=gain, why=f"{found.why[:-1]} and takes {1 / gain:.0%} of its processor time here.")
    what = "packed weights are" if engine in _PACKED_ENGINES else "bfloat16 is"
    why = f"{what[0].upper()}{what[1:]} not faster here for {backbone.title} ({gain:.2f} times)."
    return replace(found, accepted=False, gain=gain, why=why)


class _TooSlow(Exception):
    """A quarter took longer than anybody would wait for; `seconds` of processor time."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"{seconds:.1f} s")
        self.seconds = seconds


def _embedded(
    pool: Executor, engine: Any, squares: np.ndarray, patience: float = float("inf")
) -> tuple[np.ndarray, float]:
    """Unit vectors of (n, side, side, 3) squares, and the processor seconds of a quarter of them: the least of four,
    because a busy neighbour can only add to it.

    Raises:
        _TooSlow: the first quarter took more than `patience` seconds, as bfloat16 does where it is emulated.
    """

    def work(part: np.ndarray) -> tuple[np.ndarray, float]:
        began = time.thread_time()
        return engine.embed(part), time.thread_time() - began

    vectors, seconds = [], []
    for part in np.array_split(squares, 4):
        made, took = pool.submit(work, part).result()
        if took > patience:
            raise _TooSlow(took)
        vectors.append(made)
        seconds.append(took)
    return unit(np.concatenate(vectors)), min(seconds)


def _photographs(large: int = 0) -> list[bytes]:
    """The photographs of installed packages as JPEG files.

    Args:
        large: a camera's shorter side, in pixels: of three photographs one is left as it is, one gets this size, one
            the size of a thumbnail. 0 leaves all as they are.
    """
    shorter = (0, large, _THUMBNAIL) if large else (0,)
    found = []
    for number, (_, picture) in enumerate(itertools.islice(demo.photographs(), _PROBES)):
        wanted = shorter[number % len(shorter)]
        if wanted:
            scale = wanted / min(picture.size)
            picture = picture.resize([round(scale * side) for side in picture.size], Image.Resampling.BICUBIC)
        buffer = io.BytesIO()
        picture.convert("RGB").save(buffer, "JPEG", quality=92)
        found.append(buffer.getvalue())
    return found


_TITLES = {
    "openvino": "OpenVINO",
    "torch": "torch",
    PACKED: "torch with packed weights",
    OPENVINO_CAREFUL: "OpenVINO with more layers in float32",
    OPENVINO_FLOAT32: "OpenVINO in float32",
    PACKED_FLOAT32: "torch with packed weights in float32",
    FLOAT32: "torch in float32",
}


def judge(backbone: Backbone, ours: np.ndarray, theirs: np.ndarray, engine: str = "openvino") -> EngineVerdict:
    """Compare (n, dim) unit vectors of an engine with those of exact torch."""
    rows = (ours * theirs).sum(1)
    middle = theirs.mean(0)
    centred = float((unit(ours - middle) * unit(theirs - middle)).sum(1).min())
    smallest, mean = float(rows.min()), float(rows.mean())
    fast = backbone.mode == "fast"
    if fast:
        # pictures of each size on their own: what thumbnails lose must not hide behind the others
        mean = min(float(rows[size::_SIZES].mean()) for size in range(_SIZES))
        good = smallest >= FAST_SMALLEST and mean >= FAST_MEAN
        floor = f"at least {FAST_SMALLEST} and {FAST_MEAN} on average"
        seen = f"cosine {smallest:.6f}, {mean:.6f} on average over the worst size, on {len(rows)} photographs"
        what = f"{_TITLES[engine]} in the fast mode"
    else:
        good = min(smallest, centred) >= EXACT
        floor = f"at least {EXACT}"
        seen = f"cosine {smallest:.6f}, {centred:.6f} after the mean is taken out, on {len(rows)} photographs"
        what = _TITLES[engine]
    said, other = f"{what[0].upper()}{what[1:]}", "plain torch" if engine == PACKED else "torch"
    if good:
        return EngineVerdict(True, f"{said} agrees with {other} ({seen}).", smallest, centred, mean)
    after = "" if fast else ", so torch runs it"
    why = f"{said} does not agree with {other} for {backbone.title} ({seen}; {floor} is needed){after}."
    return EngineVerdict(False, why, smallest, centred, mean)


def remembered(backbone: Backbone, engine: str = "openvino", device: str = "cpu") -> EngineVerdict | None:
    """The verdict of an earlier probe of these weights with these versions on this processor; None without one."""
    if library(engine) == "openvino" and not openvino_engine.installed():
        return None
    file = _file(backbone, engine, device)
    try:
        return EngineVerdict(**json.loads(file.read_text(encoding="utf-8"))["verdict"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _remember(backbone: Backbone, engine: str, device: str, verdict: EngineVerdict) -> None:
    said = {
        "backbone": backbone.name,
        "mode": backbone.mode,
        "engine": engine,
        "device": device,
        "conditions": _conditions(backbone),
        "verdict": vars(verdict),
    }
    files.write_json(_file(backbone, engine, device), said)


def _file(backbone: Backbone, engine: str, device: str) -> Any:
    said = json.dumps([_conditions(backbone), backbone.mode, engine, device, _PROBE], sort_keys=True)
    return paths.home() / "engines" / f"verdict-{hashlib.sha256(said.encode()).hexdigest()[:16]}.json"


def _conditions(backbone: Backbone) -> dict[str, Any]:
    """What a verdict depends on."""
    return {
        "backbone": backbone.name,
        "architecture": backbone.architecture,
        "weights": weights.identity(backbone),
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
    said = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    plain = {key.strip(): value.strip() for key, value in said.items()}
    flags = sorted(flag for flag in plain.get("flags", "").split() if flag.startswith(("avx", "amx")))
    return f"{plain.get('model name', platform.machine())}; {' '.join(flags)}"


def sentence() -> str:
    """What embeds on this machine, and why, for people."""
    if not openvino_engine.installed():
        return (
            "Networks run on torch, with weights packed for this processor where that is faster and agrees to a cosine "
            f"of {EXACT}. `pip install -r requirements-fast.txt` adds OpenVINO: the same vectors, faster still on a CPU."
        )
    return (
        f"Networks run on OpenVINO {openvino_engine.version()} where its vectors agree with torch's to a cosine of "
        f"{EXACT} on real photographs, else on torch."
    )
