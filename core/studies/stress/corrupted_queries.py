"""Query images after every step of every corruption: which, under which key, embedded once and kept in the store.

A corrupted image has a content of its own, and so a key of its own: the hash of the image's key, the corruption, its amount
and the seed. Its vector lies in the store under that key, beside the backbone's own ones, in a folder for corrupted images.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image

from core import backbones, paths
from core.access import gated
from core.backbones import encode
from core.backbones.engines import names as engine_names
from core.backbones.engines import select
from core.data import image_bytes, images
from core.data.corruptions import CORRUPTIONS, N_STEPS, Corruption
from core.errors import BadInput, NotComputed
from core.store import Store, Writer, open_store
from core.studies.embedding import stored_vectors
from core.studies.embedding.report import ProgressReporter
from core.task import NO_TASK, Task
from core.types import Backbone, Dataset, Relevance
from core.wording import plural

QUERIES = 100
"""Queries that are corrupted, unless another count is asked for."""
ALL_STEPS = tuple(range(1, N_STEPS + 1))
CODE = 1
"""Raise it when a corruption of the product changes its pixels: everything is then embedded anew."""


@dataclass(frozen=True)
class StressPlan:
    """What is corrupted, and how.

    Attributes:
        queries: (n,) int64 places among the split's queries, rising; all of them have something relevant.
        corruptions: names; steps: which of 1 to 5, rising.
        seed: of the sample and of what is random in a corruption.
    """

    queries: np.ndarray = field(repr=False)
    corruptions: tuple[str, ...]
    steps: tuple[int, ...] = ALL_STEPS
    seed: int = 0

    @property
    def conditions(self) -> tuple[tuple[str, int], ...]:
        """(corruption, step) in the order of all arrays: step by step within a corruption."""
        return tuple((name, step) for name in self.corruptions for step in self.steps)


def plan(
    truth: Relevance,
    corruptions: Sequence[str] = (),
    steps: Sequence[int] = ALL_STEPS,
    n_queries: int = QUERIES,
    seed: int = 0,
) -> StressPlan:
    """A seeded sample of the queries that have something relevant; a larger sample holds every smaller one.

    Args:
        corruptions: names of CORRUPTIONS; none means all.
    Raises:
        UnknownName: no corruption has that name.
        BadInput: a step is not 1 to 5, fewer than two queries are asked for, or none has something relevant.
    """
    chosen = tuple(dict.fromkeys(CORRUPTIONS.get(name).name for name in corruptions)) or CORRUPTIONS.names
    if not steps or not set(steps) <= set(ALL_STEPS):
        raise BadInput(f"Steps are 1 to {N_STEPS}, e.g. 1,3,5; got {', '.join(map(str, steps)) or 'none'}.")
    if n_queries < 2:
        raise BadInput(f"A figure needs two queries or more; got {n_queries}.")
    valid = np.flatnonzero(truth.n_relevant > 0)
    if not len(valid):
        raise BadInput("No query has a relevant image, so nothing can get worse.")
    drawn = np.random.default_rng([seed, 5]).permutation(valid)[:n_queries]
    return StressPlan(np.sort(drawn), chosen, tuple(sorted(set(steps))), seed)


def chosen(truth: Relevance, kinds: Sequence[str], steps: Sequence[str], n_queries: int) -> StressPlan:
    """The plan that a link of the page asks for: none named is all, and what is not there counts as not named."""
    known = [name for name in CORRUPTIONS.names if name in kinds]
    numbers = [step for step in ALL_STEPS if str(step) in steps]
    return plan(truth, known, numbers or ALL_STEPS, n_queries)


def corrupted(dataset: Dataset, position: int, name: str, step: int, seed: int = 0) -> Image.Image:
    """One image after one step.

    Raises:
        BadInput: the original has gone, or cannot be decoded.
    """
    image = images.open_rgb(image_bytes.read_checked(dataset, position))
    return CORRUPTIONS.get(name).apply(image, step, _text_key(dataset, position), seed)


def _text_key(dataset: Dataset, position: int) -> str:
    return np.asarray(dataset.keys, "S64")[position].decode()


def content_key(image_key: str, corruption: Corruption, step: int, seed: int) -> str:
    """64 hex digits that stand for a corrupted image."""
    parts = (image_key, corruption.identity, repr(float(corruption.steps[step - 1])), str(seed), str(CODE))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def keys(dataset: Dataset, made: StressPlan) -> list[list[str]]:
    """For each condition of a plan the keys of its corrupted images, in the order of its queries."""
    positions = dataset.split.queries[made.queries]
    of_images = [key.decode() for key in np.asarray(dataset.keys, "S64")[positions].tolist()]
    return [
        [content_key(key, CORRUPTIONS.get(name), step, made.seed) for key in of_images]
        for name, step in made.conditions
    ]


# ---------------------------------------------------------------- where vectors lie


@dataclass(frozen=True)
class _Folder:
    """Where the corrupted vectors of one backbone lie: those of the engine that its clean ones are of."""

    backbone: Backbone
    engine: str
    fingerprint: str
    record: Mapping[str, Any]


def _folder(dataset: Dataset, name: str, store: Store) -> _Folder:
    backbone = stored_vectors.find(dataset, name)
    if not backbones.source_of(backbone).embeds:
        raise BadInput(
            f"{name!r} are vectors from a file: nobody here can embed a changed image with them. Take them out."
        )
    engine = stored_vectors.stored(dataset, backbone, store).engine
    if not engine_names.usable(engine):
        raise BadInput(
            f"The vectors of {name!r} were made by the engine {engine!r}, which is not on this machine; embed them anew."
        )
    _, record = backbones.fingerprint(backbone, engine)
    fields = {**record, "images": "corrupted"}
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"))
    return _Folder(backbone, engine, hashlib.sha256(text.encode()).hexdigest()[:16], fields)


def refuse_unable(dataset: Dataset, names: Sequence[str], store: Store | None = None) -> None:
    """Raises BadInput where some backbone cannot embed a corrupted image here; why."""
    for name in names:
        _folder(dataset, name, store or open_store())


def lacking(dataset: Dataset, made: StressPlan, names: Sequence[str], store: Store | None = None) -> int:
    """How many corrupted images of a plan some backbone has not embedded yet, summed over backbones."""
    store = store or open_store()
    wanted = [key for row in keys(dataset, made) for key in row]
    total = 0
    for name in names:
        folder = _folder(dataset, name, store)
        rows = store.vectors_of(folder.fingerprint, folder.backbone.dim, wanted)
        total += int(np.isnan(rows[:, 0]).sum())
    return total


def vectors(
    dataset: Dataset, made: StressPlan, names: Sequence[str], store: Store | None = None
) -> dict[str, np.ndarray]:
    """name → (n_conditions, n_queries, dim) float32 unit vectors.

    Raises:
        NotComputed: some are missing; the sentence is the command that makes them.
    """
    store = store or open_store()
    rows_of = keys(dataset, made)
    wanted = [key for row in rows_of for key in row]
    embedded = {}
    for name in names:
        folder = _folder(dataset, name, store)
        rows = store.vectors_of(folder.fingerprint, folder.backbone.dim, wanted)
        missing = int(np.isnan(rows[:, 0]).sum())
        if missing:
            raise NotComputed(
                f"{missing:,} of {plural(len(wanted), 'corrupted image')} are not embedded by {name!r} yet. "
                f"Run `python -m core stress --data {dataset.name} --backbone {name}`."
            )
        embedded[name] = rows.reshape(len(rows_of), len(made.queries), -1)
    return embedded


# ---------------------------------------------------------------- embedding


class _Originals:
    """Images of a dataset, decoded; the last few are kept, since a corrupted image follows the next one of its kind."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self.open = functools.lru_cache(maxsize=16)(self._open)

    def _open(self, position: int) -> Image.Image:
        return images.open_rgb(image_bytes.read_checked(self.dataset, position))


@gated("embed")
def embed(
    dataset: Dataset,
    made: StressPlan,
    names: Sequence[str],
    *,
    device: str | None = None,
    task: Task = NO_TASK,
    store: Store | None = None,
    workers: int | None = None,
) -> int:
    """Embed what the store lacks of a plan, each corrupted image once for all backbones; returns how many vectors.

    A stop at any moment keeps what was done, and a second start goes on from there.

    Raises:
        BadInput: an original has gone or changed; nobody can say what its corrupted image would be.
        WeightsMissing, StoreUnusable, Cancelled: one sentence each.
    """
    with ExitStack() as stack:
        run = _Run(dataset, made, task)
        run.open_writers(stack, names, store or open_store())
        run.load_engines(device, workers or paths.cpu_count())
        if run.encoders:
            run.compute(workers)
    return run.count


class _Run:
    """One call of `embed`."""

    def __init__(self, dataset: Dataset, made: StressPlan, task: Task) -> None:
        self.dataset, self.task = dataset, task
        self.openers = _openers(dataset, made)
        self.reporter = ProgressReporter(task)
        self.folders: dict[str, _Folder] = {}
        self.writers: dict[str, Writer] = {}
        self.done: dict[str, set[str]] = {}
        self.encoders: list[encode.Encoder] = []
        self.count = 0

    def open_writers(self, stack: ExitStack, names: Sequence[str], store: Store) -> None:
        """See what is there."""
        for name in dict.fromkeys(names):
            folder = self.folders[name] = _folder(self.dataset, name, store)
            writer = stack.enter_context(store.writer(folder.fingerprint, folder.record, folder.backbone.dim))
            self.writers[name], self.done[name] = writer, writer.done(self.openers)

    @property
    def missing(self) -> dict[str, int]:
        """Backbone → corrupted images that it lacks."""
        counts = {name: len(self.openers) - len(done) for name, done in self.done.items()}
        return {name: count for name, count in counts.items() if count}

    def load_engines(self, device: str | None, workers: int) -> None:
        """The engine of each backbone that lacks something: the one that its clean vectors are of."""
        for number, name in enumerate(self.missing):
            self.task.check()
            folder = self.folders[name]
            backbones.source_of(folder.backbone).require(folder.backbone)
            backbones.source_of(folder.backbone).prepare(folder.backbone, self.task)
            self.reporter.say(f"Loading {folder.backbone.title}", number, len(self.missing), "backbones")
            engine = select.build(folder.backbone, device, folder.engine, workers)
            self.encoders.append(encode.Encoder(folder.backbone, engine))

    def compute(self, workers: int | None) -> None:
        """Make what any backbone lacks, once, and embed it with each that lacks it."""
        todo = [key for key in self.openers if any(key not in self.done[name] for name in self.missing)]
        self.reporter.n_backbones = len(self.encoders)
        self.reporter.plan(self.encoders, self.missing, len(todo))
        failures: dict[str, str] = {}
        encode.MultiEncoder(self.encoders, workers=workers).run(
            [encode.EncoderInput(key, self.openers[key]) for key in todo],
            self._sink,
            done=self.done,
            on_failure=failures.__setitem__,
            on_count=self.reporter.count,
            on_backbone=self._finished,
            task=self.task,
        )
        if failures:
            reason = next(iter(failures.values()))
            raise BadInput(f"{plural(len(failures), 'corrupted image')} could not be made: {reason}")

    def _sink(self, name: str, embedded: list[str], rows: np.ndarray) -> None:
        self.writers[name].append(embedded, rows)
        self.count += len(embedded)

    def _finished(self, name: str) -> None:
        self.writers[name].close()
        self.reporter.finished += 1


def _openers(dataset: Dataset, made: StressPlan) -> dict[str, Callable[..., Image.Image]]:
    """Key → what opens the corrupted image; all of one original beside each other, so that it is decoded once."""
    originals, rows = _Originals(dataset), keys(dataset, made)
    positions = dataset.split.queries[made.queries].tolist()
    openers: dict[str, Callable[..., Image.Image]] = {}
    for at, position in enumerate(positions):
        for (name, step), row in zip(made.conditions, rows):
            openers[row[at]] = functools.partial(_opened, originals, position, name, step, made.seed)
    return openers


def _opened(originals: _Originals, position: int, name: str, step: int, seed: int, at_least: int = 0) -> Image.Image:
    key = _text_key(originals.dataset, position)
    return CORRUPTIONS.get(name).apply(originals.open(position), step, key, seed)
