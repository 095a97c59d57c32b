"""Why a result matched, as files: both images with the heat of every backbone over them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from core import wording
from core.charts import heat_overlay
from core.export import contact_sheet
from core.export.contact_sheet import SheetPart, Tile
from core.export.report.document import DocumentImage, Heading, ImageStrip, Paragraph, Part, Report
from core.studies import match_sentences
from core.studies.match_explanation import HeatPair, MatchExplanation, ShownImage

text = wording.page("why")
SIDE = 320
"""Pixels of an overlay's longer side in a file of its own."""
IN_REPORT = 240
"""The same among the queries of a report."""


@dataclass(frozen=True)
class MatchImages:
    """Both images of a match.

    Attributes:
        query: None where it is no single image.
        titles: what stands under the query and under the result.
    """

    query: ShownImage | None
    result: ShownImage
    titles: tuple[str, str]

    def overlays(
        self, pairs: tuple[HeatPair | None, HeatPair | None], above: bool, side: int = SIDE
    ) -> list[tuple[Image.Image, str, float]]:
        """The images that have heat, with it: overlay, title, what its parts add up to."""
        made = []
        for shown, pair, title in zip((self.query, self.result), pairs, self.titles):
            if shown is not None and pair is not None:
                heat = pair.above if above else pair.plain
                made.append((heat_overlay.overlay(shown.image, heat, pair.box, side), title, heat.total))
        return made


def png(explanation: MatchExplanation, match: MatchImages, above: bool = True) -> bytes:
    """One PNG: both images, then every layer."""
    plain = [Tile(shown.image, title) for shown, title in _plain(match)]
    parts = [
        SheetPart(
            f"{layer.title}: {layer.badge}",
            [
                Tile(image, title, wording.number(total))
                for image, title, total in match.overlays((layer.query, layer.result), above)
            ],
        )
        for layer in match_sentences.layers(explanation)
    ]
    return contact_sheet.draw(parts, plain, text("heading.why"), side=SIDE, columns=2)


def html(explanation: MatchExplanation, match: MatchImages, name: str, system: str, above: bool = True) -> str:
    """One HTML file without any script: every layer with its sentence and both overlays.

    Args:
        name: of the dataset; system: for people.
    """
    strip = ImageStrip()
    parts: list[Part] = [strip.row([webp(shown.image, title) for shown, title in _plain(match)], large=True)]
    for layer in match_sentences.layers(explanation):
        shown = match.overlays((layer.query, layer.result), above)
        heats = [pair.above if above else pair.plain for pair in (layer.query, layer.result) if pair is not None]
        sentences = [match_sentences.side_sentence(heat, above) for heat in heats]
        named = [f"{part_name} {wording.signed(part)}" for heat in heats for part_name, part in heat.named[:6]]
        parts += [
            Heading(f"{layer.title}: {layer.badge}"),
            Paragraph(layer.sentence),
            strip.row([webp(image, title) for image, title, _ in shown], large=True),
            Paragraph(" · ".join([*sentences, *named]), quiet=True),
        ]
    parts += [Paragraph(note, quiet=True) for note in match_sentences.notes(explanation)]
    answer = " – ".join(match.titles)
    lead = f"{system} on {name}. {text('help.above') if above else ''}".strip()
    return Report(text("heading.why"), answer, lead, parts).html()


def webp(image: Image.Image, caption: str, frame: str = "none") -> DocumentImage:
    """An image of a report that is in no store."""
    small = image.copy()
    small.thumbnail((SIDE, SIDE))
    buffer = io.BytesIO()
    small.save(buffer, "WEBP", quality=80, method=1)
    return DocumentImage("", caption, frame, buffer.getvalue())


def of_report(explanation: MatchExplanation, match: MatchImages) -> Sequence[DocumentImage]:
    """Both images with the heat of all backbones together, else of the first that has any, above the average image."""
    layers = match_sentences.layers(explanation)
    if not layers:
        return ()
    first = next((layer for layer in layers if layer.result is not None and layer.result.above.cells.size), layers[0])
    shown = match.overlays((first.query, first.result), True, IN_REPORT)
    return [webp(image, f"{title} · {first.badge}") for image, title, _ in shown]


def _plain(match: MatchImages) -> list[tuple[ShownImage, str]]:
    pairs = zip((match.query, match.result), match.titles)
    return [(shown, title) for shown, title in pairs if shown is not None]
