"""Objects with a box as images of their own: each is cut out of its image, with a margin, and has one label."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from core.data.listing import Listing
from core.errors import BadInput
from core.wording import plural

SIDES = ("left", "top", "right", "bottom")
_FARTHEST = 2**31 - 1


@dataclass(frozen=True)
class BoxedObject:
    """One object of an image: its label, and its box as (left, top, right, bottom) in pixels."""

    label: str
    box: tuple[float, float, float, float]


def objects_as_items(listing: Listing, objects: Sequence[Sequence[BoxedObject]], margin: float) -> None:
    """Make each object with a box an item of a listing; images without one are left out, and the note says so.

    An item is named `image#1`, `image#2` ...; `picture_of` holds the image that it was cut out of.

    Args:
        objects: the objects of each row.
        margin: what is kept around a box, as a share of its sides.
    Raises:
        BadInput: a margin below 0, or no object with a box.
    """
    if not 0 <= margin <= 10:
        raise BadInput(f"The margin around objects is a share of their sides from 0 to 10, not {margin:g}.")
    pairs = [(row, item) for row, items in enumerate(objects) for item in items]
    boxes = {i: box for i, (_, item) in enumerate(pairs) if (box := _with_margin(item.box, margin)) is not None}
    usable = list(boxes)
    if not usable:
        raise BadInput(f"No object in {listing.root} has a box; leave the option objects out.")
    images, rows = list(listing.ids), [pairs[i][0] for i in usable]
    listing.reorder(rows)
    counts: dict[int, int] = {}
    numbers = []
    for row in rows:
        counts[row] = counts.get(row, 0) + 1
        numbers.append(counts[row])
    listing.ids = [f"{images[row]}#{number}" for row, number in zip(rows, numbers)]
    listing.labels = [(pairs[i][1].label,) if pairs[i][1].label else () for i in usable]
    listing.several = False
    listing.extra["picture_of"] = [images[row] for row in rows]
    listing.extra["picture_number"] = numbers
    for at, side in enumerate(SIDES):
        listing.extra[f"crop_{side}"] = [boxes[i][at] for i in usable]
    without = len(images) - len(counts)
    listing.notes.append(
        f"{plural(len(usable), 'object')}, each an image here, with a margin of {margin:g} around its box"
        + (f"; {plural(without, 'image')} without an object with a box left out." if without else ".")
    )


def _with_margin(box: tuple[float, float, float, float], margin: float) -> tuple[int, int, int, int] | None:
    """A box in whole pixels with its margin; None for one that holds nothing. The image's own sides cut it later."""
    if not all(math.isfinite(side) and abs(side) < _FARTHEST for side in box) or box[2] <= box[0] or box[3] <= box[1]:
        return None
    across, down = (box[2] - box[0]) * margin, (box[3] - box[1]) * margin
    left, top = max(0, math.floor(box[0] - across)), max(0, math.floor(box[1] - down))
    right, bottom = math.ceil(box[2] + across), math.ceil(box[3] + down)
    return (left, top, min(right, _FARTHEST), min(bottom, _FARTHEST)) if right > left and bottom > top else None
