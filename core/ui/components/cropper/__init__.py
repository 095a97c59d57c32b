"""A picture on which a box is drawn, with the mouse, a finger or the keyboard: a Streamlit component of our own."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

from core.ui.app import state
from core.ui.components.registration import component

_FOLDER = Path(__file__).parent
Box = tuple[float, float, float, float]
"""left, top, right, bottom as parts of the width and height, each within 0 and 1."""

SMALLEST = 0.04
"""A box is at least this part of each side."""


def draw(source: str, box: Box | None, *, key: str, on_box: Callable[[str], None]) -> None:
    """Show a picture with a box; "Search with this part" calls `on_box` with the box as text, "Cancel" with "".

    Args:
        source: address of the picture, or a data: URL.
        box: where the box stands at first; the middle of the picture when None.
    """

    def chosen() -> None:
        value = state.widget(key).get("box")
        if value is not None:
            on_box(as_text(read(str(value))))

    shown = component("fusionscope_cropper", *(_FOLDER / f"cropper.{kind}" for kind in ("js", "css", "html")))
    shown(data={"src": source, "box": list(box or (0.25, 0.25, 0.75, 0.75))}, key=key, on_box_change=chosen)


def read(text: str) -> Box | None:
    """'0.1,0.2,0.6,0.9' → the box, brought within the picture; None for anything else, and for the whole picture.

    >>> read("0.1,0.2,0.6,5")
    (0.1, 0.2, 0.6, 1.0)
    """
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        return None
    if len(numbers) != 4 or not all(map(math.isfinite, numbers)):
        return None
    left, top, right, bottom = (round(min(max(number, 0.0), 1.0), 3) for number in numbers)
    if right - left < SMALLEST or bottom - top < SMALLEST:
        return None
    return None if (left, top, right, bottom) == (0.0, 0.0, 1.0, 1.0) else (left, top, right, bottom)


def as_text(box: Box | None) -> str:
    """The box as `read` takes it; "" for none."""
    return "" if box is None else ",".join(f"{number:g}" for number in box)
