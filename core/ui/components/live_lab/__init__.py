"""The live lab as a Streamlit component: sliders, figures and results that follow the thumb.

What the JavaScript is given, and what it says, stands at the head of `main.js`. While a thumb is dragged it asks
`fuse_route` beside Streamlit; a page runs again when the thumb is let go, or a button is pressed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.ui.app import state
from core.ui.components.registration import LARGE_CARD, component

_FOLDER = Path(__file__).parent
ACTIONS = ("undo", "redo", "reset", "two")


@dataclass(frozen=True)
class LabHost:
    """What a page does when a person did something on the lab; each is called before the page runs again.

    Attributes:
        released: with the weights, one per backbone, and how many releases there were.
        locked: with the names that are locked now.
        act: with one of ACTIONS.
        picked: with the position of an image; chose: with the position of a metric.
        why: with the position of a result of which somebody asks why it matched.
    """

    released: Callable[[list[float], int], None]
    locked: Callable[[list[str]], None]
    act: Callable[[str], None]
    picked: Callable[[int], None]
    chose: Callable[[int], None]
    why: Callable[[int], None]


def show(data: Mapping[str, Any], host: LabHost, *, key: str) -> None:
    """Draw the lab with the data that `main.js` describes."""

    def value(name: str) -> Any:
        return (state.widget(key) or {}).get(name)

    def released() -> None:
        weights, number = read_release(value("weights"), len(data["backbones"]))
        if weights:
            host.released(weights, number)

    def locked() -> None:
        known = {backbone["name"] for backbone in data["backbones"]}
        host.locked([name for name in value("locked") or [] if name in known])

    def acted() -> None:
        if value("act") in ACTIONS:
            host.act(value("act"))

    def chosen(name: str, tell: Callable[[int], None]) -> None:
        number = value(name)
        if isinstance(number, int) and number >= 0:
            tell(number)

    styles = (_FOLDER / "lab.css", LARGE_CARD)
    component("fusionscope_live_lab", _FOLDER / "main.js", styles, _FOLDER / "lab.html")(
        key=key,
        data=dict(data),
        on_weights_change=released,
        on_locked_change=locked,
        on_act_change=acted,
        on_picked_change=lambda: chosen("picked", host.picked),
        on_metric_change=lambda: chosen("metric", host.chose),
        on_why_change=lambda: chosen("why", host.why),
    )


def read_release(value: Any, count: int) -> tuple[list[float], int]:
    """What a browser says when a thumb was let go: weights between 0 and 1, and the number of releases.

    >>> read_release({"weights": [0.5, 0.5], "number": 3}, 2)
    ([0.5, 0.5], 3)
    >>> read_release({"weights": [0.5, "x"], "number": 3}, 2)
    ([], 0)
    """
    if not isinstance(value, dict):
        return [], 0
    weights, number = value.get("weights"), value.get("number")
    if not isinstance(weights, list) or len(weights) != count or not isinstance(number, int):
        return [], 0
    if not all(isinstance(weight, int | float) and math.isfinite(weight) and 0 <= weight <= 1 for weight in weights):
        return [], 0
    return ([float(weight) for weight in weights], number) if sum(weights) > 0 else ([], 0)


def show_landscape(data: Mapping[str, Any], *, key: str) -> None:
    """Draw mean AP over all weights with the data that `landscape.js` describes; its point moves the lab's sliders."""
    component("fusionscope_landscape", _FOLDER / "landscape.js", _FOLDER / "landscape.css")(key=key, data=dict(data))
