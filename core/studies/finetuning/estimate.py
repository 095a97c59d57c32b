"""How long a training is going to take and what it needs, measured on a first batch before anything starts."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.progress import duration
from core.studies.finetuning import loop
from core.studies.finetuning.network_learners import AT_ONCE, BESIDE, MOST_VALIDATION, VIEWS, LastLearner, WholeLearner
from core.studies.finetuning.plan import Plan


@dataclass(frozen=True)
class Estimate:
    """What a training takes on this machine.

    Attributes:
        before: seconds until the first epoch; an_epoch: seconds of one, its validation included.
        epochs: at most; it may stop earlier.
        gigabytes: memory of the process after the measured batch; on_disk: megabytes of maps.
    """

    before: float
    an_epoch: float
    epochs: int
    device: str
    gigabytes: float
    on_disk: float = 0.0

    @property
    def seconds(self) -> float:
        """Of all epochs."""
        return self.before + self.epochs * self.an_epoch

    def sentence(self) -> str:
        """For people, before it starts."""
        maps = f", {self.on_disk:,.0f} MB of maps on the disk" if self.on_disk else ""
        return (
            f"About {duration(self.seconds)} for {self.epochs} epochs on this {self.device.upper()} (measured on one batch; it stops "
            f"earlier where nothing is gained), {self.gigabytes:.1f} GB of memory{maps}."
        )


def measure(learner: LastLearner | WholeLearner, plan: Plan, codes: np.ndarray) -> Estimate:
    """Time one pass of images, and one forward and backward pass of a batch; nothing of the learner is changed.

    Args:
        codes: (n_fit,) int64 classes of the fitted images.
    """
    import psutil
    import torch

    random = np.random.default_rng(0)
    size = min(plan.numbers.batch, len(codes))
    rows = np.arange(size)
    some = learner.parts.fit[:AT_ONCE]
    began = time.perf_counter()
    inputs: Any = learner.through(some) if isinstance(learner, LastLearner) else learner.pixels.read(some)
    is_last = isinstance(learner, LastLearner)
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
    memory = psutil.Process().memory_info().rss / 2**30
    n_validation = min(MOST_VALIDATION, len(learner.parts.validation)) + min(BESIDE, len(codes))
    cached = (VIEWS + 1) * len(codes) + n_validation if is_last else 0
    per_epoch = loop.images_per_epoch(plan, codes)
    # a forward pass is about a third of a step
    validating = n_validation * (stepping / 3 if is_last else reading + stepping / 3)
    on_disk = float(np.prod(inputs.shape[1:])) * 2 * (VIEWS + 1) * len(codes) / 1e6 if is_last else 0.0
    return Estimate(
        cached * reading, per_epoch * stepping + validating, plan.numbers.epochs, learner.device, memory, on_disk
    )
