"""A tuned backbone as files that plain timm opens, with the lines that do so."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from core import files
from core.backbones import custom, tuned
from core.backbones.sources import source_of, timm
from core.errors import BadInput, StoreUnusable

if TYPE_CHECKING:
    import torch

WEIGHTS, CARD = "model.safetensors", "card.json"


def write(name: str, folder: Path) -> tuple[str, ...]:
    """Weights and card into a folder; the lines of Python that give its vectors.

    A linear head becomes the classifier of the network, so nothing of this code is needed; it adds no constant.

    Raises:
        UnknownName: no such backbone; BadInput: plain timm has no such network or the folder holds other files;
        StoreUnusable: the folder cannot be written.
    """
    from safetensors.torch import save as as_bytes

    backbone = custom.get(name)
    card = tuned.card(name)
    if card is None:
        raise BadInput(f"{name!r} was not tuned here, so there is nothing to export; its own source has it.")
    base, shape = tuned.base_of(card), tuned.head_shape(card)
    if not source_of(base).of_timm or dict(base.options).get("projection"):
        raise BadInput(f"{base.title} is no network of timm, so plain timm cannot open it; `{name}` works here alone.")
    network = source_of(backbone).load(backbone)
    lines = _lines(base.architecture, dict(base.options), shape)
    state = _state(network, base, shape)
    content = {**card, "open_with": list(lines), "licence": base.licence}
    target = Path(folder).expanduser()
    try:
        files.write_bytes(target / WEIGHTS, as_bytes(state))
        files.write_json(target / CARD, content)
    except OSError as error:
        raise StoreUnusable(f"{target} cannot be written: {error.strerror}. Name another folder with --to.") from None
    return (f"{target / WEIGHTS}", f"{target / CARD}", "", *lines)


def _state(network: Any, base: Any, shape: tuned.HeadShape) -> dict[str, torch.Tensor]:
    """The tensors under the names of timm's own network: a linear head is its classifier."""
    import torch

    body, head = network[0], network[1]
    state = {key: tensor.contiguous().clone() for key, tensor in body.state_dict().items()}
    if shape.kind == "none":
        return state
    with torch.device("meta"):
        whole: Any = timm.build(base, shape.outputs)
    prefix = next(name for name, module in whole.named_modules() if module is whole.get_classifier())
    if shape.kind == "mlp":
        return state | {f"{prefix}.{key}": tensor.clone() for key, tensor in head.state_dict().items()}
    state[f"{prefix}.weight"] = head.weight.detach().clone()
    if whole.get_classifier().bias is not None:
        state[f"{prefix}.bias"] = torch.zeros(shape.outputs)
    return state


def _lines(architecture: str, options: dict[str, Any], shape: tuned.HeadShape) -> tuple[str, ...]:
    """What opens the file: two lines, and one more for a head of two layers."""
    size = f", img_size={options['img_size']}" if "img_size" in options else ""
    load = f"network.load_state_dict(safetensors.torch.load_file('{WEIGHTS}'))"
    if shape.kind == "none":
        return (f"network = timm.create_model('{architecture}', num_classes=0{size})", load)
    made = f"network = timm.create_model('{architecture}', num_classes={shape.outputs}{size})"
    if shape.kind == "linear":
        return (made, load)
    layers = (
        f"torch.nn.Sequential(torch.nn.Linear({shape.inputs}, {shape.hidden}, bias=False), torch.nn.ReLU(), "
        f"torch.nn.Linear({shape.hidden}, {shape.outputs}, bias=False))"
    )
    return (made, f"setattr(network, network.default_cfg['classifier'], {layers})", load)
