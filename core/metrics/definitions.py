"""The contract of the figures (DEFINITIONS.md) as pages and tests read it: by section, and by the key of a figure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from core.errors import UnknownName
from core.metrics.registry import parse

PATH = Path(__file__).with_name("DEFINITIONS.md")
_HEADING = re.compile(r"^## (\d+)\. (.+)$", re.MULTILINE)
_KEY = re.compile(r"^`([^`]+)`$")


@dataclass(frozen=True)
class Section:
    """One numbered section of the contract.

    Attributes:
        number: as in "DEFINITIONS.md, section 3".
        title: its heading.
        text: Markdown below the heading.
        rows: key of a figure → heading of a column → its cell, Markdown, from the tables whose first column holds keys.
    """

    number: int
    title: str
    text: str
    rows: dict[str, dict[str, str]] = field(default_factory=dict, repr=False)


@lru_cache(maxsize=1)
def sections() -> dict[int, Section]:
    """The whole contract, section by section."""
    parts = _HEADING.split(PATH.read_text(encoding="utf-8"))[1:]
    numbered = zip(parts[::3], parts[1::3], parts[2::3])
    return {int(number): Section(int(number), title, text.strip(), _rows(text)) for number, title, text in numbered}


def _rows(text: str) -> dict[str, dict[str, str]]:
    """Every row of the tables of a section whose first cell is a key."""
    rows: dict[str, dict[str, str]] = {}
    columns: list[str] = []
    for line in text.splitlines():
        if not line.startswith("|"):
            columns = []
            continue
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        columns = columns or cells
        if key := _KEY.match(cells[0]):
            rows[key[1]] = dict(zip(columns[1:], cells[1:], strict=True))
    return rows


def definition(key: str) -> dict[str, str]:
    """The contract of one metric: heading of a column → its cell, Markdown.

    Args:
        key: of results, such as "p@10"; a cut-off reads the row of "p@k".

    Raises:
        UnknownName: no such metric.

    >>> definition("p@10")["value of one query"]
    'hits(k) / k'
    """
    name = parse(key)[0].name
    for section in sections().values():
        # The fusions of sections 8 to 10 have names of their own.
        if not 7 <= section.number < 13 and name in section.rows:
            return section.rows[name]
    raise UnknownName(f"{name!r} has no row in {PATH.name}; add one to the table of its section.")


def metric_table(keys: Iterable[str]) -> str:
    """The contract of several metrics as one Markdown table under the labels that people read, a row per metric.

    Raises:
        UnknownName: no such metric.
    """
    labels: dict[str, list[str]] = {}
    for key in keys:
        metric, k = parse(key)
        labels.setdefault(metric.name, []).append(metric.label if k is None else metric.label_at(k))
    rows = [" | ".join([", ".join(read), *definition(name).values()]) for name, read in labels.items()]
    return "\n".join(["| figure | value | edges | the same as |", "|---|---|---|---|", *(f"| {row} |" for row in rows)])


def symbols() -> str:
    """The paragraph that says what R, N, r_c and hits(k) stand for, Markdown."""
    before = _HEADING.split(PATH.read_text(encoding="utf-8"), maxsplit=1)[0]
    return next(text for text in before.split("\n\n") if text.startswith("Symbols: "))
