"""Descriptors that need no weights: they see what a network forgets.

Each takes pictures (n, side, side, 3) uint8 and gives (n, dim) float32; a picture with nothing in it gives zeros.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image

HUES, SATURATIONS, VALUES = 12, 4, 4


def hsv_histogram(pictures: np.ndarray) -> np.ndarray:
    """Root of the joint histogram of hue, saturation and value: (n, 192), rows of norm 1.

    The root turns the Euclidean distance of two histograms into the Hellinger distance.

    Reference:
        Swain and Ballard 1991, Color indexing; Arandjelovic and Zisserman 2012 for the root.
    """
    found = np.empty((len(pictures), HUES * SATURATIONS * VALUES), np.float32)
    for row, picture in zip(found, pictures):
        hue, saturation, value = np.moveaxis(np.asarray(Image.fromarray(picture).convert("HSV"), np.int32), -1, 0)
        bins = (hue * HUES // 256 * SATURATIONS + saturation * SATURATIONS // 256) * VALUES + value * VALUES // 256
        counts = np.bincount(bins.ravel(), minlength=len(row))
        row[:] = np.sqrt(counts / counts.sum())
    return found


def hog(pictures: np.ndarray) -> np.ndarray:
    """Histograms of oriented gradients: 9 orientations, cells of 8 pixels, blocks of 2 x 2 cells.

    Reference:
        Dalal and Triggs 2005, Histograms of oriented gradients for human detection.
    """
    from skimage.feature import hog as oriented_gradients

    return np.stack(
        [
            oriented_gradients(grey, orientations=9, pixels_per_cell=(8, 8), cells_per_block=(2, 2))
            for grey in _grey(pictures)
        ]
    ).astype(np.float32)


def _grey(pictures: np.ndarray) -> list[np.ndarray]:
    return [np.asarray(Image.fromarray(picture).convert("L")) for picture in pictures]


DESCRIPTORS: dict[str, Callable[[np.ndarray], np.ndarray]] = {"hsv_histogram": hsv_histogram, "hog": hog}
