"""Training a gate over backbones: shares that follow the query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from core.backbones.threads import one_thread
from core.errors import BadInput
from core.fusion import FusionSpec, LearnedArray, early
from core.fusion.learned import gate_inputs
from core.fusion.normalize import normalize
from core.studies.training.training_loop import State, Trained, run_batches, train_epochs, validation_part
from core.studies.vector_set import VectorSet
from core.task import NO_TASK, Task
from core.types import Relevance

if TYPE_CHECKING:
    import torch

MOST_RELEVANT, HARD, RANDOM = 48, 144, 48
"""Candidates of a training query, at most: relevant ones, the hardest others, and others drawn at random."""


@dataclass
class _TrainingLists:
    """Candidate lists of some queries: relevant items first, then hard and random others, padded.

    scores (n_queries, n_backbones, n_candidates) float32 z-scores; relevant and filled (no padding), bool,
    (n_queries, n_candidates).
    """

    scores: np.ndarray
    relevant: np.ndarray
    filled: np.ndarray
    inputs: np.ndarray


def _candidates(
    space: VectorSet,
    names: Sequence[str],
    truth: Relevance,
    queries: np.ndarray,
    frame: State,
    seed: int,
) -> _TrainingLists:
    """What the gate trains on; made block by block, so that no full score matrix is kept."""
    rng = np.random.default_rng(seed)
    width = min(MOST_RELEVANT + HARD + RANDOM, space.n_gallery)
    n = len(queries)
    lists = _TrainingLists(
        np.zeros((n, len(names), width), np.float32),
        np.zeros((n, width), bool),
        np.zeros((n, width), bool),
        np.zeros((n, len(frame["center"])), np.float64),
    )
    part = space.only(queries)
    step = max(1, 2_000_000 // max(space.n_gallery, 1))
    for start in range(0, n, step):
        stop = min(start + step, n)
        self_position = part.self_position[start:stop]
        scores = [part.scores(name, start, stop) for name in names]
        parts = [part.get(name)[part.split.queries[start:stop]] for name in names]
        lists.inputs[start:stop] = gate_inputs(
            scores, self_position, parts, *(frame[key] for key in ("center", "scale", "basis"))
        )
        scaled = np.stack([normalize(block, "zscore", self_position) for block in scores], axis=1).astype(np.float32)
        for row in range(stop - start):
            query = int(queries[start + row])
            chosen, right = _chosen(scaled[row], truth, query, rng, width)
            size = len(chosen)
            lists.scores[start + row, :, :size] = scaled[row][:, chosen]
            lists.relevant[start + row, :size] = right
            lists.filled[start + row, :size] = True
    return lists


def _chosen(
    scaled: np.ndarray, truth: Relevance, query: int, rng: np.random.Generator, width: int
) -> tuple[np.ndarray, np.ndarray]:
    """Candidate positions of one query, and which of them are relevant."""
    n_gallery = scaled.shape[1]
    relevant = truth.relevant(query)
    if len(relevant) > MOST_RELEVANT:
        relevant = np.sort(rng.choice(relevant, MOST_RELEVANT, replace=False))
    others = np.ones(n_gallery, bool)
    others[truth.relevant(query)] = False
    others[truth.junk(query)] = False
    if truth.self_position[query] >= 0:
        others[truth.self_position[query]] = False
    rest = np.flatnonzero(others)
    # Hard for any backbone: the highest score that one of them gives.
    order = rest[np.argsort(-scaled[:, rest].max(axis=0), kind="stable")]
    easy = order[HARD:]
    drawn = rng.choice(easy, min(RANDOM, len(easy)), replace=False) if len(easy) else easy
    chosen = np.concatenate([relevant, order[:HARD], drawn])[:width]
    return chosen, np.arange(len(chosen)) < len(relevant)


def _list_ap(scores: np.ndarray, lists: _TrainingLists) -> float:
    """Mean AP over candidate lists; ties go against the relevant item, so that a flat gate gains nothing."""
    values = []
    for row, relevant, filled in zip(scores, lists.relevant, lists.filled):
        if not relevant.any():
            continue
        order = np.lexsort((relevant[filled], -row[filled]))
        ranks = np.flatnonzero(relevant[filled][order]) + 1
        values.append(float((np.arange(1, len(ranks) + 1) / ranks).mean()))
    return float(np.mean(values)) if values else float("nan")


@one_thread()
def train_gate(
    space: VectorSet,
    backbones: Sequence[str],
    truth: Relevance,
    train: np.ndarray,
    groups: np.ndarray,
    *,
    name: str = "gate",
    epochs: int = 60,
    seed: int = 0,
    directions: int = 8,
    task: Task = NO_TASK,
) -> Trained:
    """A softmax gate over backbones from what is known when a query comes, trained with smooth AP.

    The gate starts at equal shares of z-scored scores. Early stopping watches a fifth of the training queries.

    Args:
        truth: of the space's split.
        train: (n,) positions among the queries; nothing else is looked at.
        groups: (n_queries,) class or instance of every query.
    Reference:
        Brown et al. 2020, Smooth-AP, arXiv:2007.12163.
    """
    import torch

    backbones = tuple(backbones)
    train = np.asarray(train)[truth.n_relevant[train] > 0]
    if len(train) < 10:
        raise BadInput(f"Only {len(train)} training queries have a relevant image; a gate needs at least 10.")
    fit, validation = validation_part(train, groups, seed)
    frame = _gate_frame(space, backbones, fit, directions)
    lists = _candidates(space, backbones, truth, fit, frame, seed)
    validation_lists = _candidates(space, backbones, truth, validation, frame, seed + 1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    weight = torch.zeros(lists.inputs.shape[1], len(backbones), requires_grad=True)
    bias = torch.zeros(len(backbones), requires_grad=True)
    optimiser = torch.optim.AdamW([weight, bias], lr=0.02, weight_decay=0.05)
    inputs, scores = torch.tensor(lists.inputs.astype(np.float32)), torch.tensor(lists.scores)
    relevant, filled = torch.tensor(lists.relevant), torch.tensor(lists.filled)

    def loss_of(batch: torch.Tensor) -> torch.Tensor:
        shares = torch.softmax(inputs[batch] @ weight + bias, dim=1)
        fused = (shares[:, :, None] * scores[batch]).sum(dim=1)
        return 1 - smooth_ap(fused, relevant[batch], filled[batch]).mean()

    def run_epoch() -> float:
        return run_batches(torch.randperm(len(fit), generator=generator).split(32), loss_of, optimiser)

    def validate() -> tuple[float, State]:
        state = {"weight": weight.detach().numpy().copy(), "bias": bias.detach().numpy().copy()}
        return _gate_ap(validation_lists, state), state

    curve, best, state = train_epochs("Training the gate", epochs, 10, run_epoch, validate, task)
    arrays = tuple(LearnedArray.of(key, values) for key, values in (frame | state).items())
    return Trained(FusionSpec(name, "gate", backbones, learned=arrays), curve, best)


def _gate_ap(lists: _TrainingLists, state: State) -> float:
    """Mean AP of candidate lists under a gate."""
    raw = lists.inputs @ state["weight"] + state["bias"]
    shares = np.exp(raw - raw.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    return _list_ap(np.einsum("qm,qmc->qc", shares, lists.scores), lists)


def _gate_frame(space: VectorSet, backbones: tuple[str, ...], fit: np.ndarray, directions: int) -> State:
    """The main directions of the training queries, and the mean and deviation of every input of the gate."""
    rows = np.concatenate([space.get(name)[space.split.queries[fit]] for name in backbones], axis=1)
    basis = early.Pca(rows, min(directions, *rows.shape)).components.T
    part, blocks = space.only(fit), []
    step = max(1, 2_000_000 // max(space.n_gallery, 1))
    for start in range(0, len(fit), step):
        stop = min(start + step, len(fit))
        scores = [part.scores(name, start, stop) for name in backbones]
        parts = [part.get(name)[part.split.queries[start:stop]] for name in backbones]
        blocks.append(gate_inputs(scores, part.self_position[start:stop], parts, np.zeros(1), np.ones(1), basis))
    inputs = np.concatenate(blocks)
    deviation = inputs.std(axis=0)
    return {"center": inputs.mean(axis=0), "scale": np.where(deviation > 1e-6, deviation, 1.0), "basis": basis}


def smooth_ap(
    scores: torch.Tensor,
    relevant: torch.Tensor,
    filled: torch.Tensor,
    first: int | None = None,
    temperature: float = 0.1,
) -> torch.Tensor:
    """Smooth average precision of candidate lists: (n_queries,) tensor in (0, 1], differentiable in the scores.

    A rank is one more than the sum over others of sigmoid((other − this)/temperature).

    Args:
        scores: (n_queries, n_candidates) tensor; relevant, filled: bool tensors of the same shape. Relevant ones stand
            first, so only the first columns need a rank.
        first: how many columns may be relevant; None for the most that any query has.
    """
    import torch

    columns = int(relevant.sum(dim=1).max()) if first is None else first
    gaps = torch.sigmoid((scores[:, None, :] - scores[:, :columns, None]) / temperature)
    others = filled[:, None, :] & ~torch.eye(scores.shape[1], dtype=torch.bool)[None, :columns]
    rank = 1 + (gaps * others).sum(dim=2)
    among = 1 + (gaps * (others & relevant[:, None, :])).sum(dim=2)
    relevant = relevant[:, :columns]
    return (among / rank * relevant).sum(dim=1) / relevant.sum(dim=1).clamp(min=1)
