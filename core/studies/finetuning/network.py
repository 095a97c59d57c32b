"""Networks as a training takes them: parted before their last stage, or with LoRA in their attention."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from core import compat
from core.errors import BadInput
from core.types import Backbone

if TYPE_CHECKING:
    import torch

LAST_BLOCKS = 2
"""Blocks of an EfficientNet, or of a ViT, that count as its last stage."""
LORA_RANK = 8
LORA_LAYERS = ("qkv", "proj")
"""Linear layers of timm's attention that LoRA goes into."""


def part(network: Any, backbone: Backbone) -> tuple[torch.nn.Module, torch.nn.Module]:
    """(trunk, tail): the tail of the trunk of normalised images is what the whole network gives.

    The parts share the network's own modules, so that what is trained in the tail is trained in the network.

    Raises:
        BadInput: how this network is built is not known here.
    """
    import torch

    parts = next((made for known in (_efficientnet, _resnet, _vit) if (made := known(network)) is not None), None)
    if parts is None:
        raise BadInput(
            f"Where the last stage of {backbone.title} begins is not known here; train its head, or all of it."
        )
    trunk, tail = parts[0].eval(), parts[1].eval()
    with torch.inference_mode():
        images = torch.zeros(1, 3, backbone.image_size, backbone.image_size).uniform_(
            -1, 1, generator=torch.Generator().manual_seed(0)
        )
        if not torch.allclose(tail(trunk(images)), network(images), atol=1e-4, rtol=1e-3):
            raise BadInput(f"{backbone.title} gives other vectors when it is parted; train its head, or all of it.")
    return trunk, tail


def _sequence(*modules: Any) -> torch.nn.Module:
    """Modules and functions, one after the other."""
    import torch

    class Call(torch.nn.Module):
        """A function of the network in its place."""

        def __init__(self, function: Any) -> None:
            super().__init__()
            self._function = (function,)  # in a tuple, so that it is no part of the module

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            """What the function gives."""
            return self._function[0](inputs)

    return torch.nn.Sequential(*(m if isinstance(m, torch.nn.Module) else Call(m) for m in modules))


def _efficientnet(network: Any) -> tuple[Any, Any] | None:
    names = ("conv_stem", "bn1", "blocks", "conv_head", "bn2", "global_pool", "forward_head")
    if not all(hasattr(network, name) for name in names) or len(network.blocks) <= LAST_BLOCKS:
        return None
    trunk = _sequence(network.conv_stem, network.bn1, *network.blocks[:-LAST_BLOCKS])
    return trunk, _sequence(*network.blocks[-LAST_BLOCKS:], network.conv_head, network.bn2, network.forward_head)


def _resnet(network: Any) -> tuple[Any, Any] | None:
    names = ("conv1", "bn1", "act1", "maxpool", "layer1", "layer2", "layer3", "layer4", "forward_head")
    if not all(hasattr(network, name) for name in names):
        return None
    stem = (network.conv1, network.bn1, network.act1, network.maxpool, network.layer1, network.layer2, network.layer3)
    return _sequence(*stem), _sequence(network.layer4, network.forward_head)


def _vit(network: Any) -> tuple[Any, Any] | None:
    names = ("patch_embed", "_pos_embed", "patch_drop", "norm_pre", "blocks", "norm", "forward_head")
    if not all(hasattr(network, name) for name in names) or len(network.blocks) <= LAST_BLOCKS:
        return None
    stem = (network.patch_embed, network._pos_embed, network.patch_drop, network.norm_pre)
    trunk = _sequence(*stem, *network.blocks[:-LAST_BLOCKS])
    return trunk, _sequence(*network.blocks[-LAST_BLOCKS:], network.norm, network.forward_head)


def with_lora(network: Any, backbone: Backbone) -> Any:
    """The network with LoRA of rank 8 in its attention; nothing else of it learns.

    Raises:
        BadInput: peft is not installed, or the network has no such layers.
    Reference:
        Hu et al. 2021, LoRA, arXiv:2106.09685.
    """
    if not any(name.rsplit(".", 1)[-1] == "qkv" for name, _ in network.named_modules()):
        raise BadInput(
            f"LoRA goes into the attention of a ViT of timm, and {backbone.title} has none; train its last stage, or all."
        )
    try:
        peft = compat.library("peft")
    except ImportError:
        raise BadInput("LoRA needs the package peft. Run `pip install -r requirements-lora.txt`.") from None
    settings = peft.LoraConfig(
        r=LORA_RANK, lora_alpha=2 * LORA_RANK, target_modules=list(LORA_LAYERS), lora_dropout=0.0
    )
    return peft.get_peft_model(network, settings)


def merged(network: Any) -> Any:
    """The network with what LoRA learned added to its own weights, under its own names."""
    return network.merge_and_unload()
