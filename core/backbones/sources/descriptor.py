"""Descriptors that need no weights: they see what a network forgets.

Each takes images (n, side, side, 3) uint8 and gives (n, dim) float32; an image with nothing in it gives zeros.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from PIL import Image

from core.backbones import preprocessing
from core.backbones.sources.base import Engine, Source
from core.types import Backbone

HUES, SATURATIONS, VALUES = 12, 4, 4


def hsv_histogram(images: np.ndarray) -> np.ndarray:
    """Root of the joint histogram of hue, saturation and value: (n, 192), rows of norm 1.

    The root turns the Euclidean distance of two histograms into the Hellinger distance.

    Reference:
        Swain and Ballard 1991, doi:10.1007/BF00130487; the root: Arandjelović and Zisserman 2012,
        doi:10.1109/CVPR.2012.6248018.
    """
    vectors = np.empty((len(images), HUES * SATURATIONS * VALUES), np.float32)
    for row, image in zip(vectors, images):
        counts = np.bincount(hsv_bins(image).ravel(), minlength=len(row))
        row[:] = np.sqrt(counts / counts.sum())
    return vectors


def hsv_bins(image: np.ndarray) -> np.ndarray:
    """(side, side, 3) uint8 → (side, side) int32: the bin of `hsv_histogram` that each pixel falls into."""
    hue, saturation, value = np.moveaxis(np.asarray(Image.fromarray(image).convert("HSV"), np.int32), -1, 0)
    return (hue * HUES // 256 * SATURATIONS + saturation * SATURATIONS // 256) * VALUES + value * VALUES // 256


def hog(images: np.ndarray) -> np.ndarray:
    """Histograms of oriented gradients: 9 orientations, cells of 8 pixels, blocks of 2 x 2 cells.

    Reference:
        Dalal and Triggs 2005, doi:10.1109/CVPR.2005.177.
    """
    from skimage.feature import hog as oriented_gradients

    return np.stack(
        [
            oriented_gradients(grey, orientations=9, pixels_per_cell=(8, 8), cells_per_block=(2, 2))
            for grey in _grey(images)
        ]
    ).astype(np.float32)


def _grey(images: np.ndarray) -> list[np.ndarray]:
    return [np.asarray(Image.fromarray(image).convert("L")) for image in images]


def lbp(images: np.ndarray) -> np.ndarray:
    """Uniform local binary patterns (8 neighbours, radius 1): root of their histogram in 4 x 4 cells, (n, 944).

    Reference:
        Ojala, Pietikäinen and Mäenpää 2002, doi:10.1109/TPAMI.2002.1017623.
    """
    from skimage.feature import local_binary_pattern

    cells, patterns = 4, 59
    vectors = np.empty((len(images), cells * cells * patterns), np.float32)
    for row, grey in zip(vectors, _grey(images)):
        codes = local_binary_pattern(grey, 8, 1, method="nri_uniform").astype(np.int64)
        side = len(grey) // cells
        blocks = codes.reshape(cells, side, cells, side).swapaxes(1, 2).reshape(cells * cells, -1)
        counts = np.stack([np.bincount(block, minlength=patterns) for block in blocks])
        row[:] = np.sqrt(counts / counts.sum()).ravel()
    return vectors


def gist(images: np.ndarray) -> np.ndarray:
    """Energy of 32 Gabor-like filters (4 scales x 8 orientations) averaged in 4 x 4 cells: (n, 512).

    Contrast is evened out before filtering, as in the original; the filters are built in the frequency plane.

    Reference:
        Oliva and Torralba 2001, doi:10.1023/A:1011139631724.
    """
    side, cells = images.shape[1], 4
    bank = _gabor_bank(side)
    vectors = np.empty((len(images), len(bank) * cells * cells), np.float32)
    for row, grey in zip(vectors, _grey(images)):
        even = _even_contrast(np.log1p(grey.astype(np.float32)))
        spectrum = np.fft.fft2(even)
        energy = np.abs(np.fft.ifft2(spectrum[None] * bank))
        blocks = energy.reshape(len(bank), cells, side // cells, cells, side // cells)
        row[:] = blocks.mean(axis=(2, 4)).ravel()
    return vectors


def _even_contrast(grey: np.ndarray) -> np.ndarray:
    """The image less its local mean, divided by its local contrast (Gaussian of about four cycles a image)."""
    frequency = np.fft.fftfreq(len(grey))
    low = np.exp(-(frequency[:, None] ** 2 + frequency[None] ** 2) * (len(grey) / 4) ** 2)
    centred = grey - np.fft.ifft2(np.fft.fft2(grey) * low).real
    contrast = np.sqrt(np.maximum(np.fft.ifft2(np.fft.fft2(centred**2) * low).real, 0))
    return centred / (0.2 + contrast)


@lru_cache(maxsize=4)
def _gabor_bank(side: int, scales: int = 4, orientations: int = 8) -> np.ndarray:
    """(scales x orientations, side, side) float32 gains in the frequency plane, one bump each, coarse ones last."""
    across, down = np.meshgrid(np.fft.fftfreq(side), np.fft.fftfreq(side))
    radius, angle = np.hypot(across, down), np.arctan2(down, across)
    bank = []
    for scale in range(scales):
        centre = 0.3 / 1.85**scale
        along = np.exp(-10 * 0.35 * (radius / centre - 1) ** 2)
        for orientation in range(orientations):
            turned = (angle + np.pi * orientation / orientations + np.pi) % (2 * np.pi) - np.pi
            around = np.exp(-2 * (16 * orientations**2 / 32**2) * np.pi * turned**2)
            bank.append(along * around)
    return np.asarray(bank, np.float32)


DESCRIPTORS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "hsv_histogram": hsv_histogram,
    "hog": hog,
    "lbp": lbp,
    "gist": gist,
}


Owners = tuple[np.ndarray, tuple[int, int]]
"""(dim,) int64, the cell that each number of a vector is made of, row by row; and how many rows and columns there are."""


def _hog_owners(dim: int) -> Owners:
    """Blocks of 2 x 2 cells of 9 numbers, block by block: each number is of one cell, each cell in up to 4 blocks."""
    blocks = round((dim / 36) ** 0.5)
    row, column, down, across, _ = np.indices((blocks, blocks, 2, 2, 9))
    return ((row + down) * (blocks + 1) + column + across).ravel(), (blocks + 1, blocks + 1)


def _cell_owners(dim: int) -> Owners:
    """16 cells, one after the other."""
    return np.repeat(np.arange(16), dim // 16), (4, 4)


def _filter_owners(dim: int) -> Owners:
    """16 cells of one filter after those of another."""
    return np.tile(np.arange(16), dim // 16), (4, 4)


CELLS: dict[str, Callable[[int], Owners]] = {"hog": _hog_owners, "lbp": _cell_owners, "gist": _filter_owners}
"""Of the descriptors whose numbers are made of one cell each: which cell, for a length of the vector."""


class DescriptorEngine:
    """A descriptor, computed with numpy."""

    name = "numpy"
    precision = "float32"
    device = "cpu"
    chunk = 8

    def __init__(self, backbone: Backbone) -> None:
        self.dim = backbone.dim
        self.preprocessing = preprocessing.preprocessing_of(backbone)
        self._function = DESCRIPTORS[backbone.architecture]

    def embed(self, squares: np.ndarray) -> np.ndarray:
        """(n, side, side, 3) uint8 → (n, dim) float32."""
        return self._function(squares)


class Descriptor(Source):
    """A formula of this file."""

    key = "own"
    title = "Fusionscope's own code"
    engine = "numpy"

    def build_engine(self, backbone: Backbone) -> Engine:
        """The function of DESCRIPTORS that the record names."""
        return DescriptorEngine(backbone)
