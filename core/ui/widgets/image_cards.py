"""An image of a dataset as a card of the grid."""

from __future__ import annotations

import weakref
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

import numpy as np

from core.store import open_store
from core.types import Dataset
from core.ui.components.gallery import Card

_HIDDEN = {"path", "offset", "member_size", "mtime_ns", "bytes"}

Facts = tuple[tuple[str, str], ...]
_KNOWN: OrderedDict[tuple[int, int], tuple[weakref.ref[Dataset], str, Facts]] = OrderedDict()
"""(id of the dataset's object, position) → what its card shows: a page draws a hundred, most of them again and again."""
_MOST_KNOWN = 20_000


def card(loaded: Dataset, position: int, **more: Any) -> Card:
    """The card of one image: its picture, its label, its file and what the dataset says about it.

    Args:
        position: of the image in the dataset.
        more: fields of `Card` that the page knows: frame, rank, score, move, shares, rows, note.
    """
    key, known = _known(loaded, int(position))
    name = str(loaded.ids[position])
    return Card(id=name, key=key, label=loaded.label_of(position), title=name, facts=known, **more)


def _known(loaded: Dataset, position: int) -> tuple[str, Facts]:
    """Key and facts of an image, read from the table once."""
    at = id(loaded), position
    known = _KNOWN.get(at)
    if known is None or known[0]() is not loaded:  # another dataset may have got the same place in memory
        known = _KNOWN[at] = weakref.ref(loaded), image_key(loaded, position), facts(loaded, position)
        while len(_KNOWN) > _MOST_KNOWN:
            _KNOWN.popitem(last=False)
    return known[1], known[2]


def key_of(loaded: Dataset, position: int) -> str:
    """The content hash that an image's address is made of."""
    key = loaded.keys[position]
    return key.decode() if isinstance(key, bytes) else str(key)


def image_key(loaded: Dataset, position: int) -> str:
    """The same of an image that can be looked at; "" where there is none, as in a dataset of vectors alone."""
    has_file = "path" in loaded.items.columns and bool(loaded.items["path"].iat[position])
    return key_of(loaded, position) if has_file else ""


def facts(loaded: Dataset, position: int) -> Facts:
    """(name, value) pairs for the large card: label, size and text columns, long ones cut."""
    items = loaded.items  # cell by cell: a row as a Series takes five times as long, and a page shows a hundred
    row = {name: items[name].iat[position] for name in items.columns if name not in _HIDDEN}
    pairs = [("class", loaded.label_of(position))] if loaded.label_of(position) else []
    if "width" in row and row.get("width") == row.get("width"):
        pairs.append(("size", f"{int(row['width'])} × {int(row['height'])}"))
    for name, value in row.items():
        if name in {"id", "label", "width", "height", "size", "key", "split"}:
            continue
        text = "" if value is None or (isinstance(value, float) and np.isnan(value)) else str(value)
        if text:
            pairs.append((str(name), text if len(text) <= 160 else text[:157] + "…"))
    return tuple(pairs[:8])


def cards(loaded: Dataset, positions: Iterable[int], **more: Any) -> list[Card]:
    """Several cards alike; images that have no thumbnail yet get one now."""
    positions = ensure_thumbnails(loaded, positions)
    return [card(loaded, position, **more) for position in positions]


def ensure_thumbnails(loaded: Dataset, positions: Iterable[int]) -> list[int]:
    """Positions whose pictures have their thumbnails, made now where nothing embedded them here."""
    positions = [int(position) for position in positions]
    open_store().ensure_thumbnails(loaded, positions)
    return positions
