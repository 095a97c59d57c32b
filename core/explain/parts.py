"""A vector as a sum of parts, so that its dot product with any other vector falls apart into what each part adds.

With v the unit vector of an image and t that of another one, the score is <v, t>. Where v = Σ terms(i) + rest over the
places i of the image, place i adds <terms(i), t>, and all places with the rest add up to the score. The same holds for
any vector in place of t, and after any affine map of v that is made unit again (`PreparedParts`).

Reference:
    Stylianou, Souvenir and Pless 2019, Visualizing deep similarity networks, arXiv:1901.00536; Zhu, Yang and Chen 2021,
    Visual explanation for deep metric learning, arXiv:1909.12977.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from core.types import Affine

FLAT = 1.35
"""A map whose strongest tenth is less than this many times its mean says that no place stands out."""
NO_PLACES = np.zeros((0, 0))
"""The cells of what has no places in the image."""


@dataclass(frozen=True)
class Heat:
    """What each part of an image adds to a score.

    Attributes:
        cells: (rows, columns) float64, signed, of the square that the backbone sees, top row first.
        rest: what belongs to no place.
        named: (name, what it adds) of parts that are no places, such as classes; largest first.
    """

    cells: np.ndarray
    rest: float = 0.0
    named: tuple[tuple[str, float], ...] = ()

    @property
    def total(self) -> float:
        """What all parts add up to."""
        return float(self.cells.sum()) + self.rest + sum(part for _, part in self.named)

    @property
    def is_flat(self) -> bool:
        """Whether no place stands out: every place adds about the same."""
        cells = np.sort(self.cells.ravel())
        if len(cells) < 4 or cells.mean() <= 0:
            return False
        return float(cells[-max(1, len(cells) // 10) :].mean()) < FLAT * float(cells.mean())

    def spread(self, amount: float) -> Heat:
        """The same with an amount more that all cells share alike; where there are none it is of no place."""
        if not self.cells.size:
            return Heat(self.cells, self.rest + amount, self.named)
        return Heat(self.cells + amount / self.cells.size, self.rest, self.named)


def by_size(parts: dict[str, float]) -> tuple[tuple[str, float], ...]:
    """Named parts, largest first, equal ones by name."""
    return tuple(sorted(parts.items(), key=lambda pair: (-abs(pair[1]), pair[0])))


class Explained(Protocol):
    """One image, taken apart."""

    @property
    def vector(self) -> np.ndarray:
        """(dim,) float64, its unit vector."""
        ...

    def heat(self, target: np.ndarray) -> Heat:
        """What each part adds to the dot product with a vector, (dim,)."""
        ...


def heat_above(explained: Explained, target: np.ndarray, mean: np.ndarray, of: int = 1) -> Heat:
    """What each part adds to <v − m, t − m>: to the score after what any two images share is taken off both of them.

    The mean that is taken off the image is spread evenly over its places, so the heat of either image of a pair adds
    up to the same number.

    Args:
        target: (dim,) t, the unit vector of the other image; mean: (dim,) m, of the gallery's unit vectors.
        of: how many images make v together: each bears its part of the mean.
    """
    other = np.asarray(target, np.float64) - mean
    return explained.heat(other).spread(-float(mean @ other) / of)


@dataclass(frozen=True)
class PreparedParts:
    """An image x taken apart, one of those that a vector is made of: M Σ c x + shift, made unit again.

    Each part adds what it adds through M; the shift, such as the mean of the gallery with a minus, is shared by all
    places of all images alike.

    Attributes:
        affine: M and the shift: what a preparation does.
        length: of what is made unit.
        weight, of: c of this image, and how many images there are.
    """

    original: Explained
    affine: Affine
    length: float
    weight: float = 1.0
    of: int = 1

    @property
    def vector(self) -> np.ndarray:
        """(dim,) float64: what this image adds to the unit vector."""
        moved = self.affine.apply(self.weight * self.original.vector[None])[0]
        return np.asarray((moved - self.affine.shift * (1 - 1 / self.of)) / (self.length or 1.0))

    def heat(self, target: np.ndarray) -> Heat:
        """As `Explained`; the target is a vector that was prepared too."""
        wanted = np.asarray(target, np.float64) / (self.length or 1.0)
        heat = self.original.heat(self.weight * self.affine.pull(wanted))
        return heat.spread(float(self.affine.shift @ wanted) / self.of)


@dataclass(frozen=True)
class PlaceVectors:
    """A unit vector that is a sum of one vector a place and a rest.

    Attributes:
        terms: (rows, columns, dim) float64.
        rest: (dim,) float64.
    """

    terms: np.ndarray = field(repr=False)
    rest: np.ndarray = field(repr=False)

    @property
    def vector(self) -> np.ndarray:
        """As `Explained`."""
        return self.terms.sum(axis=(0, 1)) + self.rest

    def heat(self, target: np.ndarray) -> Heat:
        """As `Explained`."""
        wanted = np.asarray(target, np.float64)
        return Heat(self.terms @ wanted, float(self.rest @ wanted))


def averaged(features: np.ndarray) -> PlaceVectors:
    """The parts of the average over places, made unit.

    Args:
        features: (rows, columns, dim).

    >>> averaged(np.array([[[3.0, 0.0], [0.0, 4.0]]])).heat(np.array([0.6, 0.8])).cells
    array([[0.36, 0.64]])
    """
    places = np.asarray(features, np.float64)
    mean = places.mean(axis=(0, 1))
    return PlaceVectors(places / (places[..., 0].size * _length(mean)), np.zeros(len(mean)))


def normed(features: np.ndarray, scale: np.ndarray, shift: np.ndarray, epsilon: float) -> PlaceVectors:
    """The parts of a layer norm of the average over places, made unit, its own mean and deviation held.

    Args:
        features: (rows, columns, dim); scale, shift: (dim,) of the norm; epsilon: added to its variance.
    Returns:
        Parts whose rest is the shift: it belongs to no place.
    """
    places = np.asarray(features, np.float64)
    mean = places.mean(axis=(0, 1))
    deviation = np.sqrt(mean.var() + epsilon)
    length = _length((mean - mean.mean()) / deviation * scale + shift)
    centred = places - places.mean(axis=2, keepdims=True)
    return PlaceVectors(centred * scale / (places[..., 0].size * deviation * length), shift / length)


def _length(vector: np.ndarray) -> float:
    return float(np.linalg.norm(vector)) or 1.0


@dataclass(frozen=True)
class OwnedNumbers:
    """A unit vector each of whose numbers is made of one cell alone.

    Attributes:
        vector: (dim,) float64.
        owner: (dim,) int64, the cell of each number, row by row.
        shape: (rows, columns).
    """

    vector: np.ndarray = field(repr=False)
    owner: np.ndarray = field(repr=False)
    shape: tuple[int, int]

    def heat(self, target: np.ndarray) -> Heat:
        """As `Explained`."""
        parts = self.vector * np.asarray(target, np.float64)
        return Heat(np.bincount(self.owner, parts, self.shape[0] * self.shape[1]).reshape(self.shape))


@dataclass(frozen=True)
class PixelBins:
    """A histogram as a unit vector: the pixels of a bin share what the bin adds, whatever root was taken of it.

    Attributes:
        vector: (dim,) float64.
        bins: (rows, columns) int64, the bin of each pixel.
    """

    vector: np.ndarray = field(repr=False)
    bins: np.ndarray = field(repr=False)

    def heat(self, target: np.ndarray) -> Heat:
        """As `Explained`."""
        counts = np.bincount(self.bins.ravel(), minlength=len(self.vector))
        return Heat((self.vector * np.asarray(target, np.float64) / np.maximum(counts, 1))[self.bins])


@dataclass(frozen=True)
class NamedVectors:
    """A unit vector that is a weighted sum of known vectors, such as those of classes; it has no places.

    Attributes:
        names: of the parts.
        terms: (n_parts, dim) float64, which sum to the vector.
    """

    names: tuple[str, ...]
    terms: np.ndarray = field(repr=False)

    @property
    def vector(self) -> np.ndarray:
        """As `Explained`."""
        return self.terms.sum(axis=0)

    def heat(self, target: np.ndarray) -> Heat:
        """As `Explained`."""
        parts = (self.terms @ np.asarray(target, np.float64)).tolist()
        together: dict[str, float] = {}
        for name, part in zip(self.names, parts):
            together[name] = together.get(name, 0.0) + part
        return Heat(NO_PLACES, 0.0, by_size(together))
