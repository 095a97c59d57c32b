"""Gradient times activation: an approximation for networks whose vector is no average over places."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from core.backbones import threads
from core.explain.loaded import LoadedBackbone
from core.explain.parts import NO_PLACES, Heat

if TYPE_CHECKING:
    import torch

_LAST = 48
"""Layers, counted from the end, among which the last one with places is looked for."""


@dataclass(frozen=True)
class GradientMap:
    """One image through a network, kept so that what its places add can be read for any target.

    Attributes:
        vector: (dim,) float64 unit.
        output: (1, dim) tensor, as the network gave it; layers: outputs of its last layers, the last first.
    """

    vector: np.ndarray = field(repr=False)
    output: torch.Tensor = field(repr=False)
    layers: tuple[torch.Tensor, ...] = field(repr=False)

    def heat(self, target: np.ndarray) -> Heat:
        """At the last layer with places that the output hangs on: gradient of the score times activation, by place.

        The length of the vector is held: through it the parts would always sum to 0. What they do not explain, such as
        the class token and what stands behind a nonlinearity, is the rest, so that all of it adds up to the score.
        """
        import torch

        wanted = torch.from_numpy(np.asarray(target, np.float64)).to(self.output.dtype)
        value = (self.output[0] * wanted).sum() / self.output.detach().norm().clamp_min(1e-30)
        score = float(self.vector @ np.asarray(target, np.float64))
        with threads.one_thread():
            gradients = torch.autograd.grad(value, self.layers, retain_graph=True, allow_unused=True)
        for layer, gradient in zip(self.layers, gradients):
            if gradient is None:
                continue
            cells = _cells(layer.detach(), gradient)
            if cells is not None:
                return Heat(cells, score - float(cells.sum()))
        return Heat(NO_PLACES, score)


def _cells(layer: torch.Tensor, gradient: torch.Tensor) -> np.ndarray | None:
    """(side, side) float64, or None where places have no gradient: behind the last layer that mixes them."""
    product, steep = (layer * gradient).double().numpy(), gradient.double().abs().numpy()
    if layer.ndim == 4:
        cells, steepness = product[0].sum(axis=0), steep[0].sum(axis=0)
    else:
        tokens = 1 if layer.shape[0] == 1 else 0
        n = layer.shape[tokens]
        side = int(n**0.5)
        cells, steepness = (
            a.sum(axis=(2, 1 - tokens))[n - side * side :].reshape(side, side) for a in (product, steep)
        )
    return cells if (steepness > 0).mean() > 0.5 else None


def gradient_map(loaded: LoadedBackbone, square: np.ndarray) -> GradientMap:
    """Run one image, keeping what its last layers gave."""
    import torch

    outputs: list[torch.Tensor] = []

    def keep(layer: Any, arguments: Any, output: Any) -> None:
        if isinstance(output, torch.Tensor) and _has_places(output, loaded.preprocessing.geometry.crop):
            outputs.append(output)
            del outputs[:-_LAST]

    hooks = [layer.register_forward_hook(keep) for layer in loaded.network.modules()]
    try:
        with torch.enable_grad(), threads.one_thread():
            output = loaded.network(loaded.tensor(square).requires_grad_())
    finally:
        for hook in hooks:
            hook.remove()
    vector = output.detach()[0].double().numpy()
    vector = vector / (float(np.linalg.norm(vector)) or 1.0)
    unique = {id(tensor): tensor for tensor in reversed(outputs)}
    return GradientMap(vector, output.float(), tuple(unique.values()))


def _has_places(output: torch.Tensor, side: int) -> bool:
    """A square of at least 2 x 2 places, as an image of channels or as tokens, each at least 4 pixels wide."""
    if output.ndim == 4:
        return output.shape[0] == 1 and output.shape[2] == output.shape[3] and 1 < output.shape[2] <= side // 4
    if output.ndim != 3 or 1 not in output.shape[:2]:
        return False
    tokens = max(output.shape[:2])
    return 4 <= tokens <= (side // 4) ** 2 + 16
