"""Bars side by side: a group per dataset, a bar per system, each with its interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from core import templates
from core.charts import base

if TYPE_CHECKING:
    import plotly.graph_objects as go

_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 1040, 12, 240
_LEGEND_ROW, _LEGEND_COLUMNS = 22, 4


class BarSeries(NamedTuple):
    """One system: a value and its interval for each group (NaN where there is none), its colour ("#rrggbb")."""

    name: str
    means: Sequence[float]
    lows: Sequence[float]
    highs: Sequence[float]
    colour: str


@dataclass(frozen=True)
class GroupedBars:
    """Several systems in several groups.

    Attributes:
        groups: names along the axis.
        label: of the metric.
    """

    groups: Sequence[str]
    series: Sequence[BarSeries]
    label: str
    height: int = 380

    @property
    def limits(self) -> tuple[float, float]:
        """Ends of the axis, 0 among them."""
        return base.from_zero(
            value for single in self.series for ends in (single.means, single.lows, single.highs) for value in ends
        )

    def figure(self) -> go.Figure:
        """For a page."""
        figure, label = base.new_figure(), base.plain_text(self.label)
        groups = [base.plain_text(name, 30) for name in self.groups]
        for single in self.series:
            name = base.plain_text(single.name, 48)
            ends = [
                "" if math.isnan(low + high) else f"<br>95 % interval {low:.4f} to {high:.4f}"
                for low, high in zip(single.lows, single.highs)
            ]
            figure.add_bar(
                x=groups,
                y=[None if math.isnan(mean) else mean for mean in single.means],
                name=name,
                marker={"color": single.colour},
                customdata=ends,
                error_y=base.error_bars(single.means, single.lows, single.highs) | {"color": base.MUTED_COLOUR},
                hovertemplate=f"{name}<br>%{{x}}<br>{label} %{{y:.4f}}%{{customdata}}<extra></extra>",
            )
        base.base_layout(figure, height=self.height)
        figure.update_yaxes(title=label, range=self.limits)
        return figure.update_layout(barmode="group", bargap=0.22, legend={"y": -0.14, "yanchor": "top"})

    def svg(self) -> str:
        """For a report."""
        low, high = self.limits

        def up(value: float) -> float:
            return round(_BOTTOM - (value - low) / (high - low) * (_BOTTOM - _TOP), 1)

        step = (_RIGHT - _LEFT) / max(len(self.groups), 1)
        wide = step * 0.78 / max(len(self.series), 1)
        bars = []
        for at, single in enumerate(self.series):
            for group, (mean, bottom, top) in enumerate(zip(single.means, single.lows, single.highs, strict=True)):
                if not math.isnan(mean):
                    x = round(_LEFT + step * (group + 0.11) + wide * at, 1)
                    bars.append(
                        {
                            "x": x,
                            "y": min(up(0), up(mean)),
                            "height": round(abs(up(0) - up(mean)), 1),
                            "middle": round(x + wide / 2, 1),
                            "ends": None if math.isnan(bottom + top) else (up(bottom), up(top)),
                            "colour": single.colour,
                            "title": f"{single.name}, {self.groups[group]}: {mean:.3f}",
                        }
                    )
        legend = [
            (
                56 + 250 * (at % _LEGEND_COLUMNS),
                _BOTTOM + 44 + _LEGEND_ROW * (at // _LEGEND_COLUMNS),
                single.name[:32],
                single.colour,
            )
            for at, single in enumerate(self.series)
        ]
        return templates.render(
            "grouped_bars.svg.jinja",
            height=_BOTTOM + 52 + _LEGEND_ROW * math.ceil(len(self.series) / _LEGEND_COLUMNS),
            left=_LEFT,
            right=_RIGHT,
            bottom=_BOTTOM,
            wide=round(wide * 0.92, 1),
            ticks=[(up(value), f"{value:g}".replace("-", "−")) for value in base.ticks(low, high)],
            groups=[(round(_LEFT + step * (at + 0.5), 1), name) for at, name in enumerate(self.groups)],
            bars=bars,
            legend=legend,
            label=self.label,
        )
