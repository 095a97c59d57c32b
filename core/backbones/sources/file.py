"""Checkpoints of the user's own, for an architecture of timm."""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.backbones import checkpoints
from core.backbones.sources import timm
from core.backbones.sources.base import NetworkSource
from core.errors import BadInput
from core.types import Backbone

if TYPE_CHECKING:
    import torch


class File(NetworkSource):
    """A safetensors file or a state dict; it counts by its content, not its place."""

    key = "file"
    title = "timm, weights from a file of yours"
    of_timm = True

    def plain_record(self, backbone: Backbone) -> dict[str, Any]:
        """The record without the place of the file: its hash stands in the identity."""
        return {**super().plain_record(backbone), "weights": ""}

    def weights_file(self, backbone: Backbone) -> Path | None:
        """The file, while it is there."""
        file = Path(backbone.weights)
        return file if file.is_file() else None

    def weights_identity(self, backbone: Backbone) -> dict[str, str]:
        """The hash of the file."""
        file = self.weights_file(backbone)
        return {"sha256": checkpoints.sha256(file)} if file else {"missing": Path(backbone.weights).name}

    def weights_available(self, backbone: Backbone) -> tuple[bool, str]:
        """As `available`."""
        if self.weights_file(backbone):
            return True, f"from the file {backbone.weights}"
        gone = f"The file {backbone.weights} is not there any more."
        return False, f"{gone} Add {backbone.name!r} again with its new place."

    def load_network(self, backbone: Backbone) -> torch.nn.Module:
        """The network with the tensors of the file; the classifier of the file, of any size, is left out.

        Raises:
            BadInput: the tensors do not fit the architecture.
        """
        network = timm.build(backbone)
        if not backbone.random:
            network.load_state_dict(_fitting(backbone, network.state_dict()))
        return network

    def note(self, backbone: Backbone) -> str:
        """Which tensors of the file stand behind the vector and are left out: a classifier, or a projection."""
        file = self.weights_file(backbone)
        if file is None or backbone.random:
            return ""
        with suppress(BadInput):  # another file lies there by now: loading it says what is wrong
            return _left_out(backbone, checkpoints.sha256(file))
        return ""


def _fitting(backbone: Backbone, reference: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The tensors of the file under the names of the network.

    Raises:
        BadInput: some are missing, or have another shape.
    """
    file = Path(backbone.weights)
    state = checkpoints.read_state(file)
    prefix = checkpoints.part_for(state, reference, file.name)
    state = {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}
    missing = [name for name in reference if name not in state]
    wrong = [name for name, tensor in reference.items() if name in state and state[name].shape != tensor.shape]
    if missing or wrong:
        raise BadInput(
            f"{file.name} does not fit {backbone.architecture}: {len(missing)} tensors are missing and {len(wrong)} "
            f"have another shape, the first is {(missing or wrong)[0]}. "
            "Name the architecture that the file was trained for."
        )
    return {name: state[name] for name in reference}


@lru_cache(maxsize=16)
def _left_out(backbone: Backbone, digest: str) -> str:
    """As `File.note`, once per content of the file."""
    import torch

    file = Path(backbone.weights)
    state = checkpoints.read_state(file)
    with torch.device("meta"):
        reference = timm.build(backbone).state_dict()
    prefix = checkpoints.part_for(state, reference, file.name)
    more = {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}
    extra = [name for name in more if name not in reference and name.endswith(("weight", "bias"))]
    if not extra:
        return ""
    shapes = {name: " × ".join(map(str, more[name].shape)) for name in extra}
    listed = ", ".join(f"{name} ({shape})" for name, shape in list(shapes.items())[:4])
    return (
        f"{file.name} also holds {listed}{' and more' if len(shapes) > 4 else ''}: a classifier or a projection behind "
        f"the vector. It is left out, and the vectors are the {backbone.dim:,} numbers before it."
    )


def describe(architecture: str, file: Path, name: str) -> Backbone:
    """The record of a checkpoint for an architecture of timm; nothing of the file is read."""
    base = timm.describe(architecture, timm.pretrained_config(architecture), f"timm:{architecture}")
    return timm.without_weights(
        base,
        name=name,
        source=File.key,
        weights=str(file),
        label=f"{architecture} ({file.name})",
        licence="your own file",
    )
