"""One image, or a few, embedded now: with the preprocessing and the engine of the stored vectors."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np
from PIL import Image

from core import paths
from core.backbones.engines import select, torch_engine
from core.backbones.preprocessing import ImageView
from core.backbones.sources import TextEncoder, source_of
from core.types import Backbone


class QueryEncoder:
    """Embeds single images (and texts, where the backbone has a text tower) with low latency.

    Unlike the embedding of a dataset it uses all intra-op threads for one image. One lock per encoder, so that
    several sessions may share it.
    """

    def __init__(self, backbone: Backbone, device: str | None = None, engine: str | None = None) -> None:
        self.backbone = backbone
        self._engine = select.build(backbone, device, engine, threads=paths.cpu_count())
        self._device = device
        self._lock = threading.Lock()
        self._text: TextEncoder | None = None
        side = self._engine.preprocessing.geometry.crop
        self._engine.embed(np.zeros((1, side, side, 3), np.uint8))

    @property
    def dim(self) -> int:
        """Numbers per vector."""
        return self.backbone.dim

    @property
    def view(self) -> ImageView:
        """What it reads of an image; `at_least` is how many pixels a decoded one needs to have."""
        return ImageView(self.backbone.mode == "fast", self._engine.preprocessing.geometry)

    def encode(self, images: Sequence[Image.Image]) -> np.ndarray:
        """Images (PIL, any mode; upright) → (n, dim) float32 unit vectors.

        In the fast mode an image that was decoded in full is at least as near to the exact vector as a stored one.
        """
        if not images:
            return np.empty((0, self.dim), np.float32)
        squares = np.stack([self.view.square(image.convert("RGB")) for image in images])
        with self._lock:
            return torch_engine.unit_vectors(self._engine, squares)

    def encode_text(self, texts: Sequence[str]) -> np.ndarray:
        """Texts → (n, dim) float32 unit vectors in the space of the images.

        Raises:
            BadInput: this backbone reads no text.
        """
        with self._lock:
            if self._text is None:
                self._text = source_of(self.backbone).text_encoder(self.backbone, self._device)
            return self._text.encode_text(list(texts))
