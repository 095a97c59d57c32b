"""Backbones: what turns an image into a vector. Slow, done once, kept in the store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from core.access import gated
from core.backbones import tuned
from core.backbones.catalog import BACKBONES, FAST, licence_in_words
from core.backbones.fingerprints import CODE, fingerprint
from core.backbones.sources import source_of
from core.progress import Progress
from core.task import NO_TASK, Task
from core.types import Backbone

if TYPE_CHECKING:
    from core.backbones.query_encoding import QueryEncoder

__all__ = [
    "BACKBONES",
    "CODE",
    "add",
    "add_local",
    "available",
    "engine_sentence",
    "fetch",
    "fingerprint",
    "get",
    "licence_in_words",
    "names",
    "network",
    "query_encoder",
    "remove",
    "source_of",
    "tuned",
]


def get(name: str) -> Backbone:
    """The record of a backbone: from the catalog, or added on this installation.

    `timm:NAME[.TAG]`, `open_clip:ARCH/TAG`, `hf-hub:ORG/NAME` and `fast:NAME` are resolved, checked and added at first
    use. A name may come from a link, so none that has a server asked is: `add` does that.

    Raises:
        UnknownName: with the nearest names; BadInput, WeightsMissing: it cannot be added.
    """
    if name in BACKBONES:
        return BACKBONES[name]
    from core.backbones import custom

    return custom.get(name)


def add(name: str) -> Backbone:
    """As `get`, of a name that a person typed: `endpoint:MODEL@ADDRESS` is resolved too."""
    if name in BACKBONES:
        return BACKBONES[name]
    from core.backbones import custom

    return custom.get(name, typed=True)


def names() -> tuple[str, ...]:
    """Every backbone that has a name here: the catalog's, then those that were added."""
    from core.backbones import custom

    return (*BACKBONES.names, *custom.added())


def available(backbone: Backbone) -> tuple[bool, str]:
    """Whether a backbone can run here: (True, where its weights come from), else (False, what to do in a sentence)."""
    return source_of(backbone).available(backbone)


def network(name: str) -> str:
    """The name of the exact backbone: the fast mode is the same network.

    >>> network("fast:resnet18"), network("resnet18")
    ('resnet18', 'resnet18')
    """
    return name.removeprefix(FAST)


def add_local(architecture: str, file: str | Path, projection: bool = False) -> Backbone:
    """Add a checkpoint on disk (safetensors or a state dict) for an architecture of timm, after loading it once.

    Args:
        projection: apply the matrix that the file holds behind the vector.

    Raises:
        BadInput: no such architecture or file, or they do not fit.
    """
    from core.backbones import custom

    return custom.add_local(architecture, file, projection)


def remove(name: str) -> None:
    """Forget a backbone that was added on this installation; its embeddings stay in the store."""
    from core.backbones import custom

    custom.remove(name)


def query_encoder(name: str, device: str | None = None, engine: str | None = None) -> QueryEncoder:
    """An encoder for single images and texts; keep it, loading it takes seconds.

    `engine` names the engine of the stored vectors that the query meets; by default the one used now.

    Raises:
        UnknownName, WeightsMissing.
    """
    from core.backbones.query_encoding import QueryEncoder

    return QueryEncoder(get(name), device, engine)


def engine_sentence() -> str:
    """What embeds on this machine, and why, for people."""
    from core.backbones.engines import select

    return select.sentence()


@gated("backbone.add")
def fetch(name: str, task: Task = NO_TASK) -> str:
    """Get the weights of a backbone onto this machine; returns where they are, in one sentence.

    Raises:
        UnknownName, WeightsMissing.
    """
    backbone = get(name)
    source = source_of(backbone)
    task.report(Progress(f"Fetching {backbone.title}", 0, round(source.megabytes(backbone)), "MB"))
    return f"{backbone.name}: {source.fetch(backbone)}"
