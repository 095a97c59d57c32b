"""What a playable report holds: which queries, how fine its scores, how large it becomes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core import arrays
from core.errors import BadInput
from core.export.report.live.packing import BITS, COARSEST, estimated_bytes
from core.types import Relevance, Split
from core.wording import plural

FINE_BYTES = 3_050_000
"""Scores are as fine as fits in this; beyond, they have eight bits."""
SCORE_BYTES = 8_500_000
"""Scores of a file at most; beyond, a sample of the queries asks."""
MOST_SCORES = 1_500**2
"""Scores of one backbone that are ranked at every move, at most: more would not follow the thumb."""
THUMBNAIL_BYTES = 4_500_000
MOST_IMAGES = 30_000
MOST_BACKBONES = 8
BYTES_PER_THUMBNAIL = 1_650
BYTES_BESIDE = 350_000
"""Text, charts and script."""


@dataclass(frozen=True)
class Extent:
    """What a file holds.

    Attributes:
        queries: (n,) int64 positions among the split's queries, rising.
        n_split_queries: how many there are altogether that count.
        n_gallery: images that are searched; all of them are held.
        n_backbones: whose scores are held.
        bits: of a score.
        triangle: every image is a query, so that each pair is held once.
    """

    queries: np.ndarray
    n_split_queries: int
    n_gallery: int
    n_backbones: int
    bits: int
    triangle: bool

    @property
    def is_sample(self) -> bool:
        """Whether some queries that count are left out."""
        return len(self.queries) < self.n_split_queries

    def is_whole(self, split: Split) -> bool:
        """Whether every query of the split is held, those that do not count too."""
        return len(self.queries) == len(split.queries)

    @property
    def n_scores(self) -> int:
        """Scores that are stored, of all backbones."""
        return _n_scores(len(self.queries), self.n_gallery, self.triangle) * self.n_backbones

    @property
    def megabytes(self) -> float:
        """About what the file becomes."""
        thumbnails = min(THUMBNAIL_BYTES, BYTES_PER_THUMBNAIL * self.n_gallery)
        return (estimated_bytes(self.n_scores, self.bits) + thumbnails + BYTES_BESIDE) / 1e6

    @property
    def sentence(self) -> str:
        """What the file holds, for people."""
        images = plural(self.n_gallery, "image")
        if self.is_sample:
            return f"{len(self.queries):,} of {self.n_split_queries:,} queries (a seeded sample) against all {images}"
        return f"all {plural(len(self.queries), 'query')} against all {images}"


def _n_scores(n_queries: int, n_gallery: int, triangle: bool) -> int:
    """Scores of one backbone in the file."""
    return n_gallery * (n_gallery - 1) // 2 if triangle else n_queries * n_gallery


def of(split: Split, truth: Relevance, n_backbones: int, seed: int = 0) -> Extent:
    """What a file about this split can hold.

    Raises:
        BadInput: more images or backbones than such a file can hold, or no query that counts.
    """
    n = len(split.gallery)
    if n > MOST_IMAGES:
        raise BadInput(
            f"A playable report holds at most {MOST_IMAGES:,} images, and here are {n:,}. Make the plain report."
        )
    if n_backbones > MOST_BACKBONES:
        raise BadInput(
            f"A playable report holds at most {MOST_BACKBONES} backbones, and here are {n_backbones}. Choose fewer."
        )
    valid = np.flatnonzero(truth.n_relevant > 0)
    if not len(valid):
        raise BadInput("No query has a relevant image, so there is nothing to play with. Make the plain report.")
    whole = split.is_self_retrieval
    n_all = _n_scores(len(split.queries), n, whole) * n_backbones
    if len(split.queries) * n <= MOST_SCORES and estimated_bytes(n_all, COARSEST) <= SCORE_BYTES:
        bits = next((b for b in BITS if estimated_bytes(n_all, b) <= FINE_BYTES), COARSEST)
        return Extent(np.arange(len(split.queries)), len(valid), n, n_backbones, bits, whole)
    per_query = estimated_bytes(n * n_backbones, COARSEST)
    size = max(1, min(len(valid), MOST_SCORES // n, SCORE_BYTES // per_query))
    queries = valid if size == len(valid) else arrays.sample(valid, size, seed)
    return Extent(np.sort(queries), len(valid), n, n_backbones, COARSEST, False)
