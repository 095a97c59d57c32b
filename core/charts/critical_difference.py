"""The critical-difference diagram: mean ranks on a line, bars over those that cannot be told apart (Demšar 2006, JMLR 7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from core import templates
from core.charts import base

if TYPE_CHECKING:
    import plotly.graph_objects as go

_LEFT, _RIGHT, _ACROSS = 300, 756, 1056
_ROW, _BAR_GAP, _AXIS = 24, 11, 64
_LONGEST = 38


class RankedSystem(NamedTuple):
    """A system on the line: its mean rank, 1 is best, and its colour ("#rrggbb")."""

    name: str
    rank: float
    colour: str


class _Label(NamedTuple):
    name: str
    rank: float
    colour: str
    x: float
    y: float
    on_left: bool


@dataclass(frozen=True)
class CriticalDifference:
    """Systems by their mean rank over datasets.

    Attributes:
        systems: in any order.
        groups: names that cannot be told apart, one bar each.
        difference: the critical difference of mean ranks, drawn as a length above the line.
    """

    systems: Sequence[RankedSystem]
    groups: Sequence[Sequence[str]]
    difference: float

    @property
    def _last(self) -> int:
        return max(2, len(self.systems))

    def _across(self, rank: float) -> float:
        return round(_LEFT + (rank - 1) / (self._last - 1) * (_RIGHT - _LEFT), 1)

    @property
    def _first_row(self) -> int:
        return _AXIS + 26 + _BAR_GAP * len(self.groups)

    @property
    def height(self) -> int:
        """Units from top to bottom."""
        return self._first_row + _ROW * ((len(self.systems) + 1) // 2) + 4

    def _labels(self) -> list[_Label]:
        """The better half at the left, best on top; the other half at the right, worst on top: so no lines cross."""
        ordered = sorted(self.systems, key=lambda system: system.rank)
        half = (len(ordered) + 1) // 2
        sides = ((True, ordered[:half]), (False, ordered[half:][::-1]))
        return [
            _Label(*system, self._across(system.rank), self._first_row + _ROW * row, on_left)
            for on_left, systems in sides
            for row, system in enumerate(systems)
        ]

    def _bars(self) -> list[tuple[float, float, float]]:
        """(from, to, y) of each group."""
        ranks = {system.name: system.rank for system in self.systems}
        bars: list[tuple[float, float, float]] = []
        for number, group in enumerate(self.groups):
            ends = [self._across(ranks[name]) for name in group]
            bars.append((min(ends) - 5, max(ends) + 5, _AXIS + 14 + _BAR_GAP * number))
        return bars

    def figure(self) -> go.Figure:
        """For a page; the names are at home in its own width."""
        figure = base.new_figure()
        quiet = {"color": base.MUTED_COLOUR, "width": 1.4}
        self._line(figure, [_LEFT, _RIGHT], [_AXIS, _AXIS], quiet)
        for rank in range(1, self._last + 1):
            x = self._across(rank)
            self._line(figure, [x, x], [_AXIS - 6, _AXIS], quiet)
            self._text(figure, x, _AXIS - 16, str(rank), "center")
        length = self._across(1 + self.difference) - _LEFT
        shown = min(length, _ACROSS - _LEFT - 20)
        self._line(figure, [_LEFT, _LEFT + shown], [16, 16], {"color": base.SELECTED_COLOUR, "width": 3})
        self._text(figure, _LEFT - 8, 16, f"critical difference {self.difference:.2f}", "right")
        for label in self._labels():
            end: float = _LEFT - 18 if label.on_left else _RIGHT + 18
            self._line(
                figure, [label.x, label.x, end], [_AXIS, label.y, label.y], {"color": label.colour, "width": 1.8}
            )
            name, figures = base.plain_text(label.name, _LONGEST), f"<b>{label.rank:.2f}</b>"
            # A narrow window cuts the end of a long name.
            name = f"{name}  {figures}" if label.on_left else f"{figures}  {name}"
            self._text(figure, end + (-4 if label.on_left else 4), label.y, name, "right" if label.on_left else "left")
        for start, end, y in self._bars():
            self._line(figure, [start, end], [y, y], {"color": base.MUTED_COLOUR, "width": 5})
        base.base_layout(figure, height=self.height + 20)
        figure.update_xaxes(range=[0, _ACROSS], visible=False, fixedrange=True)
        figure.update_yaxes(range=[self.height, 0], visible=False, fixedrange=True)
        return figure.update_layout(showlegend=False, margin={"t": 4, "b": 4, "l": 4, "r": 4}, dragmode=False)

    @staticmethod
    def _line(figure: go.Figure, x: list[float], y: list[float], line: dict[str, object]) -> None:
        figure.add_scatter(x=x, y=y, mode="lines", line=line, hoverinfo="skip")

    @staticmethod
    def _text(figure: go.Figure, x: float, y: float, text: str, anchor: str) -> None:
        figure.add_annotation(
            x=x, y=y, text=text, showarrow=False, xanchor=anchor, yanchor="middle", font={"size": 13}, align=anchor
        )

    def svg(self) -> str:
        """For a report."""
        length = self._across(1 + self.difference) - _LEFT
        labels = [
            {
                "short": label.name if len(label.name) <= _LONGEST else label.name[: _LONGEST - 1] + "…",
                "name": label.name,
                "rank": f"{label.rank:.2f}",
                "colour": label.colour,
                "x": label.x,
                "y": label.y,
                "end": _LEFT - 18 if label.on_left else _RIGHT + 18,
                "text": _LEFT - 22 if label.on_left else _RIGHT + 22,
                "anchor": "end" if label.on_left else "start",
            }
            for label in self._labels()
        ]
        return templates.render(
            "critical_difference.svg.jinja",
            height=self.height,
            axis=_AXIS,
            left=_LEFT,
            right=_RIGHT,
            ranks=[(self._across(rank), rank) for rank in range(1, self._last + 1)],
            length=round(min(length, _ACROSS - _LEFT - 20), 1),
            difference=f"{self.difference:.2f}",
            labels=labels,
            bars=self._bars(),
        )
