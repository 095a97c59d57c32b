"""What a backbone costs on this machine, measured here: latency, throughput, weights, parameters, memory.

Measurements are kept with machine, threads, library versions and date, and are shown as measured here; published
figures never are.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import platform
import re
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from core import backbones, compat, files, paths
from core.access import gated
from core.backbones import encode
from core.backbones.engines import select
from core.backbones.query_encoding import QueryEncoder
from core.backbones.sources import Engine
from core.data import demo, images, read_bytes
from core.errors import BadInput
from core.progress import Progress
from core.task import NO_TASK, Task
from core.types import Backbone, Dataset

if TYPE_CHECKING:
    from PIL import Image

_SECONDS_A_MILLION = 0.0025
"""About what a network takes of one core for an image of 224 pixels, per million parameters."""
_SECONDS_AN_IMAGE = 0.02
"""About what reading one image takes of one core."""
_LIBRARIES = ("torch", "timm", "open_clip_torch", "openvino", "pillow", "numpy")


@dataclass(frozen=True)
class MeasuredCost:
    """One backbone, measured on one machine.

    Attributes:
        latency_ms, latency_p95_ms: a single image file, bytes to vector, warm: median and 95th percentile.
        images_per_second: many images through the embedding loop, decoding included.
        megabytes: weights on disk; parameters in millions.
        peak_megabytes: the most memory that the process held while embedding, less what it held before loading.
        threads: workers of the throughput figure; the latency uses as many intra-op threads.
    """

    backbone: str
    fingerprint: str
    engine: str
    device: str
    latency_ms: float
    latency_p95_ms: float
    images_per_second: float
    megabytes: float
    parameters: float
    peak_megabytes: float
    n_images: int
    threads: int
    processor: str
    system: str
    versions: dict[str, str]
    date: str

    def sentence(self) -> str:
        """Measured here, when, on what."""
        return (
            f"measured here, {self.date}: {self.latency_ms:.1f} ms an image (95 % within {self.latency_p95_ms:.1f} ms), "
            f"{self.images_per_second:.1f} images per second with {self.threads} threads, {self.engine} on {self.device}"
        )


@gated("backbone.measure")
def measure(
    name: str,
    dataset: Dataset | None = None,
    *,
    n_images: int = 32,
    device: str | None = None,
    task: Task = NO_TASK,
) -> MeasuredCost:
    """Measure a backbone with images of a dataset (by default the photographs of installed packages), and keep it.

    Raises:
        UnknownName, WeightsMissing, BadInput: no image could be read.
    """
    backbone = backbones.get(name)
    contents = _files(dataset, n_images)
    threads = paths.cpu_count()
    task.report(Progress(f"Loading {backbone.title}", 0, 3, "steps"))
    with PeakMemory() as peak:
        encoder = backbones.query_encoder(name, device)
        task.report(Progress(f"Timing single images with {backbone.title}", 1, 3, "steps"))
        times = _latencies(encoder, contents, task)
        task.report(Progress(f"Timing many images with {backbone.title}", 2, 3, "steps"))
        engine = select.build(backbone, device, workers=threads)
        rate = _throughput(backbone, engine, contents, threads, task)
    cost = MeasuredCost(
        backbone=name,
        fingerprint=backbones.fingerprint(backbone)[0],
        engine=engine.name,
        device=engine.device,
        latency_ms=float(np.median(times)),
        latency_p95_ms=float(np.percentile(times, 95)),
        images_per_second=rate,
        megabytes=round(backbones.source_of(backbone).megabytes(backbone), 1),
        parameters=backbone.parameters,
        peak_megabytes=round(peak.megabytes),
        n_images=len(contents),
        threads=threads,
        processor=select.processor(),
        system=platform.platform(),
        versions=compat.versions(_LIBRARIES),
        date=datetime.date.today().isoformat(),
    )
    _keep(cost)
    task.report(Progress(f"Measured {backbone.title}", 3, 3, "steps"))
    return cost


def measured(name: str) -> MeasuredCost | None:
    """The kept measurement of a backbone on this machine; None when there is none, or another processor made it."""
    try:
        cost = MeasuredCost(**json.loads(_file(name).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return cost if cost.processor == select.processor() else None


def seconds_per_image(backbone: Backbone) -> tuple[float, bool]:
    """About what embedding one of many images takes on this machine, in seconds, and whether that was measured here.

    What was not measured is guessed from the size of the network and of what it sees, on all cores.
    """
    cost = measured(backbone.name)
    if cost is not None and cost.images_per_second > 0:
        return 1 / cost.images_per_second, True
    work = _SECONDS_A_MILLION * backbone.parameters * (max(backbone.image_size, 1) / 224) ** 2
    return (_SECONDS_AN_IMAGE + work) / paths.cpu_count(), False


def _files(dataset: Dataset | None, n_images: int) -> list[bytes]:
    """File contents: spread over the dataset, those that cannot be read left out."""
    if dataset is None:
        return [_as_jpeg(image) for _, image in demo.photographs()][:n_images]
    contents: list[bytes] = []
    for position in np.unique(np.linspace(0, len(dataset) - 1, min(n_images, len(dataset))).astype(int)):
        try:
            content = read_bytes(dataset, int(position))
            images.header(content)
        except BadInput:
            continue
        contents.append(content)
    if not contents:
        raise BadInput(f"No image of {dataset.name!r} can be read; measure with another dataset.")
    return contents


def _as_jpeg(image: Image.Image) -> bytes:
    import io

    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def _latencies(encoder: QueryEncoder, files: Sequence[bytes], task: Task) -> list[float]:
    """Milliseconds of each image, bytes to vector, after two that warm up."""
    times: list[float] = []
    for number, content in enumerate([*files[:2], *files]):
        task.check()
        began = time.perf_counter()
        encoder.encode([images.open_rgb(content, encoder.view.at_least)])
        if number >= 2:
            times.append((time.perf_counter() - began) * 1000)
    return times


def _throughput(backbone: Backbone, engine: Engine, files: Sequence[bytes], threads: int, task: Task) -> float:
    """Images per second of the embedding loop, after a chunk for each worker that warms it up."""
    sources = [
        encode.EncoderInput(str(n), lambda at_least=0, content=content: images.open_rgb(content, at_least))
        for n, content in enumerate(files)
    ]
    loop = encode.MultiEncoder([encode.Encoder(backbone, engine)], workers=threads)
    loop.run(sources[: engine.chunk * threads], lambda *_: None, task=task)
    began = time.perf_counter()
    loop.run(sources, lambda *_: None, task=task)
    return len(files) / (time.perf_counter() - began)


class PeakMemory:
    """The most resident memory while a block runs, above what was held before it, in MB; looked at 50 times a second."""

    def __enter__(self) -> PeakMemory:
        import psutil

        self._process = psutil.Process(os.getpid())
        self._before = self._most = self._process.memory_info().rss
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def _look(self) -> None:
        while not self._stop.wait(0.02):
            self._most = max(self._most, self._process.memory_info().rss)

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    @property
    def megabytes(self) -> float:
        """The most that was held, less what was held before, in MB."""
        return (self._most - self._before) / 1e6


def _file(name: str) -> Path:
    slug = re.sub(r"[^A-Za-z0-9._-]+", "-", name)[:60]
    return paths.measurements() / f"{slug}-{hashlib.sha256(name.encode()).hexdigest()[:8]}.json"


def _keep(cost: MeasuredCost) -> None:
    files.write_json(_file(cost.backbone), asdict(cost))
