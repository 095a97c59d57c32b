"""The map as a Streamlit component: our own JavaScript and WebGL2, no network, no build step.

Large parts (ids, positions, colours) travel once per session under a hash; a rerun that changes only the colour or
the selection sends only that. A browser that misses a part asks for it. Selections travel as positions together with
the fingerprint of the dataset they belong to; the caller turns them into ids. Layouts that are being made reach the
browser beside Streamlit (`core.ui.components.map.layout_stream`).
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import ShapeMismatch
from core.projection import framed
from core.studies.point_colours import Colours
from core.ui.app import state, thumbnail_route
from core.ui.components.registration import component

_FOLDER = Path(__file__).parent
_PART = "map parts sent"
_MOST_PARTS = 40


def _encoded(array: np.ndarray, dtype: str) -> str:
    return base64.b64encode(np.ascontiguousarray(array, dtype).tobytes()).decode("ascii")


def _hash(*parts: Any) -> str:
    digest = hashlib.blake2b(digest_size=12)
    for part in parts:
        digest.update(np.ascontiguousarray(part).tobytes() if isinstance(part, np.ndarray) else repr(part).encode())
        digest.update(b"|")
    return digest.hexdigest()


@dataclass(frozen=True)
class MapItems:
    """What the points are.

    Attributes:
        ids: (n,) str; names: (n,) str shown in bold on the card, or None.
        keys: (n,) 'S64' hex content hashes, for the address of a picture, or None where there are no pictures.
        fingerprint: of the dataset.
    """

    ids: Sequence[str]
    fingerprint: str
    names: Sequence[str] | None = None
    keys: np.ndarray | None = None

    @cached_property
    def hash(self) -> str:
        """What changes when anything of the items changes."""
        names = None if self.names is None else "\n".join(map(str, self.names))
        return _hash(self.fingerprint, "\n".join(map(str, self.ids)), names, self.keys)

    def part(self) -> dict[str, Any]:
        """As the browser gets it."""
        keys = None
        if self.keys is not None:
            keys = base64.b64encode(bytes.fromhex(np.asarray(self.keys, "S64").tobytes().decode("ascii"))).decode(
                "ascii"
            )
        names = None if self.names is None else [str(name) for name in self.names]
        return {"ids": [str(i) for i in self.ids], "names": names, "keys": keys}


@dataclass(frozen=True)
class MapPane:
    """One map: (n, 2 or 3) positions in any scale, a heading and a line below it.

    Attributes:
        live: where the browser asks for newer positions while a layout is made (`core.ui.components.map.layout_stream`), "" for nowhere.
    """

    xy: np.ndarray
    title: str = ""
    note: str = ""
    live: str = ""

    def part(self) -> dict[str, Any]:
        """As the browser gets it."""
        return {"xy": _encoded(framed(self.xy), "<f4"), "dims": int(self.xy.shape[1])}


@dataclass(frozen=True)
class MapFocus:
    """A point and the points that it is joined to by lines, nearest first."""

    position: int
    neighbours: Sequence[int] = ()

    def as_data(self) -> dict[str, Any]:
        """As the browser reads it."""
        return {"position": int(self.position), "neighbours": [int(neighbour) for neighbour in self.neighbours]}


@dataclass(frozen=True)
class MapEvent:
    """What the person did on the map since the last run.

    Attributes:
        selection: (n_selected,) int64 positions, ascending, if the selection was changed on the map; else None.
        clicked: a position, −1 where the ground was clicked (lines go), None where nothing was.
        stopped: the number of the panel whose layout shall stop, None where none shall.
    """

    selection: np.ndarray | None = None
    clicked: int | None = None
    stopped: int | None = None


def _colours_part(colours: Colours) -> dict[str, Any]:
    part: dict[str, Any] = {"kind": colours.kind, "title": colours.title, "codes": _encoded(colours.codes, "<u2")}
    tints = dict(zip(colours.names, colours.tints))
    part["entries"] = [{"name": n, "rest": n in colours.rest, "tint": tints.get(n, "")} for n in colours.names]
    if colours.values is not None:
        part["values"] = _encoded(colours.values, "<f4")
        part["low"], part["high"] = colours.low, colours.high
    return part


def _colours_hash(colours: Colours) -> str:
    named = (colours.kind, colours.title, colours.names, colours.rest, colours.tints, colours.low, colours.high)
    return _hash(named, colours.codes, colours.values)


def _positions(text: str, n: int) -> np.ndarray:
    positions = np.frombuffer(base64.b64decode(text), "<u4").astype(np.int64)
    return positions[positions < n]


class _Parts:
    """What this session's browser has been given, so that no large part travels twice."""

    def __init__(self) -> None:
        self._sent: dict[str, None] = state.session_get(_PART, {})
        self.new: dict[str, Any] = {}

    def __call__(self, mark: str, make: Callable[[], dict[str, Any]]) -> str:
        """The mark of a part; `make` gives it where the browser does not have it yet."""
        if mark not in self._sent:
            self.new[mark] = make()
        self._sent.pop(mark, None)
        self._sent[mark] = None
        while len(self._sent) > _MOST_PARTS:
            self._sent.pop(next(iter(self._sent)))
        return mark


def _note_change(key: str, name: str) -> None:
    state.session_set(f"{key} {name} changed", True)


def _send_all_again() -> None:
    state.session_set(_PART, {})


def _place_in(value: Any, name: str, low: int, high: int) -> int | None:
    """A number that the browser sent, None where it is none or out of bounds."""
    number = value.get(name) if isinstance(value, dict) else None
    return int(number) if isinstance(number, (int, float)) and low <= int(number) < high else None


def _pane_data(pane: MapPane, parts: _Parts) -> dict[str, Any]:
    return {"xy": parts(_hash(pane.xy), pane.part), "title": pane.title, "note": pane.note, "live": pane.live}


def _selected(positions: np.ndarray) -> str:
    return _encoded(positions, "<u4") if len(positions) else ""


def _draw(key: str, data: dict[str, Any]) -> Any:
    return component("fusionscope_map", _FOLDER / "main.js", _FOLDER / "map.css")(
        key=key,
        data=data,
        on_selection_change=lambda: _note_change(key, "selection"),
        on_clicked_change=lambda: None,
        on_stopped_change=lambda: None,
        on_missing_change=_send_all_again,
    )


def show(
    panes: Sequence[MapPane],
    items: MapItems,
    colours: Colours,
    *,
    key: str,
    selection: Sequence[int] | np.ndarray = (),
    focus: MapFocus | None = None,
    image: str | None = None,
    height: int = 600,
    group: str = "",
    renderer: str = "",
) -> MapEvent:
    """Draw one map, or two linked ones, and say what the person did.

    Args:
        panes: one or two maps of the same points. Points travel when their positions change under the same `key`.
        items, colours: of the same points.
        selection: positions that are selected now; the caller keeps them.
        focus: draws lines from one point to others.
        image: address of a small image with {key}, {position} or {id} in it, by default that of thumbnails; "" shows none.
        group: an image grid of this group and the map point out the same item while it is hovered.
        renderer: "canvas2d" forces the flat renderer.
    Raises:
        ShapeMismatch: panes, items and colours do not have the same number of points.
    """
    n = len(items.ids)
    if any(len(pane.xy) != n for pane in panes) or len(colours.codes) != n:
        raise ShapeMismatch(
            f"{n} items, {[len(pane.xy) for pane in panes]} positions and {len(colours.codes)} colours."
        )
    parts = _Parts()
    drawn = (state.widget(key) or {}).get("selection") or {}
    mine = drawn.get("fingerprint") == items.fingerprint
    changed = state.session_take(f"{key} selection changed", False) and mine
    chosen = np.sort(np.asarray(_positions(drawn.get("positions", ""), n) if changed else selection, np.int64))
    data = {
        "n": n,
        "fingerprint": items.fingerprint,
        "items": parts(items.hash, items.part),
        "panels": [_pane_data(pane, parts) for pane in panes],
        "colours": parts(_colours_hash(colours), lambda: _colours_part(colours)),
        "selection": {"stamp": drawn.get("stamp", 0) if mine else 0, "positions": _selected(chosen)},
        "focus": focus.as_data() if focus else None,
        "image": thumbnail_route.url("{key}") if image is None else image,
        **{"height": height, "group": group, "renderer": renderer},
        "parts": parts.new,
    }
    result = _draw(key, data)
    return MapEvent(
        chosen if changed else None,
        _place_in(result.clicked, "position", -1, n),
        _place_in(result.stopped, "panel", 0, len(panes)),
    )
