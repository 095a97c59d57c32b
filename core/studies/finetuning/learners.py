"""What moves in a training and what it is fed: a head on stored vectors, the last stage on cached maps, or all of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from core.backbones import tuned
from core.studies.finetuning.parts import Parts
from core.task import NO_TASK, Task

if TYPE_CHECKING:
    import torch

BESIDE = 2_000
"""Fitted images that validation images are searched among; a seeded sample of more."""
MOST_VALIDATION = 1_000


class ValidationSet:
    """Validation images ask; they and a sample of the fitted ones are searched.

    Args:
        most, beside: validation and fitted images taken at most, drawn with the seed.
    """

    def __init__(self, parts: Parts, seed: int = 0, most: int = MOST_VALIDATION, beside: int = BESIDE) -> None:
        random = np.random.default_rng([seed, 13])
        self.queries = np.sort(random.permutation(len(parts.validation))[:most])
        self.beside = np.sort(random.permutation(len(parts.fit))[:beside])
        queried, searched = parts.validation[self.queries], parts.fit[self.beside]
        self.positions = np.r_[queried, searched]
        self.groups = parts.groups[self.positions]

    def figures(self, vectors: np.ndarray) -> tuple[float, float]:
        """(mean AP, hit rate@1) of unit vectors in the order of `positions`; NaN where some are no numbers."""
        n = len(self.queries)
        if not np.isfinite(vectors).all():  # such scores would leave each query first in its own list
            return float("nan"), float("nan")
        scores = np.asarray(vectors[:n] @ vectors.T, np.float32)
        scores[np.arange(n), np.arange(n)] = -np.inf
        order = np.argsort(-scores, axis=1, kind="stable")[:, :-1]
        hits = self.groups[order] == self.groups[:n, None]
        n_hits = hits.sum(axis=1)
        valid = n_hits > 0
        if not valid.any():
            return float("nan"), float("nan")
        precision = np.cumsum(hits, axis=1) / np.arange(1, hits.shape[1] + 1)
        ap = (precision * hits).sum(axis=1)[valid] / n_hits[valid]
        return float(ap.mean()), float(hits[valid, 0].mean())


class HeadLearner:
    """A head alone, on the stored vectors of a frozen backbone.

    Args:
        head: at its start.
        vectors: (n_images, inputs) float32 unit vectors in dataset order.
    """

    def __init__(self, head: torch.nn.Module, vectors: np.ndarray, parts: Parts, seed: int = 0) -> None:
        import torch

        self.device = "cpu"
        self.module = head
        self._all = vectors
        self._rows = torch.from_numpy(np.ascontiguousarray(vectors[parts.fit], np.float32))
        self._set = ValidationSet(parts, seed)
        self._validation = torch.from_numpy(np.ascontiguousarray(vectors[self._set.positions], np.float32))

    def batch(self, rows: np.ndarray, random: np.random.Generator) -> torch.Tensor:
        """(n, inputs) float32."""
        return self._rows[rows]

    def prepare(self, task: Task = NO_TASK) -> None:
        """The vectors are there."""

    def vectors(self, rows: slice) -> np.ndarray:
        """(n, dim) float32 unit vectors of some images of the dataset, as it is now."""
        import torch

        return unit_rows(self.module, torch.from_numpy(np.array(self._all[rows], np.float32)))

    def close(self) -> None:
        """Nothing to delete."""

    def state(self) -> dict[str, torch.Tensor]:
        """What the file of the tuned backbone holds."""
        return {f"{tuned.HEAD}{key}": tensor for key, tensor in self.module.state_dict().items()}

    def validation(self) -> tuple[float, float]:
        """As `Learner.validation`."""
        return self._set.figures(unit_rows(self.module, self._validation))


def unit_rows(module: torch.nn.Module, inputs: torch.Tensor) -> np.ndarray:
    """(n, dim) float32 unit vectors of a module."""
    import torch

    with torch.inference_mode():
        return torch.nn.functional.normalize(module(inputs).float(), dim=1).cpu().numpy()
