"""Lines: curves of several systems, a training, the length of a vector."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from core import templates
from core.charts import base

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from core.studies.finetuning.loop import Epoch as TuningEpoch
    from core.studies.stress.stress_result import Curve
    from core.studies.training.training_loop import Epoch
    from core.studies.weight_search import DimensionCurve

_MOST_ACROSS = 12
"""More systems than this stand in a legend beside the curves, not above them."""
_SVG_DASHES = {"solid": "", "dash": "7 5", "dot": "2 4", "dashdot": "7 4 2 4", "longdash": "12 5"}
_SVG_WIDTH, _SVG_HEIGHT, _SVG_LEFT, _SVG_TOP = 1000, 400, 60, 12


@dataclass(frozen=True)
class Line:
    """One system's curve.

    Attributes:
        name: what people read.
        x, y: (n,) points; low, high: their 95 % interval, or None.
        colour: of the line; dash: "solid" for backbones, one of `base.DASHES` for fusions.
        points: (m,) x and (m,) y of what the curve was made from, drawn as dots, or None.
    """

    name: str
    x: np.ndarray
    y: np.ndarray
    colour: str
    dash: str = "solid"
    low: np.ndarray | None = None
    high: np.ndarray | None = None
    points: tuple[np.ndarray, np.ndarray] | None = None

    @property
    def has_interval(self) -> bool:
        """Whether an interval is known."""
        return self.low is not None and self.high is not None


@dataclass(frozen=True)
class LineChart:
    """Curves of several systems, each with its interval as a band; one hover shows all of them.

    Attributes:
        lines: in the order of the legend; points that are NaN are gaps.
        x_title, y_title: of the axes; y begins at 0 and fits the values.
        markers: mark the points of a curve; bands: draw the intervals; steps: a staircase instead of straight lines.
        hover: how x is written; x_range, x_step: of the axis, by itself if left out; y_format: of its numbers.
        height: of a page's figure in pixels.
    """

    lines: Sequence[Line]
    x_title: str
    y_title: str
    markers: bool = False
    bands: bool = True
    steps: bool = False
    hover: str = "%{x:g}"
    x_range: tuple[float, float] | None = None
    x_step: float | None = None
    y_format: str = ""
    height: int = 430

    @property
    def y_limits(self) -> tuple[float, float]:
        """Ends of the y axis."""
        arrays = [line.y for line in self.lines]
        arrays += [line.high for line in self.lines if line.high is not None and self.bands]
        arrays += [line.points[1] for line in self.lines if line.points is not None]
        low, high = base.from_zero(np.concatenate([np.asarray(array, float) for array in arrays] or [np.empty(0)]))
        return low, min(high, 1.03) if high - 1 < 0.07 and high > 1 else high

    @property
    def x_limits(self) -> tuple[float, float]:
        """Ends of the x axis."""
        if self.x_range is not None:
            return self.x_range
        values = np.concatenate([np.asarray(line.x, float) for line in self.lines] or [np.empty(0)])
        values = values[np.isfinite(values)]
        return (float(values.min()), float(values.max())) if len(values) and np.ptp(values) else (0.0, 1.0)

    def figure(self) -> go.Figure:
        """As a Plotly figure."""
        figure = base.new_figure()
        for number, line in enumerate(self.lines):
            self._add(figure, line, str(number))
        figure.update_xaxes(title=self.x_title, unifiedhovertitle={"text": self.hover}, dtick=self.x_step)
        if self.x_range is not None:
            figure.update_xaxes(range=self.x_range)
        figure.update_yaxes(title=self.y_title, range=self.y_limits, tickformat=self.y_format)
        dotted = any(line.points is not None for line in self.lines)
        figure.update_layout(hovermode="closest" if dotted else "x unified")
        base.base_layout(figure, self.height)
        if len(self.lines) > _MOST_ACROSS:
            return figure.update_layout(legend={"orientation": "v", "x": 1.01, "y": 1}, margin={"t": 12})
        legend = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}
        return figure.update_layout(legend=legend, margin={"t": 40, "r": 16})

    def _add(self, figure: go.Figure, line: Line, group: str) -> None:
        """Band, curve and dots of one system."""
        name = base.plain_text(line.name)
        low, high = line.low, line.high
        if low is not None and high is not None and self.bands:
            figure.add_scatter(
                x=[*line.x, *reversed(line.x)],
                y=[*high, *reversed(low)],
                fill="toself",
                fillcolor=base.with_alpha(line.colour),
                line={"width": 0},
                hoverinfo="skip",
                showlegend=False,
                legendgroup=group,
                mode="lines",
            )
        figure.add_scatter(
            x=line.x,
            y=line.y,
            name=name,
            legendgroup=group,
            mode="lines+markers" if self.markers else "lines",
            line={"color": line.colour, "dash": line.dash, "width": 2.3, "shape": "hvh" if self.steps else "linear"},
            marker={"size": 6},
            customdata=None if low is None or high is None else list(zip(low, high)),
            hovertemplate="%{y:.3f}"
            + (" [%{customdata[0]:.3f}, %{customdata[1]:.3f}]" if line.has_interval else "")
            + f"  {base.plain_text(line.name, 28)}<extra></extra>",
        )
        if line.points is not None:
            figure.add_scatter(
                x=line.points[0],
                y=line.points[1],
                mode="markers",
                marker={"color": line.colour, "size": 5, "opacity": 0.55},
                showlegend=False,
                legendgroup=group,
                hovertemplate="relevant result: recall %{x:.3f}, precision %{y:.3f}<extra></extra>",
            )

    def svg(self) -> str:
        """As an SVG of 1,056 units across, the legend under it; a curve without a number is left out."""
        scale, (low, high) = base.SvgScale(*self.x_limits, _SVG_LEFT, _SVG_WIDTH), self.y_limits
        bottom, across = _SVG_TOP + _SVG_HEIGHT, scale.across

        def up(value: float) -> float:
            """Where a y stands."""
            return round(bottom - (value - low) / (high - low) * _SVG_HEIGHT, 1)

        curves = []
        for line in self.lines:
            known = np.isfinite(np.asarray(line.y, float))
            if not known.any():
                continue
            around = []
            if line.low is not None and line.high is not None and self.bands:
                both = np.isfinite(line.low) & np.isfinite(line.high)
                around = [(across(x), up(y)) for x, y in zip(line.x[both], line.high[both])]
                around += [(across(x), up(y)) for x, y in zip(line.x[both][::-1], line.low[both][::-1])]
            curves.append(
                {
                    "name": line.name,
                    "colour": line.colour,
                    "dash": _SVG_DASHES.get(line.dash, "9 3 2 3"),
                    "points": [(across(x), up(y)) for x, y in zip(line.x[known], line.y[known])],
                    "band": around,
                }
            )
        return templates.render(
            "line_chart.svg.jinja",
            curves=curves,
            x_ticks=scale.marks(base.ticks(*self.x_limits, 11)),
            y_ticks=[(up(value), f"{value:g}") for value in base.ticks(low, high)],
            x_title=self.x_title,
            y_title=self.y_title,
            width=_SVG_WIDTH,
            left=_SVG_LEFT,
            top=_SVG_TOP,
            bottom=bottom,
        )


def precision_recall(lines: Sequence[Line], n_queries: int | None = None, height: int = 380) -> LineChart:
    """Precision over recall, one line per system.

    Args:
        lines: x is `metrics.curves.RECALL_LEVELS`.
        n_queries: how many valid queries the means rest on; None for the curve of one query.
    """
    mean = "" if n_queries is None else f", mean of {n_queries:,} queries"
    return LineChart(
        lines,
        "recall",
        f"precision (11-point interpolated{mean})",
        markers=n_queries is not None,
        hover="recall %{x:.1f}",
        x_range=(-0.02, 1.02),
        x_step=0.1,
        height=height,
    )


def stress_chart(
    curves: Sequence[Curve], title: Callable[[str], str], style: Callable[[str], tuple[str, str]], height: int = 360
) -> LineChart:
    """mAP over the steps of one corruption, one line per system; step 0 is clean.

    Args:
        title: what people call a system; style: its colour and dash.
    """
    lines = [
        Line(title(curve.system), curve.steps.astype(float), curve.mean, *style(curve.system), curve.low, curve.high)
        for curve in curves
    ]
    last = float(max(curve.steps[-1] for curve in curves))
    return LineChart(
        lines,
        "step (0 is clean)",
        "mAP",
        markers=True,
        hover="step %{x:.0f}",
        x_range=(-0.1, last + 0.1),
        x_step=1,
        height=height,
    )


class ListedImage(NamedTuple):
    """One result of a list: its identity, what it is called, whether it is relevant (None: nobody knows)."""

    key: int
    name: str
    relevant: bool | None


_RELEVANCE_STYLES = {
    True: (base.RELEVANT_COLOUR, "solid"),
    False: (base.WRONG_COLOUR, "dot"),
    None: (base.MUTED_COLOUR, "solid"),
}


def rank_lines(left: Sequence[ListedImage], right: Sequence[ListedImage], titles: tuple[str, str]) -> go.Figure:
    """Two lists beside each other, first results on top; a line joins what is in both. Dotted red is not relevant.

    Args:
        titles: what the lists are called.
    """
    figure = base.new_figure()
    ranks = {item.key: rank for rank, item in enumerate(right, start=1)}
    for rank, item in enumerate(left, start=1):
        if item.key in ranks:
            colour, dash = _RELEVANCE_STYLES[item.relevant]
            name = base.plain_text(item.name, 40)
            figure.add_scatter(
                x=[0, 1],
                y=[rank, ranks[item.key]],
                mode="lines",
                line={"color": colour, "dash": dash, "width": 2},
                hovertemplate=f"{name}: rank {rank} and {ranks[item.key]}<extra></extra>",
            )
    for side, (items, other) in enumerate(((left, right), (right, left))):
        shared = {item.key for item in other}
        figure.add_scatter(
            x=[side] * len(items),
            y=list(range(1, len(items) + 1)),
            mode="markers+text",
            text=[base.plain_text(item.name, 24) for item in items],
            textposition="middle right" if side else "middle left",
            textfont={"size": 10},
            cliponaxis=False,
            marker={
                "size": 9,
                "symbol": ["circle" if item.key in shared else "circle-open" for item in items],
                "color": [_RELEVANCE_STYLES[item.relevant][0] for item in items],
            },
            hovertemplate="%{text}, rank %{y}<extra></extra>",
        )
    deepest = max(len(left), len(right), 1)
    names = [base.plain_text(title, 40) for title in titles]
    figure.update_xaxes(tickvals=[0, 1], ticktext=names, range=[-0.6, 1.6], side="top", showgrid=False, zeroline=False)
    figure.update_yaxes(
        range=[deepest + 0.5, 0.5], title="rank", showgrid=False, zeroline=False, dtick=1 + deepest // 20
    )
    figure.update_layout(showlegend=False, dragmode=False)
    return base.base_layout(figure, height=90 + 22 * min(deepest, 40))


def training(epochs: Sequence[Epoch], best: int) -> go.Figure:
    """The course of a training: the loss falls, mean AP on the held-out part decides which epoch is used."""
    figure = base.new_figure()
    figure.add_scatter(
        x=[epoch.epoch for epoch in epochs],
        y=[epoch.loss for epoch in epochs],
        name="loss (left)",
        mode="lines",
        line={"color": base.MUTED_COLOUR, "width": 2},
        hovertemplate="epoch %{x}, loss %{y:.4f}<extra></extra>",
    )
    figure.add_scatter(
        x=[epoch.epoch for epoch in epochs],
        y=[epoch.validation for epoch in epochs],
        name="mAP, held out (right)",
        yaxis="y2",
        mode="lines+markers",
        line={"color": base.FUSION_COLOUR, "width": 2.2},
        marker={"size": 5},
        hovertemplate="epoch %{x}, mAP %{y:.4f}<extra></extra>",
    )
    figure.add_vline(
        x=best,
        line={"color": base.FUSION_COLOUR, "dash": "dot", "width": 1.4},
        annotation_text="best",
        annotation_font={"size": 11, "color": base.FUSION_COLOUR},
    )
    figure.update_layout(yaxis2={"overlaying": "y", "side": "right", "showgrid": False, "automargin": True})
    base.base_layout(figure, height=300)
    figure.update_xaxes(title="epoch")
    return figure.update_layout(margin={"t": 44}, legend={"y": 1.22})


def tuning(epochs: Sequence[TuningEpoch], best: int) -> go.Figure:
    """The course of a fine-tuning while it runs: the loss falls; mAP and hit rate@1 of images held back decide."""
    figure, across = base.new_figure(), [epoch.epoch for epoch in epochs]
    figure.add_scatter(
        x=across,
        y=[epoch.loss for epoch in epochs],
        name="loss (left)",
        mode="lines",
        line={"color": base.MUTED_COLOUR, "width": 2},
        hovertemplate="epoch %{x}, loss %{y:.4f}<extra></extra>",
    )
    for name, values, dash in (
        ("mAP, held back (right)", [epoch.map for epoch in epochs], "solid"),
        ("hit rate@1, held back (right)", [epoch.hit for epoch in epochs], "dot"),
    ):
        figure.add_scatter(
            x=across,
            y=values,
            name=name,
            yaxis="y2",
            mode="lines+markers",
            line={"color": base.BACKBONE_COLOURS[0], "width": 2.2, "dash": dash},
            marker={"size": 4},
            hovertemplate="epoch %{x}, %{y:.4f}<extra></extra>",
        )
    figure.add_vline(x=best, line={"color": base.FUSION_COLOUR, "dash": "dot", "width": 1.4}, annotation_text="best")
    right = {"overlaying": "y", "side": "right", "showgrid": False, "automargin": True, "tickmode": "auto"}
    figure.update_layout(yaxis2={**right, "tickformat": ".2f", "nticks": 6})
    base.base_layout(figure, height=330)
    figure.update_xaxes(title="epoch", rangemode="nonnegative")
    return figure.update_layout(margin={"t": 44}, legend={"y": 1.2})


def dimensions(curve: DimensionCurve) -> go.Figure:
    """Mean AP against the length of the fused vector with its interval, on an axis that doubles."""
    figure, dims = base.new_figure(), list(curve.dims)
    figure.add_scatter(
        x=dims,
        y=curve.mean,
        mode="lines+markers",
        line={"color": base.FUSION_COLOUR, "width": 2.2},
        marker={"size": 6},
        error_y=base.error_bars(curve.mean, curve.low, curve.high),
        hovertemplate="%{x:,} dimensions<br>mAP %{y:.4f}<extra></extra>",
    )
    figure.add_scatter(
        x=[curve.proposed],
        y=[curve.mean[dims.index(curve.proposed)]],
        mode="markers",
        hoverinfo="skip",
        marker={"symbol": "circle-open", "size": 18, "line": {"width": 3}, "color": base.SELECTED_COLOUR},
    )
    # The last power of two may lie too near the whole length for both to be read.
    marks = [dim for dim in dims if dim == dims[-1] or dims[-1] >= 1.6 * dim]
    figure.update_xaxes(type="log", title="dimensions", tickvals=marks, ticktext=[f"{dim:,}" for dim in marks])
    figure.update_yaxes(title="mAP")
    figure.update_layout(showlegend=False)
    return base.base_layout(figure, height=300)
