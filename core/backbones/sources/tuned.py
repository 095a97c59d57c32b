"""Networks that were tuned on this installation: the base's own network, what was trained of it, and a head."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.backbones import tuned
from core.backbones.sources.base import NetworkSource, Source
from core.data.saved import is_visible
from core.errors import BadInput
from core.types import Backbone

if TYPE_CHECKING:
    import torch


class Tuned(NetworkSource):
    """`tuned:NAME`: weights and card lie in the home.

    Args:
        source_of: the source of the base.
    """

    key = "tuned"
    title = "tuned on this installation"

    def __init__(self, source_of: Callable[[Backbone], Source]) -> None:
        self._source_of = source_of

    def weights_file(self, backbone: Backbone) -> Path | None:
        """What was trained; the base's own weights may be needed beside it."""
        return tuned.weights_file(backbone.name)

    def weights_identity(self, backbone: Backbone) -> dict[str, str]:
        """The hash of what was trained, and the identity of the base where it counts."""
        card = tuned.card(backbone.name)
        if card is None or self.weights_file(backbone) is None:
            return {"missing": backbone.name}
        if card["moved"] in WHOLE:
            return {"sha256": card["sha256"]}
        base = tuned.base_of(card)
        return {"sha256": card["sha256"], "base": str(sorted(self._source_of(base).identity(base).items()))}

    def weights_available(self, backbone: Backbone) -> tuple[bool, str]:
        """As `available`: the weights here, and those of the base where they are needed."""
        card, file = tuned.card(backbone.name), self.weights_file(backbone)
        if card is None or file is None:
            return False, f"The files of {backbone.name!r} are gone from {tuned.folder(backbone.name)}; train it again."
        if card["moved"] in WHOLE:
            return True, f"from {file}"
        base = tuned.base_of(card)
        here, sentence = self._source_of(base).available(base)
        return here, f"from {file}, and its base {sentence}" if here else sentence

    def load_network(self, backbone: Backbone) -> torch.nn.Module:
        """The base with what was trained in place of its own tensors, and the head behind it."""
        import torch
        from safetensors.torch import load_file

        card, file = tuned.card(backbone.name), self.weights_file(backbone)
        assert card is not None and file is not None, "`require` has found them"
        head = tuned.load_head(backbone.name)
        base = tuned.base_of(card)
        if card["moved"] in WHOLE:
            base = dataclasses.replace(base, random=True)
        network = self._source_of(base).load(base)
        state: dict[str, Any] = {
            key.removeprefix(tuned.NETWORK): tensor
            for key, tensor in load_file(str(file)).items()
            if key.startswith(tuned.NETWORK)
        }
        unknown = network.load_state_dict(state, strict=False).unexpected_keys
        if unknown:
            raise BadInput(
                f"{file} holds {unknown[0]!r}, which {base.title} does not have; train {backbone.name!r} again."
            )
        return torch.nn.Sequential(network, head)

    def note(self, backbone: Backbone) -> str:
        """What it was trained on, in a sentence; the name of a private dataset is for owners alone."""
        card = tuned.card(backbone.name)
        if card is None:
            return ""
        data = card["dataset"]
        of = f" of {data['name']!r}" if is_visible(data["name"]) else ""
        return (
            f"Trained on {data['n_train']:,} images{of}, stopped by {data['n_validation']:,} others; no "
            "figure of it uses any of them."
        )

    def forget(self, backbone: Backbone) -> None:
        """Delete its files."""
        tuned.remove(backbone.name)


WHOLE = ("all", "lora")
"""What was moved where the file holds every tensor of the network."""


def record(name: str, card: dict[str, Any]) -> Backbone:
    """The record of a tuned backbone: its base's, with a name, a length and a history of its own."""
    base, shape = tuned.base_of(card), tuned.head_shape(card)
    more = (shape.inputs * (shape.hidden or shape.outputs) + shape.hidden * shape.outputs) / 1e6
    return dataclasses.replace(
        base,
        name=f"{tuned.SCHEME}{tuned.check_name(name)}",
        source=Tuned.key,
        label=f"{tuned.check_name(name)} (tuned)",
        weights="",
        dim=shape.outputs,
        parameters=round(base.parameters + (0 if shape.kind == "none" else more), 1),
        modalities=("image",),
        trained_on="; ".join(filter(None, [base.trained_on, f"then {card['dataset']['name']}"])),
        random=False,
    )
