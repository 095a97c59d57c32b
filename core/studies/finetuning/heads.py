"""Where a head starts, so that the first epoch is not worse than none: the network's own vectors, or their main directions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from core.backbones.tuned import HeadShape
from core.errors import BadInput

if TYPE_CHECKING:
    import torch

USUAL = 512
"""Numbers of a head for known classes."""
HIDDEN = 2
"""A head of two layers is so many times as wide inside as its vectors are long."""


def shape(kind: str, inputs: int, dim: int, question: str) -> HeadShape:
    """The head of a plan behind a network of `inputs` numbers.

    Args:
        dim: 0 for what pays: 512 numbers for known classes; for new ones as many as the network has, so that the start
            is the frozen network itself and a training that brings nothing costs nothing.
    Raises:
        BadInput: a linear one would be longer than its input.
    """
    if kind == "none":
        return HeadShape("none", inputs, inputs)
    if not dim:
        dim = min(USUAL, inputs) if question == "known" or kind == "mlp" else inputs
    if dim > inputs and kind == "linear":
        raise BadInput(f"A linear head has at most as many numbers as the {inputs:,} of its network, not {dim:,}.")
    return HeadShape(kind, inputs, dim, HIDDEN * dim if kind == "mlp" else 0)


def build(made: HeadShape, rows: np.ndarray, seed: int) -> torch.nn.Module:
    """The head at its start: a linear one changes nothing, or keeps the main directions; two layers are drawn.

    Args:
        rows: (n, inputs) unit vectors of training images.
    """
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        head = made.build()
    if made.kind == "linear":
        square = made.outputs == made.inputs
        start = np.eye(made.inputs, dtype=np.float32) if square else directions(rows, made.outputs, seed)
        with torch.no_grad():
            next(head.parameters()).copy_(torch.from_numpy(start))
    return head


def directions(rows: np.ndarray, dim: int, seed: int) -> np.ndarray:
    """(dim, inputs) float32 orthonormal rows: the main directions beside the mean of the rows, then seeded random ones."""
    wide = np.asarray(rows, np.float64)
    middle = wide.mean(axis=0)
    middle /= max(float(np.linalg.norm(middle)), 1e-12)
    _, strengths, main = np.linalg.svd(wide - np.outer(wide @ middle, middle), full_matrices=False)
    usable = main[: min(dim, int((strengths > 1e-6 * strengths[0]).sum()))]
    random = np.random.default_rng([seed, 11]).standard_normal((dim - len(usable), wide.shape[1]))
    basis, _ = np.linalg.qr(np.concatenate([middle[None], usable, random]).T)
    return np.ascontiguousarray(basis.T[1 : dim + 1], np.float32)
