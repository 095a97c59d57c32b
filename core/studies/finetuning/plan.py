"""What is asked of a training, as one record: it keys the checkpoint and stands in the card."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
import re
from dataclasses import dataclass
from typing import Any

from core import backbones
from core.backbones import tuned
from core.errors import BadInput
from core.setups import FinetuneSetup
from core.studies.finetuning.losses import LOSSES

MOVES = {
    "head": "A head on stored vectors",
    "last": "The last stage and a head",
    "all": "The whole network and a head",
    "lora": "LoRA in a ViT and a head",
}
"""What is trained → what people call it."""
QUESTIONS = {"known": "Classes that it trained on", "new": "Classes that it never saw"}
"""What the backbone will be asked for → what people call it. The first stops on other images, the second on other classes."""
HEADS = {"linear": "Linear", "mlp": "Two layers", "none": "None"}
EACH = 4
"""Images of a class in a batch."""


@dataclass(frozen=True)
class Numbers:
    """What pays where nobody says otherwise: see `bench finetune` and `core/bench/RESULTS.md`."""

    epochs: int
    patience: int
    rate: float
    batch: int


DEFAULTS = {
    ("head", "known"): Numbers(60, 10, 1e-3, 64),
    ("head", "new"): Numbers(40, 5, 1e-4, 64),
    ("last", "known"): Numbers(10, 3, 5e-4, 32),
    ("last", "new"): Numbers(6, 2, 3e-4, 32),
    ("all", "known"): Numbers(8, 3, 2e-4, 32),
    ("all", "new"): Numbers(5, 2, 2e-4, 32),
    ("lora", "known"): Numbers(8, 3, 5e-4, 32),
    ("lora", "new"): Numbers(5, 2, 3e-4, 32),
}


@dataclass(frozen=True)
class Plan:
    """One training.

    Attributes:
        name: of the tuned backbone, without "tuned:".
        backbone: what is tuned.
        moves: one of MOVES; question: one of QUESTIONS; loss: one of LOSSES.
        head: one of HEADS.
        dim, epochs, rate, batch, patience: 0 takes what pays (`heads.shape`, DEFAULTS); the batch counts images.
    """

    name: str
    backbone: str
    moves: str = "head"
    question: str = "known"
    loss: str = "supcon"
    head: str = "linear"
    dim: int = 0
    epochs: int = 0
    rate: float = 0.0
    batch: int = 0
    patience: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        tuned.check_name(self.name)
        LOSSES.get(self.loss)
        for field, table in (("moves", MOVES), ("question", QUESTIONS), ("head", HEADS)):
            if getattr(self, field) not in table:
                raise BadInput(f"{getattr(self, field)!r} is none of {', '.join(table)}.")
        if self.moves == "head" and self.head == "none":
            raise BadInput("A head is all that moves here, so it cannot be left out; choose linear or mlp.")
        if self.dim == 1 or min(self.dim, self.epochs, self.batch, self.patience) < 0 or not 0 <= self.rate < 10:
            raise BadInput(
                "A head has at least 2 numbers; epochs, batch and patience are not negative, the rate is below 10."
            )
        if self.seed < 0:
            raise BadInput(f"A seed is a whole number of at least 0, not {self.seed}.")
        if LOSSES.get(self.loss).pairs and self.numbers.batch < 4:
            raise BadInput(
                f"{LOSSES.get(self.loss).label} compares images of one batch, and {self.numbers.batch} are too few for two classes "
                "with two images each. Take a batch of at least 4, or a loss with proxies (arcface, proxy_anchor)."
            )

    @property
    def numbers(self) -> Numbers:
        """Epochs, patience, rate and batch, with what pays in place of zeros."""
        usual = DEFAULTS[self.moves, self.question]
        return Numbers(
            self.epochs or usual.epochs,
            self.patience or usual.patience,
            self.rate or usual.rate,
            self.batch or usual.batch,
        )

    def key(self, *more: str) -> str:
        """16 hex digits of everything that decides the outcome, the name left out."""
        fields = {**self.as_record(), "name": ""}
        return hashlib.sha256(json.dumps([fields, *more], sort_keys=True).encode()).hexdigest()[:16]

    def as_record(self) -> dict[str, Any]:
        """For the card."""
        return {**dataclasses.asdict(self), **dataclasses.asdict(self.numbers)}


def plan_of(setup: FinetuneSetup, name: str = "") -> Plan:
    """The training that a page or a command asks for.

    Args:
        name: of the tuned backbone; "" for the usual one.
    Raises:
        BadInput: no network is named, or the parts do not go together.
    """
    if not setup.backbone:
        raise BadInput("Choose a network to tune, one that is embedded for this dataset.")
    fields = {
        field.name: getattr(setup, field.name) for field in dataclasses.fields(Plan) if hasattr(setup, field.name)
    }
    return Plan(**fields | {"name": name or usual_name(setup.backbone, setup.moves, setup.question)})


def batch_shape(batch: int) -> tuple[int, int]:
    """(classes, images of each) of a batch of about so many images.

    >>> batch_shape(64), batch_shape(6), batch_shape(1)
    ((16, 4), (3, 2), (1, 1))
    """
    each = EACH if batch >= 2 * EACH else min(2, batch)
    return max(1, batch // each), each


def usual_name(backbone: str, moves: str, question: str) -> str:
    """A short name for what nobody named: the end of the network's name that no other network of the catalog ends in, what
    moved where that is more than a head, the question.

    >>> usual_name("tf_efficientnet_lite0", "head", "known"), usual_name("timm:resnet26.bt_in1k", "last", "new")
    ('lite0-known', 'resnet26.bt-in1k-last-new')
    """
    plain = re.sub(r"[^A-Za-z0-9.]+", "-", backbone.partition(":")[2] or _own_end(backbone)).strip("-.")
    return "-".join(filter(None, [plain[:48] or "tuned", "" if moves == "head" else moves, question]))


def free_name(name: str) -> str:
    """The name, or the first of NAME-2, NAME-3 … that no tuned backbone has."""
    taken = (name if number == 1 else f"{name[:56]}-{number}" for number in itertools.count(1))
    return next(made for made in taken if not tuned.folder(made).exists())


def _own_end(backbone: str) -> str:
    """The fewest last words of a name by which no other network of the catalog could be meant."""
    others = [name for name in backbones.names() if name != backbone and backbones.get(name).family != "concepts"]
    words = backbone.split("_")
    ends = ["_".join(words[-count:]) for count in range(1, len(words) + 1)]
    return next((end for end in ends if not any(f"_{name}".endswith(f"_{end}") for name in others)), backbone)
