"""Vision-language networks of open_clip: the projected image embedding, and texts in the same space."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from core import compat
from core.backbones import preprocessing
from core.backbones.sources.base import TextEncoder, measured, millions
from core.backbones.sources.hub import HubSource
from core.errors import UnknownName
from core.registry import did_you_mean
from core.types import Backbone, unit

if TYPE_CHECKING:
    import torch

_TEXTS_AT_ONCE = 32


def build(backbone: Backbone, pretrained: bool = False, device: str = "cpu") -> torch.nn.Module:
    """Both towers as open_clip builds them, with pretrained weights or random ones, in eval mode."""
    open_clip = compat.library("open_clip")
    _do_not_warn_of_random_weights()
    if backbone.architecture.startswith(("hf-hub:", "local-dir:")):
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
    if not any(getattr(known, "__name__", "") == _keep.__name__ for known in logger.filters):
        logger.addFilter(_keep)


def _keep(record: logging.LogRecord) -> bool:
    return not str(record.msg).startswith("No pretrained weights loaded for model")


def image_tower(model: torch.nn.Module) -> torch.nn.Module:
    """The part of both towers that sees images: normalised images → projected embeddings (n, dim)."""
    import torch

    class ImageTower(torch.nn.Module):
        """The image side alone, so that engines can compile and trace it."""

        def __init__(self, visual: torch.nn.Module) -> None:
            super().__init__()
            self.visual = visual

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            """(n, 3, height, width) float32 → (n, dim); towers that answer with several tensors give the first."""
            answer = self.visual(images)
            return answer[0] if isinstance(answer, tuple) else answer

    visual: Any = model.visual
    return ImageTower(visual).eval()


class OpenClip(HubSource):
    """open_clip's own loading, from the hub repositories that its configurations name."""

    key = "open_clip"
    title = "open_clip"
    scheme = "open_clip:"
    tag_mark = "/"

    def load_towers(self, backbone: Backbone) -> torch.nn.Module:
        """Both towers with their weights.

        Raises:
            WeightsMissing: not here, and not to be had now.
        """
        if backbone.random:
            return build(backbone)
        self.require(backbone)
        with self.errors(backbone):
            return build(backbone, pretrained=True)

    def load_network(self, backbone: Backbone) -> torch.nn.Module:
        """The image tower."""
        return image_tower(self.load_towers(backbone))

    def text_encoder(self, backbone: Backbone, device: str | None = None) -> TextEncoder:
        """The text tower."""
        return TextTower(self, backbone, device)

    def tokenizer(self, backbone: Backbone) -> Any:
        """What turns texts into the tokens that the text tower reads.

        Raises:
            WeightsMissing: the tokenizer's files are not here.
        """
        with self.errors(backbone):
            return compat.library("open_clip").get_tokenizer(backbone.architecture)

    def resolve(self, rest: str) -> Backbone:
        """`ARCH/TAG`."""
        open_clip = compat.library("open_clip")
        architecture, _, tag = rest.partition("/")
        tags = open_clip.list_pretrained_tags_by_model(architecture)
        if not tags:
            hint = did_you_mean(architecture, open_clip.list_models())
            raise UnknownName(f"open_clip has no pretrained architecture {architecture!r}.{hint}")
        if tag not in tags:
            raise UnknownName(f"open_clip has no weights {tag!r} for {architecture}; write one of: {', '.join(tags)}.")
        config = open_clip.get_pretrained_cfg(architecture, tag)
        owner, _, path = (config.get("hf_hub") or "").partition("/")
        repository, _, file = path.partition("/")
        size = open_clip.get_model_config(architecture)["vision_cfg"].get("image_size", 224)
        more = {"file": file} if file else {}
        return describe(f"open_clip:{rest}", architecture, tag, size, config, f"{owner}/{repository}", **more)


def describe(
    name: str, architecture: str, tag: str, size: Any, config: dict[str, Any], repository: str, **more: Any
) -> Backbone:
    """The record of an open_clip network, dim and parameters measured on the network itself."""
    side = size[0] if isinstance(size, (list, tuple)) else int(size)
    record = Backbone(
        name,
        source=OpenClip.key,
        dim=1,
        architecture=architecture,
        weights=tag,
        label=name.partition(":")[2],
        family="vision-language",
        image_size=side,
        modalities=("image", "text"),
        pooling="projection",
        trained_on="images with texts; see its model card",
        reference=f"model card of {repository}",
        options=preprocessing.options(
            side,
            rule=config.get("resize_mode") or "shortest",
            filter=config.get("interpolation") or "bicubic",
            mean=tuple(config.get("mean") or preprocessing.CLIP_MEAN),
            std=tuple(config.get("std") or preprocessing.CLIP_STD),
            repository=repository,
            **more,
        ),
    )
    total = [0.0]

    def tower() -> torch.nn.Module:
        towers = build(dataclasses.replace(record, random=True), device="meta")
        total[0] = millions(towers)
        return image_tower(towers)

    record = measured(record, tower)
    options = {**dict(record.options), "megabytes": round(total[0] * 4)}
    return dataclasses.replace(record, options=tuple(sorted(options.items())))


def hub_record(repository: str, name: str, config: dict[str, Any]) -> Backbone:
    """The record of an open_clip network in a repository of the hub, from its open_clip_config.json."""
    images = config.get("preprocess_cfg", {})
    size = images.get("size", config["model_cfg"]["vision_cfg"].get("image_size", 224))
    return describe(name, name, "", size, images, repository)


class TextTower:
    """Texts → vectors in the space of the images."""

    def __init__(self, source: OpenClip, backbone: Backbone, device: str | None = None) -> None:
        import torch

        from core.backbones.engines.torch_engine import pick_device

        self._device = pick_device(device)
        model = source.load_towers(backbone)
        model.visual = torch.nn.Identity()  # texts need no image tower
        self._model: Any = model.requires_grad_(False).to(self._device)
        self._tokenizer = source.tokenizer(backbone)

    def encode_text(self, texts: Sequence[str]) -> np.ndarray:
        """n texts → (n, dim) float32 unit vectors; longer texts are cut where the tower's context ends."""
        import torch

        vectors = []
        with torch.inference_mode():
            for start in range(0, len(texts), _TEXTS_AT_ONCE):
                tokens = self._tokenizer(list(texts[start : start + _TEXTS_AT_ONCE])).to(self._device)
                vectors.append(self._model.encode_text(tokens).float().cpu().numpy())
        return unit(np.concatenate(vectors))
