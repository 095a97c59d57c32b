"""What every training shares: epochs with early stopping on a validation part. Torch is imported when training starts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from core.fusion import FusionSpec
from core.task import Task

if TYPE_CHECKING:
    import torch

State = dict[str, np.ndarray]
"""The arrays that are trained."""


@dataclass(frozen=True)
class Epoch:
    """One pass over the training data: mean loss, and mean AP on the validation part (higher is better)."""

    epoch: int
    loss: float
    validation: float


@dataclass(frozen=True)
class Trained:
    """A trained fusion and how it came to be.

    Attributes:
        spec: with its arrays; `trained_on` is for the caller to fill in.
        curve: one `Epoch` per pass, epoch 0 is before training.
        best: the epoch whose arrays the fusion has.
    """

    spec: FusionSpec
    curve: tuple[Epoch, ...]
    best: int


def train_epochs(
    label: str,
    epochs: int,
    patience: int,
    run_epoch: Callable[[], float],
    validate: Callable[[], tuple[float, State]],
    task: Task,
) -> tuple[tuple[Epoch, ...], int, State]:
    """Train until `patience` epochs in a row brought nothing on the validation part.

    Args:
        label: what is trained, for the progress.
        run_epoch: one pass over the training data → its mean loss.
        validate: the mean AP of the validation part, and a copy of the arrays as they are.
    Returns:
        One `Epoch` per pass (epoch 0 is before training), the best epoch, and its arrays.
    Raises:
        Cancelled: the task was cancelled meanwhile.
    """
    value, state = validate()
    curve, best, best_value, best_state = [Epoch(0, float("nan"), value)], 0, value, state
    meter = task.meter(label, epochs, "epochs")
    for epoch in range(1, epochs + 1):
        task.check()
        loss = run_epoch()
        value, state = validate()
        curve.append(Epoch(epoch, loss, value))
        meter.add(1)
        if value > best_value + 1e-6 or (np.isnan(best_value) and not np.isnan(value)):
            best, best_value, best_state = epoch, value, state
        if epoch - best >= patience:
            break
    return tuple(curve), best, best_state


def run_batches(
    batches: Iterable[Any], loss_of: Callable[[Any], torch.Tensor], optimiser: torch.optim.Optimizer
) -> float:
    """One optimiser step per batch; the mean of their losses."""
    losses = []
    for batch in batches:
        loss = loss_of(batch)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return float(np.mean(losses))


def validation_part(
    positions: np.ndarray, groups: np.ndarray, seed: int, question: str = "new"
) -> tuple[np.ndarray, np.ndarray]:
    """About a fifth of the training positions, whole groups where there are at least five, for early stopping.

    Args:
        question: "known" takes a fifth of each group with three images or more instead.
    """
    rng, names = np.random.default_rng(seed), np.unique(groups[positions])
    members = [np.flatnonzero(groups[positions] == name) for name in names if question == "known"]
    large = [rows for rows in members if len(rows) > 2]
    if large:
        held_back = np.concatenate([rng.permutation(rows)[: max(1, len(rows) // 5)] for rows in large])
        inside = np.isin(np.arange(len(positions)), held_back)
    elif len(names) >= 5:
        validation = rng.permutation(names)[: max(1, len(names) // 5)]
        inside = np.isin(groups[positions], validation)
    else:
        inside = np.zeros(len(positions), bool)
        inside[rng.permutation(len(positions))[: max(1, len(positions) // 5)]] = True
    return positions[~inside], positions[inside]
