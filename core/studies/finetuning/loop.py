"""The training: epochs of balanced batches, early stopping, checkpoints, all of it seeded; plain torch in one file.

Every epoch draws from a seed of its own, so that a run which was killed and goes on ends with the very numbers of one that
was not. A checkpoint is written beside its place, then renamed.
"""

from __future__ import annotations

import copy
import io
import math
import time
from collections.abc import Callable
from dataclasses import astuple, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from core import files
from core.backbones.engines import torch_engine
from core.errors import BadInput, Cancelled
from core.studies.finetuning.losses import LOSSES
from core.studies.finetuning.plan import Plan, batch_shape
from core.studies.training.linear_head import balanced_batches
from core.task import NO_TASK, ProgressMeter, Task

if TYPE_CHECKING:
    import torch

FORMAT = 1
"""Of a checkpoint; raised when it changes its meaning."""
SECONDS_PER_CHECKPOINT = 5.0
"""What a kill can cost, beside the epoch that runs."""
WEIGHT_DECAY = 1e-4
State = dict[str, Any]


class Learner(Protocol):
    """What is trained, and what it is fed."""

    device: str

    @property
    def module(self) -> torch.nn.Module:
        """What moves; in eval mode, so that batch statistics stay those of the pretrained network."""
        ...

    def batch(self, rows: np.ndarray, random: np.random.Generator) -> torch.Tensor:
        """What the module takes for some of the fitted images, changed at random where that is wanted."""
        ...

    def validation(self) -> tuple[float, float]:
        """Mean AP and hit rate@1 of the validation images among themselves and the fitted ones; higher is better."""
        ...

    def prepare(self, task: Task = NO_TASK) -> None:
        """What has to be worked out before the first batch."""
        ...

    def state(self) -> State:
        """What the file of the tuned backbone holds, once it is trained."""
        ...

    def vectors(self, rows: slice) -> np.ndarray:
        """(n, dim) float32 unit vectors of some images of the dataset, as it is now."""
        ...

    def close(self) -> None:
        """Delete what was worked out for the training alone."""
        ...


@dataclass(frozen=True)
class Epoch:
    """One pass over the training images: mean loss; mAP and hit rate@1 of the validation images. Epoch 0 is the start."""

    epoch: int
    loss: float
    map: float
    hit: float


@dataclass
class Course:
    """How a training went.

    Attributes:
        epochs: epoch 0 is before training; best: the one whose numbers are taken.
        ended: "all epochs", "early" (nothing gained for a while), "stopped" (by a person) or "loss" (it was no number).
        notes: sentences for people: a smaller batch, a checkpoint that could not be written.
        seconds: spent so far; images: seen so far; batch: images of one.
    """

    epochs: list[Epoch] = field(default_factory=list)
    best: int = 0
    ended: str = "all epochs"
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0
    images: int = 0
    batch: int = 0


@dataclass
class _Run:
    """One training while it goes on."""

    learner: Learner
    plan: Plan
    codes: np.ndarray
    course: Course
    loss: Any
    optimiser: Any
    best: State
    meter: ProgressMeter
    task: Task

    def epoch(self, number: int) -> float:
        """One pass → mean loss; NaN where it is no number any more.

        Raises:
            Cancelled: somebody stopped it.
        """
        random = np.random.default_rng([self.plan.seed, number])
        classes, each = batch_shape(self.course.batch)
        losses = []
        for batch in _batches(self.plan, self.codes, random, classes, each):
            self.task.check()
            loss = self._step(batch, random)
            losses.append(loss)
            self.course.images += len(batch)
            self.meter.add(len(batch), self._note(number, float(np.mean(losses))))
            if not math.isfinite(loss):
                return float("nan")
        return float(np.mean(losses))

    def _step(self, batch: np.ndarray, random: np.random.Generator) -> float:
        import torch

        device = self.learner.device
        inputs = self.learner.batch(batch, random)
        labels = torch.from_numpy(self.codes[batch]).to(device)
        with torch.autocast(device.split(":")[0], torch.bfloat16, enabled=device.startswith("cuda")):
            raw = self.learner.module(inputs)
        vectors = torch.nn.functional.normalize(raw.float(), dim=1)
        loss = self.loss(vectors, labels)
        self.optimiser.zero_grad()
        if torch.isfinite(loss):
            loss.backward()
            self.optimiser.step()
        return float(loss.detach())

    def _note(self, number: int, loss: float) -> str:
        import psutil

        last = self.course.epochs[-1]
        memory = psutil.Process().memory_info().rss / 2**30
        return f"epoch {number} of {self.plan.numbers.epochs} · loss {loss:.3f} · mAP {last.map:.3f} · {memory:.1f} GB"

    def state(self) -> State:
        """All that the next epoch depends on."""
        return {
            "module": self.learner.module.state_dict(),
            "loss": self.loss.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }

    def set_state(self, state: State) -> None:
        """Go back to a state."""
        self.learner.module.load_state_dict(state["module"])
        self.loss.load_state_dict(state["loss"])
        self.optimiser.load_state_dict(state["optimiser"])

    def halve(self) -> None:
        """Half the batch, once.

        Raises:
            BadInput: it was halved before, or is as small as can be.
        """
        half = self.course.batch // 2
        least = 4 if LOSSES.get(self.plan.loss).pairs else 1
        if any("halved" in note for note in self.course.notes) or half < least:
            raise BadInput(
                f"There is not enough memory for batches of {self.course.batch} images either. Close other programs, take a smaller "
                "network, or train the head alone."
            )
        self.course.notes.append(
            f"Memory was full with {self.course.batch} images at once; the batch was halved to {half}."
        )
        self.course.batch = half


def train(
    learner: Learner,
    plan: Plan,
    codes: np.ndarray,
    *,
    dim: int,
    checkpoint: Path | None = None,
    every: float = SECONDS_PER_CHECKPOINT,
    on_epoch: Callable[[Course], object] = lambda course: None,
    task: Task = NO_TASK,
) -> Course:
    """Train until the epochs are over, nothing is gained for a while, or somebody stops it; the best epoch is taken.

    Args:
        learner: its module is left with the numbers of the best epoch.
        codes: (n_fit,) int64, class of every fitted image, from 0 without gaps.
        dim: length of the vectors.
        checkpoint: where the training can go on after a kill; one that lies there is gone on from, and it is deleted
            when the training is over. None writes nothing.
        every: seconds between two checkpoints at least.
        on_epoch: called after every epoch.
    Raises:
        BadInput: the loss is no number before anything was gained, memory is too small, or the checkpoint is of another
            version.
        Cancelled: it was stopped before anything was gained; where there is a checkpoint, it goes on from there.
    """
    run = _begin(learner, plan, codes, dim, task)
    first = 1 + _resume(run, checkpoint)
    if first == 1:
        run.course.epochs.append(Epoch(0, float("nan"), *learner.validation()))
    on_epoch(run.course)
    written = time.monotonic()
    try:
        for number in range(first, plan.numbers.epochs + 1):
            if number - 1 - run.course.best >= plan.numbers.patience:
                run.course.ended = "early"
                break
            began = time.monotonic()
            loss = _epoch_with_memory(run, number)
            if not math.isfinite(loss):
                _give_up(run, number)
                break
            _judge(run, number, loss)
            run.course.seconds += time.monotonic() - began
            if checkpoint is not None and (time.monotonic() - written >= every or number == plan.numbers.epochs):
                _write(run, checkpoint)
                written = time.monotonic()
            on_epoch(run.course)
    except (Cancelled, KeyboardInterrupt):
        if not run.course.best:
            raise
        run.course.ended = "stopped"
    learner.module.load_state_dict(run.best)
    if checkpoint is not None:
        checkpoint.unlink(missing_ok=True)
    return run.course


def _begin(learner: Learner, plan: Plan, codes: np.ndarray, dim: int, task: Task) -> _Run:
    """Loss, optimiser and start; nothing is drawn from a generator that others share."""
    import torch

    kind = LOSSES.get(plan.loss)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(plan.seed)
        loss = kind.function(int(codes.max()) + 1, dim).to(learner.device)
    rate = plan.numbers.rate
    groups: list[dict[str, Any]] = [{"params": [p for p in learner.module.parameters() if p.requires_grad]}]
    if kind.proxies:
        groups.append({"params": list(loss.parameters()), "lr": rate * kind.proxies})
    optimiser = torch.optim.AdamW(groups, lr=rate, weight_decay=WEIGHT_DECAY)
    classes, each = batch_shape(plan.numbers.batch)
    meter = task.meter("Training", images_per_epoch(plan, codes) * plan.numbers.epochs)
    best = copy.deepcopy(learner.module.state_dict())
    return _Run(learner, plan, codes, Course(batch=plan.numbers.batch), loss, optimiser, best, meter, task)


def _batches(plan: Plan, codes: np.ndarray, random: np.random.Generator, classes: int, each: int) -> list[np.ndarray]:
    """The batches of an epoch: at least twenty for a head, which costs nothing; else each image about once."""
    batches = balanced_batches(codes, random, classes, each)
    if plan.moves == "head":
        return batches
    size = min(classes, len(np.unique(codes))) * each
    return batches[: max(1, round(len(codes) / size))]


def images_per_epoch(plan: Plan, codes: np.ndarray) -> int:
    """How many images an epoch shows."""
    return sum(map(len, _batches(plan, codes, np.random.default_rng(0), *batch_shape(plan.numbers.batch))))


def _epoch_with_memory(run: _Run, number: int) -> float:
    """One epoch; where memory is full, once more with half the batch."""
    before = copy.deepcopy(run.state())
    try:
        return run.epoch(number)
    except (RuntimeError, MemoryError) as error:
        if isinstance(error, RuntimeError) and not torch_engine.out_of_memory(error):
            raise
    # out of the handler, so that the failed pass holds no memory any more
    run.halve()
    run.set_state(before)
    return _epoch_with_memory(run, number)


def _judge(run: _Run, number: int, loss: float) -> None:
    """Validate; remember the numbers where they are the best so far."""
    value, hit = run.learner.validation()
    run.course.epochs.append(Epoch(number, loss, value, hit))
    before = run.course.epochs[run.course.best].map
    if value > before + 1e-6 or (math.isnan(before) and not math.isnan(value)):
        run.course.best = number
        run.best = copy.deepcopy(run.learner.module.state_dict())


def _give_up(run: _Run, number: int) -> None:
    """The loss is no number: what was best stays.

    Raises:
        BadInput: nothing was gained before.
    """
    rate = run.plan.numbers.rate
    sentence = (
        f"The loss was no number in epoch {number}; try a lower rate, such as {rate / 10:g} in place of {rate:g}."
    )
    if not run.course.best:
        raise BadInput(f"{sentence} Nothing was gained before, so nothing was saved.")
    run.course.notes.append(f"{sentence} The numbers of epoch {run.course.best} are taken.")
    run.course.ended = "loss"


# ---------------------------------------------------------------- checkpoints


def _write(run: _Run, checkpoint: Path) -> None:
    """Write beside, then rename; a disk that is full costs the checkpoint, not the training."""
    import torch

    content = {
        "format": FORMAT,
        "epochs": [list(astuple(epoch)) for epoch in run.course.epochs],
        "best": run.course.best,
        "notes": list(run.course.notes),
        "seconds": run.course.seconds,
        "images": run.course.images,
        "batch": run.course.batch,
        "best state": run.best,
        "state": run.state(),
    }
    whole = io.BytesIO()  # torch's own writing hides that the disk is full
    torch.save(content, whole)
    try:
        files.write_bytes(checkpoint, whole.getbuffer())
    except OSError as error:
        sentence = (
            f"No checkpoint could be written ({error.strerror}); the training goes on, and a kill would cost all of it."
        )
        if sentence not in run.course.notes:
            run.course.notes.append(sentence)


def _resume(run: _Run, checkpoint: Path | None) -> int:
    """The last epoch of a checkpoint, whose state the run takes; 0 where there is none.

    Raises:
        BadInput: it is of another version, or damaged.
    """
    import torch

    if checkpoint is None or not checkpoint.is_file():
        return 0
    try:
        content = torch.load(checkpoint, map_location=run.learner.device, weights_only=True)
        version = content["format"]
    except Exception as error:  # a damaged file can fail in any way
        raise BadInput(f"The checkpoint {checkpoint} cannot be read; delete it to begin anew.") from error
    if version != FORMAT:
        raise BadInput(
            f"The checkpoint {checkpoint} is of version {version}, and {FORMAT} is read here. Finish it with the version that wrote "
            "it, or delete it to begin anew."
        )
    course = run.course
    course.epochs = [
        Epoch(int(at), float(loss), float(value), float(hit)) for at, loss, value, hit in content["epochs"]
    ]
    course.best, course.notes = int(content["best"]), list(content["notes"])
    course.seconds, course.images, course.batch = content["seconds"], content["images"], content["batch"]
    run.best = content["best state"]
    run.set_state(content["state"])
    run.meter.done = course.images
    return course.epochs[-1].epoch
