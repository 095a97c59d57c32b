"""Vision-language networks of open_clip: the projected picture embedding, and texts in the same space."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from core import compat
from core.backbones import loading, weights
from core.types import Backbone

if TYPE_CHECKING:
    import torch


def build(backbone: Backbone, pretrained: bool = False, device: str = "cpu") -> torch.nn.Module:
    """Both towers as open_clip builds them, with pretrained weights or random ones, in eval mode."""
    compat.ensure_torchvision()
    import open_clip

    _do_not_warn_of_random_weights()
    if _from_hub(backbone):
        return open_clip.create_model(
            backbone.architecture, device=device, load_weights=pretrained, require_pretrained=pretrained
        ).eval()
    known = open_clip.get_pretrained_cfg(backbone.architecture, backbone.weights)
    model = open_clip.create_model(
        backbone.architecture,
        pretrained=backbone.weights if pretrained else None,
        require_pretrained=pretrained,
        pretrained_text=False,
        device=device,
        # open_clip only warns when weights were trained with another activation than the architecture's own
        force_quick_gelu=bool(known and known.get("quick_gelu")),
    )
    return model.eval()


def _do_not_warn_of_random_weights() -> None:
    """open_clip warns on the root logger when it builds without weights; here that is always asked for."""
    logger = logging.getLogger()
    if not any(getattr(one, "__name__", "") == _keep.__name__ for one in logger.filters):
        logger.addFilter(_keep)


def _keep(record: logging.LogRecord) -> bool:
    return not str(record.msg).startswith("No pretrained weights loaded for model")


def load(backbone: Backbone) -> torch.nn.Module:
    """Both towers with their weights.

    Raises:
        WeightsMissing: not here, and not to be had now.
    """
    if backbone.random:
        return build(backbone)
    weights.require(backbone)
    with loading.hub_errors(backbone):
        return build(backbone, pretrained=True)


def load_image_tower(backbone: Backbone) -> torch.nn.Module:
    """Normalised pictures → projected embeddings (n, dim)."""
    return image_tower(load(backbone))


def image_tower(model: torch.nn.Module) -> torch.nn.Module:
    """The part of both towers that sees pictures."""
    import torch

    class ImageTower(torch.nn.Module):
        """The picture side alone, so that engines can compile and trace it."""

        def __init__(self, visual: torch.nn.Module) -> None:
            super().__init__()
            self.visual = visual

        def forward(self, pictures: torch.Tensor) -> torch.Tensor:
            """(n, 3, height, width) float32 → (n, dim); towers that answer with several tensors give the first."""
            found = self.visual(pictures)
            return found[0] if isinstance(found, tuple) else found

    return ImageTower(model.visual).eval()


class TextTower:
    """Texts → vectors in the space of the pictures."""

    def __init__(self, backbone: Backbone, device: str | None = None) -> None:
        import torch

        from core.backbones.engines.torch_engine import pick_device

        self._device = pick_device(device)
        model = load(backbone)
        model.visual = torch.nn.Identity()  # texts need no picture tower
        self._model = model.requires_grad_(False).to(self._device)
        self._tokenizer = tokenizer(backbone)

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """n texts → (n, dim) float32, not normalised; longer texts are cut where the tower's context ends."""
        import torch

        made = []
        with torch.inference_mode():
            for start in range(0, len(texts), 32):
                tokens = self._tokenizer(list(texts[start : start + 32])).to(self._device)
                made.append(self._model.encode_text(tokens).float().cpu().numpy())
        return np.concatenate(made)


def tokenizer(backbone: Backbone) -> Any:
    """What turns texts into the tokens that the text tower reads.

    Raises:
        WeightsMissing: the tokenizer's files are not here.
    """
    import open_clip

    with loading.hub_errors(backbone):
        return open_clip.get_tokenizer(backbone.architecture)


def _from_hub(backbone: Backbone) -> bool:
    return backbone.architecture.startswith(("hf-hub:", "local-dir:"))
