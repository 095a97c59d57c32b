"""Whether an engine agrees with exact torch on real photographs, and whether it is worth it."""

from __future__ import annotations

import io
import itertools
import time
from concurrent.futures import Executor
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from core.backbones import preprocessing, threads
from core.backbones.engines import names, openvino_engine, torch_engine
from core.backbones.sources import Engine, source_of
from core.data import demo, images
from core.types import Backbone, unit

EXACT = 0.9999
FAST_SMALLEST, FAST_MEAN = 0.985, 0.999
GAIN = 1.1
"""How many times less processor time torch's own bfloat16 must take than plain torch: what is not faster is not worth
it. Processors without bfloat16 emulate it, slowly."""
_PATIENCE, _WARMING = 5, 2.0
"""How many times the processor time of plain torch the first quarter of the probe may take before it is given up, beside
the seconds that a library may need to prepare itself."""
_PROBES, _SIZES, _THUMBNAIL = 16, 3, 130
_TITLES = {
    names.OPENVINO: "OpenVINO",
    names.TORCH: "torch",
    names.OPENVINO_CAREFUL: "OpenVINO with more layers in float32",
    names.OPENVINO_FLOAT32: "OpenVINO in float32",
    names.FLOAT32: "torch in float32",
}


@dataclass(frozen=True)
class EngineVerdict:
    """What a probe found: whether an engine is used, and why or why not, in one sentence."""

    accepted: bool
    why: str
    smallest: float = float("nan")
    centred: float = float("nan")
    mean: float = float("nan")
    gain: float = float("nan")


def build_named(
    backbone: Backbone, engine: str, device: str | None = None, workers: int = 1, threads: int = 1
) -> Engine:
    """The engine of that name, with the weights loaded.

    Args:
        device: "cpu", "cuda", "mps"; the best by default.
        workers: how many threads will use it at once.
        threads: intra-op threads of each of them (torch takes its own setting).
    Raises:
        WeightsMissing, BadInput: as `Source.load`; a device that is not there.
    """
    source = source_of(backbone)
    source.require(backbone)
    if source.engine:
        return source.build_engine(backbone)
    precision = names.precision(engine, backbone.mode)
    float32 = names.float32_convolutions(engine, backbone.mode)
    if names.library(engine) == names.OPENVINO:
        return openvino_engine.OpenVinoEngine(backbone, precision, workers, threads, float32)
    device = torch_engine.pick_device(device)
    torch_engine.tune_process()
    return torch_engine.TorchEngine(source.load(backbone), backbone, device, precision, float32)


def probe(backbone: Backbone, engine: str = names.OPENVINO, device: str = "cpu") -> EngineVerdict:
    """Embed real photographs with an engine and, exactly, with torch; compare. Decoding and resizing are part of it."""
    geometry = preprocessing.preprocessing_of(backbone).geometry
    exact, view = preprocessing.ImageView(False, geometry), preprocessing.ImageView(backbone.mode == "fast", geometry)
    files = _photographs(2 * view.at_least)  # the fewest pixels that it decodes at a half
    squares = np.stack([exact.square(images.open_rgb(file)) for file in files])
    torch_engine.tune_process()
    reference = torch_engine.TorchEngine(source_of(backbone).load(backbone), backbone)
    timed = engine == names.TORCH and device == "cpu"
    with threads.workers(1) as pool:
        theirs, plain = _embedded(pool, reference, squares)
        if view.fast:
            squares = np.stack([view.square(images.open_rgb(file, view.at_least)) for file in files])
        try:
            patience = _PATIENCE * plain + _WARMING if timed else float("inf")
            ours, seconds = _embedded(pool, build_named(backbone, engine, device), squares, patience)
        except _TooSlow as slow:
            return EngineVerdict(False, _not_faster(backbone, plain / slow.seconds), gain=plain / slow.seconds)
        except Exception as error:  # a network that cannot be converted is a reason to use torch, not an error
            why = f"{_title(engine)} cannot run {backbone.title} ({type(error).__name__})"
            return EngineVerdict(False, f"{why}{'' if view.fast else ', so torch does'}.")
    verdict = verdict_of(backbone, ours, theirs, engine)
    if not verdict.accepted or not timed:
        return verdict
    gain = plain / seconds
    if gain >= GAIN:
        return replace(
            verdict, gain=gain, why=f"{verdict.why[:-1]} and takes {1 / gain:.0%} of its processor time here."
        )
    return replace(verdict, accepted=False, gain=gain, why=_not_faster(backbone, gain))


def _title(engine: str) -> str:
    return _TITLES[engine][0].upper() + _TITLES[engine][1:]


def _not_faster(backbone: Backbone, gain: float) -> str:
    return f"Bfloat16 is not faster here for {backbone.title} ({gain:.2f} times)."


class _TooSlow(Exception):
    """A quarter took longer than anybody would wait for; `seconds` of processor time."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"{seconds:.1f} s")
        self.seconds = seconds


def _embedded(
    pool: Executor, engine: Engine, squares: np.ndarray, patience: float = float("inf")
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
        rows, took = pool.submit(work, part).result()
        if took > patience:
            raise _TooSlow(took)
        vectors.append(rows)
        seconds.append(took)
    return unit(np.concatenate(vectors)), min(seconds)


def _photographs(large: int = 0) -> list[bytes]:
    """The photographs of installed packages as JPEG files.

    Args:
        large: a camera's shorter side, in pixels: of three photographs one is left as it is, one gets this size, one
            the size of a thumbnail. 0 leaves all as they are.
    """
    shorter = (0, large, _THUMBNAIL) if large else (0,)
    files = []
    for number, (_, image) in enumerate(itertools.islice(demo.photographs(), _PROBES)):
        wanted = shorter[number % len(shorter)]
        if wanted:
            scale = wanted / min(image.size)
            image = image.resize([round(scale * side) for side in image.size], Image.Resampling.BICUBIC)
        buffer = io.BytesIO()
        image.convert("RGB").save(buffer, "JPEG", quality=92)
        files.append(buffer.getvalue())
    return files


def verdict_of(backbone: Backbone, ours: np.ndarray, theirs: np.ndarray, engine: str = names.OPENVINO) -> EngineVerdict:
    """Compare (n, dim) unit vectors of an engine with those of exact torch."""
    rows = (ours * theirs).sum(1)
    middle = theirs.mean(0)
    centred = float((unit(ours - middle) * unit(theirs - middle)).sum(1).min())
    smallest, mean = float(rows.min()), float(rows.mean())
    title = _title(engine)
    if backbone.mode == "fast":
        # images of each size on their own: what thumbnails lose must not hide behind the others
        mean = min(float(rows[size::_SIZES].mean()) for size in range(_SIZES))
        accepted = smallest >= FAST_SMALLEST and mean >= FAST_MEAN
        floor, after = f"at least {FAST_SMALLEST} and {FAST_MEAN} on average", ""
        figures = f"cosine {smallest:.6f}, {mean:.6f} on average over the worst size, on {len(rows)} photographs"
        title += " in the fast mode"
    else:
        accepted = min(smallest, centred) >= EXACT
        floor, after = f"at least {EXACT}", ", so torch runs it"
        figures = f"cosine {smallest:.6f}, {centred:.6f} after the mean is taken out, on {len(rows)} photographs"
    why = f"{title} agrees with torch ({figures})."
    if not accepted:
        why = f"{title} does not agree with torch for {backbone.title} ({figures}; {floor} is needed){after}."
    return EngineVerdict(accepted, why, smallest, centred, mean)
