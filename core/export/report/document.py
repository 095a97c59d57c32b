"""A report as records; `assets/report.html.jinja` writes them, and escapes every text that enters."""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from markupsafe import Markup

from core import templates, wording
from core.charts import Chart
from core.errors import CoreError
from core.store import Store, open_store

if TYPE_CHECKING:
    from core.export.report.live.page import LivePart
    from core.export.report.summary import Summary

text = wording.page("report_summary")

IMAGE_BUDGET = 8_000_000
"""Bytes of embedded images; a report stays under 10 MB whatever it shows."""
_UNDEFINED = "–"


@dataclass(frozen=True)
class Heading:
    """The title of a section (level 2) or of a part of one (level 3).

    Attributes:
        is_open: of a section of a folded report: it stands open when the file is opened.
    """

    kind: ClassVar[str] = "heading"
    text: str
    level: int = 2
    is_open: bool = False


@dataclass(frozen=True)
class Paragraph:
    """Running text; quiet: small print under a figure or a table."""

    kind: ClassVar[str] = "paragraph"
    text: str
    quiet: bool = False


@dataclass(frozen=True)
class Facts:
    """Names and values, one line each."""

    kind: ClassVar[str] = "facts"
    pairs: Sequence[tuple[str, object]]


@dataclass(frozen=True)
class Cell:
    """A number of a table, and the small print under it: its interval."""

    text: str
    small: str = ""


def number_cell(value: float, low: float = math.nan, high: float = math.nan, digits: int = 3) -> Cell:
    """A number with its interval; "–" where it is undefined."""
    if math.isnan(value):
        return Cell(_UNDEFINED)
    known = not (math.isnan(low) or math.isnan(high))
    interval = f"[{low:.{digits}f}, {high:.{digits}f}]" if known else ""
    return Cell(f"{value:.{digits}f}".replace("-", "−"), interval.replace("-", "−"))


@dataclass(frozen=True)
class Table:
    """Rows of texts (left) and numbers (`Cell`, right); the row `best` in bold. Texts wrap, so a table fits its page."""

    kind: ClassVar[str] = "table"
    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    best: int | None = None

    @property
    def cells(self) -> list[list[tuple[Cell, bool]]]:
        """Every cell, and whether it is a number."""
        return [[(c, True) if isinstance(c, Cell) else (Cell(str(c)), False) for c in row] for row in self.rows]


@dataclass(frozen=True)
class DocumentImage:
    """One image of a row: its content key (or bytes of a thumbnail), what stands under it, and its frame.

    Attributes:
        frame: "query", "relevant", "not", "unknown" or "none".
        rule: class of the style sheet that shows it, where the file has such a sheet.
    """

    key: str = ""
    caption: str = ""
    frame: str = "none"
    thumbnail: bytes | None = None
    rule: str = ""


@dataclass(frozen=True)
class ImageRow:
    """Images beside one another: each with what the file embeds of it, or the words that stand in its place.

    Attributes:
        large: two beside one another, large enough to be looked into.
    """

    kind: ClassVar[str] = "images"
    images: Sequence[tuple[DocumentImage, str, str]]
    large: bool = False


@dataclass(frozen=True)
class Case:
    """One query of "best and worst": figures, words, images; on one page of paper.

    Attributes:
        maps: the query and one result with where they match, larger than the others; None without.
    """

    kind: ClassVar[str] = "case"
    title: str
    text: str
    row: ImageRow
    maps: ImageRow | None = None


@dataclass(frozen=True)
class Sheet:
    """Parts that stand on one page of paper, under a title and a sentence.

    Attributes:
        notes: what a presenter says, in lines; link: the view that it was made from, for people.
    """

    kind: ClassVar[str] = "sheet"
    title: str
    sentence: str
    parts: Sequence[Part]
    notes: str = ""
    link: str = ""


@dataclass(frozen=True)
class Section:
    """What stands under one heading of level 2.

    Attributes:
        heading: None for what comes before the first one; anchor: where the list of contents leads.
    """

    heading: Heading | None
    parts: Sequence[Part]
    anchor: str


Part = Heading | Paragraph | Facts | Table | ImageRow | Case | Sheet | Chart


@dataclass
class ImageStrip:
    """Embeds thumbnails until the budget is spent; what is left out is counted and said."""

    store: Store = field(default_factory=open_store)
    budget: int = IMAGE_BUDGET
    left_out: int = 0

    def row(self, images: Sequence[DocumentImage], large: bool = False) -> ImageRow:
        """Images beside one another."""
        return ImageRow([(image, *self._embedded(image)) for image in images], large)

    def _embedded(self, image: DocumentImage) -> tuple[str, str]:
        """The bytes as base64, or "" and why there are none."""
        try:
            content = image.thumbnail or self.store.thumbnail(image.key)
        except CoreError:
            content = None
        if content is None:
            return "", "no image"
        text = base64.b64encode(content).decode()
        if len(text) > self.budget:
            self.left_out += 1
            return "", "left out"
        self.budget -= len(text)
        return text, ""

    def notes(self) -> list[Paragraph]:
        """How many images did not fit, if any."""
        if not self.left_out:
            return []
        return [Paragraph(f"{self.left_out:,} images were left out so that the file stays under 10 MB.", quiet=True)]


@dataclass(frozen=True)
class Report:
    """A whole file: its title, its answer in one paragraph, what it rests on in one line, then the parts.

    Attributes:
        live: what it is played with; None for a file without any script.
        first: the first screen, which says the answer in other words.
        folded: a list of contents, and sections that a reader opens; on paper all are open.
    """

    title: str
    answer: str
    lead: str
    parts: Sequence[Part]
    live: LivePart | None = None
    first: Summary | None = None
    folded: bool = False

    @property
    def sections(self) -> list[Section]:
        """The parts by the headings of level 2 that they stand under."""
        made: list[tuple[Heading | None, list[Part]]] = [(None, [])]
        for part in self.parts:
            if isinstance(part, Heading) and part.level == 2:
                made.append((part, []))
            else:
                made[-1][1].append(part)
        return [Section(*section, f"section-{number}") for number, section in enumerate(made) if any(section)]

    def html(self) -> str:
        """One HTML file that opens anywhere.

        It may load nothing and run nothing, whatever text found its way into it; with `live`, it runs our script alone.
        """
        styles = [str(templates.stylesheet("report.css"))]
        if self.live is not None:
            styles += [self.live.style, self.live.lab_style, self.live.sheet.css]
        return (
            str(
                templates.render(
                    "report.html.jinja",
                    report=self,
                    words=text.group("option.words"),
                    style=Markup(styles[0]),
                    policy=self._policy(styles),
                )
            )
            + "\n"
        )

    def _policy(self, styles: Sequence[str]) -> str:
        """The content security policy: our styles and our script by their hashes, no address at all."""
        policy = f"default-src 'none'; img-src data:; style-src {' '.join(map(_digest, styles))}"
        if self.live is not None:
            policy += f"; script-src {_digest(self.live.script)}; worker-src blob:"
        return f"{policy}; base-uri 'none'; form-action 'none'"


def for_frame(html: str) -> str:
    """A file as a page shows it in a frame: without its contents, whose links would open the page itself there."""
    start = html.find('nav class="contents"') - 1
    return html if start < 0 else html[:start] + html[html.index("/nav>", start) + len("/nav>") :]


def _digest(text: str) -> str:
    """A text's hash as a policy names it."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
