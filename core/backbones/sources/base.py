"""What every source of backbones answers: subclass `Source`, list it in `core.backbones.sources`, and it is there."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from core.backbones import preprocessing
from core.errors import BadInput, WeightsMissing
from core.task import NO_TASK, Task
from core.types import Backbone

if TYPE_CHECKING:
    import torch

_RECORD_ONLY = {
    "crop",
    "resize_to",
    "rule",
    "filter",
    "mean",
    "std",
    "fill",
    "repository",
    "megabytes",
    "file",
    "gem",
    "projection",
}
"""Options that describe the record; the rest goes to the library that builds the network."""


class Engine(Protocol):
    """Turns squares into vectors. May be called from several threads at once."""

    name: str
    precision: str
    device: str
    dim: int
    preprocessing: preprocessing.Preprocessing
    chunk: int
    """Squares that it likes to get at once."""

    def embed(self, squares: np.ndarray) -> np.ndarray:
        """(n, side, side, 3) uint8 → (n, dim) float32, not normalised; zeros mean "nothing here"."""
        ...


class TextEncoder(Protocol):
    """Turns texts into vectors in the space of the images."""

    def encode_text(self, texts: Sequence[str]) -> np.ndarray:
        """n texts → (n, dim) float32 unit vectors; a text without content may be zero."""
        ...


class Source:
    """Who builds a backbone, where its weights are, and what tells them from any others.

    Attributes:
        key: what `Backbone.source` says; it is part of every fingerprint, so it never changes.
        title: who builds it, for people.
        scheme: what a name that people type begins with ("timm:"); "" where names cannot be resolved.
        tag_mark: what stands between architecture and weights when both are shown; "" where weights are no tag.
        name_pattern: what may stand behind the scheme.
        engine: the one engine that runs it ("numpy"); "" for networks, whose engine a probe chooses.
        asks_servers: whether resolving a name sends something to the address in it.
        of_timm: whether `Backbone.architecture` is a name of timm.
        on_hub: whether the weights come from the model hub.
        embeds: whether new images can be embedded.
    """

    key = ""
    title = ""
    scheme = ""
    name_pattern = r"[\w.@/+-]{1,200}"
    tag_mark = ""
    engine = ""
    asks_servers = False
    of_timm = False
    on_hub = False
    embeds = True

    # -- identity

    def identity(self, backbone: Backbone) -> dict[str, str]:
        """What tells these weights from any others: a file hash or a hub revision. Part of the fingerprint."""
        return {"none": "no weights"}

    def plain_record(self, backbone: Backbone) -> dict[str, Any]:
        """The record as plain JSON values for keys; exact ones without their mode: they are older than the word."""
        plain = json.loads(json.dumps(dataclasses.asdict(backbone)))
        if backbone.mode == "exact":
            del plain["mode"]
        # stores were written when the catalog said "pictures"
        plain["trained_on"] = plain["trained_on"].replace("images", "pictures")
        return plain

    def text_identity(self, backbone: Backbone) -> str:
        """Everything that changes the vector of a text."""
        return json.dumps([self.plain_record(backbone), self.identity(backbone)], sort_keys=True, default=str)

    # -- weights

    def available(self, backbone: Backbone) -> tuple[bool, str]:
        """Whether it can run here: (True, where its weights come from), else (False, one sentence: what to do).

        Nothing is imported and no network is asked, so a page may ask for every backbone.
        """
        return True, "needs no weights"

    def require(self, backbone: Backbone) -> None:
        """Make sure that loading can succeed.

        Raises:
            WeightsMissing: the sentence of `available`.
        """
        here, sentence = self.available(backbone)
        if not here:
            raise WeightsMissing(sentence)

    def fetch(self, backbone: Backbone) -> Path:
        """Get the weights onto this machine; returns the file or folder that has them.

        Raises:
            WeightsMissing: they cannot be had; BadInput: there are none.
        """
        raise BadInput(f"{backbone.name!r} needs no weights; there is nothing to fetch.")

    def weights_file(self, backbone: Backbone) -> Path | None:
        """The file of the weights on this machine; None where there is none."""
        return None

    def megabytes(self, backbone: Backbone) -> float:
        """Size of the weights on disk, else about what it will be in float32; 0 without weights."""
        file = self.weights_file(backbone)
        if file is not None and file.is_file():
            return file.stat().st_size / 1e6
        return float(dict(backbone.options).get("megabytes") or backbone.parameters * 4.0)

    def note(self, backbone: Backbone) -> str:
        """What a person should know of these weights, in a sentence; "" where there is nothing."""
        return ""

    def forget(self, backbone: Backbone) -> None:
        """Delete what lies in the home for this backbone alone, when it is taken off the list."""

    # -- what runs

    def prepare(self, backbone: Backbone, task: Task = NO_TASK) -> None:
        """What has to be worked out once on an installation before the first image."""

    def load(self, backbone: Backbone) -> torch.nn.Module:
        """The network: normalised images (n, 3, side, side) → vectors (n, dim), in eval mode, on the CPU.

        Raises:
            WeightsMissing: the weights are not here and cannot be fetched.
            BadInput: a weights file that does not fit, or no network at all.
        """
        raise BadInput(f"{backbone.name!r} is not a network.")

    def build_engine(self, backbone: Backbone) -> Engine:
        """The engine that `engine` names."""
        raise BadInput(f"{backbone.title} cannot embed new images.")

    def text_encoder(self, backbone: Backbone, device: str | None = None) -> TextEncoder:
        """What reads texts into the space of the images.

        Raises:
            BadInput: it reads no text.
        """
        raise BadInput(f"{backbone.title} reads no text; choose a vision-language backbone, such as clip_vitb32.")

    # -- names that people type

    def resolve(self, rest: str) -> Backbone:
        """The record that `scheme` + `rest` stands for, checked by the library that builds it.

        Raises:
            UnknownName: there is no such thing; WeightsMissing: its config is not here.
        """
        raise BadInput(f"{self.title} resolves no names.")

    def built_by(self, backbone: Backbone) -> str:
        """Who builds it, with the exact architecture and tag, for people."""
        tag = f"{self.tag_mark}{backbone.weights}" if self.tag_mark and backbone.weights else ""
        return f"{self.title}: {backbone.architecture}{tag}"


class NetworkSource(Source):
    """A source whose backbones are networks of torch; `random` records have weights that were never trained."""

    def identity(self, backbone: Backbone) -> dict[str, str]:
        """The identity of the weights, or that they are random."""
        return {"none": "random"} if backbone.random else self.weights_identity(backbone)

    def weights_identity(self, backbone: Backbone) -> dict[str, str]:
        """A file hash or a hub revision."""
        raise NotImplementedError

    def available(self, backbone: Backbone) -> tuple[bool, str]:
        """As `Source.available`; random weights are always here."""
        if backbone.random:
            return True, "random weights, for speed and tests only"
        return self.weights_available(backbone)

    def weights_available(self, backbone: Backbone) -> tuple[bool, str]:
        """As `available`, for trained weights."""
        raise NotImplementedError

    def fetch(self, backbone: Backbone) -> Path:
        """As `Source.fetch`, where the weights are a file that must be here."""
        if backbone.random:
            return super().fetch(backbone)
        self.require(backbone)
        return self.weights_file(backbone)  # type: ignore[return-value]  # `require` has found it

    def load(self, backbone: Backbone) -> torch.nn.Module:
        """As `Source.load`."""
        self.require(backbone)
        return self.load_network(backbone).eval().requires_grad_(False)

    def load_network(self, backbone: Backbone) -> torch.nn.Module:
        """The network with its weights, as the library leaves it."""
        raise NotImplementedError


def build_options(backbone: Backbone) -> dict[str, Any]:
    """What the library is given beside the name, e.g. {"img_size": 224}."""
    return {key: value for key, value in backbone.options if key not in _RECORD_ONLY}


def measured(record: Backbone, build: Callable[[], torch.nn.Module]) -> Backbone:
    """The record with dim and parameters of the network, built without weights on no memory at all.

    Args:
        build: the image network; called while torch's default device is "meta".
    """
    import torch

    try:
        with torch.device("meta"), torch.inference_mode():
            network = build()
            vectors = network(torch.zeros(1, 3, record.image_size, record.image_size))
    except WeightsMissing:
        raise
    except Exception as error:  # third-party networks fail in their own ways
        raise BadInput(f"{record.name!r} cannot be built as an image backbone: {str(error)[:200]}") from error
    if vectors.ndim != 2:
        raise BadInput(f"{record.name!r} gives {tuple(vectors.shape)} for one image, not one vector; choose another.")
    return dataclasses.replace(record, dim=int(vectors.shape[1]), parameters=round(millions(network), 1))


def millions(network: Any) -> float:
    """Parameters of a network, in millions."""
    return sum(parameter.numel() for parameter in network.parameters()) / 1e6


LICENCES = {
    "apache-2.0": ("Apache-2.0", True),
    "mit": ("MIT", True),
    "bsd-3-clause": ("BSD-3-Clause", True),
    "cc-by-nc-4.0": ("CC-BY-NC-4.0", False),
    "dinov3-license": ("DINOv3 License", True),
    "apple-amlr": ("Apple ML Research", False),
}
"""What model cards say → (the licence as people write it, whether commercial use is allowed)."""


def licence(name: str | None) -> tuple[str, bool | None]:
    """The licence of a model card as people write it, and whether it allows commercial use; None is unknown."""
    return LICENCES.get((name or "").lower(), (name or "unknown", None))
