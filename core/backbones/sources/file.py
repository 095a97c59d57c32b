"""Checkpoints of the user's own, for an architecture of timm."""

from __future__ import annotations

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
        if backbone.random:
            return timm.build(backbone)
        file = Path(backbone.weights)
        state = checkpoints.read_state(file)
        network = timm.build(backbone)
        reference = network.state_dict()
        missing = [name for name in reference if name not in state]
        wrong = [name for name, tensor in reference.items() if name in state and state[name].shape != tensor.shape]
        if missing or wrong:
            first = (missing or wrong)[0]
            raise BadInput(
                f"{file.name} does not fit {backbone.architecture}: {len(missing)} tensors are missing and {len(wrong)} "
                f"have another shape, the first is {first}. Name the architecture that the file was trained for."
            )
        network.load_state_dict({name: state[name] for name in reference})
        return network


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
