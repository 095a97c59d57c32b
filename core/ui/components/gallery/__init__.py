"""The picture grid of every page: a Streamlit component of our own.

One grid shows results, samples, selections and lists of doubts alike. A card never shows a picture without its
meaning: rank, score, label and a frame, and on hover or focus the larger picture with what each backbone said.
Texts reach the page as text, never as HTML. Pictures come from the route of `core.ui.app.thumbnail_route`, so a rerun sends
only words, and the browser shows cached pictures at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core import wording
from core.ui.app import state, thumbnail_route
from core.ui.components.gallery import pick_route
from core.ui.components.registration import LARGE_CARD, component

shared = wording.page("shared")
why = wording.page("why")

_FOLDER = Path(__file__).parent

FRAMES = ("none", "query", "relevant", "not", "unknown")
"""Blue, green, red and grey frames: what the picture is to the query."""
SHARP_FROM = 140
"""Wider pictures (CSS pixels) are shown from the large thumbnail."""


@dataclass(frozen=True)
class Card:
    """One picture of a grid.

    Attributes:
        id: what a click gives back.
        key: content hash of the picture, or a data: URL for one that is in no store (an upload).
        label: its class; `note`: one more line; `title`: for the large card, else the id.
        frame: one of FRAMES.
        rank, score: as ranked; None leaves them out.
        move: places gained (+) or lost (−) against the other list; "new" if it was not there; None leaves it out.
        shares: (name, share, colour) of the stacked bar, shares summing to 1.
        rows: (name, rank, score) of each backbone for the large card.
        facts: (name, value) pairs for the large card: file, size, text fields.
    """

    id: str
    key: str
    label: str = ""
    note: str = ""
    title: str = ""
    frame: str = "none"
    rank: int | None = None
    score: float | None = None
    move: int | str | None = None
    shares: tuple[tuple[str, float, str], ...] = ()
    rows: tuple[tuple[str, int | None, float | None], ...] = ()
    facts: tuple[tuple[str, str], ...] = ()

    def as_data(self) -> dict[str, Any]:
        """What the browser gets."""
        stored = not self.key.startswith("data:")
        data = {
            "id": self.id,
            "src": thumbnail_route.url(self.key) if stored else self.key,
            "large": thumbnail_route.url(self.key, "large") if stored else self.key,
            "label": self.label,
            "note": self.note,
            "title": self.title,
            "frame": self.frame,
            "rank": self.rank,
            "move": self.move,
            "score": None if self.score is None else f"{self.score:.3f}",
            "shares": self.shares,
            "rows": [(name, rank, None if score is None else f"{score:.3f}") for name, rank, score in self.rows],
            "facts": self.facts,
        }
        return {name: value for name, value in data.items() if value not in (None, "", (), [])}


def grid(
    cards: Sequence[Card],
    *,
    key: str,
    size: int = 120,
    on_pick: Callable[[str], None] | None = None,
    on_why: Callable[[str], None] | None = None,
    name: str = "pictures",
    pick: str = shared("button.search_with"),
    group: str = "",
    seek: int = 0,
    beside: int = 1,
    paired: bool = False,
    ahead: Callable[[str], Sequence[Card]] | None = None,
) -> str | None:
    """Draw the cards; returns the id that was just clicked (or chosen with Enter), once.

    Args:
        cards: in reading order.
        key: of the component, stable across reruns.
        size: side of a thumbnail in CSS pixels.
        on_pick: called with the id before the page runs again.
        on_why: called with the id of a card whose "Why?" was pressed (or the key W on it); None leaves it out.
        name: what the grid holds, for screen readers.
        pick: what a click does, shown in the large card; "" makes the grid one to look at only.
        group: grids of one group highlight the same picture together.
        seek: whenever this number changes, the page scrolls to the grid.
        beside: at least so many stand beside one another, however small they become.
        paired: cards come in twos, which no row parts.
        ahead: id of a clicked card → the cards that stand here after the page has run; asked by the browser itself, in
            another thread, so that they are seen before.
    """
    data = {"cards": _as_data(cards, size), "size": size, "name": name, "pick": pick, "group": group, "seek": seek}
    data |= {"beside": beside, "paired": paired}
    if on_why:
        data["why"] = why("button.why")
    if ahead:
        data["ahead"] = _address(key, ahead, size)

    def picked() -> None:
        value = state.widget(key).get("picked")
        if value and on_pick:
            on_pick(str(value))

    def asked_why() -> None:
        value = state.widget(key).get("why")
        if value and on_why:
            on_why(str(value))

    styles = (_FOLDER / "gallery.css", LARGE_CARD)
    draw = component("fusionscope_gallery", _FOLDER / "gallery.js", styles, _FOLDER / "gallery.html")
    more = {"on_why_change": asked_why} if on_why else {}
    result = draw(data=data, key=key, on_picked_change=picked, **more)
    return result.get("picked") if pick else None


def _as_data(cards: Sequence[Card], size: int) -> list[dict[str, Any]]:
    shown = [card.as_data() for card in cards]
    return [card | {"src": card.get("large", "")} for card in shown] if size > SHARP_FROM else shown


def _address(key: str, ahead: Callable[[str], Sequence[Card]], size: int) -> str:
    """Where the browser asks for the cards after a click; the same one as long as the session lives."""

    def cards(id_: str) -> list[dict[str, Any]]:
        return _as_data(ahead(id_), size)

    entry = state.session_get(f"next cards of {key}", None)
    if entry is None:
        entry = pick_route.NextCards(cards)
        state.session_set(f"next cards of {key}", entry)
    entry.cards = cards
    return str(entry.address)
