"""From an RGB image to what a backbone sees: one resize per distinct geometry, pixel for pixel as timm does it.

A `Geometry` says how an image becomes a square of uint8; backbones of equal geometry share the result. Normalising
is not part of it: each engine does that with its own mean and standard deviation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from core.types import Backbone

FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
    "box": Image.Resampling.BOX,
    "hamming": Image.Resampling.HAMMING,
}
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
HALF = (0.5, 0.5, 0.5)
CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
ENOUGH = 4
"""The fast mode decodes a JPEG smaller, but never below this many times what the resize is going to leave. At 2 times the
decoder's own coarse reduction cost a cosine of 0.0007 on average, more than bfloat16 does; at 4 it costs 0.0001."""
Box = tuple[float, float, float, float]
"""left, top, right, bottom in parts of an image's width and height."""
_LONG = 12
"""Images more than this many times longer than wide are cut before they are resized, so that memory stays bounded."""


@dataclass(frozen=True, order=True)
class Geometry:
    """How an image becomes a square.

    Attributes:
        rule: "shortest" (the short side becomes `resize_to`, the centre is cut out), "squash" (both sides become
            `resize_to`, whatever the image's shape) or "longest" (the long side does, the rest is filled).
        resize_to: pixels after the resize.
        crop: side in pixels of what the backbone sees.
        filter: name of the resampling filter.
        fill: grey levels of the border for "longest".
    """

    rule: str = "shortest"
    resize_to: int = 256
    crop: int = 224
    filter: str = "bicubic"
    fill: tuple[int, ...] = (0, 0, 0)


@dataclass(frozen=True)
class Preprocessing:
    """Geometry, then (pixel / 255 - mean) / std per channel."""

    geometry: Geometry
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    std: tuple[float, ...] = (1.0, 1.0, 1.0)


def options(
    crop: int,
    *,
    resize_to: int | None = None,
    rule: str = "shortest",
    filter: str = "bicubic",
    mean: tuple[float, ...] = IMAGENET_MEAN,
    std: tuple[float, ...] = IMAGENET_STD,
    fill: tuple[int, ...] = (),
    **more: Any,
) -> tuple[tuple[str, Any], ...]:
    """The preprocessing as a backbone's record keeps it, sorted; `more` are the source's own options."""
    fields = {"crop": crop, "resize_to": resize_to or crop, "rule": rule, "filter": filter, "mean": mean, "std": std}
    if fill and rule == "longest":
        fields["fill"] = fill
    return tuple(sorted({**fields, **more}.items()))


def preprocessing_of(backbone: Backbone) -> Preprocessing:
    """What the record says about preprocessing."""
    options = dict(backbone.options)
    geometry = Geometry(
        options.get("rule", "shortest"),
        int(options.get("resize_to", backbone.image_size)),
        int(options.get("crop", backbone.image_size)),
        options.get("filter", "bicubic"),
        tuple(options.get("fill", (0, 0, 0))),
    )
    return Preprocessing(geometry, tuple(options.get("mean", (0.0,) * 3)), tuple(options.get("std", (1.0,) * 3)))


def square(image: Image.Image, geometry: Geometry, policy: str = "full") -> np.ndarray:
    """What a backbone of this geometry sees of an image.

    Args:
        image: mode RGB, upright.
        geometry: how.
        policy: "full" resizes the whole image, then cuts (exact); "box" resizes only what is kept (fast mode;
            other rounding in a few pixels).
    Returns:
        (crop, crop, 3) uint8.
    """
    filter = FILTERS[geometry.filter]
    if geometry.rule == "squash":
        side = (geometry.resize_to, geometry.resize_to)
        return _centre(_resize(image, side, filter), geometry.crop)
    if geometry.rule == "longest":
        return _padded(image, geometry, filter)
    size = _shortest(image.size, geometry)
    if policy == "box" or max(image.size) > _LONG * min(image.size):
        return _cut_then_resize(image, size, geometry.crop, filter)
    return _centre(_resize(image, size, filter), geometry.crop)


def seen_box(size: tuple[int, int], geometry: Geometry) -> Box:
    """Which part of an image the square of `square` shows; beyond 0 and 1 lies the border that "longest" adds.

    Args:
        size: width and height of the image.

    >>> seen_box((512, 256), Geometry("shortest", 256, 224))
    (0.28125, 0.0625, 0.71875, 0.9375)
    """
    crop = geometry.crop
    if geometry.rule == "longest":
        scale = geometry.resize_to / max(size)
        after = max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
        left, top = -((crop - after[0]) // 2), -((crop - after[1]) // 2)
    else:
        after = (geometry.resize_to, geometry.resize_to) if geometry.rule == "squash" else _shortest(size, geometry)
        left, top = _offsets(after, crop)
    return left / after[0], top / after[1], (left + crop) / after[0], (top + crop) / after[1]


def _shortest(size: tuple[int, int], geometry: Geometry) -> tuple[int, int]:
    """Width and height after the short side became `resize_to`."""
    long_after = int(geometry.resize_to * max(size) / min(size))
    return (geometry.resize_to, long_after) if size[0] <= size[1] else (long_after, geometry.resize_to)


@dataclass(frozen=True, order=True)
class ImageView:
    """What an encoder wants to be shown: a geometry, exactly or by the shortcuts of the fast mode."""

    fast: bool
    geometry: Geometry

    @property
    def at_least(self) -> int:
        """The fewest pixels of a decoded image's shorter side; 0 means all that there are."""
        return ENOUGH * self.geometry.resize_to if self.fast else 0

    def square(self, image: Image.Image) -> np.ndarray:
        """(crop, crop, 3) uint8."""
        return square(image, self.geometry, "box" if self.fast else "full")


def _resize(image: Image.Image, size: tuple[int, int], filter: Image.Resampling) -> Image.Image:
    return image if image.size == size else image.resize(size, filter)


def _offsets(size: tuple[int, int], crop: int) -> tuple[int, int]:
    """Left and top of the centre, rounded as torchvision rounds (to even)."""
    return int(round((size[0] - crop) / 2.0)), int(round((size[1] - crop) / 2.0))


def _centre(image: Image.Image, crop: int) -> np.ndarray:
    if image.size != (crop, crop):
        left, top = _offsets(image.size, crop)
        image = image.crop((left, top, left + crop, top + crop))
    return np.asarray(image)


def _cut_then_resize(image: Image.Image, size: tuple[int, int], crop: int, filter: Image.Resampling) -> np.ndarray:
    left, top = _offsets(size, crop)
    across, down = image.width / size[0], image.height / size[1]
    box = (
        left * across,
        top * down,
        min((left + crop) * across, image.width),
        min((top + crop) * down, image.height),
    )
    return np.asarray(image.resize((crop, crop), filter, box=box))


def _padded(image: Image.Image, geometry: Geometry, filter: Image.Resampling) -> np.ndarray:
    scale = geometry.resize_to / max(image.size)
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    canvas = Image.new("RGB", (geometry.crop, geometry.crop), tuple(geometry.fill))
    left, top = (geometry.crop - size[0]) // 2, (geometry.crop - size[1]) // 2
    canvas.paste(_resize(image, size, filter), (left, top))
    return np.asarray(canvas)
