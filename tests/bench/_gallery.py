"""A drawn gallery of any size on the disk: four backbones that are related as real ones are, and one that is not.

Images lie in 40 groups, 1,500 classes and 30,000 clusters of near duplicates. Two long spaces see the same content as two
networks do (rectified, about half zeros), one short one sees it linearly, and a histogram sees colours, which are drawn
independently: a backbone that the others say nothing about.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from core.arrays import chunks
from core.search.row_file import RowFile
from core.types import unit

DIMS = {"network a": 1280, "network b": 1280, "histogram": 192, "linear": 384}
WEIGHTINGS = {
    "equal": dict.fromkeys(DIMS, 0.25),
    "0.9 network a": {"network a": 0.9, "histogram": 0.1},
    "0.9 histogram": {"histogram": 0.9, "network a": 0.1},
    "network a alone": {"network a": 1.0},
    "histogram alone": {"histogram": 1.0},
    "linear alone": {"linear": 1.0},
    "tuned": {"network a": 0.45, "network b": 0.30, "histogram": 0.05, "linear": 0.20},
}
GROUPS, CLASSES, CLUSTERS = 40, 1_500, 30_000
LATENT, COLOURS = 96, 20
_ROWS_AT_ONCE = 10_000


class _Content:
    """Where groups, classes and clusters lie, and how a row is drawn around its cluster."""

    def __init__(self, random: np.random.Generator, dim: int, steps: tuple[float, float, float, float]) -> None:
        self.noise, self.dim = steps[3], dim
        groups = steps[0] * random.standard_normal((GROUPS, dim), np.float32)
        classes = groups[random.integers(0, GROUPS, CLASSES)]
        classes = classes + steps[1] * random.standard_normal((CLASSES, dim), np.float32)
        self.clusters = classes[random.integers(0, CLASSES, CLUSTERS)]
        self.clusters = self.clusters + steps[2] * random.standard_normal((CLUSTERS, dim), np.float32)

    def draw(self, random: np.random.Generator, n: int) -> np.ndarray:
        near = self.clusters[random.integers(0, CLUSTERS, n)]
        return near + self.noise * random.standard_normal((n, self.dim), np.float32)


def drawn(n: int, seed: int = 0) -> Iterator[dict[str, np.ndarray]]:
    """Chunks of rows: name → (≤ 10,000, dim) float16, of unit length but for rounding."""
    random = np.random.default_rng(seed)
    content = _Content(random, LATENT, (0.6, 0.6, 0.5, 0.5))
    colours = _Content(random, COLOURS, (0.6, 0.5, 0.4, 0.35))
    into = {
        name: random.standard_normal((COLOURS if name == "histogram" else LATENT, dim), np.float32)
        / np.float32(np.sqrt(COLOURS if name == "histogram" else LATENT))
        for name, dim in DIMS.items()
    }
    for part in chunks(n, _ROWS_AT_ONCE):
        count = part.stop - part.start
        seen, colour = content.draw(random, count), colours.draw(random, count)
        yield {name: _space(name, (colour if name == "histogram" else seen) @ into[name]) for name in DIMS}


def _space(name: str, values: np.ndarray) -> np.ndarray:
    if name.startswith("network"):
        values = np.maximum(values + np.float32(0.05), 0)
    elif name == "histogram":
        values = np.maximum(values - np.float32(0.1), 0) ** 1.5 + np.float32(1e-6)
    return (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float16)


def write(path: Path, n: int, seed: int = 0) -> RowFile:
    """The gallery as one file, made anew unless it is there in full."""
    rows = RowFile(path, DIMS)
    if rows.n_rows != n:
        path.unlink(missing_ok=True)
        for part in drawn(n, seed):
            rows.append(part)
    return rows


def clustered(n: int, dim: int, seed: int = 0) -> np.ndarray:
    """(n, dim) float32 unit vectors of one backbone in 1,000 loose groups, as embeddings of photographs are."""
    random = np.random.default_rng(seed)
    centres = random.standard_normal((1000, dim), np.float32)
    rows = np.empty((n, dim), np.float32)
    for part in chunks(n, 20_000):
        count = part.stop - part.start
        groups = random.integers(0, 1000, count)
        rows[part] = unit(centres[groups] + 1.2 * random.standard_normal((count, dim), np.float32))
    return rows
