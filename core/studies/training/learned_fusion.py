"""Training the learned fusions: a gate over backbones, and a linear head. Torch is imported when training starts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from core.errors import BadInput
from core.fusion import FusionSpec, LearnedArray, early
from core.fusion.learned import gate_inputs
from core.fusion.normalize import normalize
from core.studies.vector_set import VectorSet
from core.task import NO_TASK, Task
from core.types import Relevance, unit

if TYPE_CHECKING:
    import torch


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
        best: the epoch that was kept.
    """

    spec: FusionSpec
    curve: tuple[Epoch, ...]
    best: int


@contextmanager
def _one_thread() -> Iterator[None]:
    """Steps of a training are small: several threads a step would only wait for one another, on a busy machine for long."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class _EarlyStop:
    """Keeps the best state, and says when `patience` epochs brought nothing."""

    def __init__(self, patience: int) -> None:
        self.patience, self.best, self.value = patience, 0, -np.inf
        self.state: dict[str, np.ndarray] = {}

    def look(self, epoch: int, value: float, state: dict[str, np.ndarray]) -> bool:
        """True when training should go on."""
        if value > self.value + 1e-6:
            self.best, self.value, self.state = epoch, value, state
        return epoch - self.best < self.patience


def validation_part(positions: np.ndarray, groups: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """About a fifth of the training positions, whole groups where there are at least five, for early stopping."""
    rng, names = np.random.default_rng(seed), np.unique(groups[positions])
    if len(names) >= 5:
        held = rng.permutation(names)[: max(1, len(names) // 5)]
        inside = np.isin(groups[positions], held)
    else:
        inside = np.zeros(len(positions), bool)
        inside[rng.permutation(len(positions))[: max(1, len(positions) // 5)]] = True
    return positions[~inside], positions[inside]


# ---------------------------------------------------------------- the gate


@dataclass
class _TrainingLists:
    """Candidate lists of some queries: relevant items first, then hard and random others, padded.

    scores (n_queries, n_backbones, n_candidates) float32 z-scores; relevant and there, bool, (n_queries, n_candidates).
    """

    scores: np.ndarray
    relevant: np.ndarray
    there: np.ndarray
    inputs: np.ndarray


MOST_RELEVANT, HARD, RANDOM = 48, 144, 48


def _candidates(
    space: VectorSet,
    names: Sequence[str],
    truth: Relevance,
    queries: np.ndarray,
    learned: dict[str, np.ndarray],
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
        np.zeros((n, len(learned["center"])), np.float64),
    )
    asked = space.only(queries)
    step = max(1, 2_000_000 // max(space.n_gallery, 1))
    for start in range(0, n, step):
        stop = min(start + step, n)
        own = asked.self_position[start:stop]
        scores = [asked.scores(name, start, stop) for name in names]
        parts = [asked.get(name)[asked.split.queries[start:stop]] for name in names]
        lists.inputs[start:stop] = gate_inputs(scores, own, parts, *(learned[k] for k in ("center", "scale", "basis")))
        scaled = np.stack([normalize(one, "zscore", own) for one in scores], axis=1).astype(np.float32)
        for row in range(stop - start):
            query = int(queries[start + row])
            chosen, right = _chosen(scaled[row], truth, query, rng, width)
            size = len(chosen)
            lists.scores[start + row, :, :size] = scaled[row][:, chosen]
            lists.relevant[start + row, :size] = right
            lists.there[start + row, :size] = True
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
    for row, right, there in zip(scores, lists.relevant, lists.there):
        if not right.any():
            continue
        order = np.lexsort((right[there], -row[there]))
        hits = right[there][order]
        places = np.flatnonzero(hits) + 1
        values.append(float((np.arange(1, len(places) + 1) / places).mean()))
    return float(np.mean(values)) if values else float("nan")


@_one_thread()
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
    """A softmax gate over backbones from what is known when a query is asked, trained with smooth AP.

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
    fit, held = validation_part(train, groups, seed)
    learned = _gate_frame(space, backbones, fit, directions)
    lists = [_candidates(space, backbones, truth, part, learned, seed + i) for i, part in enumerate((fit, held))]
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    n_features = lists[0].inputs.shape[1]
    weight = torch.zeros(n_features, len(backbones), requires_grad=True)
    bias = torch.zeros(len(backbones), requires_grad=True)
    optimiser = torch.optim.AdamW([weight, bias], lr=0.02, weight_decay=0.05)
    tensors = [torch.tensor(a) for a in (lists[0].inputs.astype(np.float32), lists[0].scores)]
    flags = [torch.tensor(a) for a in (lists[0].relevant, lists[0].there)]

    def validate() -> tuple[float, dict[str, np.ndarray]]:
        """Mean AP of the validation lists with the present weights, and those weights."""
        state = {"weight": weight.detach().numpy().copy(), "bias": bias.detach().numpy().copy()}
        raw = lists[1].inputs @ state["weight"] + state["bias"]
        shares = np.exp(raw - raw.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        return _list_ap(np.einsum("qm,qmc->qc", shares, lists[1].scores), lists[1]), state

    stop, curve = _EarlyStop(patience=10), []
    meter = task.meter("Training the gate", epochs, "epochs")
    value, state = validate()
    curve.append(Epoch(0, float("nan"), value))
    stop.look(0, value, state)
    for epoch in range(1, epochs + 1):
        task.check()
        losses = []
        for batch in torch.randperm(len(fit), generator=generator).split(32):
            shares = torch.softmax(tensors[0][batch] @ weight + bias, dim=1)
            fused = (shares[:, :, None] * tensors[1][batch]).sum(dim=1)
            loss = 1 - smooth_ap(fused, flags[0][batch], flags[1][batch]).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
        value, state = validate()
        curve.append(Epoch(epoch, float(np.mean(losses)), value))
        meter.add(1)
        if not stop.look(epoch, value, state):
            break
    arrays = learned | stop.state
    spec = FusionSpec(name, "gate", backbones, learned=tuple(LearnedArray.of(k, v) for k, v in arrays.items()))
    return Trained(spec, tuple(curve), stop.best)


def _gate_frame(
    space: VectorSet, backbones: tuple[str, ...], fit: np.ndarray, directions: int
) -> dict[str, np.ndarray]:
    """The main directions of the training queries, and the mean and deviation of every input of the gate."""
    rows = np.concatenate([space.get(name)[space.split.queries[fit]] for name in backbones], axis=1)
    kept = min(directions, *rows.shape)
    basis = early.Pca(rows, kept).components.T
    plain = {"center": np.zeros(1), "scale": np.ones(1), "basis": basis}
    asked, found = space.only(fit), []
    step = max(1, 2_000_000 // max(space.n_gallery, 1))
    for start in range(0, len(fit), step):
        stop = min(start + step, len(fit))
        scores = [asked.scores(name, start, stop) for name in backbones]
        parts = [asked.get(name)[asked.split.queries[start:stop]] for name in backbones]
        found.append(
            gate_inputs(scores, asked.self_position[start:stop], parts, plain["center"], plain["scale"], basis)
        )
    inputs = np.concatenate(found)
    deviation = inputs.std(axis=0)
    return {"center": inputs.mean(axis=0), "scale": np.where(deviation > 1e-6, deviation, 1.0), "basis": basis}


def smooth_ap(
    scores: torch.Tensor,
    relevant: torch.Tensor,
    there: torch.Tensor,
    first: int | None = None,
    temperature: float = 0.1,
) -> torch.Tensor:
    """Smooth average precision of candidate lists: (n_queries,) tensor in (0, 1], differentiable in the scores.

    A rank is one more than the sum over others of sigmoid((other − own)/temperature).

    Args:
        scores: (n_queries, n_candidates) tensor; relevant, there: bool tensors of the same shape. Relevant ones stand
            first, so only the first columns need a rank.
        first: how many columns may be relevant; None for the most that any query has.
    """
    import torch

    asked = int(relevant.sum(dim=1).max()) if first is None else first
    gaps = torch.sigmoid((scores[:, None, :] - scores[:, :asked, None]) / temperature)
    others = there[:, None, :] & ~torch.eye(scores.shape[1], dtype=torch.bool)[None, :asked]
    rank = 1 + (gaps * others).sum(dim=2)
    among = 1 + (gaps * (others & relevant[:, None, :])).sum(dim=2)
    relevant = relevant[:, :asked]
    return (among / rank * relevant).sum(dim=1) / relevant.sum(dim=1).clamp(min=1)


# ---------------------------------------------------------------- the linear head


def self_map(vectors: np.ndarray, groups: np.ndarray, n_queries: int | None = None) -> float:
    """Mean AP of self-retrieval among a few vectors: the first `n_queries` (all) ask for the others of their group."""
    vectors = np.asarray(vectors, np.float32)
    n = len(vectors) if n_queries is None else n_queries
    scores = vectors[:n] @ vectors.T
    scores[np.arange(n), np.arange(n)] = -np.inf
    order = np.argsort(-scores, axis=1, kind="stable")[:, :-1]
    hits = groups[order] == groups[:n, None]
    precision = np.cumsum(hits, axis=1) / np.arange(1, hits.shape[1] + 1)
    found = hits.sum(axis=1)
    valid = found > 0
    return float(((precision * hits).sum(axis=1)[valid] / found[valid]).mean()) if valid.any() else float("nan")


@_one_thread()
def train_head(
    space: VectorSet,
    backbones: Sequence[str],
    images: np.ndarray,
    groups: np.ndarray,
    *,
    dim: int = 128,
    name: str = "linear head",
    epochs: int = 40,
    seed: int = 0,
    temperature: float = 0.1,
    task: Task = NO_TASK,
) -> Trained:
    """A linear map of the concatenation to `dim` numbers, trained so that a group's images lie together.

    It starts from the main directions of the gallery, for which nobody needs a label (epoch 0, so training is only kept
    if it helps on validation), with a supervised contrastive loss over class-balanced batches. Validation images, of
    classes that are not fitted, must find each other among all training images.

    Args:
        images: (n,) positions in the dataset to train on; no other label is looked at.
        groups: (n_images,) class or instance, −1 unlabelled.
        dim: length of the fused vector.
    Reference:
        Khosla et al. 2020, Supervised Contrastive Learning, arXiv:2004.11362.
    """
    import torch

    backbones = tuple(backbones)
    images = np.asarray(images)[groups[images] >= 0]
    fit, held = validation_part(images, groups, seed)
    held = np.random.default_rng(seed).permutation(held)[:1000]
    beside = np.random.default_rng(seed).permutation(len(fit))[:2000]
    names, counts = np.unique(groups[fit], return_counts=True)
    if (counts > 1).sum() < 2:
        raise BadInput("A linear head needs at least two training classes with two images each. Label more images.")
    parts = [space.get(one) for one in backbones]
    rows = early.concat([part[fit] for part in parts], np.ones(len(parts)))
    watched = early.concat([part[held] for part in parts], np.ones(len(parts)))
    if not 1 <= dim <= rows.shape[1]:
        raise BadInput(f"The head can have 1 to {rows.shape[1]} dimensions, not {dim}.")
    some = np.random.default_rng(seed).permutation(space.n_gallery)[:MOST_FOR_START]
    known = early.concat([space.gallery(one)[some] for one in backbones], np.ones(len(parts)))
    matrix, shift = (torch.tensor(one, requires_grad=True) for one in _head_start(known, dim, seed))
    optimiser = torch.optim.AdamW([matrix, shift], lr=3e-4, weight_decay=1e-4)
    data, labels = torch.tensor(rows), torch.tensor(groups[fit])
    stop, curve = _EarlyStop(patience=5), []
    meter = task.meter("Training the head", epochs, "epochs")

    def look(epoch: int, loss: float) -> bool:
        """Judge the head as it stands; True when it is time to stop."""
        state = {"matrix": matrix.detach().numpy().copy(), "shift": shift.detach().numpy().copy()}
        seen = unit(np.concatenate([watched, rows[beside]]) @ state["matrix"] + state["shift"])
        value = self_map(seen, np.concatenate([groups[held], groups[fit[beside]]]), len(held))
        curve.append(Epoch(epoch, loss, value))
        return stop.look(epoch, value, state)

    look(0, float("nan"))
    rng = np.random.default_rng(seed)
    for epoch in range(1, epochs + 1):
        task.check()
        losses = []
        for batch in balanced_batches(groups[fit], rng):
            joined = torch.nn.functional.normalize(data[batch] @ matrix + shift, dim=1)
            loss = contrastive_loss(joined, labels[batch], temperature)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
        meter.add(1)
        if not look(epoch, float(np.mean(losses))):
            break
    spec = FusionSpec(
        name, "linear_head", backbones, learned=tuple(LearnedArray.of(k, v) for k, v in stop.state.items())
    )
    return Trained(spec, tuple(curve), stop.best)


MOST_FOR_START = 5_000
"""Gallery images whose main directions a head starts from; a seeded sample of more."""


def _head_start(rows: np.ndarray, dim: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Matrix (Σ dim, dim) and shift (dim,), float32: the main directions of the rows, and what takes their mean off.

    Found by a seeded randomised decomposition, since they are only a start. Seeded small random directions stand in
    where the rows have fewer.
    """
    import torch

    center = rows.mean(axis=0, dtype=np.float64)
    kept = min(dim, *rows.shape)
    torch.manual_seed(seed)
    _, _, directions = torch.svd_lowrank(
        torch.tensor(rows - center.astype(np.float32)), q=min(kept + 8, *rows.shape), niter=4
    )
    start = np.random.default_rng(seed).standard_normal((rows.shape[1], dim)) * 1e-3
    start[:, :kept] = directions[:, :kept].numpy()
    return start.astype(np.float32), (-center @ start).astype(np.float32)


def balanced_batches(
    groups: np.ndarray, rng: np.random.Generator, classes: int = 16, each: int = 4
) -> list[np.ndarray]:
    """One epoch of batches with the same number of images of every drawn class; small classes repeat images.

    Every class with two images or more is drawn about equally often, whatever its size.
    """
    members = {g: np.flatnonzero(groups == g) for g in np.unique(groups)}
    usable = [g for g, found in members.items() if len(found) > 1]
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
