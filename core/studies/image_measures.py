"""How bright and how sharp images are, measured once and kept by content."""

from __future__ import annotations

import io
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from core import files, paths
from core.access import gated
from core.errors import BadInput
from core.store import open_store
from core.task import NO_TASK, Task
from core.types import Dataset

NAMES = ("brightness", "sharpness")
_EVERY = 512
"""Images after which what was measured is put on the disk."""
_LOCK = threading.Lock()


def measure(image: Image.Image) -> tuple[float, float]:
    """Brightness and sharpness of an image, in any size.

    Returns:
        The mean luma, 0 (black) to 1 (white); the variance of the Laplacian of the luma (0 to 255), higher is sharper.
    Reference: Pech-Pacheco et al. 2000, doi:10.1109/ICPR.2000.903548 (variance of the Laplacian).
    """
    grey = np.asarray(image.convert("L"), np.float32)
    if min(grey.shape) < 3:
        return float(grey.mean()) / 255, 0.0
    inner = grey[1:-1, 1:-1]
    laplacian = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * inner
    return float(grey.mean()) / 255, float(laplacian.var())


def known(dataset: Dataset, positions: np.ndarray) -> np.ndarray:
    """(n, 2) float64 brightness and sharpness of some images as they are kept; NaN where nothing was measured."""
    cached = _read(_file())
    nothing = (np.nan, np.nan)
    keys = dataset.keys[positions].tolist()
    return np.array([cached.get(key, nothing) for key in keys], np.float64).reshape(len(positions), 2)


def lacking(dataset: Dataset, positions: np.ndarray) -> int:
    """How many of some images with a file were not measured yet."""
    if not dataset.has_images:
        return 0
    cached = _read(_file())
    return sum(key not in cached for key in dataset.keys[positions].tolist())


@gated("embed")
def compute(dataset: Dataset, positions: Sequence[int] | np.ndarray, task: Task = NO_TASK) -> np.ndarray:
    """Measure what was not measured yet, on the thumbnail of 384 pixels, so that images of all sizes are alike.

    What was measured before a stop is kept. An image that cannot be read stays unknown.

    Returns:
        (n, 2) float64 brightness and sharpness, NaN where they are unknown.
    """
    return measured(dataset, positions, task)


def measured(dataset: Dataset, positions: Sequence[int] | np.ndarray, task: Task = NO_TASK) -> np.ndarray:
    """As `compute`, of the few images that one answer needs: whoever looks has them worked out, as thumbnails are."""
    positions = np.asarray(positions, np.int64)
    cached = _read(_file())
    missing = {dataset.keys[at]: int(at) for at in positions if dataset.keys[at] not in cached}
    fresh: dict[bytes, tuple[float, float]] = {}
    try:
        for key, at in task.each("Measuring images", missing.items()):
            fresh[key] = _measured(dataset, at)
            if len(fresh) >= _EVERY:
                _keep(fresh)
                fresh = {}
    finally:
        _keep(fresh)
    return known(dataset, positions)


def _measured(dataset: Dataset, position: int) -> tuple[float, float]:
    try:
        content = open_store().thumbnail_or_make(dataset, position, "large")
        return measure(Image.open(io.BytesIO(content)))
    except (BadInput, OSError):
        return np.nan, np.nan


def stamp() -> str:
    """What changes when something was measured."""
    try:
        return str(_file().stat().st_mtime_ns)
    except OSError:
        return ""


def _file() -> Path:
    return paths.store() / "image_measures.npz"


def _read(file: Path) -> dict[bytes, tuple[float, float]]:
    """What is kept: content key → brightness and sharpness; nothing where the file is missing or damaged."""
    try:
        with np.load(file) as cached:
            return dict(zip(cached["keys"].tolist(), map(tuple, cached["values"].tolist())))
    except (OSError, ValueError, KeyError, EOFError):
        return {}


def _keep(fresh: dict[bytes, tuple[float, float]]) -> None:
    """Join what was measured to what is kept; what another process wrote meanwhile stays."""
    if not fresh:
        return
    with _LOCK:
        both = _read(_file()) | fresh
        keys = np.array(list(both), "S64")
        files.write_arrays(_file(), keys=keys, values=np.array(list(both.values()), np.float64))
