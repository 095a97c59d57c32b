"""A training from end to end: a dataset and a plan in, a backbone `tuned:NAME` out, embedded where that takes a moment."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from core import arrays, backbones, compat, paths
from core.access import gated
from core.backbones import custom, tuned
from core.backbones.engines import torch_engine
from core.backbones.sources import source_of
from core.backbones.sources import tuned as tuned_source
from core.backbones.threads import one_thread
from core.errors import BadInput, CoreError
from core.studies import embedding
from core.studies.finetuning import heads, loop, parts
from core.studies.finetuning.estimate import Estimate, measure
from core.studies.finetuning.learners import HeadLearner
from core.studies.finetuning.loop import Course
from core.studies.finetuning.network_learners import AT_ONCE, LastLearner, WholeLearner
from core.studies.finetuning.parts import Parts
from core.studies.finetuning.pixels import Pixels
from core.studies.finetuning.plan import Plan
from core.task import NO_TASK, Task
from core.types import Backbone, Dataset, Embeddings

if TYPE_CHECKING:
    import torch

Watch = Callable[[Course], object]


@dataclass(frozen=True)
class Prepared:
    """A training before it starts: what a person reads first.

    Attributes:
        plan, dataset, base: what is trained, on what, from what.
        parts: who trains and who reports.
        vectors: the stored embeddings of the frozen backbone.
        notes: sentences to read before training: who trains, copies across the border, classes without images.
    """

    plan: Plan
    dataset: Dataset
    base: Backbone
    parts: Parts
    vectors: Embeddings
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Tuned:
    """A backbone that was tuned, and how it went."""

    backbone: Backbone
    course: Course
    parts: Parts


def prepare(dataset: Dataset, plan: Plan) -> Prepared:
    """Everything that can be wrong is said here, before anything is computed.

    Raises:
        BadInput: the plan and the dataset do not go together; NotComputed: the frozen backbone is not embedded there.
    """
    ready = parted(dataset, plan)
    copies = parts.near_copies(dataset, ready.parts, _seen_by(dataset, ready.vectors))
    return dataclasses.replace(ready, notes=(*ready.notes, *copies))


def parted(dataset: Dataset, plan: Plan) -> Prepared:
    """As `prepare`, without the search for near copies, which takes longer than the training of a head.

    Raises:
        BadInput, NotComputed: as `prepare`.
    """
    base = tunable(plan.backbone)
    divided = parts.of(dataset, plan.question, plan.seed)
    vectors = embedding.embeddings(dataset, base.name)
    return Prepared(plan, dataset, base, divided, vectors, (divided.sentence(), *divided.notes))


def _seen_by(dataset: Dataset, vectors: Embeddings) -> list[Embeddings]:
    """The network and any other that the images are embedded with: each may find a copy that another one misses.

    Descriptors call too much a copy, and tuned networks draw whole classes together.
    """
    others = (row.backbone for row in embedding.status(dataset) if row.n_images >= len(dataset))
    usable = [name for name in others if name != vectors.backbone and _can_be_tuned(name)]
    return [vectors, *(embedding.embeddings(dataset, name) for name in usable)]


def _can_be_tuned(name: str) -> bool:
    try:
        tunable(name)
    except CoreError:
        return False
    return True


def check_free(name: str, replace: bool = False) -> None:
    """A name that is taken is not trained over unless somebody says so.

    Raises:
        BadInput: there is such a tuned backbone already.
    """
    bare = tuned.check_name(name)
    if replace or not tuned.folder(bare).exists():
        return
    raise BadInput(
        f"There is a {tuned.SCHEME}{bare} already. Give another name (`--as NAME`), or replace it (`--replace`)."
    )


def tunable(name: str) -> Backbone:
    """The record of a backbone that can be tuned.

    Raises:
        BadInput: it cannot; the sentence says what can.
    """
    base = backbones.get(name)
    if base.mode == "fast":
        raise BadInput(
            f"{base.title} is a fast mode; tune {base.name.removeprefix('fast:')!r}, whose fast mode follows."
        )
    if tuned.is_tuned(name):
        raise BadInput(f"{base.title} is tuned already; tune its base, {tuned.base_of(tuned.card(name) or {}).name!r}.")
    source = source_of(base)
    if source.engine or not source.embeds or base.family == "concepts":
        raise BadInput(f"{base.title} has no network that could be tuned; choose one of timm or open_clip.")
    return base


@gated("backbone.add")
def train(
    ready: Prepared,
    *,
    on_epoch: Watch = lambda course: None,
    device: str | None = None,
    every: float = loop.SECONDS_PER_CHECKPOINT,
    task: Task = NO_TASK,
) -> Tuned:
    """Train, save, and derive the vectors of the dataset where only a head was trained.

    A checkpoint of the same plan on the same images is gone on from.

    Raises:
        BadInput, StoreUnusable, Cancelled: as `loop.train` and `tuned.save`.
    """
    plan, divided = ready.plan, ready.parts
    codes = np.unique(divided.groups[divided.fit], return_inverse=True)[1].astype(np.int64)
    watched: dict[str, Any] = {"checkpoint": checkpoint_of(ready), "every": every, "on_epoch": on_epoch, "task": task}
    learner, made = learner_of(ready, device)
    try:
        learner.prepare(task)
        with one_thread() if plan.moves == "head" else nullcontext():
            course = loop.train(learner, plan, codes, dim=made.outputs, **watched)
        backbone = keep(ready, made, learner.state(), course)
    finally:
        learner.close()
    embedding.derive(ready.dataset, backbone.name)
    return Tuned(backbone, course, divided)


def vectors_of(ready: Prepared, device: str | None = None, task: Task = NO_TASK) -> tuple[np.ndarray, Course]:
    """(n_images, dim) float32 unit vectors of the dataset after a training that is not saved, and how it went.

    Raises:
        BadInput, WeightsMissing, Cancelled: as `train`.
    """
    codes = np.unique(ready.parts.groups[ready.parts.fit], return_inverse=True)[1].astype(np.int64)
    learner, made = learner_of(ready, device)
    try:
        learner.prepare(task)
        with one_thread() if ready.plan.moves == "head" else nullcontext():
            course = loop.train(learner, ready.plan, codes, dim=made.outputs, task=task)
        rows = [learner.vectors(chunk) for chunk in arrays.chunks(len(ready.dataset), AT_ONCE)]
    finally:
        learner.close()
    return np.concatenate(rows), course


def estimate(ready: Prepared, device: str | None = None) -> Estimate | None:
    """What a training takes, measured now; None for a head, which takes seconds.

    Raises:
        BadInput, WeightsMissing: as `learner_of`.
    """
    learner, _ = learner_of(ready, device)
    if isinstance(learner, HeadLearner):
        return None
    assert isinstance(learner, LastLearner | WholeLearner)
    codes = np.unique(ready.parts.groups[ready.parts.fit], return_inverse=True)[1].astype(np.int64)
    return measure(learner, ready.plan, codes)


def learner_of(ready: Prepared, device: str | None = None) -> tuple[loop.Learner, tuned.HeadShape]:
    """What is trained, at its start, and the head that it ends in.

    Raises:
        BadInput: the network cannot be parted, or takes no LoRA. WeightsMissing: its weights are not here.
    """
    plan, rows, divided = ready.plan, ready.vectors.vectors, ready.parts
    made = heads.shape(plan.head, rows.shape[1], plan.dim, plan.question)
    head = heads.build(made, rows[divided.fit], plan.seed)
    if plan.moves == "head":
        return HeadLearner(head, rows, divided, plan.seed), made
    torch_engine.tune_process()
    network = source_of(ready.base).load(ready.base)
    pixels = Pixels(ready.dataset, ready.base, torch_engine.pick_device(device))
    if plan.moves == "last":
        cache = checkpoint_of(ready).with_suffix(".npy")
        return LastLearner(network, ready.base, head, divided, pixels, plan.seed, cache), made
    return WholeLearner(network, ready.base, head, divided, pixels, plan.seed, plan.moves == "lora"), made


def key_of(ready: Prepared) -> str:
    """16 hex digits of all that decides the outcome: the plan without its name, the images, the weights of the base."""
    identity = sorted(source_of(ready.base).identity(ready.base).items())
    return ready.plan.key(ready.dataset.fingerprint, str(identity))


def checkpoint_of(ready: Prepared) -> Path:
    """Where a training of this plan on these images goes on: anything else that is asked has another file."""
    return paths.checkpoints() / f"{key_of(ready)}.ckpt"


def keep(ready: Prepared, made: tuned.HeadShape, state: dict[str, torch.Tensor], course: Course) -> Backbone:
    """Save weights, card and record; one of the same name is replaced.

    Raises:
        StoreUnusable: nothing can be written; the checkpoint stays.
    """
    card = tuned.save(ready.plan.name, state, _card(ready, made, course))
    record = tuned_source.record(ready.plan.name, card)
    return custom.add(record)


def _card(ready: Prepared, made: tuned.HeadShape, course: Course) -> dict[str, Any]:
    plan, divided = ready.plan, ready.parts
    return {
        "key": key_of(ready),
        "moved": plan.moves,
        "base": asdict(ready.base),
        "base_weights": source_of(ready.base).identity(ready.base),
        "head": asdict(made),
        "plan": plan.as_record(),
        "augmentation": "none: stored vectors" if plan.moves == "head" else "random crops of 35 % or more, flips",
        "dataset": {
            "name": ready.dataset.name,
            "fingerprint": ready.dataset.fingerprint,
            "split": divided.rule,
            "n_train": len(divided.fit),
            "n_validation": len(divided.validation),
        },
        "classes": list(divided.classes),
        "trained_on": list(divided.keys),
        "curve": [list(astuple(epoch)) for epoch in course.epochs],
        "best_epoch": course.best,
        "ended": course.ended,
        "notes": list(course.notes),
        "seconds": round(course.seconds, 1),
        "versions": {name: compat.version(name) for name in ("torch", "timm", "pytorch-metric-learning")},
        "date": datetime.date.today().isoformat(),
    }
