"""Which classes a concept backbone sees in an image, and images and texts in its space."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from PIL import Image

from core.backbones import concepts, preprocessing, sentence_encoder
from core.backbones.catalog import BACKBONES
from core.backbones.sources import source_of
from core.types import Backbone, unit


class ConceptReader:
    """Says which classes a concept backbone sees in an image, and reads images and texts into its space."""

    def __init__(self, backbone: Backbone) -> None:
        self.backbone = backbone
        self._preprocessing = preprocessing.preprocessing_of(backbone)
        self._network: Any = source_of(backbone).load(backbone)
        self._lock = threading.Lock()

    def encode(self, images: Sequence[Image.Image]) -> np.ndarray:
        """Images → (n, 384) float32 unit vectors."""
        if not images:
            return np.empty((0, self.backbone.dim), np.float32)
        with self._lock, torch.inference_mode():
            return unit(self._network(self._normalised(images)).numpy())

    def encode_text(self, texts: Sequence[str]) -> np.ndarray:
        """Texts → (n, 384) float32 unit vectors; a text without content is zero."""
        return sentence_encoder.sentence_encoder().encode_text(texts)

    def explain(self, images: Sequence[Image.Image]) -> list[list[tuple[str, float]]]:
        """For each image the classes that its place is made of: (name, probability), likeliest first."""
        if not images:
            return []
        with self._lock, torch.inference_mode():
            probabilities, classes = self._network.likeliest(self._normalised(images))
        names = concepts.class_names()
        return [
            [(names[number], round(float(share), 6)) for share, number in zip(shares, numbers)]
            for shares, numbers in zip(probabilities.tolist(), classes.tolist())
        ]

    def _normalised(self, images: Sequence[Image.Image]) -> torch.Tensor:
        squares = np.stack(
            [preprocessing.square(image.convert("RGB"), self._preprocessing.geometry) for image in images]
        )
        tensor = torch.from_numpy(squares).permute(0, 3, 1, 2).float().div_(255)
        shape = (1, 3, 1, 1)
        mean, std = self._preprocessing.mean, self._preprocessing.std
        return tensor.sub_(torch.tensor(mean).view(shape)).div_(torch.tensor(std).view(shape))


@lru_cache(maxsize=2)
def reader(name: str = "concepts_lite0") -> ConceptReader:
    """The one reader of this process for a concept backbone."""
    return ConceptReader(BACKBONES.get(name))
