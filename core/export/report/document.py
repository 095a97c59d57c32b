"""The parts of a report as HTML. Every text that comes in is escaped here, and nowhere else is HTML written."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape

from core.errors import CoreError
from core.store import Store, open_store

BUDGET = 8_000_000
"""Bytes of embedded pictures; a report stays under 10 MB whatever it shows."""

_CSS = """
:root { color-scheme: light dark; --ink: #1c2333; --quiet: #667085; --line: #dde2ec; --paper: #ffffff; --soft: #f5f7fb;
  --good: #1a9850; --bad: #d6404e; --query: #2b7de9; --unknown: #9aa0a8; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8ebf2; --quiet: #98a2b3; --line: #2f3644; --paper: #12151c; --soft: #1b202a; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 40px 32px 80px; max-width: 1120px; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
h1 { font-size: 30px; letter-spacing: -0.02em; margin: 0 0 4px; overflow-wrap: anywhere; }
h2 { font-size: 20px; margin: 40px 0 8px; letter-spacing: -0.01em; }
h3 { font-size: 15.5px; margin: 22px 0 6px; overflow-wrap: anywhere; }
p { margin: 4px 0 12px; max-width: 75ch; overflow-wrap: anywhere; }
.lead, .caption { color: var(--quiet); }
.caption { font-size: 13.5px; }
.answer { max-width: none; margin: 18px 0 0; padding: 14px 18px; border-left: 4px solid #4269d0; border-radius: 8px; background: var(--soft); font-size: 17px; }
table { border-collapse: collapse; width: 100%; margin: 8px 0 4px; font-size: 14px; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 6px 12px 6px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { font-weight: 600; color: var(--quiet); font-size: 13px; }
td.number, th.number { text-align: right; }
td.number { white-space: nowrap; }
td:first-child, th:first-child { min-width: 150px; }
th, td { min-width: 52px; overflow-wrap: break-word; }
th.number { white-space: normal; min-width: 74px; }
td.number:first-child, th.number:first-child { min-width: 0; }
td small { color: var(--quiet); display: block; font-size: 12px; }
tr.best td { font-weight: 650; }
table.facts th { width: 190px; }
.wide { overflow-x: auto; }
.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(96px, 1fr)); gap: 12px; margin: 6px 0 16px; }
figure { margin: 0; min-width: 0; }
.picture { display: flex; aspect-ratio: 1; border-radius: 8px; overflow: hidden; background: var(--soft); border: 3px solid var(--line); }
.picture img { width: 100%; height: 100%; object-fit: contain; }
.picture span { margin: auto; font-size: 11px; color: var(--quiet); }
.relevant .picture { border-color: var(--good); } .not .picture { border-color: var(--bad); }
.query .picture { border-color: var(--query); } .unknown .picture { border-color: var(--unknown); }
figcaption { font-size: 11.5px; line-height: 1.35; margin-top: 3px; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.case { break-inside: avoid; border-top: 1px solid var(--line); padding-top: 8px; margin-top: 8px; }
.case p { margin: 0 0 6px; }
svg { max-width: 100%; height: auto; } svg text { fill: var(--ink); font-size: 12px; } svg .quiet { fill: var(--quiet); }
svg .grid { stroke: var(--line); }
@media (max-width: 700px) { body { padding: 16px 14px 48px; } h1 { font-size: 23px; } }
@media print { body { padding: 0; max-width: none; font-size: 11.5px; } h2 { break-after: avoid; } table, figure, svg { break-inside: avoid; }
  .pictures { grid-template-columns: repeat(9, 1fr); gap: 6px; } * { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
"""

# Nothing may be loaded or run from a report, whatever text found its way into it.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def document(title: str, lead: str, parts: Iterable[str]) -> str:
    """A whole HTML file of parts made by the functions below."""
    return (
        "<!DOCTYPE html>\n<html lang='en'><head><meta charset='utf-8'>"
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>{escape(title)}</title><style>{_CSS}</style></head><body>"
        f"<h1>{escape(title)}</h1><p class='lead'>{escape(lead)}</p>{''.join(parts)}</body></html>\n"
    )


def heading(text: str, level: int = 2) -> str:
    """A section's or a row's title."""
    return f"<h{level}>{escape(text)}</h{level}>"


def answer(text: str) -> str:
    """The sentence that the whole report rests on, set apart."""
    return f"<p class='answer'>{escape(text)}</p>"


def paragraph(text: str, quiet: bool = False) -> str:
    """One paragraph of plain words."""
    return f"<p{' class=caption' if quiet else ''}>{escape(text)}</p>"


def facts(pairs: Iterable[tuple[str, object]]) -> str:
    """Names and values, one line each."""
    rows = "".join(f"<tr><th>{escape(name)}</th><td>{escape(str(value))}</td></tr>" for name, value in pairs)
    return f"<table class='facts'>{rows}</table>"


@dataclass(frozen=True)
class Cell:
    """A number of a table and the small print under it: its interval."""

    text: str
    small: str = ""
    number: bool = True


def figure_cell(value: float, low: float = math.nan, high: float = math.nan, digits: int = 3) -> Cell:
    """A number with its interval; '–' where it is undefined."""
    if math.isnan(value):
        return Cell("–")
    known = not (math.isnan(low) or math.isnan(high))
    return Cell(f"{value:.{digits}f}", f"{low:.{digits}f} – {high:.{digits}f}" if known else "")


def table(columns: Sequence[str], rows: Sequence[Sequence[Cell | str]], best: int | None = None) -> str:
    """A table; text left, numbers right, the row `best` in bold."""
    numbers = [bool(rows) and isinstance(rows[0][at], Cell) and rows[0][at].number for at in range(len(columns))]
    head = "".join(f"<th{' class=number' if n else ''}>{escape(c)}</th>" for c, n in zip(columns, numbers))
    body = []
    for number, row in enumerate(rows):
        cells = []
        for cell in row:
            cell = cell if isinstance(cell, Cell) else Cell(str(cell), number=False)
            small = f"<small>{escape(cell.small)}</small>" if cell.small else ""
            cells.append(f"<td{' class=number' if cell.number else ''}>{escape(cell.text)}{small}</td>")
        body.append(f"<tr{' class=best' if number == best else ''}>{''.join(cells)}</tr>")
    return f"<div class='wide'><table><thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table></div>"


@dataclass(frozen=True)
class DocumentImage:
    """One picture of a row: its content key (or bytes of a thumbnail), what stands under it, and its frame."""

    key: str = ""
    caption: str = ""
    frame: str = "none"
    thumbnail: bytes | None = None


@dataclass
class ImageStrip:
    """Embeds thumbnails until the budget is spent; what is left out is counted and said."""

    store: Store = field(default_factory=open_store)
    budget: int = BUDGET
    left_out: int = 0

    def row(self, pictures: Sequence[DocumentImage]) -> str:
        """Pictures beside one another."""
        return f"<div class='pictures'>{''.join(map(self._one, pictures))}</div>"

    def _one(self, picture: DocumentImage) -> str:
        caption = f"<figcaption title='{escape(picture.caption)}'>{escape(picture.caption)}</figcaption>"
        return f"<figure class='{escape(picture.frame)}'><div class='picture'>{self._image(picture)}</div>{caption}</figure>"

    def _image(self, picture: DocumentImage) -> str:
        try:
            content = picture.thumbnail or self.store.thumbnail(picture.key)
        except CoreError:
            content = None
        if content is None:
            return "<span>no picture</span>"
        text = base64.b64encode(content).decode()
        if len(text) > self.budget:
            self.left_out += 1
            return "<span>left out</span>"
        self.budget -= len(text)
        return f'<img alt="" src="data:image/webp;base64,{text}">'

    def note(self) -> str:
        """How many pictures did not fit."""
        if not self.left_out:
            return ""
        return paragraph(f"{self.left_out:,} pictures were left out so that the file stays under 10 MB.", quiet=True)


def case(title: str, words: str, pictures: str) -> str:
    """One query of "best and worst": figures, words, pictures; kept on one page of paper."""
    return f"<div class='case'><h3>{escape(title)}</h3>{paragraph(words, quiet=True)}{pictures}</div>"
