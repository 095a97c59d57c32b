"""Networks that were tuned on this installation: their files, the card beside the weights, the head behind the network.

A folder each in the home: `weights-HASH.safetensors` with what was trained (the head alone, some layers, or all), and
`card.json`, written last, with all that a person wants to know of it, the images that it was trained on among that.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core import files, paths
from core.access import gated
from core.backbones import checkpoints
from core.errors import BadInput, StoreUnusable
from core.types import Backbone

if TYPE_CHECKING:
    import torch

SCHEME = "tuned:"
FORMAT = 1
"""Of a card; raised when it changes its meaning."""
NETWORK, HEAD = "network.", "head."
"""What the names of tensors begin with in the file of the weights."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}")
_FAST = "fast:"


@dataclasses.dataclass(frozen=True)
class HeadShape:
    """What stands behind the network: "none", "linear" (a matrix), or "mlp" (two of them, negatives cut between).

    No part adds a constant, so that vectors keep their direction whatever their length: a head that was trained on unit
    vectors is exact behind the network itself, and a linear one is the classifier of a network of timm.

    Attributes:
        inputs, outputs: numbers in and out.
        hidden: numbers between, 0 for "linear".
    """

    kind: str
    inputs: int
    outputs: int
    hidden: int = 0

    def build(self) -> torch.nn.Module:
        """The head, with random weights."""
        import torch

        if self.kind == "none":
            return torch.nn.Identity()
        if self.kind == "linear":
            return torch.nn.Linear(self.inputs, self.outputs, bias=False)
        return torch.nn.Sequential(
            torch.nn.Linear(self.inputs, self.hidden, bias=False),
            torch.nn.ReLU(),
            torch.nn.Linear(self.hidden, self.outputs, bias=False),
        )


def check_name(name: str) -> str:
    """The name without its scheme, if it can be one.

    Raises:
        BadInput: it cannot.
    """
    bare = name.removeprefix(SCHEME)
    if not _NAME.fullmatch(bare):
        raise BadInput(
            f"{bare[:60]!r} is no name for a tuned backbone; use letters, digits, dots, dashes and underscores."
        )
    return bare


def is_tuned(name: str) -> bool:
    """Whether a backbone of this name was tuned here, in its fast mode too."""
    return name.removeprefix(_FAST).startswith(SCHEME)


def folder(name: str) -> Path:
    """Where a tuned backbone lies."""
    return paths.tuned() / check_name(name.removeprefix(_FAST))


def card(name: str) -> dict[str, Any] | None:
    """The card of a tuned backbone, read once while its file does not change; None where there is none.

    Raises:
        BadInput: it is damaged, or of another version.
    """
    if not is_tuned(name):
        return None
    file = folder(name) / "card.json"
    try:
        return _read(file, file.stat().st_mtime_ns)
    except FileNotFoundError:
        return None


@lru_cache(maxsize=32)
def _read(file: Path, stamp: int) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        version = content["format"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(f"The card {file} cannot be read ({error}); delete that backbone and train it again.") from None
    if version != FORMAT:
        raise BadInput(
            f"The card {file} is of version {version}, and {FORMAT} is read here; train that backbone again."
        )
    return content


@lru_cache(maxsize=32)
def _keys(file: Path, stamp: int) -> frozenset[str]:
    return frozenset(_read(file, stamp)["trained_on"])


def trained_on(name: str) -> frozenset[str]:
    """Content keys of the images that a backbone was tuned on, those that chose its epoch among them; none otherwise.

    Raises:
        BadInput: it was tuned, and nobody knows any more on what.
    """
    if not is_tuned(name):
        return frozenset()
    file = folder(name) / "card.json"
    try:
        return _keys(file, file.stat().st_mtime_ns)
    except FileNotFoundError:
        raise BadInput(
            f"Nothing says on which images {name!r} was trained, since its card {file} is gone; train it again."
        ) from None


def weights_file(name: str) -> Path | None:
    """The file of the weights that the card names, while both are there."""
    known = card(name)
    file = folder(name) / str(known["weights"]) if known else None
    return file if file is not None and file.is_file() else None


def head_shape(content: Mapping[str, Any]) -> HeadShape:
    """The head that a card describes."""
    return HeadShape(**content["head"])


def load_head(name: str) -> torch.nn.Module:
    """The head alone, in eval mode.

    Raises:
        BadInput: card or weights are gone, or do not belong together.
    """
    from safetensors.torch import load_file

    known, file = card(name), weights_file(name)
    if known is None or file is None:
        raise BadInput(f"The files of {name!r} are gone from {folder(name)}; train it again.")
    if checkpoints.sha256(file) != known["sha256"]:
        raise BadInput(f"{file} is damaged: its content is not what its card says. Delete {name!r} and train it again.")
    state = {key.removeprefix(HEAD): tensor for key, tensor in load_file(str(file)).items() if key.startswith(HEAD)}
    head = head_shape(known).build()
    head.load_state_dict(state)
    return head.eval().requires_grad_(False)


def base_of(content: Mapping[str, Any]) -> Backbone:
    """The network that was tuned, as it was described then."""
    fields = dict(content["base"])
    fields["options"] = tuple((key, tuple(v) if isinstance(v, list) else v) for key, v in fields["options"])
    fields["modalities"] = tuple(fields["modalities"])
    return Backbone(**fields)


@gated("backbone.add")
def save(name: str, state: Mapping[str, torch.Tensor], content: Mapping[str, Any]) -> dict[str, Any]:
    """Write weights and card, the card last, so that what is there is whole; one of the same name is replaced.

    Args:
        state: tensors named with NETWORK or HEAD in front.
        content: the card, without "format", "name" and "weights".
    Raises:
        StoreUnusable: the disk is full or read-only; what was there before stays.
    """
    import hashlib

    from safetensors.torch import save as as_bytes

    target = folder(name)
    whole = as_bytes({key: tensor.detach().cpu().contiguous().clone() for key, tensor in state.items()})
    digest = hashlib.sha256(whole).hexdigest()
    made = {
        "format": FORMAT,
        "name": check_name(name),
        "weights": f"weights-{digest[:12]}.safetensors",
        "sha256": digest,
        **content,
    }
    try:
        files.write_bytes(target / made["weights"], whole)
        files.write_json(target / "card.json", made)
    except OSError as error:
        raise StoreUnusable(
            f"The tuned backbone could not be written to {target}: {error.strerror}. Free some space and start again: the "
            "training goes on at its last epoch."
        ) from None
    for old in target.glob("weights-*.safetensors"):
        if old.name != made["weights"]:
            files.remove(old)
    return made


@gated("backbone.add")
def remove(name: str) -> None:
    """Delete weights and card; nothing there is no error."""
    files.remove_folder(folder(name), ignore_errors=True)
