"""A pretrained network, described."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from core.errors import BadInput


@dataclass(frozen=True)
class Backbone:
    """A pretrained network (or a descriptor), described. Everything here is part of its fingerprint.

    Attributes:
        name: the name that people type.
        family: "CNN", "ViT", "self-supervised ViT", "vision-language", "mobile", "descriptor", "concepts", "vectors".
        source: who builds it: "timm", "open_clip", "package", "own", "file" or "vectors".
        architecture: the name in that source.
        weights: pretrained tag, package or file; "" for descriptors.
        dim: length of the embedding.
        image_size: side in pixels that the backbone sees.
        parameters: millions of parameters of what is run for an image; 0 for descriptors.
        modalities: "image", and "text" where it encodes text into the same space.
        licence: licence of the WEIGHTS; `commercial` says what it means, None when unknown.
        pooling: how the vector is read: "average", "CLS", "projection", "GeM", "histogram" ...
        options: what the source needs beside the name, e.g. (("img_size", 224),).
        random: True marks weights that were never trained (speed and tests only).
        mode: "exact", or "fast": cheaper pixels and arithmetic, near the exact vectors and never mixed with them.
    """

    name: str
    source: str
    dim: int
    architecture: str = ""
    weights: str = ""
    label: str = ""
    family: str = "CNN"
    image_size: int = 224
    parameters: float = 0.0
    modalities: tuple[str, ...] = ("image",)
    licence: str = "unknown"
    commercial: bool | None = None
    trained_on: str = ""
    pooling: str = "average"
    reference: str = ""
    options: tuple[tuple[str, Any], ...] = ()
    random: bool = False
    mode: str = "exact"

    def __post_init__(self) -> None:
        if not self.name or self.dim < 1:
            raise BadInput(f"A backbone needs a name and a dim of at least 1, got {self.name!r} and {self.dim}.")
        if self.mode not in {"exact", "fast"}:
            raise BadInput(f"The mode of a backbone is 'exact' or 'fast', got {self.mode!r}.")

    @property
    def title(self) -> str:
        """What a page shows: the label, else the name."""
        return self.label or self.name
