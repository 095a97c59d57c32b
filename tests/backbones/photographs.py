"""Real photographs that installed packages carry, and the plain loop that our vectors are compared with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

NAMES = (
    "astronaut.png",
    "chelsea.png",
    "coffee.png",
    "camera.png",
    "rocket.jpg",
    "motorcycle_left.png",
    "hubble_deep_field.jpg",
    "clock_motion.png",
    "retina.jpg",
    "brick.png",
    "china.jpg",
    "flower.jpg",
)


def files() -> list[Path]:
    """Paths of the photographs: large and small, upright and wide, grey and colour, JPEG and PNG."""
    import skimage
    import sklearn

    places = (Path(skimage.__file__).parent / "data", Path(sklearn.__file__).parent / "datasets" / "images")
    return [next(place / name for place in places if (place / name).is_file()) for name in NAMES]


def plain_loop(module, backbone, pictures: list[Image.Image]) -> np.ndarray:
    """timm's own transform and one forward pass per picture: what every engine must agree with."""
    import timm.data
    import torch

    config = timm.data.resolve_data_config({}, model=module)
    transform = timm.data.create_transform(**config, is_training=False)
    with torch.inference_mode():
        return np.concatenate([module(transform(picture.convert("RGB"))[None]).numpy() for picture in pictures])


def agreement(ours: np.ndarray, theirs: np.ndarray) -> tuple[float, float]:
    """(smallest cosine of two rows, the same after the mean of `theirs` is taken from both)."""

    def smallest(a: np.ndarray, b: np.ndarray) -> float:
        a, b = a.astype(np.float64), b.astype(np.float64)
        return float(((a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)).min())

    theirs = theirs / np.linalg.norm(theirs, axis=1, keepdims=True)
    ours = ours / np.linalg.norm(ours, axis=1, keepdims=True)
    mean = theirs.mean(0)
    return smallest(ours, theirs), smallest(ours - mean, theirs - mean)
