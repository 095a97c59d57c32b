"""Checkpoints of the user's own, for an architecture of timm."""

from __future__ import annotations

import dataclasses
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

        Where the record says `projection=N`, the matrix of the file behind the vector is applied.

        Raises:
            BadInput: the tensors do not fit the architecture.
        """
        import torch

        network = timm.build(backbone)
        projected = dict(backbone.options).get("projection")
        if backbone.random:
            inputs = _inputs(network)
            return torch.nn.Sequential(network, torch.nn.Linear(inputs, backbone.dim)) if projected else network
        state = _state(backbone, network.state_dict())
        network.load_state_dict(_fitting(backbone, state, network.state_dict()))
        return torch.nn.Sequential(network, _projection(backbone, state, network)) if projected else network

    def note(self, backbone: Backbone) -> str:
        """Which tensors of the file stand behind the vector and are left out: a classifier, or a projection."""
        file = self.weights_file(backbone)
        if file is None or backbone.random:
            return ""
        with suppress(BadInput):  # another file lies there by now: loading it says what is wrong
            return _left_out(backbone, checkpoints.sha256(file))
        return ""


def _state(backbone: Backbone, reference: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The tensors of the file, by their names in the network and beside it."""
    file = Path(backbone.weights)
    state = checkpoints.read_state(file)
    prefix = checkpoints.part_for(state, reference, file.name)
    return {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}


def _fitting(
    backbone: Backbone, state: dict[str, torch.Tensor], reference: dict[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    """The tensors of the network.

    Raises:
        BadInput: some are missing, or have another shape.
    """
    missing = [name for name in reference if name not in state]
    wrong = [name for name, tensor in reference.items() if name in state and state[name].shape != tensor.shape]
    if missing or wrong:
        raise BadInput(
            f"{Path(backbone.weights).name} does not fit {backbone.architecture}: {len(missing)} tensors are missing and {len(wrong)} "
            f"have another shape, the first is {(missing or wrong)[0]}. "
            "Name the architecture that the file was trained for."
        )
    return {name: state[name] for name in reference}


def _behind(state: dict[str, torch.Tensor], reference: dict[str, torch.Tensor], dim: int) -> str:
    """The one matrix of a file that takes the vector of the network: "head" of "head.weight".

    "" where none or several do, or it is but one of several layers in a row.
    """
    fits = [
        name.removesuffix(".weight")
        for name, tensor in state.items()
        if name not in reference and name.endswith(".weight") and tensor.ndim == 2 and tensor.shape[1] == dim
    ]
    return fits[0] if len(fits) == 1 and not _followed(fits[0], state) else ""


def _followed(name: str, state: dict[str, torch.Tensor]) -> bool:
    """Whether "neck.0" is one of several layers in a row ("neck.1", "neck.2" ...): alone it is not what was trained."""
    row, _, number = name.rpartition(".")
    others = {other.removeprefix(f"{row}.").partition(".")[0] for other in state if other.startswith(f"{row}.")}
    return number.isdecimal() and any(other.isdecimal() for other in others - {number})


def _inputs(network: Any) -> int:
    """The length of the vector of a network of timm, before anything of a file stands behind it."""
    return int(getattr(network, "head_hidden_size", None) or network.num_features)


def _projection(backbone: Backbone, state: dict[str, torch.Tensor], network: Any) -> torch.nn.Module:
    """The matrix, and its constant where it has one, as a layer.

    Raises:
        BadInput: the file has none of that size, or several.
    """
    import torch

    inputs = _inputs(network)
    name = _behind(state, network.state_dict(), inputs)
    if not name or state[f"{name}.weight"].shape[0] != backbone.dim:
        raise BadInput(f"{Path(backbone.weights).name} holds no projection of {inputs:,} to {backbone.dim:,} numbers.")
    bias = state.get(f"{name}.bias")
    layer = torch.nn.Linear(inputs, backbone.dim, bias=bias is not None)
    layer.load_state_dict({"weight": state[f"{name}.weight"]} | ({} if bias is None else {"bias": bias}))
    return layer


def with_projection(record: Backbone) -> Backbone:
    """The record of a checkpoint with the projection that lies in its file: shorter or longer vectors.

    Raises:
        BadInput: the file holds no matrix that takes the vector of the network, or several.
    """
    import torch

    with torch.device("meta"):
        network = timm.build(record)
    state = _state(record, network.state_dict())
    name = _behind(state, network.state_dict(), record.dim)
    if not name:
        raise BadInput(
            f"{Path(record.weights).name} holds no single matrix that takes the {record.dim:,} numbers of {record.architecture}, so "
            "there is no projection to apply. Add it without."
        )
    outputs = int(state[f"{name}.weight"].shape[0])
    return dataclasses.replace(
        record,
        name=f"{record.name}+{outputs}",
        dim=outputs,
        pooling="projection",
        parameters=round(record.parameters + record.dim * outputs / 1e6, 1),
        options=tuple(sorted({**dict(record.options), "projection": outputs}.items())),
    )


@lru_cache(maxsize=16)
def _left_out(backbone: Backbone, digest: str) -> str:
    """As `File.note`, once per content of the file."""
    import torch

    file = Path(backbone.weights)
    with torch.device("meta"):
        network = timm.build(backbone)
    reference = network.state_dict()
    more = _state(backbone, reference)
    extra = [name for name in more if name not in reference and name.endswith(("weight", "bias"))]
    if not extra:
        return ""
    inputs = _inputs(network)
    behind = _behind(more, reference, inputs)
    if dict(backbone.options).get("projection"):
        return f"The projection {behind}.weight of {file.name} is applied: {inputs:,} numbers become {backbone.dim:,}."
    shapes = {name: " × ".join(map(str, more[name].shape)) for name in extra}
    listed = ", ".join(f"{name} ({shape})" for name, shape in list(shapes.items())[:4])
    way = " Add the file with its projection (`--projection`) where it is one." if behind else ""
    return (
        f"{file.name} also holds {listed}{' and more' if len(shapes) > 4 else ''}: a classifier or a projection behind "
        f"the vector. It is left out, and the vectors are the {backbone.dim:,} numbers before it.{way}"
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
