"""The results as one PNG, drawn with Pillow: the query above, then each system's results with rank and frame."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

from core import data
from core.data import images
from core.errors import CoreError
from core.store import open_store
from core.studies import retrieval
from core.types import Dataset

_SIDE, _GAP, _EDGE, _LINE = 148, 14, 28, 40
_COLUMNS = 8
_FRAMES = {"relevant": "#12803f", "not": "#e0525e", "unknown": "#9aa0a8", "query": "#2b7de9"}
_INK, _QUIET, _PAPER, _SOFT = "#1c2333", "#667085", "#ffffff", "#f3f5f9"


@dataclass(frozen=True)
class Tile:
    """One image: its thumbnail (None: there is none), two short texts under it, its frame."""

    image: Image.Image | None
    left: str = ""
    right: str = ""
    frame: str = "unknown"

    @classmethod
    def of(cls, dataset: Dataset, result: retrieval.QueryResult, item: int) -> Tile:
        """One result; `item` is its place in the gallery."""
        position = int(result.system.space.split.gallery[item])
        frame = result.relevance_kind(dataset, item)
        label = dataset.label_of(position)
        caption = f"{int(result.ranks[item])}  {label}"
        return cls(thumbnail(dataset, position), caption, f"{result.scores[item]:.3f}", frame)


@dataclass(frozen=True)
class SheetPart:
    """A title and its tiles."""

    title: str
    tiles: Sequence[Tile]


def thumbnail(dataset: Dataset, position: int) -> Image.Image | None:
    """The stored large thumbnail of an image; None when there is none."""
    try:
        content = open_store().thumbnail(retrieval.text_key(dataset.keys[position]), "large")
        return None if content is None else images.open_rgb(content)
    except CoreError:
        return None


def query_tiles(
    dataset: Dataset,
    position: int | None,
    uploads: Sequence[bytes] = (),
    crop: tuple[float, float, float, float] | None = None,
) -> list[Tile]:
    """The query as tiles: an image of the dataset or uploaded ones, or a crop of them; none for a text search."""
    if position is None and not uploads:
        return []
    if uploads:
        shown: list[Image.Image | None] = [images.open_rgb(content) for content in uploads]
    elif crop is not None and position is not None:
        shown = [images.open_rgb(data.read_bytes(dataset, position))]
    else:
        shown = [None if position is None else thumbnail(dataset, position)]
    if crop is not None:
        shown = [None if image is None else _cropped(image, crop) for image in shown]
    label = "" if position is None else dataset.label_of(position)
    return [Tile(image, label, "", "query") for image in shown]


def _cropped(image: Image.Image, crop: tuple[float, float, float, float]) -> Image.Image:
    """The part of an image in a box of parts of its sides: left, top, right, bottom."""
    left, top, right, bottom = (round(side * image.size[at % 2]) for at, side in enumerate(crop))
    return image.crop((left, top, right, bottom))


def draw(
    parts: Sequence[SheetPart],
    query: Sequence[Tile],
    title: str = "Query",
    *,
    side: int = _SIDE,
    columns: int = _COLUMNS,
) -> bytes:
    """The sheet as PNG bytes: query, then one block per part.

    Args:
        side: pixels of a tile; columns: tiles beside one another.
    """
    blocks = [SheetPart(title, query), *parts]
    rows = [-(-len(part.tiles) // columns) for part in blocks]
    high = _EDGE * 2 + sum(_LINE + count * (side + _GAP + 22) for count in rows)
    sheet = Image.new("RGB", (_EDGE * 2 + columns * (side + _GAP) - _GAP, high), _PAPER)
    pen, y = ImageDraw.Draw(sheet), _EDGE
    for part, count in zip(blocks, rows):
        pen.text((_EDGE, y + 6), _fitting(pen, part.title, sheet.width - 2 * _EDGE, 20), fill=_INK, font=_font(20))
        y += _LINE
        for at, tile in enumerate(part.tiles):
            x = _EDGE + at % columns * (side + _GAP)
            _tile(sheet, pen, tile, (x, y + at // columns * (side + _GAP + 22)), side)
        y += count * (side + _GAP + 22)
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _tile(sheet: Image.Image, pen: ImageDraw.ImageDraw, tile: Tile, at: tuple[int, int], side: int) -> None:
    x, y = at
    pen.rounded_rectangle((x, y, x + side - 1, y + side - 1), 9, fill=_SOFT, outline=_FRAMES[tile.frame], width=4)
    if tile.image is None:
        pen.text((x + 36, y + side // 2 - 8), "no image", fill=_QUIET, font=_font(14))
    else:
        inside = side - 14
        scale = min(inside / tile.image.width, inside / tile.image.height)
        size = max(1, round(tile.image.width * scale)), max(1, round(tile.image.height * scale))
        small = tile.image.resize(size, Image.Resampling.LANCZOS)
        sheet.paste(small, (x + (side - size[0]) // 2, y + (side - size[1]) // 2))
    right = pen.textlength(tile.right, font=_font(13))
    pen.text((x, y + side + 3), _fitting(pen, tile.left, side - right - 8, 13), fill=_INK, font=_font(13))
    pen.text((x + side - right, y + side + 3), tile.right, fill=_QUIET, font=_font(13))


def _font(size: int) -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    return ImageFont.load_default(size)


def _fitting(pen: ImageDraw.ImageDraw, text: str, width: float, size: int) -> str:
    """One line that fits, cut with '…'; what the font lacks becomes '?'."""
    line = " ".join(str(text).split()).encode("latin-1", "replace").decode("latin-1")
    while line and pen.textlength(line, font=_font(size)) > width:
        line = line[:-2].rstrip() + "..." if not line.endswith("...") else line[:-4].rstrip() + "..."
        if line == "...":
            break
    return line
