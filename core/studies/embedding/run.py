"""One run of embedding: what the store lacks is decoded once and embedded by every backbone that lacks it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack

import numpy as np
from PIL import Image

from core import backbones, data, paths
from core.backbones import encode
from core.backbones.engines import names as engine_names
from core.backbones.engines import select
from core.data import dataset_table, image_bytes, images
from core.errors import BadInput
from core.store import Store, Writer
from core.studies.embedding import derived, stored_vectors
from core.studies.embedding.report import EmbeddingReport, ProgressReporter
from core.task import Task
from core.types import Backbone, Dataset
from core.wording import plural

_THUMBNAILS_AT_ONCE = 64


class EmbeddingRun:
    """One call of `embed`."""

    def __init__(
        self,
        dataset: Dataset,
        store: Store,
        task: Task,
        on_backbone_done: Callable[[str], None] | None,
    ) -> None:
        self.dataset, self.store, self.task = dataset, store, task
        self.on_backbone_done = on_backbone_done
        self.started = time.monotonic()
        self.computing = 0.0
        self.keys = [key.decode() for key in np.asarray(dataset.keys, "S64").tolist()]
        self.positions: dict[str, int] = {}
        for position, key in enumerate(self.keys):
            self.positions.setdefault(key, position)
        self.backbones: dict[str, Backbone] = {}
        self.engine: dict[str, str | None] = {}
        self.writers: dict[str, Writer] = {}
        self.done: dict[str, set[str]] = {}
        self.computed: dict[str, int] = {}
        self.encoders: list[encode.Encoder] = []
        self.bad: dict[str, str] = {}
        self.unread: dict[str, str] = {}
        self.set_aside: list[tuple[str, str]] = []
        self.bad_ids: set[str] = set()
        self.current = dataset
        self.thumbnails: dict[str, dict[str, bytes]] = {}
        self.lock = threading.Lock()
        self.reporter = ProgressReporter(task)

    # -- before

    def open_writers(self, stack: ExitStack, names: Iterable[str], device: str | None) -> None:
        """See what is there; open a writer for each backbone that lacks something."""
        for name in dict.fromkeys(names):
            backbone = self.backbones[name] = stored_vectors.find(self.dataset, name)
            self.computed[name] = derived.fill(self.dataset, backbone, self.store)
            best = stored_vectors.stored(self.dataset, backbone, self.store)
            self.reporter.n_backbones = len(self.backbones)
            if best.n_images == len(self.dataset):
                self.done[name] = set(self.positions)
                self._finished(name)
                continue
            if not backbones.source_of(backbone).embeds:
                raise BadInput(
                    f"The vectors {name!r} lack {len(self.dataset) - best.n_images:,} of the {len(self.dataset):,} "
                    "images; attach them again."
                )
            self._bring_weights(backbone)
            self.reporter.say(f"Preparing {backbone.title}", 0, None, "images")
            goes_on = best.n_images > 0 and engine_names.usable(best.engine)
            engine = best.engine if goes_on else select.decide(backbone, device)
            self.engine[name] = engine
            fingerprint, record = backbones.fingerprint(backbone, engine)
            writer = stack.enter_context(self.store.writer(fingerprint, record, backbone.dim))
            self.writers[name], self.done[name] = writer, writer.done(self.positions)

    def _bring_weights(self, backbone: Backbone) -> None:
        """Weights first: the fingerprint holds their revision, which is known when they are here."""
        source = backbones.source_of(backbone)
        source.require(backbone)
        if not source.available(backbone)[0]:
            size = round(source.megabytes(backbone))
            self.reporter.say(f"Fetching the weights of {backbone.title}", 0, size, "MB")
            source.fetch(backbone)

    @property
    def lacking(self) -> dict[str, int]:
        """Backbone → how many contents it lacks."""
        missing = {name: len(self.positions) - len(done) for name, done in self.done.items()}
        return {name: count for name, count in missing.items() if count}

    def load_engines(self, device: str | None, workers: int) -> None:
        """The engine of each backbone that lacks something."""
        for number, name in enumerate(self.lacking):
            self.task.check()
            backbones.source_of(self.backbones[name]).prepare(self.backbones[name], self.task)
            self.reporter.say(f"Loading {self.backbones[name].title}", number, len(self.lacking), "backbones")
            engine = select.build(self.backbones[name], device, self.engine[name], workers)
            self.encoders.append(encode.Encoder(self.backbones[name], engine))

    # -- during

    def compute(self, workers: int | None) -> None:
        """Decode what any backbone lacks, once, and embed it with each that lacks it."""
        lacking = self.lacking
        keys = [key for key in self.positions if any(key not in self.done[name] for name in lacking)]
        without_thumbnail = set(self.store.thumbnails_missing(keys))
        self.reporter.plan(self.encoders, lacking, len(keys))
        sources = [encode.EncoderInput(key, self._opener(key)) for key in keys]
        began = time.monotonic()
        try:
            encode.MultiEncoder(self.encoders, workers=workers).run(
                sources,
                self._sink,
                done=self.done,
                on_failure=self._failed,
                on_decoded=lambda key, image: self._thumbnail(key, image) if key in without_thumbnail else None,
                on_count=self._progress,
                on_backbone=self._backbone_done,
                task=self.task,
            )
        finally:
            self._put_thumbnails(0)
            self._quarantine()
            spent = time.monotonic() - began
            self.computing = (len(keys) - len(self.bad) - len(self.unread)) / spent if spent > 0 else 0.0

    def _opener(self, key: str) -> Callable[..., Image.Image]:
        def open_image(at_least: int = 0) -> Image.Image:
            """The image, checked against its key; a file that cannot be read is set aside."""
            position = self.positions[key]
            try:
                content = image_bytes.read_checked(self.dataset, position)
            except BadInput as error:
                with self.lock:
                    self.unread[key] = str(error)
                raise
            return images.open_rgb(content, at_least)

        return open_image

    def _sink(self, name: str, keys: list[str], vectors: np.ndarray) -> None:
        self.writers[name].append(keys, vectors)
        self.computed[name] += len(keys)

    def _failed(self, key: str, reason: str) -> None:
        if key not in self.unread:
            self.bad[key] = reason

    def _thumbnail(self, key: str, image: Image.Image) -> None:
        thumbnails = images.thumbnails(image)
        with self.lock:
            self.thumbnails[key] = thumbnails

    def _put_thumbnails(self, at_least: int) -> None:
        with self.lock:
            if len(self.thumbnails) <= at_least:
                return
            batch, self.thumbnails = self.thumbnails, {}
        self.store.put_thumbnails(batch)

    def _progress(self, name: str, count: int) -> None:
        self._put_thumbnails(_THUMBNAILS_AT_ONCE)
        self.reporter.count(name, count)

    def _backbone_done(self, name: str) -> None:
        self.writers[name].close()
        self._quarantine()
        self._finished(name)

    def _finished(self, name: str) -> None:
        self.reporter.finished += 1
        if self.on_backbone_done:
            self.on_backbone_done(name)

    # -- after

    def _quarantine(self) -> None:
        """Take the images that cannot be decoded out of the dataset, once each."""
        ids, reported = self.dataset.ids.tolist(), self.bad_ids
        # By id: images of one archive share its path, and one bad member must not take the others along.
        new = {
            ids[position]: self.bad[key]
            for position, key in enumerate(self.keys)
            if key in self.bad and ids[position] not in reported
        }
        if not new:
            return
        reported.update(new)
        names = image_bytes.display_paths(self.dataset)
        self.set_aside += sorted((names[position], new[text]) for position, text in enumerate(ids) if text in new)
        if (paths.datasets() / self.dataset.name / "record.json").is_file():
            self.current = data.quarantine(self.dataset.name, new)
            return
        good = np.array([key not in self.bad for key in self.keys])
        if not good.any():
            raise BadInput(f"None of the {plural(len(self.dataset), 'image')} of {self.dataset.name!r} can be read.")
        self.current = dataset_table.subset(self.dataset, good)

    def report(self) -> EmbeddingReport:
        """What was done."""
        paths_of = self.dataset.items["path"].tolist()
        present = {name: sum(key in self.done[name] for key in self.keys) for name in self.backbones}
        return EmbeddingReport(
            dataset=self.current,
            present=present,
            computed=dict(self.computed),
            quarantined=tuple(self.set_aside),
            unread=tuple((paths_of[self.positions[key]], reason) for key, reason in self.unread.items()),
            seconds=time.monotonic() - self.started,
            images_per_second=self.computing,
            engine={e.name: f"{e.engine.name} on {e.engine.device}" for e in self.encoders},
        )
