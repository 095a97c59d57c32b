"""Training images as a network sees them: plain, or cropped and mirrored by a seed of each image and epoch."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from core import paths
from core.backbones import preprocessing
from core.data import images, read_checked
from core.types import Backbone, Dataset

if TYPE_CHECKING:
    import torch

SMALLEST = 0.35
"""Share of an image's area that a random crop shows at least."""


class Pixels:
    """Reads images of a dataset as normalised tensors.

    Raises (when they are read):
        BadInput: an image cannot be opened; the sentence names it.
    """

    def __init__(self, dataset: Dataset, backbone: Backbone, device: str = "cpu") -> None:
        import torch

        self.dataset, self.device = dataset, device
        self.prepared = preprocessing.preprocessing_of(backbone)
        shape = (1, 3, 1, 1)
        self._mean = torch.tensor(self.prepared.mean, device=device).mul(255).view(shape)
        self._scale = torch.tensor(self.prepared.std, device=device).mul(255).reciprocal().view(shape)

    def read(self, positions: np.ndarray, seeds: list[tuple[int, ...]] | None = None) -> torch.Tensor:
        """(n, 3, side, side) float32 of some images.

        Args:
            seeds: of the crop of each; None shows all of them as they are embedded.
        """
        import torch

        wanted = seeds or [()] * len(positions)
        with ThreadPoolExecutor(paths.cpu_count()) as pool:
            squares = np.stack(list(pool.map(self._square, positions.tolist(), wanted)))
        tensor = torch.from_numpy(squares).to(self.device).permute(0, 3, 1, 2).float()
        return tensor.sub_(self._mean).mul_(self._scale).contiguous()

    def _square(self, position: int, seed: tuple[int, ...]) -> np.ndarray:
        image = images.open_rgb(read_checked(self.dataset, position))
        if not seed:
            return preprocessing.square(image, self.prepared.geometry)
        return random_square(image, self.prepared.geometry, np.random.default_rng(seed))


def random_square(image: Image.Image, geometry: preprocessing.Geometry, random: np.random.Generator) -> np.ndarray:
    """A random crop of 35 % of the area or more, 3:4 to 4:3, mirrored half of the time: (crop, crop, 3) uint8.

    Reference:
        Szegedy et al. 2015, arXiv:1409.4842 (crops of random area and shape).
    """
    width, height = image.size
    area = width * height * random.uniform(SMALLEST, 1.0)
    ratio = float(np.exp(random.uniform(np.log(3 / 4), np.log(4 / 3))))
    across, down = min(width, round((area * ratio) ** 0.5) or 1), min(height, round((area / ratio) ** 0.5) or 1)
    left, top = int(random.integers(0, width - across + 1)), int(random.integers(0, height - down + 1))
    side = (geometry.crop, geometry.crop)
    made = image.resize(side, preprocessing.FILTERS[geometry.filter], box=(left, top, left + across, top + down))
    pixels = np.asarray(made)
    return np.ascontiguousarray(pixels[:, ::-1]) if random.random() < 0.5 else pixels
