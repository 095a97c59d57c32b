"""Embedding a dataset: what the store has is found, what is missing is computed, what cannot be read is set aside.

Vectors go to the store batch by batch, so a stop at any moment keeps what was done. Thumbnails are made while a
picture is decoded. Which fingerprint a dataset's embeddings belong to is decided in one place, `stored`.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from core import backbones, data, paths
from core.backbones import encode
from core.backbones.engines import names as engine_names
from core.backbones.engines import select
from core.data import attached_vectors, dataset_table, images, library
from core.errors import BadInput, StoreMismatch
from core.progress import Progress
from core.store import Store, Writer, open_store
from core.task import NO_TASK, Task
from core.types import Backbone, Dataset, Embeddings

_log = logging.getLogger("fusionscope")
_THUMBNAILS_AT_ONCE = 64


@dataclass(frozen=True)
class Stored:
    """The vectors that stand for a backbone on a dataset."""

    backbone: str
    fingerprint: str
    dim: int
    n_images: int
    engine: str


@dataclass(frozen=True)
class EmbeddingReport:
    """What embedding did.

    Attributes:
        dataset: the dataset, without the images that turned out unreadable.
        found: backbone → images whose vectors were in the store already.
        computed: backbone → images embedded now.
        quarantined: (path, reason) of pictures that cannot be decoded; they left the dataset.
        unread: (path, reason) of files that could not be opened just now; they stay in the dataset.
        seconds: how long it took, loading included.
        images_per_second: pictures per second through all missing backbones, loading excluded.
        engine: backbone → what ran it, in words.
    """

    dataset: Dataset
    found: Mapping[str, int]
    computed: Mapping[str, int]
    quarantined: tuple[tuple[str, str], ...] = ()
    unread: tuple[tuple[str, str], ...] = ()
    seconds: float = 0.0
    images_per_second: float = 0.0
    engine: Mapping[str, str] = field(default_factory=dict)

    def sentence(self) -> str:
        """What was found, what was computed, what could not be read."""
        parts = []
        for name, computed in self.computed.items():
            parts.append(f"{name}: {self.found[name]:,} found, {computed:,} computed")
        words = f"{self.dataset.name}: {len(self.dataset):,} images. " + "; ".join(parts) + "."
        if self.images_per_second:
            words += f" {self.images_per_second:,.1f} images per second through all that was missing."
        if self.quarantined:
            words += f" {len(self.quarantined):,} files are no pictures that can be read; they are set aside."
        if self.unread:
            words += f" {len(self.unread):,} files could not be opened just now; embed again when they are back."
        return words


def embed(
    dataset: Dataset,
    names: Sequence[str],
    *,
    device: str | None = None,
    task: Task = NO_TASK,
    on_backbone_done: Callable[[str], None] | None = None,
    store: Store | None = None,
    workers: int | None = None,
) -> EmbeddingReport:
    """Compute what is missing of a dataset's embeddings.

    Args:
        dataset: loaded; its pictures are read again, each once for all backbones.
        names: backbones; those that are complete are only counted.
        device: "cpu", "cuda", "mps"; the best by default.
        task: told several times a second, with the rate and the time left for all of the work; cancelled after each
            chunk, what was finished is kept.
        on_backbone_done: told the name of each backbone as its last vector is in the store.
    Raises:
        UnknownName, WeightsMissing, StoreUnusable, BadInput, Cancelled: one sentence each.
    """
    run = _Run(dataset, store or open_store(), task, on_backbone_done)
    with ExitStack() as stack:
        run.open_writers(stack, names, device)
        if not run.lacking:
            return run.report()
        run.load_engines(device, workers or paths.cpu_count())
        run.compute(workers)
    return run.report()


def stored(dataset: Dataset, backbone: Backbone, store: Store | None = None) -> Stored:
    """Which vectors stand for a backbone on a dataset: the one place where that is decided.

    Exact vectors of several engines agree to a cosine of 0.9999 or better, but they are never mixed. The engine that
    has embedded the most images of this dataset stands for the backbone, and goes on with it when images are added;
    on a tie (nothing is there yet, or both are complete) it is the engine that would be used now.

    Where the weights are not on this machine any more (a hub cache that was cleared), nobody knows which revision they
    had. Vectors that were computed still stand: those whose record is the same in everything but the weights, the
    newest first.

    Raises:
        StoreMismatch: what the store has of it is damaged, and nothing else stands for it.
    """
    store = store or open_store()
    given = attached_vectors.present(dataset, backbone.name)
    if given is not None:
        return Stored(backbone.name, "", given[1], given[0], "imported")
    best = damage = None
    for engine in select.engine_names(backbone):
        for fingerprint in _fingerprints(backbone, engine, store):
            try:
                count = store.count(dataset, fingerprint)
            except StoreMismatch as error:
                damage = error
                continue
            if best is None or count > best.n_images:
                best = Stored(backbone.name, fingerprint, backbone.dim, count, engine)
            if count == len(dataset):
                return best
    if damage and not (best and best.n_images):
        raise damage
    return best


def _fingerprints(backbone: Backbone, engine: str, store: Store) -> list[str]:
    """The fingerprint of a backbone; where its weights are unknown, also those that differ in the weights alone."""
    fingerprint, record = backbones.fingerprint(backbone, engine)
    if "missing" not in record["weights"]:
        return [fingerprint]
    plain = {**record, "weights": None}
    alike = (held["fingerprint"] for held in store.records() if {**held["record"], "weights": None} == plain)
    return list(dict.fromkeys([fingerprint, *alike]))


def remove(name: str, dataset: Dataset | None = None, store: Store | None = None) -> int:
    """Take the embeddings of a backbone out of the store: of every engine and revision of its weights.

    Embeddings belong to image content, so another dataset with the same pictures loses theirs too.

    Args:
        dataset: whose images; None for every image that the store has.
    Returns:
        vectors that were taken away.
    Raises:
        StoreUnusable: somebody embeds with that backbone now, or the store is read-only.
    """
    store = store or open_store()
    keys = None if dataset is None else [key.decode() for key in np.asarray(dataset.keys, "S64").tolist()]
    held = [one["fingerprint"] for one in store.records() if one["record"].get("name") == name]
    return sum(store.remove(fingerprint, keys) for fingerprint in held)


def status(dataset: Dataset, store: Store | None = None) -> list[Stored]:
    """What the store has of a dataset, a row for each backbone that has at least one image, in catalog order.

    A backbone whose part of the store is damaged has none; `faults` tells of it.
    """
    store = store or open_store()
    rows = []
    for backbone in [*map(backbones.get, backbones.names()), *attached_vectors.backbones(dataset)]:
        try:
            rows.append(stored(dataset, backbone, store))
        except StoreMismatch as error:
            _log.warning("%s counts as not embedded: %s", backbone.name, error)
    return [row for row in rows if row.n_images]


def damage_report(dataset: Dataset, store: Store | None = None) -> tuple[str, ...]:
    """A sentence for each damaged part of the store that was met, and for each damaged file of attached vectors."""
    return (*(store or open_store()).damage_report(), *attached_vectors.damage_report(dataset))


def find(dataset: Dataset, name: str) -> Backbone:
    """The record of a backbone: of vectors attached to this dataset, else of the catalog.

    Raises:
        UnknownName: with the nearest names.
        StoreMismatch: vectors of that name are attached, and damaged.
    """
    return attached_vectors.find(dataset, name) or backbones.get(name)


def embeddings(dataset: Dataset, name: str, store: Store | None = None) -> Embeddings:
    """The embeddings of a dataset by one backbone, in dataset order.

    Raises:
        NotComputed: some are missing; the sentence is the command that makes them.
    """
    store = store or open_store()
    held = stored(dataset, find(dataset, name), store)
    return store.embeddings(dataset, name, held.fingerprint, held.dim)


class _Run:
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
        self.current = dataset
        self.thumbnails: dict[str, dict[str, bytes]] = {}
        self.lock = threading.Lock()
        self.tell = _ProgressReporter(task)

    # -- before

    def open_writers(self, stack: ExitStack, names: Iterable[str], device: str | None) -> None:
        """Find what is there; open a writer for each backbone that lacks something."""
        for name in dict.fromkeys(names):
            backbone = self.backbones[name] = find(self.dataset, name)
            held = stored(self.dataset, backbone, self.store)
            self.computed[name] = 0
            self.tell.n_backbones = len(self.backbones)
            if held.n_images == len(self.dataset):
                self.done[name] = set(self.positions)
                self._finished(name)
                continue
            if not backbones.source_of(backbone).embeds:
                raise BadInput(
                    f"The vectors {name!r} lack {len(self.dataset) - held.n_images:,} of the {len(self.dataset):,} "
                    "images; attach them again."
                )
            self._bring_weights(backbone)
            self.tell.say(f"Preparing {backbone.title}", 0, None, "images")
            there = held.n_images > 0 and engine_names.usable(held.engine)
            engine = held.engine if there else select.decide(backbone, device)
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
            self.tell.say(f"Fetching the weights of {backbone.title}", 0, size, "MB")
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
            self.tell.say(f"Loading {self.backbones[name].title}", number, len(self.lacking), "backbones")
            engine = select.build(self.backbones[name], device, self.engine[name], workers)
            self.encoders.append(encode.Encoder(self.backbones[name], engine))

    # -- during

    def compute(self, workers: int | None) -> None:
        """Decode what any backbone lacks, once, and embed it with each that lacks it."""
        lacking = self.lacking
        keys = [key for key in self.positions if any(key not in self.done[name] for name in lacking)]
        without_thumbnail = set(self.store.thumbnails_missing(keys))
        self.tell.plan(self.encoders, lacking, len(keys))
        sources = [encode.EncoderInput(key, self._opener(key)) for key in keys]
        began = time.monotonic()
        try:
            encode.MultiEncoder(self.encoders, workers=workers).run(
                sources,
                self._sink,
                done=self.done,
                on_failure=self._failed,
                on_decoded=lambda key, picture: self._thumbnail(key, picture) if key in without_thumbnail else None,
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
        def open_picture(at_least: int = 0) -> Image.Image:
            """The picture, checked against its key; a file that cannot be read is set aside."""
            position = self.positions[key]
            try:
                content = library.read_checked(self.dataset, position)
            except BadInput as error:
                with self.lock:
                    self.unread[key] = str(error)
                raise
            return images.open_rgb(content, at_least)

        return open_picture

    def _sink(self, name: str, keys: list[str], vectors: np.ndarray) -> None:
        self.writers[name].append(keys, vectors)
        self.computed[name] += len(keys)

    def _failed(self, key: str, reason: str) -> None:
        if key not in self.unread:
            self.bad[key] = reason

    def _thumbnail(self, key: str, picture: Image.Image) -> None:
        made = images.thumbnails(picture)
        with self.lock:
            self.thumbnails[key] = made

    def _put_thumbnails(self, at_least: int) -> None:
        with self.lock:
            if len(self.thumbnails) <= at_least:
                return
            batch, self.thumbnails = self.thumbnails, {}
        self.store.put_thumbnails(batch)

    def _progress(self, name: str, count: int) -> None:
        self._put_thumbnails(_THUMBNAILS_AT_ONCE)
        self.tell.count(name, count)

    def _backbone_done(self, name: str) -> None:
        self.writers[name].close()
        self._quarantine()
        self._finished(name)

    def _finished(self, name: str) -> None:
        self.tell.finished += 1
        if self.on_backbone_done:
            self.on_backbone_done(name)

    # -- after

    def _quarantine(self) -> None:
        """Take the pictures that cannot be decoded out of the dataset, once each."""
        known = {path for path, _ in self.set_aside}
        paths_of = self.dataset.items["path"].tolist()
        new = {
            paths_of[position]: self.bad[key]
            for position, key in enumerate(self.keys)
            if key in self.bad and paths_of[position] not in known
        }
        if not new:
            return
        self.set_aside += sorted(new.items())
        if (paths.datasets() / self.dataset.name / "record.json").is_file():
            self.current = data.quarantine(self.dataset.name, new)
            return
        good = np.array([key not in self.bad for key in self.keys])
        if not good.any():
            raise BadInput(f"None of the {len(self.dataset):,} images of {self.dataset.name!r} can be read.")
        self.current = dataset_table.subset(self.dataset, good)

    def report(self) -> EmbeddingReport:
        """What was done."""
        paths_of = self.dataset.items["path"].tolist()
        found = {name: sum(key in self.done[name] for key in self.keys) for name in self.backbones}
        return EmbeddingReport(
            dataset=self.current,
            found=found,
            computed=dict(self.computed),
            quarantined=tuple(self.set_aside),
            unread=tuple((paths_of[self.positions[key]], reason) for key, reason in self.unread.items()),
            seconds=time.monotonic() - self.started,
            images_per_second=self.computing,
            engine={e.name: f"{e.engine.name} on {e.engine.device}" for e in self.encoders},
        )


class _ProgressReporter:
    """Turns counts of different kinds of work into one estimate of the time left.

    Decoding one picture counts as one unit of work, a forward pass as many as the backbone's effort suggests; as soon
    as both have been seen, measured seconds per picture take over.
    """

    DECODING = ""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.finished = self.n_backbones = 0
        self.titles: dict[str, str] = {}
        self.total: dict[str, int] = {}
        self.done: dict[str, int] = {}
        self.guess: dict[str, float] = {}
        self.seconds: dict[str, float] = {}
        self.last = self.told = 0.0

    def say(self, stage: str, done: int, total: int | None, unit: str) -> None:
        """A stage without a rate."""
        self.task.report(Progress(stage, done, total, unit))

    def plan(self, encoders: Sequence[encode.Encoder], lacking: Mapping[str, int], n_decoded: int) -> None:
        """What there is to do, and the first guess of what a picture costs in each stage (s, one core)."""
        self.titles = {self.DECODING: "Reading pictures", **{e.name: e.backbone.title for e in encoders}}
        self.total = {self.DECODING: n_decoded, **{e.name: lacking[e.name] for e in encoders}}
        self.done = dict.fromkeys(self.total, 0)
        self.seconds = dict.fromkeys(self.total, 0.0)
        self.guess = {self.DECODING: 0.012, **{e.name: 0.001 + 0.003 * e.effort for e in encoders}}
        self.last = time.monotonic()

    def count(self, name: str, count: int) -> None:
        """`count` more pictures are through this stage."""
        now = time.monotonic()
        self.seconds[name] += now - self.last
        self.done[name] += count
        self.last = now
        if now - self.told > 0.2 or self.done[name] == self.total[name]:
            self.told = now
            self.task.report(self._now(name))

    def _now(self, name: str) -> Progress:
        scale = self._scale()
        left = sum((self.total[n] - self.done[n]) * self._cost(n, scale) for n in self.total)
        rate = self.done[name] / self.seconds[name] if self.seconds[name] > 0.2 else 0.0
        note = f"{self.finished} of {self.n_backbones} backbones complete" if self.n_backbones > 1 else ""
        return Progress(self.titles[name], self.done[name], self.total[name], "images", rate, left, note)

    def _scale(self) -> float:
        """How much dearer this machine is than the guess, from the stages seen so far."""
        guessed = sum(self.done[n] * self.guess[n] for n in self.total)
        return sum(self.seconds.values()) / guessed if guessed > 0 else 1.0

    def _cost(self, name: str, scale: float) -> float:
        if self.done[name] >= 32 and self.seconds[name] > 0:
            return self.seconds[name] / self.done[name]
        return self.guess[name] * scale
