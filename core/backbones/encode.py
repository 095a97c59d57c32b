"""Many images through several backbones: decoded once, resized once per geometry, by workers of one thread each.

Images go through in blocks that fit in memory. Of each block every image is decoded and cut to what each backbone
sees; then one backbone after the other embeds the whole block, the quickest first, so that the first results are there
early. On a CPU nothing would be won by decoding during the forward passes: all cores are busy anyway. Where a backbone
runs on an accelerator, the next block is decoded meanwhile.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from core import paths
from core.backbones import threads
from core.backbones.preprocessing import Geometry, ImageView
from core.backbones.sources import Engine
from core.data import images
from core.errors import BadInput
from core.task import NO_TASK, Task
from core.types import Backbone, unit

Sink = Callable[[str, list[str], np.ndarray], None]
"""(backbone name, keys, (n, dim) float32 unit vectors): called from the thread that called `run`."""


@dataclass(frozen=True)
class EncoderInput:
    """One image to embed: the key of its content, and how its pixels are got (raises BadInput with the reason).

    `open()` gives the image in full; the fast mode calls `open(at_least)` with the fewest pixels that its shorter
    side may have (see `core.data.images.open_rgb`).
    """

    key: str
    open: Callable[..., Image.Image]


@dataclass(frozen=True)
class Encoder:
    """A backbone with the engine that runs it. The fast mode allows reduced decoding and the cheaper resize."""

    backbone: Backbone
    engine: Engine

    @property
    def name(self) -> str:
        """The backbone's own name."""
        return self.backbone.name

    @property
    def geometry(self) -> Geometry:
        """How images are cut and scaled for it."""
        return self.engine.preprocessing.geometry

    @property
    def view(self) -> ImageView:
        """What it reads of an image: encoders of one view share the square."""
        return ImageView(self.backbone.mode == "fast", self.geometry)

    @property
    def effort(self) -> float:
        """About how much work one image is, in any unit: parameters times pixels; descriptors are cheap."""
        return 1e-3 + self.backbone.parameters * (self.geometry.crop / 224) ** 2


@dataclass
class Counters:
    """What was done: each image is decoded once and resized once per distinct geometry, whatever the backbones.

    In the fast mode it is decoded once per distinct reduction, which is nearly always once.
    """

    decoded: int = 0
    resized: int = 0
    embedded: int = 0
    failed: int = 0


@dataclass
class _Decoded:
    """One image, opened once: its squares by view, or why it could not be opened."""

    squares: dict[ImageView, np.ndarray] = field(default_factory=dict)
    opened: int = 1
    error: str = ""


class MultiEncoder:
    """Embeds images with several backbones in one pass.

    Args:
        encoders: who embeds.
        workers: threads, each with one intra-op thread; by default one per processor that this process may use.
        memory: bytes that one block of squares may take; by default a sixteenth of what is free, within 1/4 and 1 GiB.
    """

    def __init__(
        self,
        encoders: Sequence[Encoder],
        *,
        workers: int | None = None,
        memory: int | None = None,
    ) -> None:
        self.encoders = sorted(encoders, key=lambda encoder: encoder.effort)
        self.workers = workers or paths.cpu_count()
        self.counters = Counters()
        views = {encoder.view for encoder in self.encoders}
        per_image = sum(3 * view.geometry.crop**2 for view in views) or 1
        self.block = max(8 * self.workers, (memory or _memory_for_a_block()) // per_image)

    def run(
        self,
        sources: Sequence[EncoderInput],
        sink: Sink,
        *,
        done: Mapping[str, Collection[str]] | None = None,
        on_failure: Callable[[str, str], None] | None = None,
        on_decoded: Callable[[str, Image.Image], None] | None = None,
        on_count: Callable[[str, int], None] | None = None,
        on_backbone: Callable[[str], None] | None = None,
        task: Task = NO_TASK,
    ) -> Counters:
        """Embed every source with every backbone that has not done it.

        Args:
            sources: one per distinct content.
            sink: gets the vectors, chunk by chunk.
            done: backbone name → keys that it has embedded already.
            on_failure: (key, reason) for an image that cannot be opened; the others go on.
            on_decoded: (key, image), called in a worker while the image is at hand.
            on_count: ("" for decoding, else the backbone's name; images just finished).
            on_backbone: told each backbone that has finished everything.
            task: cancelled after every chunk; progress goes to `on_count`.
        Raises:
            Cancelled: somebody stopped it; what the sink got is done.
        """
        lacking = {e.name: {s.key for s in sources} - set((done or {}).get(e.name, ())) for e in self.encoders}
        todo = [s for s in sources if any(s.key in keys for keys in lacking.values())]
        blocks = [todo[start : start + self.block] for start in range(0, len(todo), self.block)]
        for encoder in self.encoders:
            if on_backbone and not lacking[encoder.name]:
                on_backbone(encoder.name)
        job = _EncodeJob(self, lacking, sink, on_failure, on_decoded, on_count, task)
        with threads.workers(self.workers) as pool, threads.workers(1) as accelerator:
            try:
                for number, decoded in enumerate(job.decoded_blocks(pool, blocks)):
                    # all at once, so that no worker waits while another one ends a backbone's last chunk
                    submitted: dict[Future, Encoder] = {}
                    for encoder in self.encoders:
                        keys = [key for key in decoded if key in lacking[encoder.name]]
                        # a pool of its own, so that it never waits behind the next block's decoding
                        threads_for = pool if encoder.engine.device == "cpu" else accelerator
                        futures = job.submit_embedding(threads_for, encoder, keys, decoded)
                        submitted |= dict.fromkeys(futures, encoder)
                    for encoder in job.collect_embedding(submitted, self.encoders):
                        if on_backbone and lacking[encoder.name] and number == len(blocks) - 1:
                            on_backbone(encoder.name)
            except BaseException:
                job.stop.set()
                raise
        return self.counters


def _memory_for_a_block() -> int:
    import psutil

    return int(min(max(psutil.virtual_memory().available / 16, 2**28), 2**30))


class _EncodeJob:
    """One run: what is asked, and the switch that empties the workers' queue."""

    def __init__(
        self,
        encoder: MultiEncoder,
        lacking: dict[str, set[str]],
        sink: Sink,
        on_failure: Callable[[str, str], None] | None,
        on_decoded: Callable[[str, Image.Image], None] | None,
        on_count: Callable[[str, int], None] | None,
        task: Task,
    ) -> None:
        self.encoder, self.lacking, self.sink, self.task = encoder, lacking, sink, task
        self.on_failure, self.on_decoded, self.on_count = on_failure, on_decoded, on_count
        self.stop = threading.Event()
        self.ahead = any(e.engine.device != "cpu" for e in encoder.encoders)

    def decoded_blocks(
        self, pool: ThreadPoolExecutor, blocks: list[list[EncoderInput]]
    ) -> Iterator[dict[str, _Decoded]]:
        """Block after block, key → squares, images that cannot be opened left out."""
        waiting: list[tuple[Future, ...]] = []
        for number, block in enumerate(blocks):
            if not waiting:
                waiting.append(self._submit_decoding(pool, block))
            futures = waiting.pop()
            decoded = self._collect(futures)
            if self.ahead and number + 1 < len(blocks):
                waiting.append(self._submit_decoding(pool, blocks[number + 1]))
            yield {source.key: decoded[source.key] for source in block if source.key in decoded}

    def _submit_decoding(self, pool: ThreadPoolExecutor, block: list[EncoderInput]) -> tuple[Future, ...]:
        return tuple(pool.submit(self._decode, block[start : start + 4]) for start in range(0, len(block), 4))

    def _collect(self, futures: tuple[Future, ...]) -> dict[str, _Decoded]:
        decoded: dict[str, _Decoded] = {}
        for future in self._ready(futures):
            chunk = future.result()
            for key, image in chunk.items():
                if image.error:
                    self.encoder.counters.failed += 1
                    if self.on_failure:
                        self.on_failure(key, image.error)
                else:
                    self.encoder.counters.decoded += image.opened
                    self.encoder.counters.resized += len(image.squares)
                    decoded[key] = image
            self._tell("", len(chunk))
        return decoded

    def _decode(self, chunk: list[EncoderInput]) -> dict[str, _Decoded]:
        decoded: dict[str, _Decoded] = {}
        for source in chunk:
            if self.stop.is_set():
                break
            decoded[source.key] = self._decode_one(source)
        return decoded

    def _decode_one(self, source: EncoderInput) -> _Decoded:
        views = {e.view for e in self.encoder.encoders if source.key in self.lacking[e.name]}
        by_scale: dict[int, Image.Image] = {}
        full_size = (0, 0)
        squares = {}
        try:
            for view in sorted(views):
                scale = images.draft_scale(full_size, view.at_least)
                if not by_scale:
                    image = source.open(view.at_least) if view.fast else source.open()
                    full_size = image.info.get("full size", (0, 0))
                    scale = images.draft_scale(full_size, view.at_least)
                    by_scale[scale] = image
                    if self.on_decoded:
                        self.on_decoded(source.key, image)
                elif scale not in by_scale:
                    by_scale[scale] = source.open(view.at_least)
                squares[view] = view.square(by_scale[scale])
        except BadInput as error:
            return _Decoded(error=str(error))
        except MemoryError:
            return _Decoded(error="The image needs more memory than there is.")
        return _Decoded(squares, len(by_scale))

    def submit_embedding(
        self, pool: ThreadPoolExecutor, encoder: Encoder, keys: list[str], decoded: dict[str, _Decoded]
    ) -> tuple[Future, ...]:
        """Every key through one backbone, in chunks."""
        size = encoder.engine.chunk
        chunks = [keys[start : start + size] for start in range(0, len(keys), size)]
        return tuple(pool.submit(self._embed, encoder, chunk, decoded) for chunk in chunks)

    def collect_embedding(self, submitted: dict[Future, Encoder], encoders: Sequence[Encoder]) -> Iterator[Encoder]:
        """What the backbones make, to the sink as each chunk is ready; each one of them as it has finished the block."""
        left = Counter(encoder.name for encoder in submitted.values())
        yield from (encoder for encoder in encoders if not left[encoder.name])
        for future in self._ready(submitted):
            encoder = submitted.pop(future)  # with its vectors, which may be many
            finished = future.result()
            if finished is not None:
                self.sink(encoder.name, *finished)
                self._tell(encoder.name, len(finished[0]))
            left[encoder.name] -= 1
            if not left[encoder.name]:
                yield encoder

    def _embed(
        self, encoder: Encoder, keys: list[str], decoded: dict[str, _Decoded]
    ) -> tuple[list[str], np.ndarray] | None:
        if self.stop.is_set():
            return None
        squares = np.stack([decoded[key].squares[encoder.view] for key in keys])
        vectors = encoder.engine.embed(squares)
        if not np.isfinite(vectors).all():
            raise BadInput(
                f"{encoder.backbone.title} gave a number that is not finite: "
                "its weights do not fit, or its precision is too low."
            )
        return keys, unit(vectors)

    def _ready(self, futures: Iterable[Future]) -> Iterator[Future]:
        """Futures as they are ready, and then in the order given; looks at the switch in between."""
        order = {id(future): number for number, future in enumerate(futures)}
        pending = set(futures)
        while pending:
            ready, pending = wait(pending, timeout=0.5, return_when=FIRST_COMPLETED)
            waiting = sorted(ready, key=lambda future: order[id(future)], reverse=True)
            ready.clear()
            while waiting:
                yield waiting.pop()
            self.task.check()

    def _tell(self, name: str, count: int) -> None:
        if name:
            self.encoder.counters.embedded += count
        if self.on_count:
            self.on_count(name, count)
