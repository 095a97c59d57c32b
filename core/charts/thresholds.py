"""Drawings of thresholds: ROC and DET on axes of powers of ten, the cut over the score, the diagram of reliability."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from core.charts import base
from core.charts.lines import Line, LineChart

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from core.metrics.calibration import Reliability
    from core.metrics.verification import ThresholdCurve

MOST_POINTS = 600
"""Points of a line; more cannot be seen."""
_LOWEST = 1e-6
"""Rates below are drawn here: an axis of powers of ten has no 0."""


def _few(*columns: np.ndarray) -> list[np.ndarray]:
    """The same points, thinned evenly where there are many."""
    n = len(columns[0])
    at = np.unique(np.linspace(0, n - 1, min(n, MOST_POINTS)).round().astype(int))
    return [column[at] for column in columns]


def rate_line(name: str, curve: ThresholdCurve, colour: str, dash: str = "solid") -> Line:
    """A system's share of true pairs over its false match rate."""
    false, true = _few(curve.false_rate, curve.true_rate)
    return Line(name, false, true, colour, dash)


@dataclass(frozen=True)
class RateChart:
    """True pairs over false matches, on an axis of powers of ten.

    Attributes:
        lines: x is the false match rate, y the share of true pairs that is accepted.
        error: the rate that was chosen, marked.
        missed: the DET curve: the share that is missed instead, on powers of ten too.
        lowest: the smallest rate that the pairs can show.
    """

    lines: Sequence[Line]
    error: float
    missed: bool = False
    lowest: float = 1e-5
    height: int = 400

    @property
    def _left(self) -> float:
        return max(self.lowest, _LOWEST)

    def _titles(self) -> tuple[str, str]:
        return "false match rate", "true pairs missed" if self.missed else "true pairs accepted"

    def _drawn(self, line: Line) -> Line:
        """The line within the axes."""
        x = np.maximum(line.x, self._left)
        y = np.maximum(1 - line.y, 1e-3) if self.missed else line.y
        return replace(line, x=x, y=y)

    def figure(self) -> go.Figure:
        """For a page."""
        lines = [self._drawn(line) for line in self.lines]
        figure = LineChart(
            lines, *self._titles(), steps=False, hover="false match rate %{x:.3g}", height=self.height
        ).figure()
        figure.update_xaxes(
            type="log", range=[np.log10(self._left), 0], dtick=1, exponentformat="power", showexponent="all"
        )
        if self.missed:
            figure.update_yaxes(type="log", range=[-3, 0], dtick=1, exponentformat="power", showexponent="all")
        else:
            figure.update_yaxes(range=[0, 1.02])
        figure.add_vline(x=self.error, line={"color": base.MUTED_COLOUR, "width": 1.5, "dash": "dot"})
        return figure

    def svg(self) -> str:
        """For a report: both axes of powers of ten written as their exponents."""
        x_title, y_title = self._titles()
        lines = []
        for line in map(self._drawn, self.lines):
            lines.append(replace(line, x=np.log10(line.x), y=np.log10(line.y) + 3 if self.missed else line.y))
        y_title = f"{y_title} (powers of ten above 0.001)" if self.missed else y_title
        limits = (float(np.log10(self._left)), 0.0)
        return LineChart(lines, f"{x_title} (powers of ten)", y_title, x_range=limits).svg()


@dataclass(frozen=True)
class CutChart:
    """What each threshold of one system gives: true pairs, and how many of the accepted pairs are true.

    Attributes:
        curve: of the system; cut: the threshold that is set, marked.
        low, high: ends of the axis.
    """

    curve: ThresholdCurve
    cut: float
    low: float
    high: float
    colour: str = base.BACKBONE_COLOURS[0]
    height: int = 260

    def _chart(self) -> LineChart:
        inside = (self.curve.thresholds >= self.low) & (self.curve.thresholds <= self.high)
        x, recall, precision = _few(
            self.curve.thresholds[inside][::-1],
            self.curve.true_rate[inside][::-1],
            self.curve.precision[inside][::-1],
        )
        lines = [
            Line("recall: true pairs accepted", x, recall, self.colour),
            Line("precision: accepted pairs that are true", x, precision, base.MUTED_COLOUR, "dash"),
        ]
        ends = (self.low, self.high) if self.high > self.low else None
        return LineChart(lines, "threshold", "share", x_range=ends, hover="from score %{x:.3f}", height=self.height)

    def figure(self) -> go.Figure:
        """For a page."""
        figure = self._chart().figure()
        figure.add_vline(x=self.cut, line={"color": base.SELECTED_COLOUR, "width": 2})
        return figure

    def svg(self) -> str:
        """For a report."""
        return self._chart().svg()


@dataclass(frozen=True)
class ReliabilityChart:
    """What probabilities say beside what happened; a perfect one lies on the diagonal.

    Attributes:
        made: name → what was examined.
    """

    made: dict[str, Reliability]
    height: int = 340

    def _chart(self) -> LineChart:
        lines = [Line("as it should be", np.array([0.0, 1.0]), np.array([0.0, 1.0]), base.MUTED_COLOUR, "dot")]
        for number, (name, reliability) in enumerate(self.made.items()):
            filled = reliability.counts > 0
            x, y = reliability.said_mean[filled], reliability.share[filled]
            dash = "solid" if number == 0 else base.DASHES[(number - 1) % len(base.DASHES)]
            lines.append(Line(name, x, y, base.backbone_colour(number), dash))
        return LineChart(
            lines,
            "probability",
            "share that was relevant",
            markers=True,
            x_range=(-0.02, 1.02),
            hover="probability %{x:.2f}",
            height=self.height,
        )

    def figure(self) -> go.Figure:
        """For a page."""
        return self._chart().figure().update_layout(hovermode="closest")

    def svg(self) -> str:
        """For a report."""
        return self._chart().svg()
