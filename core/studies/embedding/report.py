"""What embedding did, and how far it is: the words for both."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from core.backbones import encode
from core.progress import Progress
from core.task import Task
from core.types import Dataset
from core.wording import plural

_SECONDS_BETWEEN_REPORTS = 0.2
_ENOUGH_TO_MEASURE = 32
_DECODING_SECONDS = 0.012
"""The first guess of what reading one image takes one core."""


@dataclass(frozen=True)
class EmbeddingReport:
    """What embedding did.

    Attributes:
        dataset: the dataset, without the images that turned out unreadable.
        present: backbone → images whose vectors were in the store already.
        computed: backbone → images embedded now.
        quarantined: (path, reason) of images that cannot be decoded; they left the dataset.
        unread: (path, reason) of files that could not be opened just now; they stay in the dataset.
        seconds: how long it took, loading included.
        images_per_second: images per second through all missing backbones, loading excluded.
        engine: backbone → what ran it, in words.
    """

    dataset: Dataset
    present: Mapping[str, int]
    computed: Mapping[str, int]
    quarantined: tuple[tuple[str, str], ...] = ()
    unread: tuple[tuple[str, str], ...] = ()
    seconds: float = 0.0
    images_per_second: float = 0.0
    engine: Mapping[str, str] = field(default_factory=dict)

    def sentence(self) -> str:
        """What was found, what was computed, what could not be read."""
        counts = [f"{name}: {self.present[name]:,} found, {n:,} computed" for name, n in self.computed.items()]
        text = f"{self.dataset.name}: {plural(len(self.dataset), 'image')}. " + "; ".join(counts) + "."
        if self.images_per_second:
            text += f" {self.images_per_second:,.1f} images per second through all that was missing."
        if self.quarantined:
            text += f" {len(self.quarantined):,} files are no images that can be read; they are set aside."
        if self.unread:
            text += f" {plural(len(self.unread), 'file')} could not be opened just now; embed again when they are back."
        return text


class ProgressReporter:
    """Turns counts of different kinds of work into one estimate of the time left.

    Decoding one image counts as one unit of work, a forward pass as many as the backbone's effort suggests; as soon
    as both have been seen, measured seconds per image take over.
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
        self.last = self.reported = 0.0

    def say(self, stage: str, done: int, total: int | None, unit: str) -> None:
        """A stage without a rate."""
        self.task.report(Progress(stage, done, total, unit))

    def plan(self, encoders: Sequence[encode.Encoder], lacking: Mapping[str, int], n_decoded: int) -> None:
        """What there is to do, and the first guess of what an image costs in each stage (s, one core)."""
        self.titles = {self.DECODING: "Reading images", **{e.name: e.backbone.title for e in encoders}}
        self.total = {self.DECODING: n_decoded, **{e.name: lacking[e.name] for e in encoders}}
        self.done = dict.fromkeys(self.total, 0)
        self.seconds = dict.fromkeys(self.total, 0.0)
        self.guess = {self.DECODING: _DECODING_SECONDS, **{e.name: 0.001 + 0.003 * e.effort for e in encoders}}
        self.last = time.monotonic()

    def count(self, name: str, count: int) -> None:
        """`count` more images are through this stage."""
        now = time.monotonic()
        self.seconds[name] += now - self.last
        self.done[name] += count
        self.last = now
        if now - self.reported > _SECONDS_BETWEEN_REPORTS or self.done[name] == self.total[name]:
            self.reported = now
            self.task.report(self._now(name))

    def _now(self, name: str) -> Progress:
        scale = self._scale()
        left = sum((self.total[n] - self.done[n]) * self._cost(n, scale) for n in self.total)
        rate = self.done[name] / self.seconds[name] if self.seconds[name] > _SECONDS_BETWEEN_REPORTS else 0.0
        note = f"{self.finished} of {self.n_backbones} backbones complete" if self.n_backbones > 1 else ""
        return Progress(self.titles[name], self.done[name], self.total[name], "images", rate, left, note)

    def _scale(self) -> float:
        """How much dearer this machine is than the guess, from the stages seen so far."""
        guessed = sum(self.done[n] * self.guess[n] for n in self.total)
        return sum(self.seconds.values()) / guessed if guessed > 0 else 1.0

    def _cost(self, name: str, scale: float) -> float:
        if self.done[name] >= _ENOUGH_TO_MEASURE and self.seconds[name] > 0:
            return self.seconds[name] / self.done[name]
        return self.guess[name] * scale
