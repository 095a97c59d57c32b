"""Curves and bars as inline SVG: a report carries no script."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

import numpy as np

from core.charts import BACKBONE_COLOURS

_WIDE, _HIGH, _LEFT, _BOTTOM = 640, 360, 46, 40


def _at(x: float, y: float) -> tuple[float, float]:
    """A point of the unit square on the drawing."""
    return _LEFT + x * (_WIDE - _LEFT - 12), 12 + (1 - y) * (_HIGH - _BOTTOM - 12)


def curves(lines: Mapping[str, Sequence[float]], across: str = "recall", up: str = "precision") -> str:
    """Lines over 0, 0.1 … 1 with a legend; a line that is not defined is left out.

    Args:
        lines: name → (11,) values within 0 and 1.
    """
    parts = [_frame(across, up)]
    shown = [(name, values) for name, values in lines.items() if not np.isnan(np.asarray(values, float)).any()]
    for number, (name, values) in enumerate(shown):
        colour = BACKBONE_COLOURS[number % len(BACKBONE_COLOURS)]
        dash = "" if number < len(BACKBONE_COLOURS) else " stroke-dasharray='6 4'"
        points = " ".join("{:.1f},{:.1f}".format(*_at(i / 10, float(v))) for i, v in enumerate(values))
        parts.append(f"<polyline fill='none' stroke='{colour}' stroke-width='2.4'{dash} points='{points}'/>")
        y = _HIGH + 16 + number * 20
        parts.append(
            f"<line x1='{_LEFT}' x2='{_LEFT + 26}' y1='{y}' y2='{y}' stroke='{colour}' stroke-width='3'{dash}/>"
        )
        parts.append(f"<text x='{_LEFT + 34}' y='{y + 4}'>{escape(name)}</text>")
    height = _HIGH + 12 + 20 * len(shown)
    return f"<svg role='img' viewBox='0 0 {_WIDE} {height}' width='{_WIDE}' height='{height}'>{''.join(parts)}</svg>"


def _frame(across: str, up: str) -> str:
    parts = []
    for tick in range(0, 11, 2):
        x, bottom = _at(tick / 10, 0)
        left, y = _at(0, tick / 10)
        right, _ = _at(1, 0)
        top = _at(0, 1)[1]
        parts.append(f"<line class='grid' x1='{x:.1f}' x2='{x:.1f}' y1='{top:.1f}' y2='{bottom:.1f}'/>")
        parts.append(f"<line class='grid' x1='{left:.1f}' x2='{right:.1f}' y1='{y:.1f}' y2='{y:.1f}'/>")
        parts.append(f"<text class='quiet' x='{x:.1f}' y='{bottom + 16:.1f}' text-anchor='middle'>{tick / 10:g}</text>")
        parts.append(f"<text class='quiet' x='{left - 8:.1f}' y='{y + 4:.1f}' text-anchor='end'>{tick / 10:g}</text>")
    middle = (_LEFT + _WIDE) / 2
    parts.append(f"<text class='quiet' x='{middle}' y='{_HIGH - 6}' text-anchor='middle'>{escape(across)}</text>")
    parts.append(
        f"<text class='quiet' transform='translate(12 {_HIGH / 2}) rotate(-90)' text-anchor='middle'>{escape(up)}</text>"
    )
    return "".join(parts)


def bars(rows: Sequence[tuple[str, float, float, float]]) -> str:
    """Horizontal bars from 0 to 1 with their intervals, in the colours that `curves` gives the same rows.

    Args:
        rows: (name, value, low, high), NaN where not defined.
    """
    left, wide, step = 250, _WIDE + 120, 30
    span = wide - left - 70
    parts = []
    for number, (name, value, low, high) in enumerate(rows):
        y = 8 + number * step
        short = name if len(name) <= 38 else name[:37] + "…"
        parts.append(
            f"<text x='{left - 10}' y='{y + 14}' text-anchor='end'>{escape(short)}<title>{escape(name)}</title></text>"
        )
        if math.isnan(value):
            parts.append(f"<text class='quiet' x='{left}' y='{y + 14}'>–</text>")
            continue
        colour = BACKBONE_COLOURS[number % len(BACKBONE_COLOURS)]
        parts.append(
            f"<rect x='{left}' y='{y}' width='{max(value, 0) * span:.1f}' height='19' rx='3' fill='{colour}' opacity='0.85'/>"
        )
        if not (math.isnan(low) or math.isnan(high)):
            a, b = left + max(low, 0) * span, left + min(high, 1) * span
            parts.append(
                f"<path d='M{a:.1f} {y + 4}v11M{b:.1f} {y + 4}v11M{a:.1f} {y + 9.5}H{b:.1f}' stroke='currentColor' stroke-width='1.4' fill='none'/>"
            )
        end = left + max(value, high if not math.isnan(high) else value, 0) * span
        parts.append(f"<text x='{end + 8:.1f}' y='{y + 14}'>{value:.3f}</text>")
    height = 12 + step * len(rows)
    return f"<svg role='img' viewBox='0 0 {wide} {height}' width='{wide}' height='{height}'>{''.join(parts)}</svg>"
