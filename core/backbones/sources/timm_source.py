"""Networks of timm: from the hub's cache, from an installed package, or from a file.

The vector is timm's own pooled feature before the classifier (`num_classes=0`): what retrieval uses. Where a network
has a hidden layer between pooling and classifier (VGG, MobileNet), that layer is included.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.backbones import loading, weights
from core.errors import BadInput
from core.types import Backbone

if TYPE_CHECKING:
    import torch


def load(backbone: Backbone, num_classes: int | None = 0) -> torch.nn.Module:
    """The network with its weights; `num_classes=None` keeps the classifier that the weights were trained with."""
    if backbone.random:
        return build(backbone, num_classes)
    if backbone.source == "package":
        return _from_package(backbone, num_classes)
    if backbone.source == "file":
        return _from_file(backbone, num_classes)
    with loading.hub_errors(backbone):
        return build(backbone, num_classes, pretrained=True)


def build(backbone: Backbone, num_classes: int | None = 0, **more: Any) -> torch.nn.Module:
    """The network as timm builds it; without `pretrained=True` its weights are random."""
    import timm

    if num_classes is not None:
        more["num_classes"] = num_classes
    tagged = backbone.source == "timm" and backbone.weights
    name = f"{backbone.architecture}.{backbone.weights}" if tagged else backbone.architecture
    return timm.create_model(name, **loading.build_options(backbone), **more)


def _from_package(backbone: Backbone, num_classes: int | None) -> torch.nn.Module:
    file = weights.packaged_file(backbone.weights)
    weights.check_named_hash(file)
    whole = build(backbone, None)
    whole.load_state_dict(loading.match_by_position(loading.read_state(file), whole.state_dict(), file.name))
    return _without_classifier(whole, num_classes)


def _from_file(backbone: Backbone, num_classes: int | None) -> torch.nn.Module:
    """A checkpoint for a timm architecture; its classifier, of any size, is left out unless it is wanted."""
    file = Path(backbone.weights)
    state = loading.read_state(file)
    network = build(backbone, 0 if num_classes == 0 else None)
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


def _without_classifier(network: torch.nn.Module, num_classes: int | None) -> torch.nn.Module:
    if num_classes == 0:
        network.reset_classifier(0)
    return network
