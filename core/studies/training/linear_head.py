"""Training a linear map of joined vectors, so that a group's images lie together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from core.backbones.threads import one_thread
from core.errors import BadInput
from core.fusion import FusionSpec, LearnedArray, early
from core.studies.training.training_loop import State, Trained, run_batches, train_epochs, validation_part
from core.studies.vector_set import VectorSet
from core.task import NO_TASK, Task
from core.types import unit

if TYPE_CHECKING:
    import torch

MOST_FOR_START = 5_000
"""Gallery images whose main directions a head starts from; a seeded sample of more."""
USUAL = {"new": (40, 5), "known": (120, 10)}
"""What it will be asked for → epochs at most, and how many in a row may bring nothing."""


@one_thread()
def train_head(
    space: VectorSet,
    backbones: Sequence[str],
    images: np.ndarray,
    groups: np.ndarray,
    *,
    dim: int = 128,
    name: str = "linear head",
    epochs: int = 0,
    seed: int = 0,
    question: str = "new",
    temperature: float = 0.1,
    task: Task = NO_TASK,
) -> Trained:
    """A linear map of the concatenation to `dim` numbers, trained so that a group's images lie together.

    It starts from the main directions of the gallery, for which nobody needs a label (epoch 0, so training is only kept
    if it helps on validation), with a supervised contrastive loss over class-balanced batches. Validation images must find
    each other among all training images.

    Args:
        images: (n,) positions in the dataset to train on; no other label is looked at.
        groups: (n_images,) class or instance, −1 unlabelled.
        dim: length of the fused vector.
        epochs: at most; 0 for what pays.
        question: "new" stops on classes that are not fitted, "known" on other images of those that are, later.
    Reference:
        Khosla et al. 2020, Supervised Contrastive Learning, arXiv:2004.11362.
    """
    import torch

    backbones = tuple(backbones)
    fit, validation, beside = _parts(np.asarray(images), groups, seed, question)
    rows, validation_rows = (_joined([space.get(name) for name in backbones], part) for part in (fit, validation))
    if not 1 <= dim <= rows.shape[1]:
        raise BadInput(f"The head can have 1 to {rows.shape[1]} dimensions, not {dim}.")
    sample = np.random.default_rng(seed).permutation(space.n_gallery)[:MOST_FOR_START]
    start = _head_start(_joined([space.gallery(name) for name in backbones], sample), dim, seed)
    matrix, shift = (torch.tensor(values, requires_grad=True) for values in start)
    optimiser = torch.optim.AdamW([matrix, shift], lr=3e-4, weight_decay=1e-4)
    data, labels = torch.tensor(rows), torch.tensor(groups[fit])
    rng = np.random.default_rng(seed)

    def loss_of(batch: np.ndarray) -> torch.Tensor:
        joined = torch.nn.functional.normalize(data[batch] @ matrix + shift, dim=1)
        return contrastive_loss(joined, labels[batch], temperature)

    def run_epoch() -> float:
        return run_batches(balanced_batches(groups[fit], rng), loss_of, optimiser)

    def validate() -> tuple[float, State]:
        state = {"matrix": matrix.detach().numpy().copy(), "shift": shift.detach().numpy().copy()}
        vectors = unit(np.concatenate([validation_rows, rows[beside]]) @ state["matrix"] + state["shift"])
        return self_map(vectors, np.concatenate([groups[validation], groups[fit[beside]]]), len(validation)), state

    most, patience = USUAL[question]
    curve, best, state = train_epochs("Training the head", epochs or most, patience, run_epoch, validate, task)
    arrays = tuple(LearnedArray.of(key, values) for key, values in state.items())
    return Trained(FusionSpec(name, "linear_head", backbones, learned=arrays), curve, best)


def _parts(
    images: np.ndarray, groups: np.ndarray, seed: int, question: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Positions that are fitted and that stop the training, and which of the fitted ones stand beside the latter."""
    fit, validation = validation_part(images[groups[images] >= 0], groups, seed, question)
    if (np.unique(groups[fit], return_counts=True)[1] > 1).sum() < 2:
        raise BadInput("A linear head needs at least two training classes with two images each. Label more images.")
    validation = np.random.default_rng(seed).permutation(validation)[:1000]
    return fit, validation, np.random.default_rng(seed).permutation(len(fit))[:2000]


def _joined(parts: Sequence[np.ndarray], rows: np.ndarray) -> np.ndarray:
    """(n_rows, Σ dim) float32: some rows of each backbone behind one another, all with equal weight."""
    return early.concat([part[rows] for part in parts], np.ones(len(parts)))


def _head_start(rows: np.ndarray, dim: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Matrix (Σ dim, dim) and shift (dim,), float32: the main directions of the rows, and what takes their mean off.

    Found by a seeded randomised decomposition, since they are only a start. Seeded small random directions stand in
    where the rows have fewer.
    """
    import torch

    center = rows.mean(axis=0, dtype=np.float64)
    n_directions = min(dim, *rows.shape)
    torch.manual_seed(seed)
    _, _, directions = torch.svd_lowrank(
        torch.tensor(rows - center.astype(np.float32)), q=min(n_directions + 8, *rows.shape), niter=4
    )
    start = np.random.default_rng(seed).standard_normal((rows.shape[1], dim)) * 1e-3
    start[:, :n_directions] = directions[:, :n_directions].numpy()
    return start.astype(np.float32), (-center @ start).astype(np.float32)


def self_map(vectors: np.ndarray, groups: np.ndarray, n_queries: int | None = None) -> float:
    """Mean AP of self-retrieval among a few vectors: the first `n_queries` (all) are queries for the others of their group."""
    vectors = np.asarray(vectors, np.float32)
    n = len(vectors) if n_queries is None else n_queries
    scores = vectors[:n] @ vectors.T
    scores[np.arange(n), np.arange(n)] = -np.inf
    order = np.argsort(-scores, axis=1, kind="stable")[:, :-1]
    hits = groups[order] == groups[:n, None]
    precision = np.cumsum(hits, axis=1) / np.arange(1, hits.shape[1] + 1)
    n_hits = hits.sum(axis=1)
    valid = n_hits > 0
    return float(((precision * hits).sum(axis=1)[valid] / n_hits[valid]).mean()) if valid.any() else float("nan")


def balanced_batches(
    groups: np.ndarray, rng: np.random.Generator, classes: int = 16, each: int = 4
) -> list[np.ndarray]:
    """One epoch of batches with the same number of images of every drawn class; small classes repeat images.

    Every class with two images or more is drawn about equally often, whatever its size.
    """
    members = {g: np.flatnonzero(groups == g) for g in np.unique(groups)}
    usable = [g for g, images in members.items() if len(images) > 1]
    per_epoch = max(20, round(len(groups) / (min(classes, len(usable)) * each)))
    batches: list[np.ndarray] = []
    waiting: list[int] = []
    for _ in range(per_epoch):
        while len(waiting) < min(classes, len(usable)):
            waiting += [g for g in rng.permutation(usable) if g not in waiting]
        drawn, waiting = waiting[:classes], waiting[classes:]
        batches.append(np.concatenate([rng.choice(members[g], each, replace=len(members[g]) < each) for g in drawn]))
    return batches


def contrastive_loss(vectors: torch.Tensor, labels: torch.Tensor, temperature: float) -> torch.Tensor:
    """Supervised contrastive loss of unit vectors: each is drawn to its class among the batch. A scalar tensor."""
    import torch

    scores = vectors @ vectors.T / temperature
    itself = torch.eye(len(vectors), dtype=torch.bool)
    scores = scores.masked_fill(itself, -1e9)
    same = (labels[:, None] == labels[None, :]) & ~itself
    log_share = scores - torch.logsumexp(scores, dim=1, keepdim=True)
    count = same.sum(dim=1)
    return -((log_share * same).sum(dim=1)[count > 0] / count[count > 0]).mean()
