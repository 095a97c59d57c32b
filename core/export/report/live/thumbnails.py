"""Small images of a playable report, once each: a style sheet holds them, so that text and script show the same ones."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from core import arrays
from core.errors import CoreError
from core.export.report.document import DocumentImage, ImageRow, ImageStrip
from core.store import Store
from core.studies import retrieval
from core.types import Dataset

SIDE, QUALITY = 96, 50


@dataclass(frozen=True)
class ThumbnailSheet:
    """Images of a file by number.

    Attributes:
        numbers: content key in hex → number of the image, for those that the file holds.
        css: a rule for each, `.t12{background-image:url(…)}`.
        left_out: images that did not fit.
    """

    numbers: Mapping[str, int]
    css: str
    left_out: int

    @classmethod
    def of(
        cls, dataset: Dataset, positions: np.ndarray, order: Iterable[int], budget: int, store: Store
    ) -> ThumbnailSheet:
        """The images that fit.

        Args:
            positions: (n_images,) int64 position in the dataset of each image of the file; its number is where it stands.
            order: numbers, those that matter most first.
            budget: bytes of the sheet.
        """

        def small(number: int) -> str:
            """One thumbnail as base64; "" where the image cannot be read."""
            try:
                content = store.thumbnail_or_make(dataset, int(positions[number]))
                return base64.b64encode(_smaller(content)).decode()
            except CoreError:
                return ""

        numbers: dict[str, int] = {}
        rules: list[str] = []
        left_out = 0
        wanted = list(order) if dataset.has_images else []
        for number, text in zip(wanted, arrays.threads().map(small, wanted)):
            if not text:
                continue
            if len(text) > budget:
                left_out += 1
                continue
            budget -= len(text)
            # Equal files are one image, and several numbers.
            numbers.setdefault(retrieval.text_key(dataset.keys[int(positions[number])]), number)
            rules.append(f".t{number}{{background-image:url(data:image/webp;base64,{text})}}")
        return cls(numbers, "\n".join(rules), left_out)


def _smaller(content: bytes) -> bytes:
    """A thumbnail of the store at the file's size, as WebP."""
    with Image.open(io.BytesIO(content)) as image:
        rgb = image.convert("RGB")
        rgb.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
        buffer = io.BytesIO()
        rgb.save(buffer, "WEBP", quality=QUALITY, method=4)
    return buffer.getvalue()


@dataclass
class SheetStrip(ImageStrip):
    """Rows of images that the file's sheet holds already; any other is embedded where it stands."""

    sheet: ThumbnailSheet | None = None

    def row(self, images: Iterable[DocumentImage], large: bool = False) -> ImageRow:
        """Images beside one another."""
        shown = []
        for image in images:
            number = self.sheet.numbers.get(image.key) if self.sheet else None
            if number is None:
                shown.append((image, *self._embedded(image)))
            else:
                shown.append((replace(image, rule=f"t{number}"), "", ""))
        return ImageRow(shown, large)
