"""Networks of timm, with weights from the hub.

The vector is timm's own pooled feature before the classifier (`num_classes=0`): what retrieval uses. Where a network
has a hidden layer between pooling and classifier (VGG, MobileNet), that layer is included.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

from core import compat
from core.backbones import preprocessing
from core.backbones.sources.base import build_options, licence, measured
from core.backbones.sources.hub import HubSource
from core.errors import BadInput, UnknownName
from core.registry import did_you_mean
from core.types import Backbone

if TYPE_CHECKING:
    import torch


def build(backbone: Backbone, num_classes: int | None = 0, **more: Any) -> torch.nn.Module:
    """The network as timm builds it; without `pretrained=True` its weights are random.

    Args:
        num_classes: None keeps the classifier that the weights were trained with.
    """
    if num_classes is not None:
        more["num_classes"] = num_classes
    tagged = backbone.source == Timm.key and backbone.weights
    name = f"{backbone.architecture}.{backbone.weights}" if tagged else backbone.architecture
    return compat.library("timm").create_model(name, **build_options(backbone), **more)


class Timm(HubSource):
    """timm's own loading, from its hub repositories."""

    key = "timm"
    title = "timm"
    scheme = "timm:"
    tag_mark = "."
    of_timm = True

    def repository(self, backbone: Backbone) -> str:
        """The repository that the record names, else timm's own for the tag."""
        named = super().repository(backbone)
        if named or not backbone.weights:
            return named
        return f"timm/{backbone.architecture}.{backbone.weights}"

    def load_network(self, backbone: Backbone, num_classes: int | None = 0) -> torch.nn.Module:
        """The network with its weights; `num_classes=None` keeps their classifier."""
        if backbone.random:
            return build(backbone, num_classes)
        with self.errors(backbone):
            return build(backbone, num_classes, pretrained=True)

    def resolve(self, rest: str) -> Backbone:
        """`NAME` or `NAME.TAG`."""
        architecture, _, tag = rest.partition(".")
        config = pretrained_config(architecture, tag)
        return describe(architecture, config, f"timm:{architecture}" + (f".{config.tag}" if config.tag else ""))


def pretrained_config(architecture: str, tag: str = "") -> Any:
    """What timm knows about an architecture and its pretrained weights.

    Raises:
        UnknownName: with the nearest names.
    """
    timm = compat.library("timm")
    if not timm.is_model(architecture):
        raise UnknownName(f"timm has no architecture {architecture!r}.{did_you_mean(architecture, timm.list_models())}")
    tags = [full.partition(".")[2] for full in timm.list_pretrained(f"{architecture}.*") or [architecture]]
    if tag and tag not in tags:
        raise UnknownName(
            f"timm has no weights {tag!r} for {architecture}; there are: {', '.join(filter(None, tags))}."
        )
    config = timm.get_pretrained_cfg(f"{architecture}.{tag}" if tag else architecture)
    if config is None:
        raise UnknownName(f"timm has no preprocessing for {architecture!r}; choose another architecture.")
    return config


def describe(architecture: str, config: Any, name: str) -> Backbone:
    """The record of a timm network: its own preprocessing, and dim and parameters from the network itself."""
    options = evaluation_preprocessing(config.to_dict())
    if config.hf_hub_id and config.hf_hub_id != f"timm/{architecture}.{config.tag}":
        options["repository"] = config.hf_hub_id
    if config.hf_hub_filename:
        options["file"] = config.hf_hub_filename
    papers = getattr(config, "paper_ids", None) or ()
    reference = ", ".join([papers] if isinstance(papers, str) else papers)
    return described(
        name,
        architecture,
        options,
        family_of=architecture,
        licence_name=config.license,
        weights=config.tag or "",
        label=f"{architecture}.{config.tag}" if config.tag else architecture,
        reference=reference or f"timm model card of {config.architecture}",
    )


def described(
    name: str, architecture: str, options: dict[str, Any], *, family_of: str, licence_name: str | None, **fields: Any
) -> Backbone:
    """A timm record whose dim and parameters are measured on the network itself."""
    licence_text, commercial = licence(licence_name)
    record = Backbone(
        name,
        source=Timm.key,
        dim=1,
        architecture=architecture,
        image_size=options["crop"],
        licence=licence_text,
        commercial=commercial,
        trained_on="see its model card",
        pooling="timm's own",
        options=preprocessing.options(**options),
        family="ViT" if "vit" in family_of else "CNN",
        **fields,
    )
    return measured(record, lambda: build(record).eval())


def evaluation_preprocessing(config: dict[str, Any], **overrides: Any) -> dict[str, Any]:
    """What `timm.data.create_transform` does for evaluation, in the words of `preprocessing.options`."""
    data = compat.library("timm.data").resolve_data_config(overrides, pretrained_cfg=config)
    channels, height, width = data["input_size"]
    if height != width or channels != 3:
        raise BadInput(f"Only square colour inputs are read; this network wants {data['input_size']}.")
    rule = {"center": "shortest", "squash": "squash", "border": "longest"}[data["crop_mode"]]
    options = {
        "crop": height,
        "resize_to": math.floor(height / data["crop_pct"]),
        "rule": rule,
        "filter": data["interpolation"],
        "mean": tuple(data["mean"]),
        "std": tuple(data["std"]),
    }
    if rule == "longest":
        options["fill"] = tuple(round(255 * value) for value in data["mean"])
    return options


def hub_record(repository: str, name: str) -> Backbone:
    """The record of a timm network in a repository of the hub."""
    models = compat.library("timm.models")
    config, architecture, _ = models.load_model_config_from_hf(repository)
    options = {**evaluation_preprocessing(config), "repository": repository}
    return described(
        name,
        name,
        options,
        family_of=models.split_model_name_tag(architecture)[0],
        licence_name=str(config.get("license") or "") or None,
        label=repository,
        reference=f"model card of {repository}",
    )


def without_weights(record: Backbone, **fields: Any) -> Backbone:
    """The same architecture with weights from elsewhere: what the record says about timm's own weights is left out."""
    return dataclasses.replace(record, commercial=None, trained_on="see its maker", **fields)
