"""How long a training is going to take and what it needs, measured on a first batch before anything starts."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from core.progress import duration
from core.studies.costs import PeakMemory
from core.studies.finetuning import loop
from core.studies.finetuning.network_learners import AT_ONCE, BESIDE, MOST_VALIDATION, VIEWS, LastLearner, WholeLearner
from core.studies.finetuning.plan import Plan

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Estimate:
    """What a training takes on this machine.

    Attributes:
        before: seconds until the first epoch; an_epoch: seconds of one, its validation included.
        epochs: at most; it may stop earlier.
        gigabytes: the most memory of the process meanwhile: what it held while a batch went forward and back, and the
            copies of what moves that a training keeps; of the accelerator, where one is used.
        free: gigabytes that are free beside what the process held before.
        batch: images of a batch; on_disk: megabytes of maps.
    """

    before: float
    an_epoch: float
    epochs: int
    device: str
    gigabytes: float
    free: float = float("inf")
    batch: int = 0
    on_disk: float = 0.0

    @property
    def seconds(self) -> float:
        """Of all epochs."""
        return self.before + self.epochs * self.an_epoch

    def sentence(self) -> str:
        """For people, before it starts."""
        maps = f", {self.on_disk:,.0f} MB of maps on the disk" if self.on_disk else ""
        scarce = ""
        if self.gigabytes > self.free:
            scarce = (
                f" Only {self.free:.1f} GB are free: take a smaller batch than {self.batch}, or train the head alone."
            )
        return (
            f"About {duration(self.seconds)} for {self.epochs} epochs on this {self.device.upper()} (measured on one batch of "
            f"{self.batch}; it stops earlier where nothing is gained), {self.gigabytes:.1f} GB of memory at the most{maps}.{scarce}"
        )


def measure(learner: LastLearner | WholeLearner, plan: Plan, codes: np.ndarray) -> Estimate:
    """Time one pass of images, and one forward and backward pass of a batch; nothing of the learner is changed.

    Args:
        codes: (n_fit,) int64 classes of the fitted images.
    """
    import torch

    random = np.random.default_rng(0)
    size = min(plan.numbers.batch, len(codes))
    rows = np.arange(size)
    some = learner.parts.fit[:AT_ONCE]
    is_last = isinstance(learner, LastLearner)
    free, before = _free(learner.device), _in_use(learner.device)
    with PeakMemory() as peak:
        began = time.perf_counter()
        inputs: Any = learner.through(some) if isinstance(learner, LastLearner) else learner.pixels.read(some)
        reading = (time.perf_counter() - began) / len(some)
        batch = (
            torch.from_numpy(np.resize(inputs, (size, *inputs.shape[1:])).astype(np.float32))
            if is_last
            else learner.batch(rows, random)
        )
        began = time.perf_counter()
        learner.module(batch.to(learner.device)).float().sum().backward()
        stepping = (time.perf_counter() - began) / size + (0 if is_last else reading)
        learner.module.zero_grad(set_to_none=True)
    n_validation = min(MOST_VALIDATION, len(learner.parts.validation)) + min(BESIDE, len(codes))
    cached = (VIEWS + 1) * len(codes) + n_validation if is_last else 0
    per_epoch = loop.images_per_epoch(plan, codes)
    # a forward pass is about a third of a step
    validating = n_validation * (stepping / 3 if is_last else reading + stepping / 3)
    on_disk = float(np.prod(inputs.shape[1:])) * 2 * (VIEWS + 1) * len(codes) / 1e6 if is_last else 0.0
    return Estimate(
        cached * reading,
        per_epoch * stepping + validating,
        plan.numbers.epochs,
        learner.device,
        before + _most(learner.device, peak) + _kept(learner.module),
        free + before,
        size,
        on_disk,
    )


COPIES = 4
"""What a training keeps of the numbers that move beside themselves: two of the optimiser, those of the best epoch, those
before the epoch that runs."""


def _kept(module: torch.nn.Module) -> float:
    """Gigabytes that an optimiser and the copies of a training will take."""
    moving = sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)
    return COPIES * 4 * moving / 2**30


def _in_use(device: str) -> float:
    """Gigabytes that are held now, of the accelerator or of the machine."""
    import psutil
    import torch

    if device.startswith("cuda"):
        torch.cuda.reset_peak_memory_stats()
        return 0.0
    return psutil.Process().memory_info().rss / 2**30


def _most(device: str, peak: PeakMemory) -> float:
    """Gigabytes more that were held at the most since."""
    import torch

    return torch.cuda.max_memory_allocated() / 2**30 if device.startswith("cuda") else peak.megabytes * 1e6 / 2**30


def _free(device: str) -> float:
    """Gigabytes that are free now."""
    import psutil
    import torch

    return (torch.cuda.mem_get_info()[0] if device.startswith("cuda") else psutil.virtual_memory().available) / 2**30
