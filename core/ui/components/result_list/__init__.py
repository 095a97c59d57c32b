"""The result list of the Catalogue page: a Streamlit component of our own.

One row per item: picture, title, score, and for each of its components how much it weighs and how well it fits.
Texts reach the page as text, never as HTML.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.ui.app import state, thumbnail_route
from core.ui.components.registration import component

_FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class ScorePart:
    """One component of an item.

    Attributes:
        name: for people; colour: of its bar.
        weight: its share in the item's score, 0 to 1; None where a strategy has none.
        fit: its cosine with the query; None where the item lacks it.
    """

    name: str
    colour: str
    weight: float | None
    fit: float | None


@dataclass(frozen=True)
class ResultItem:
    """One row of the list.

    Attributes:
        id: what a click gives back.
        key: content hash of the picture, "" for an item without one.
        why: one sentence; text: what the item says about itself, shown on hover.
    """

    id: str
    key: str
    title: str
    rank: int
    score: float
    why: str = ""
    text: str = ""
    note: str = ""
    parts: tuple[ScorePart, ...] = ()

    def as_data(self) -> dict[str, Any]:
        """What the browser gets."""
        return {
            "id": self.id,
            "src": thumbnail_route.url(self.key) if self.key else "",
            "large": thumbnail_route.url(self.key, "large") if self.key else "",
            "title": self.title,
            "rank": self.rank,
            "score": f"{self.score:.3f}",
            "why": self.why,
            "text": self.text,
            "note": self.note,
            "parts": [
                {
                    "name": part.name,
                    "colour": part.colour,
                    "weight": part.weight,
                    "fit": None if part.fit is None else f"{part.fit:.2f}",
                }
                for part in self.parts
            ],
        }


def show(
    items: Sequence[ResultItem], *, key: str, name: str, on_pick: Callable[[str], None] | None = None, pick: str = ""
) -> None:
    """Draw the rows; a click on a picture calls `on_pick` with the item's id before the page runs again.

    Args:
        name: what the list holds, for screen readers.
        pick: what a click on a picture does, for its tooltip.
    """

    def picked() -> None:
        value = state.widget(key).get("picked")
        if value and on_pick:
            on_pick(str(value))

    data = {"items": [item.as_data() for item in items], "name": name, "pick": pick if on_pick else ""}
    draw = component("fusionscope_items", *(_FOLDER / f"items.{kind}" for kind in ("js", "css", "html")))
    draw(data=data, key=key, on_picked_change=picked)
