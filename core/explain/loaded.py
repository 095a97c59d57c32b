"""A backbone as explainers need it: its network in torch, with what it makes of an image on the way to the vector."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from core.backbones import source_of, threads
from core.backbones.engines import torch_engine
from core.backbones.preprocessing import Preprocessing, preprocessing_of
from core.types import Backbone

if TYPE_CHECKING:
    import torch

_CLOSE = 1e-4
"""How far, in parts of its length, a vector made of the places may lie from the network's own in float32."""


class LoadedBackbone:
    """A backbone and, once it is needed, its network; it runs in float32 on the CPU, whatever engine made the vectors."""

    def __init__(self, backbone: Backbone) -> None:
        self.backbone = backbone

    @property
    def preprocessing(self) -> Preprocessing:
        """What it reads of an image."""
        return preprocessing_of(self.backbone)

    @property
    def is_network(self) -> bool:
        """Whether it is a network of torch whose vector is made of what it sees."""
        source = source_of(self.backbone)
        return not source.engine and source.embeds and not source.asks_servers

    @cached_property
    def network(self) -> Any:
        """The network in eval mode; what layers gave is not written over by the next one.

        Raises:
            WeightsMissing: its weights are not here.
        """
        torch_engine.tune_process()
        network: Any = source_of(self.backbone).load(self.backbone)
        for layer in network.modules():
            if getattr(layer, "inplace", False):
                layer.inplace = False
        return network

    def tensor(self, square: np.ndarray) -> torch.Tensor:
        """(side, side, 3) uint8 → (1, 3, side, side) float32, normalised."""
        return self.tensors(square[None])

    def tensors(self, squares: np.ndarray) -> torch.Tensor:
        """(n, side, side, 3) uint8 → (n, 3, side, side) float32, normalised."""
        import torch

        images = torch.from_numpy(np.require(squares, requirements=["C", "W"])).permute(0, 3, 1, 2).float().div_(255)
        shape, reads = (1, 3, 1, 1), self.preprocessing
        return images.sub_(torch.tensor(reads.mean).view(shape)).div_(torch.tensor(reads.std).view(shape))

    def features(self, square: np.ndarray) -> np.ndarray | None:
        """(rows, columns, channels) float32: what stands at each place behind the last layer that has places.

        None where the network does not say, or where it is no square of places.
        """
        import torch

        if not hasattr(self.network, "forward_features"):
            return None
        with torch.inference_mode(), threads.one_thread():
            features = self.network.forward_features(self.tensor(square))
        if not isinstance(features, torch.Tensor):
            return None
        return as_places(features[0].float().numpy(), self.backbone.dim, getattr(self.network, "num_prefix_tokens", 0))

    @cached_property
    def probe(self) -> tuple[np.ndarray, np.ndarray | None, np.ndarray]:
        """A drawn square, its features, and the network's own vector of it, (dim,) float64 unit."""
        side = self.preprocessing.geometry.crop
        coarse = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
        rows = np.arange(side) * 8 // side
        square = coarse[rows][:, rows]
        return square, self.features(square), self.vectors(square[None])[0]

    def vectors(self, squares: np.ndarray) -> np.ndarray:
        """(n, side, side, 3) uint8 → (n, dim) float64 unit vectors."""
        import torch

        with torch.inference_mode(), threads.one_thread():
            rows = self.network(self.tensors(squares)).double().numpy()
        return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-300)

    def agrees(self, vector: np.ndarray) -> bool:
        """Whether a unit vector that was made of the probe's places is the network's own."""
        return bool(np.linalg.norm(vector - self.probe[2]) <= _CLOSE)


def as_places(features: np.ndarray, dim: int, n_before: int = 0) -> np.ndarray | None:
    """(channels, rows, columns), (rows, columns, channels) or (tokens, channels) → (rows, columns, channels).

    Args:
        dim: how many channels there must be.
        n_before: tokens that are no places and stand before those that are.
    Returns:
        None where it is neither.
    """
    if features.ndim == 3:
        if features.shape[0] == dim:
            return np.moveaxis(features, 0, -1)
        return features if features.shape[-1] == dim else None
    if features.ndim != 2 or features.shape[1] != dim:
        return None
    side = round(max(len(features) - n_before, 0) ** 0.5)
    return features[n_before:].reshape(side, side, dim) if side and side * side == len(features) - n_before else None
