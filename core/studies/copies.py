"""Copies: does a backbone find an image again after it was cropped, lit differently, or compressed?

It says what a backbone survives and nothing more: not whether its results are right.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageEnhance

from core import arrays, backbones
from core.data import images, read_checked
from core.errors import CoreError
from core.metrics import resampling
from core.task import NO_TASK, Task
from core.types import Dataset

MOST = 200
"""Images that are copied, a seeded sample of larger sets."""
Change = Callable[[Image.Image, np.random.Generator], Image.Image]


def _cropped(image: Image.Image, random: np.random.Generator) -> Image.Image:
    """A window of half the area, anywhere."""
    width, height = (max(8, round(side * 0.71)) for side in image.size)
    left = int(random.integers(0, max(1, image.width - width + 1)))
    top = int(random.integers(0, max(1, image.height - height + 1)))
    return image.crop((left, top, left + width, top + height))


def _lit(image: Image.Image, random: np.random.Generator) -> Image.Image:
    """Half or nearly twice as bright, with less contrast."""
    bright = ImageEnhance.Brightness(image).enhance(0.5 if random.random() < 0.5 else 1.7)
    return ImageEnhance.Contrast(bright).enhance(0.7)


def _compressed(image: Image.Image, random: np.random.Generator) -> Image.Image:
    """At most 96 pixels a side, as a JPEG of quality 15."""
    small, file = image.copy(), io.BytesIO()
    small.thumbnail((96, 96))
    small.save(file, "JPEG", quality=15)
    file.seek(0)
    return Image.open(file).convert("RGB")


CHANGES: Mapping[str, Change] = {"crop": _cropped, "light": _lit, "compression": _compressed}
"""What is done to an image, one copy each."""


_ROUNDING = 1e-6
"""Equal vectors may score apart by this much in float32, depending on where in a matrix product they stand."""


@dataclass(frozen=True)
class CopyRanks:
    """Where the originals stand when their copies are searched for.

    Attributes:
        backbone, change: of the copies.
        ranks: (n_copies,) int64 from 1, the best place of the original or of a file with the same content.
    """

    backbone: str
    change: str
    ranks: np.ndarray

    @property
    def first(self) -> tuple[float, float, float]:
        """Share of the copies whose original comes first, with its 95 % interval."""
        hits = (self.ranks == 1).astype(np.float64)
        return (float(hits.mean()), *resampling.interval(hits))

    @property
    def reciprocal(self) -> float:
        """Mean of 1 / rank."""
        return float((1 / self.ranks).mean())


def ranks(
    dataset: Dataset, vectors: Mapping[str, np.ndarray], most: int = MOST, seed: int = 0, task: Task = NO_TASK
) -> list[CopyRanks]:
    """Copies of a sample of images, searched for among all images; backbones that cannot embed here are left out.

    Args:
        vectors: backbone → (n_images, dim) unit vectors.
        most: images that are copied.
    """
    chosen = np.sort(arrays.sample(len(dataset), most, seed))
    content = np.unique(np.asarray(dataset.keys, "S64"), return_inverse=True)[1]
    made = _copies(dataset, chosen, seed)
    measured = []
    for name, rows in task.each("Searching for copies", vectors.items(), "backbones"):
        try:
            encoder = backbones.query_encoder(name)
        except CoreError:
            continue
        for change, (positions, copies) in made.items():
            if not copies:
                continue
            scores = encoder.encode(copies) @ rows.T
            same = content[positions][:, None] == content[None]
            original = np.where(same, scores, -np.inf).max(axis=1)
            better = (scores > original[:, None] + _ROUNDING) & ~same
            measured.append(CopyRanks(name, change, 1 + better.sum(axis=1)))
    return measured


def _copies(dataset: Dataset, chosen: np.ndarray, seed: int) -> dict[str, tuple[np.ndarray, list[Image.Image]]]:
    """change → the positions that can be read, and their copies."""
    positions, decoded = [], []
    for position in chosen.tolist():
        try:
            decoded.append(images.open_rgb(read_checked(dataset, position)))
        except CoreError:
            continue
        positions.append(position)
    random = np.random.default_rng(seed)
    return {
        change: (np.array(positions, np.int64), [make(image, random) for image in decoded])
        for change, make in CHANGES.items()
    }
