"""What people read: the strings of the interface by page, and how counts and figures are written.

`text = wording.page("overview")` at the head of a module, then `text("button.embed", images="12 images")`.
"""

from __future__ import annotations

from core.wording.counts import plural
from core.wording.figures import figure, interval, number, p_cell, p_value, percent, signed
from core.wording.strings import Strings, page, pages

__all__ = [
    "Strings",
    "figure",
    "interval",
    "number",
    "p_cell",
    "p_value",
    "page",
    "pages",
    "percent",
    "plural",
    "signed",
]
