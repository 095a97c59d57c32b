"""What all charts share: colours, the frame, texts that stay texts, axes that fit their values."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, Protocol

from core import metrics

if TYPE_CHECKING:
    import plotly.graph_objects as go

BACKBONE_COLOURS = ("#4269d0", "#d97706", "#2a9d6f", "#c2527f", "#7f62c9", "#2f9fb8", "#a5853b", "#9a5b2e")
"""One per backbone, by its place in the selection; told apart by people with red-green weakness too."""
FUSION_COLOURS = ("#66728a", "#7c7468", "#6f7f78", "#7d7189", "#827869", "#5f7d8a")
"""Mixes are neutral: a colour belongs to a backbone, and red means wrong. Several mixes differ by their dashes."""
FUSION_COLOUR = FUSION_COLOURS[0]
OTHER_MIX_COLOUR = "#a3adbd"
"""A fusion that another one stands beside: the baseline, the mix of all."""
SELECTED_COLOUR = "#2b7de9"
MUTED_COLOUR = "#9aa3b2"
RELEVANT_COLOUR, WRONG_COLOUR = "#12803f", "#e0525e"
"""Hits and misses; never alone: a mark, a dash or a word says the same."""
QUIET = "rgba(128, 136, 150, 0.35)"
DASHES = ("dash", "dot", "dashdot", "longdash", "longdashdot")
"""Lines of fusions; backbones have "solid" ones."""
INK = "#2b3446"
"""Of what is drawn over a pale band."""
_DARK_TEXT = "#0b101c"


class Chart(Protocol):
    """A record that a page draws as a Plotly figure and the report, which holds no script, as an SVG."""

    def figure(self) -> go.Figure:
        """For a page."""

    def svg(self) -> str:
        """For a report: markup in which every text is escaped."""


def new_figure() -> go.Figure:
    """An empty figure; Plotly is imported when the first one is drawn."""
    import plotly.graph_objects as go

    return go.Figure()


def base_layout(figure: go.Figure, height: int = 320) -> go.Figure:
    """The frame of every figure: no background of its own, little margin, quiet grid; light and dark pages alike."""
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 24, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        legend={"orientation": "h", "y": 1.12, "x": 0},
        hoverlabel={"align": "left"},
    )
    figure.update_xaxes(gridcolor=QUIET, zerolinecolor=QUIET, automargin=True)
    figure.update_yaxes(gridcolor=QUIET, zerolinecolor=QUIET, automargin=True)
    return figure


def download_config(file: str, kind: str = "svg") -> dict[str, Any]:
    """Plotly's own buttons, with a camera that saves what is drawn as SVG or PNG, in the browser alone."""
    return {
        "displaylogo": False,
        "toImageButtonOptions": {"format": kind, "filename": file, "scale": 1 if kind == "svg" else 3},
        "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"],
    }


def as_judged(figure: go.Figure, judged: bool) -> go.Figure:
    """A figure whose words name metrics as they are where people judged some results; itself where nobody did."""
    return type(figure)(json.loads(metrics.as_judged(figure.to_json()))) if judged else figure


def plain_text(text: object, most: int = 0) -> str:
    """A text as Plotly shows it unchanged: one line, no markup, no `%{…}` of a template.

    Args:
        most: letters shown at most, the last one being "…"; 0 for all.

    >>> plain_text("<b>a & b</b> %{x}")
    '&lt;b&gt;a &amp; b&lt;/b&gt; %&#123;x}'
    >>> plain_text("a long title", 6)
    'a lon…'
    """
    line = " ".join(str(text).split())
    return escape(short_name(line, most) if most else line, quote=False).replace("{", "&#123;")


def short_name(name: str, most: int = 40) -> str:
    """A name of at most this many letters, the last one being "…" where it was cut.

    >>> short_name("ViT-S/14 50 + HSV 50", 10)
    'ViT-S/14 …'
    """
    return name if len(name) <= most else name[: most - 1] + "…"


# ---------------------------------------------------------------- colours


def with_alpha(colour: str, strength: float = 0.14) -> str:
    """A colour ("#rrggbb") as Plotly's "rgba(…)"."""
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red},{green},{blue},{strength})"


def _luminance(colour: str) -> float:
    """Relative luminance of "#rrggbb", 0 to 1 (WCAG 2)."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrasting_text(colour: str) -> str:
    """Dark or white, whichever stands out more on this colour ("#rrggbb")."""
    light = _luminance(colour) + 0.05
    return _DARK_TEXT if light / (_luminance(_DARK_TEXT) + 0.05) > 1.05 / light else "#ffffff"


def shade(value: float, limits: tuple[float, float], colours: Sequence[str]) -> str:
    """The colour of a heat map at a value, "#rrggbb"."""
    position = (value - limits[0]) / ((limits[1] - limits[0]) or 1.0) * (len(colours) - 1)
    position = min(max(position, 0.0), len(colours) - 1.0)
    low = min(int(position), len(colours) - 2)
    ends = [[int(colours[at][c : c + 2], 16) for c in (1, 3, 5)] for at in (low, low + 1)]
    return "#" + "".join(f"{round(a + (b - a) * (position - low)):02x}" for a, b in zip(*ends))


def backbone_colour(number: int) -> str:
    """The colour of the backbone at this place of the selection."""
    return BACKBONE_COLOURS[number % len(BACKBONE_COLOURS)]


def fusion_style(number: int) -> tuple[str, str]:
    """Colour and dash of the fusion at this place of a comparison."""
    return FUSION_COLOURS[number % len(FUSION_COLOURS)], DASHES[number % len(DASHES)]


# ---------------------------------------------------------------- axes


def error_bars(
    means: Iterable[float], low: Iterable[float], high: Iterable[float], alpha: float = 0.8
) -> dict[str, Any]:
    """Plotly's error bars of intervals that need not be symmetric."""
    return {
        "type": "data",
        "symmetric": False,
        "array": [top - mean for mean, top in zip(means, high)],
        "arrayminus": [mean - bottom for mean, bottom in zip(means, low)],
        "color": f"rgba(110,118,132,{alpha})",
        "thickness": 1.3,
        "width": 3,
    }


def halo(means: Iterable[float], low: Iterable[float], high: Iterable[float]) -> dict[str, Any]:
    """Intervals as a pale band: what an interval drawn over a bar stands out from."""
    return error_bars(means, low, high) | {"color": "rgba(255,255,255,0.9)", "thickness": 3.8, "width": 0}


@dataclass(frozen=True)
class SvgScale:
    """The horizontal axis of a report's SVG of 1,056 units across: names left of it, texts right of it.

    Attributes:
        low, high: values at its ends.
        left, right: where these stand.
    """

    low: float
    high: float
    left: int = 264
    right: int = 1000

    def across(self, value: float) -> float:
        """Where a value stands.

        >>> SvgScale(0.0, 1.0).across(0.5)
        632.0
        """
        return round(self.left + (value - self.low) / (self.high - self.low) * (self.right - self.left), 1)

    def marks(self, values: Iterable[float]) -> list[tuple[float, str]]:
        """Where numbers under the axis stand, and the numbers."""
        return [(self.across(value), f"{value:g}") for value in values]


def from_zero(values: Iterable[float], room: float = 0.06) -> tuple[float, float]:
    """An axis that begins at 0 (below it where a value is negative) and ends a little beyond the largest value.

    Args:
        values: NaN and infinity are passed over.
        room: beyond the largest value, as a part of the axis.

    >>> from_zero([0.1, float("nan"), 0.2], 0.1)
    (0.0, 0.22)
    """
    finite = [float(value) for value in values if math.isfinite(value)]
    low, high = min([0.0, *finite]), max([0.0, *finite])
    if high == low:
        return 0.0, 1.0
    return low * (1 + room), round(high + (high - low) * room, 12)


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """At most about `most` round numbers between two ends.

    >>> ticks(0, 0.22)
    [0.0, 0.05, 0.1, 0.15, 0.2]
    """
    rough = (high - low) / max(most - 1, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [round(n * step, 12) + 0.0 for n in range(first, math.floor(high / step + 1e-9) + 1)]
