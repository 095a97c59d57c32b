"""Heat over two images: a Streamlit component of our own. Which backbone, plain or above average, and how strong the
colours are is chosen in the browser, without any rerun.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core import wording
from core.charts import heat_overlay
from core.explain import Heat
from core.ui.app import state
from core.ui.components.registration import component

_FOLDER = Path(__file__).parent
text = wording.page("why")


@dataclass(frozen=True)
class SideImage:
    """One of the two images: where it lies, and what stands over it."""

    src: str
    title: str
    width: int
    height: int


@dataclass(frozen=True)
class HeatSide:
    """The heat of one image by one backbone; `sentence` stands under it."""

    heat: Heat
    box: tuple[float, float, float, float]
    sentence: str

    def as_data(self) -> dict[str, Any]:
        """What the browser gets: one signed byte a cell."""
        cells = np.round(heat_overlay.strengths(self.heat) * 127).astype(np.int8)
        return {
            "rows": cells.shape[0],
            "columns": cells.shape[1],
            "cells": base64.b64encode(cells.tobytes()).decode(),
            "box": self.box,
            "sentence": self.sentence,
            "named": [(name, wording.signed(part)) for name, part in self.heat.named[:6]],
        }


@dataclass(frozen=True)
class HeatLayer:
    """What one backbone, or all together, say.

    Attributes:
        name, colour: of the button; badge: a word or two beside the sentence, such as "approximate".
        plain, above: the heat of the query and of the result, None where there is none.
    """

    name: str
    colour: str
    badge: str
    exact: bool
    sentence: str
    plain: tuple[HeatSide | None, HeatSide | None]
    above: tuple[HeatSide | None, HeatSide | None]

    def as_data(self) -> dict[str, Any]:
        """What the browser gets."""
        sides = {
            name: [side and side.as_data() for side in pair]
            for name, pair in (("plain", self.plain), ("above", self.above))
        }
        return {
            "name": self.name,
            "colour": self.colour,
            "badge": self.badge,
            "exact": self.exact,
            "sentence": self.sentence,
            **sides,
        }


def show(
    images: Sequence[SideImage | None],
    layers: Sequence[HeatLayer],
    *,
    pair: str,
    key: str,
    on_close: Callable[[], None],
) -> None:
    """Draw two images and the layers over them.

    Args:
        images: the query, None where it is no single image, and the result.
        pair: tells these two images from any others: the page scrolls to a new pair.
        on_close: called when the person has seen enough, before the page runs again.
    """

    def closed() -> None:
        if state.widget(key).get("close"):
            on_close()

    words: Mapping[str, str] = {
        name: text(f"label.{name}") for name in ("opacity", "above", "close", "adds", "takes", "seen", "which")
    }
    data = {
        "pair": pair,
        "images": [image and vars(image) for image in images],
        "layers": [layer.as_data() for layer in layers],
        "words": {**words, "above_help": text("help.above"), "no_query": text("phrase.no_query")},
        "colours": {"warm": heat_overlay.WARM, "cold": heat_overlay.COLD, "dark": heat_overlay.DARK},
    }
    draw = component("fusionscope_heat_maps", *(_FOLDER / f"heat.{kind}" for kind in ("js", "css", "html")))
    draw(data=data, key=key, on_close_change=closed)
