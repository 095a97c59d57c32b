"""The heat of an image drawn over it: red adds to the score, blue takes from it, and what is not seen is darkened."""

from __future__ import annotations

import numpy as np
from PIL import Image

from core.backbones.preprocessing import Box
from core.explain import Heat

WARM, COLD = (224, 58, 32), (32, 98, 214)
"""What adds to the score, and what takes from it."""
OPACITY, DARK, FADE = 0.75, 0.55, 0.75
"""Of the strongest cells, of the shade over what a backbone does not see, and how much of its own colour an image loses."""


def strengths(heat: Heat) -> np.ndarray:
    """(rows, columns) float64 in [−1, 1]: the cells by their 99th percentile, so that rare strong ones do not hide the rest."""
    if not heat.cells.size:
        return heat.cells
    cap = float(np.quantile(np.abs(heat.cells), 0.99)) or float(np.abs(heat.cells).max()) or 1.0
    return np.clip(heat.cells / cap, -1, 1)


def overlay(image: Image.Image, heat: Heat, box: Box, side: int = 240, opacity: float = OPACITY) -> Image.Image:
    """The image, at most `side` pixels wide and high, with its heat over it.

    Args:
        box: where the heat's cells lie, in parts of the image.
    Returns:
        PIL image in mode RGB.
    """
    small = image.convert("RGB")
    small.thumbnail((side, side))
    width, height = small.size
    left, top, right, bottom = (
        round(edge * length) for edge, length in zip(box, (width, height, width, height), strict=True)
    )
    base = np.asarray(small, np.float64)
    seen = np.zeros((height, width, 1))
    seen[max(top, 0) : bottom, max(left, 0) : right] = 1.0
    base += (base @ (0.299, 0.587, 0.114))[..., None] * FADE * opacity - base * FADE * opacity
    base = base * (1 - DARK * (1 - seen))
    cells = strengths(heat)
    if cells.size and right > left and bottom > top:
        spread = Image.fromarray(cells.astype(np.float32)).resize(
            (right - left, bottom - top), Image.Resampling.BICUBIC if len(cells) < 40 else Image.Resampling.BOX
        )
        whole = Image.new("F", (width, height))
        whole.paste(spread, (left, top))
        strength = np.clip(np.asarray(whole, np.float64), -1, 1)[..., None] * seen
        colour = np.where(strength > 0, np.array(WARM, float), np.array(COLD, float))
        base += (colour - base) * np.abs(strength) * opacity
    return Image.fromarray(np.clip(base.round(), 0, 255).astype(np.uint8))
