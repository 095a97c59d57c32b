"""The last stage on cached maps, and the whole network (or LoRA in it) on images: what is trained, and what it is fed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from core import arrays
from core.backbones import tuned
from core.errors import StoreUnusable
from core.studies.finetuning import network as networks
from core.studies.finetuning.learners import ValidationSet, unit_rows
from core.studies.finetuning.parts import Parts
from core.studies.finetuning.pixels import Pixels
from core.task import NO_TASK, Task
from core.types import Backbone

if TYPE_CHECKING:
    import torch

VIEWS = 4
"""Random crops of each image whose maps are cached, beside the plain image."""
AT_ONCE = 16
MOST_VALIDATION, BESIDE = 200, 400
"""Images of a validation, which go through the network after every epoch."""


def trained_state(network: Any, head: Any, moves: str) -> dict[str, torch.Tensor]:
    """What a file of a tuned backbone holds: the tensors that learned, or all of them."""
    state = {f"{tuned.HEAD}{key}": tensor for key, tensor in head.state_dict().items()}
    if moves == "lora":
        network = networks.merged(network)
    learned = {name for name, parameter in network.named_parameters() if parameter.requires_grad}
    for name, tensor in network.state_dict().items():
        if moves != "last" or name in learned:
            state[f"{tuned.NETWORK}{name}"] = tensor
    return state


class LastLearner:
    """The last stage and a head, on maps of the stage before that are worked out once.

    Args:
        network: of the base, on the CPU in eval mode.
        head: at its start.
        cache: the file of the maps; it is deleted by `close`.
    """

    def __init__(
        self, network: Any, base: Backbone, head: Any, parts: Parts, pixels: Pixels, seed: int, cache: Path
    ) -> None:
        import torch

        self.device, self.pixels, self.parts, self.seed, self.cache = pixels.device, pixels, parts, seed, cache
        network.requires_grad_(False).to(self.device)
        self.network, self.head = network, head.to(self.device)
        self.trunk, tail = networks.part(network, base)
        tail.requires_grad_(True)
        self.module = torch.nn.Sequential(tail, self.head)
        self._set = ValidationSet(parts, seed, MOST_VALIDATION, BESIDE)
        self._maps: np.ndarray | None = None
        self._validation: np.ndarray | None = None

    def prepare(self, task: Task = NO_TASK) -> None:
        """Work out the maps: VIEWS crops of every fitted image, and the plain ones for validation.

        Raises:
            Cancelled: somebody stopped it. StoreUnusable: the disk is full. BadInput: an image cannot be opened.
        """
        plain = self.through(self._set.positions[:1])
        shape = (len(self.parts.fit), VIEWS + 1, *plain.shape[1:])
        try:
            self.cache.parent.mkdir(parents=True, exist_ok=True)
            self._maps = np.lib.format.open_memmap(self.cache, mode="w+", dtype=np.float16, shape=shape)
        except OSError as error:
            raise StoreUnusable(
                f"The maps need {np.prod(shape) * 2 / 1e6:,.0f} MB in {self.cache.parent}: {error.strerror}. Free some space, or "
                "train the head alone."
            ) from None
        for view in range(VIEWS + 1):
            for chunk in task.chunks(f"Maps, view {view + 1} of {VIEWS + 1}", len(self.parts.fit), AT_ONCE):
                self._maps[chunk, view] = self.through(self.parts.fit[chunk], view)
        rows = [self.through(self._set.positions[chunk]) for chunk in arrays.chunks(len(self._set.positions), AT_ONCE)]
        self._validation = np.concatenate(rows)

    def through(self, positions: np.ndarray, view: int = 0) -> np.ndarray:
        """(n, …) float16 maps of images; view 0 is the plain one."""
        import torch

        seeds: list[tuple[int, ...]] | None = [(self.seed, 17, view, int(at)) for at in positions] if view else None
        with torch.inference_mode():
            return self.trunk(self.pixels.read(positions, seeds)).to(torch.float16).cpu().numpy()

    def batch(self, rows: np.ndarray, random: np.random.Generator) -> torch.Tensor:
        """Maps of a random view of each image."""
        import torch

        assert self._maps is not None, "prepare comes first"
        views = random.integers(0, VIEWS + 1, len(rows))
        return torch.from_numpy(np.ascontiguousarray(self._maps[rows, views], np.float32)).to(self.device)

    def validation(self) -> tuple[float, float]:
        """As `Learner.validation`."""
        import torch

        assert self._validation is not None, "prepare comes first"
        rows = [
            unit_rows(self.module, torch.from_numpy(self._validation[chunk].astype(np.float32)).to(self.device))
            for chunk in arrays.chunks(len(self._validation), AT_ONCE)
        ]
        return self._set.figures(np.concatenate(rows))

    def state(self) -> dict[str, torch.Tensor]:
        """What the file of the tuned backbone holds."""
        return trained_state(self.network, self.head, "last")

    def vectors(self, rows: slice) -> np.ndarray:
        """(n, dim) float32 unit vectors of some images of the dataset, as it is now."""
        import torch

        images = self.pixels.read(np.arange(len(self.pixels.dataset))[rows])
        return unit_rows(torch.nn.Sequential(self.network, self.head), images)

    def close(self) -> None:
        """Delete the maps."""
        self._maps = None
        self.cache.unlink(missing_ok=True)


class WholeLearner:
    """The whole network and a head, or LoRA in its attention, on images that are cropped and mirrored at random."""

    def __init__(
        self, network: Any, base: Backbone, head: Any, parts: Parts, pixels: Pixels, seed: int, lora: bool
    ) -> None:
        import torch

        self.device, self.pixels, self.parts, self.seed = pixels.device, pixels, parts, seed
        self.moves = "lora" if lora else "all"
        network.to(self.device).requires_grad_(not lora)
        self.network = networks.with_lora(network, base).eval() if lora else network
        self.head = head.to(self.device)
        self.module = torch.nn.Sequential(self.network, self.head)
        self._set = ValidationSet(parts, seed, MOST_VALIDATION, BESIDE)

    def prepare(self, task: Task = NO_TASK) -> None:
        """Nothing is worked out before."""

    def batch(self, rows: np.ndarray, random: np.random.Generator) -> torch.Tensor:
        """Images, each in a crop of its own."""
        drawn = random.integers(0, 2**31, len(rows))
        return self.pixels.read(self.parts.fit[rows], [(self.seed, 19, int(number)) for number in drawn])

    def validation(self) -> tuple[float, float]:
        """As `Learner.validation`."""
        rows = [
            unit_rows(self.module, self.pixels.read(self._set.positions[chunk]))
            for chunk in arrays.chunks(len(self._set.positions), AT_ONCE)
        ]
        return self._set.figures(np.concatenate(rows))

    def state(self) -> dict[str, torch.Tensor]:
        """What the file of the tuned backbone holds."""
        return trained_state(self.network, self.head, self.moves)

    def vectors(self, rows: slice) -> np.ndarray:
        """(n, dim) float32 unit vectors of some images of the dataset, as it is now."""
        import torch

        images = self.pixels.read(np.arange(len(self.pixels.dataset))[rows])
        return unit_rows(torch.nn.Sequential(self.network, self.head), images)

    def close(self) -> None:
        """Nothing to delete."""
