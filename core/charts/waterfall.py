"""What each step adds: floating bars from one mean to the next, the interval of each mean over them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from core import metrics, templates, wording
from core.charts import base

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from core.studies.pipeline import Pipeline

GAIN, LOSS, START = "#2f9e6e", "#c4513a", "#7a8699"


class WaterfallStep(NamedTuple):
    """One step: the mean after it with its interval, and what it added (text for people)."""

    name: str
    mean: float
    low: float
    high: float
    added: str


@dataclass(frozen=True)
class Waterfall:
    """Steps from top to bottom; each bar runs from the mean before to the mean after it.

    Attributes:
        steps: in the order of building.
        label: of the metric.
    """

    steps: Sequence[WaterfallStep]
    label: str

    @property
    def limits(self) -> tuple[float, float]:
        """Ends of the axis: around all intervals, with room for the text behind them."""
        ends = [value for step in self.steps for value in (step.low, step.high, step.mean) if value == value]
        low, high = (min(ends), max(ends)) if ends else (0.0, 1.0)
        room = max(high - low, 0.02)
        return max(0.0, low - 0.25 * room), high + 0.55 * room

    @property
    def ticks(self) -> list[float]:
        """Where numbers stand under the axis; a share above 1 is none, though the text reaches beyond it."""
        return [value for value in base.ticks(*self.limits) if value <= 1 + 1e-9]

    def _bars(self) -> list[tuple[float, float, str]]:
        """(from, to, colour) of each bar; the first starts at the edge."""
        before, bars = self.limits[0], []
        for at, step in enumerate(self.steps):
            colour = START if not at else GAIN if step.mean >= before else LOSS
            bars.append((before, step.mean, colour))
            before = step.mean
        return bars

    def figure(self) -> go.Figure:
        """As a Plotly figure."""
        figure, places = base.new_figure(), list(range(len(self.steps)))
        bars, means = self._bars(), [step.mean for step in self.steps]
        figure.add_bar(
            x=[after - before for before, after, _ in bars],
            base=[before for before, _, _ in bars],
            y=places,
            orientation="h",
            marker={"color": [colour for *_, colour in bars]},
            hoverinfo="skip",
        )
        figure.add_scatter(
            x=means,
            y=places,
            mode="markers",
            marker={"size": 7, "color": [colour for *_, colour in bars]},
            error_x=base.error_bars(means, [step.low for step in self.steps], [step.high for step in self.steps], 0.9),
            customdata=[[base.plain_text(step.name), step.added] for step in self.steps],
            hovertemplate="%{customdata[0]}<br>%{x:.4f}<br>%{customdata[1]}<extra></extra>",
        )
        figure.add_scatter(
            x=[max(step.high, step.mean) for step in self.steps],
            y=places,
            mode="text",
            text=[f"  {step.mean:.3f}  {step.added}" for step in self.steps],
            textposition="middle right",
            textfont={"size": 11},
            hoverinfo="skip",
            cliponaxis=False,
        )
        figure.update_layout(bargap=0.4, showlegend=False)
        base.base_layout(figure, height=64 + 40 * max(2, len(self.steps)))
        figure.update_xaxes(range=self.limits, tickvals=self.ticks, title=base.plain_text(self.label))
        names = [base.plain_text(step.name, 44) for step in self.steps]
        figure.update_yaxes(
            tickvals=places, ticktext=names, range=[len(places) - 0.5, -0.5], showgrid=False, zeroline=False
        )
        return figure.update_layout(margin={"t": 4})

    def svg(self) -> str:
        """As an SVG of 1,056 units across."""
        scale, step_height = base.SvgScale(*self.limits), 30
        across = scale.across
        rows = [
            {
                "name": step.name,
                "short": base.short_name(step.name),
                "colour": colour,
                "y": 6 + number * step_height,
                "from": across(min(before, after)),
                "width": round(max(abs(across(after) - across(before)), 1.0), 1),
                "interval": (across(step.low), across(step.high)) if step.low == step.low else None,
                "end": across(max(step.high, step.mean) if step.high == step.high else step.mean),
                "text": f"{step.mean:.3f}  {step.added}",
            }
            for number, (step, (before, after, colour)) in enumerate(zip(self.steps, self._bars()))
        ]
        marks, bottom = scale.marks(self.ticks), 6 + step_height * len(rows)
        return templates.render(
            "bar_chart.svg.jinja", rows=rows, ticks=marks, label=self.label, left=scale.left, bottom=bottom
        )


def of_pipeline(pipeline: Pipeline, judged: bool = False) -> Waterfall:
    """The waterfall of a pipeline, in mAP over the queries that reported.

    Args:
        judged: the truth is what people judged.
    """
    steps = [
        WaterfallStep(
            stage.name,
            stage.map.mean,
            stage.map.low,
            stage.map.high,
            ""
            if stage.added is None
            else f"{wording.signed(stage.added.mean)} {wording.interval(stage.added.low, stage.added.high, sign=True)}",
        )
        for stage in pipeline.stages
    ]
    metric = metrics.label("map", judged)
    return Waterfall(steps, f"{metric} over {pipeline.n_valid:,} queries that chose nothing")
