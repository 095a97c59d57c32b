"""Bars: systems with their intervals, what each backbone adds, how many images a class or a value has."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from core import templates
from core.charts import base

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

    from core.studies.fusion_attribution import Attribution


class Bar(NamedTuple):
    """One system: mean, its 95 % interval (NaN where there is none), its colour ("#rrggbb")."""

    name: str
    mean: float
    low: float
    high: float
    colour: str


@dataclass(frozen=True)
class BarChart:
    """One horizontal bar per system with its interval, the number behind it; the axis fits the values.

    Attributes:
        bars: top to bottom.
        label: of the metric.
        row_height: of a page's figure, pixels per bar.
    """

    bars: Sequence[Bar]
    label: str
    row_height: int = 34

    @property
    def limits(self) -> tuple[float, float]:
        """Ends of the axis: 0, and the highest interval with room for the number behind it."""
        return base.from_zero((value for bar in self.bars for value in (bar.mean, bar.low, bar.high)), room=0.12)

    def figure(self) -> go.Figure:
        """As a Plotly figure."""
        figure, places = base.new_figure(), list(range(len(self.bars)))
        means = [bar.mean for bar in self.bars]
        names = [base.plain_text(bar.name, 48) for bar in self.bars]
        label = base.plain_text(self.label)
        figure.add_bar(
            x=[_none(mean) for mean in means],
            y=places,
            orientation="h",
            marker={"color": [bar.colour for bar in self.bars]},
            error_x=base.halo(means, [bar.low for bar in self.bars], [bar.high for bar in self.bars]),
            customdata=[
                [base.plain_text(bar.name), "" if math.isnan(bar.low) else _interval_text(bar)] for bar in self.bars
            ],
            hovertemplate="%{customdata[0]}<br>" + label + " %{x:.4f}%{customdata[1]}<extra></extra>",
        )
        figure.add_scatter(
            x=[_end(bar) for bar in self.bars],
            y=places,
            mode="text",
            text=[f" {_number_text(mean)}" for mean in means],
            textposition="middle right",
            textfont={"size": 11},
            hoverinfo="skip",
            cliponaxis=False,
        )
        figure.add_scatter(  # the interval itself, dark on its halo: it is seen on every bar, on light and dark pages
            x=[_none(mean) for mean in means],
            y=places,
            mode="markers",
            marker={"size": 0.1, "color": base.INK},
            error_x=base.error_bars(means, [bar.low for bar in self.bars], [bar.high for bar in self.bars])
            | {"color": base.INK},
            hoverinfo="skip",
        )
        figure.update_layout(bargap=0.26, showlegend=False)
        base.base_layout(figure, height=52 + self.row_height * max(2, len(self.bars)))
        figure.update_xaxes(range=self.limits, title=label)
        # A grid line through each bar would look like an interval that goes on.
        figure.update_yaxes(
            tickvals=places, ticktext=names, range=[len(places) - 0.5, -0.5], showgrid=False, zeroline=False
        )
        return figure.update_layout(margin={"t": 4})

    def svg(self) -> str:
        """As an SVG of 1,056 units across."""
        scale, step = base.SvgScale(*self.limits), 30
        across = scale.across
        rows = [
            {
                "name": bar.name,
                "short": base.short_name(bar.name),
                "colour": bar.colour,
                "y": 6 + number * step,
                "from": 0 if math.isnan(bar.mean) else min(across(0), across(bar.mean)),
                "width": 0 if math.isnan(bar.mean) else round(abs(across(bar.mean) - across(0)), 1),
                "interval": None if math.isnan(bar.low + bar.high) else (across(bar.low), across(bar.high)),
                "end": across(_end(bar)),
                "text": _number_text(bar.mean),
            }
            for number, bar in enumerate(self.bars)
        ]
        marks, bottom = scale.marks(base.ticks(*self.limits)), 6 + step * len(rows)
        return templates.render(
            "bar_chart.svg.jinja", rows=rows, ticks=marks, label=self.label, left=scale.left, bottom=bottom
        )


def _none(value: float) -> float | None:
    return None if math.isnan(value) else value


def _number_text(mean: float) -> str:
    return "–" if math.isnan(mean) else f"{mean:.3f}"


def _interval_text(bar: Bar) -> str:
    return f"<br>95 % interval {bar.low:.4f} to {bar.high:.4f}"


def _end(bar: Bar) -> float:
    """Where the number behind a bar begins."""
    return max([0.0, *(value for value in (bar.mean, bar.high) if not math.isnan(value))])


def attribution(shares: Attribution, titles: Mapping[str, str], colours: Mapping[str, str]) -> go.Figure:
    """Exact Shapley values as a waterfall from a random order to the whole fusion."""
    order = sorted(range(len(shares.backbones)), key=lambda m: -shares.shapley[m])
    figure, top = base.new_figure(), shares.nothing
    names, heights, bases, marks, texts, hover = (
        ["random order"],
        [shares.nothing],
        [0.0],
        [base.MUTED_COLOUR],
        [f"{shares.nothing:.3f}"],
        [f"A random order has mAP {shares.nothing:.4f}"],
    )
    for m in order:
        name, value = shares.backbones[m], float(shares.shapley[m])
        title = base.plain_text(titles.get(name, name), 34)
        names.append(title)
        heights.append(abs(value))
        bases.append(min(top, top + value))
        marks.append(colours.get(name, "#888888"))
        texts.append(f"{value:+.3f}")
        hover.append(f"{title} adds {value:+.4f}<br>95 % interval {shares.low[m]:+.4f} to {shares.high[m]:+.4f}")
        top += value
    names.append("this fusion")
    heights.append(shares.everything)
    bases.append(0.0)
    marks.append(base.FUSION_COLOUR)
    texts.append(f"{shares.everything:.3f}")
    hover.append(f"This fusion has mAP {shares.everything:.4f}")
    places = list(range(len(names)))
    figure.add_bar(
        x=places,
        y=heights,
        base=bases,
        marker={"color": marks},
        text=texts,
        textposition="outside",
        hovertext=hover,
        hovertemplate="%{hovertext}<extra></extra>",
    )
    figure.update_xaxes(tickvals=places, ticktext=names)
    ends = [start + height for start, height in zip(bases, heights)]
    figure.update_yaxes(title="mAP", range=base.from_zero([*ends, *bases], room=0.12))
    figure.update_layout(showlegend=False, bargap=0.35)
    return base.base_layout(figure, height=360)


SPLIT_COLOURS = {
    "query": "#4269d0",
    "gallery": "#2a9d6f",
    "query|gallery": "#4269d0",
    "train": "#e8871e",
    "": base.MUTED_COLOUR,
}
_SPLIT_TITLES = {"query|gallery": "query and gallery", "": "in no part"}


def class_counts(table: pd.DataFrame, classes: Sequence[str]) -> go.Figure:
    """One bar per class, in the parts of the split; as high as the classes need, so that each name can be read.

    Args:
        table: columns label, split, n_images; "" is unlabelled.
        classes: those to draw, top to bottom.
    """
    figure, places = base.new_figure(), list(range(len(classes)))
    names = [base.plain_text(name, 34) or "<i>no label</i>" for name in classes]
    for part in sorted(table["split"].unique(), key=list(SPLIT_COLOURS).index):
        images = table[table["split"] == part].set_index("label")["n_images"]
        title = _SPLIT_TITLES.get(part, part)
        figure.add_bar(
            x=[int(images.get(name, 0)) for name in classes],
            y=places,
            orientation="h",
            name=title,
            marker={"color": SPLIT_COLOURS[part]},
            customdata=names,
            hovertemplate="<b>%{customdata}</b><br>%{x:,} images, " + title + "<extra></extra>",
        )
    figure.update_layout(barmode="stack", bargap=0.28, showlegend=table["split"].nunique() > 1)
    figure = base.base_layout(figure, height=64 + 22 * max(3, len(classes)))
    totals = table.groupby("label")["n_images"].sum()
    longest = max((int(totals.get(name, 0)) for name in classes), default=0)
    figure.update_xaxes(side="top", range=[0, 1.04 * max(1, longest)], tickformat=",")
    figure.update_yaxes(
        tickvals=places, ticktext=names, range=[len(classes) - 0.4, -0.6], showgrid=False, zeroline=False
    )
    return figure.update_layout(
        margin={"t": 56}, legend={"y": 1, "yref": "container", "yanchor": "top"}, dragmode=False
    )


def histogram(values: Sequence[float], title: str, colour: str = base.BACKBONE_COLOURS[0]) -> go.Figure:
    """How often each value is there: at most 40 bars."""
    figure = base.new_figure()
    figure.add_histogram(
        x=values, nbinsx=40, marker={"color": colour}, hovertemplate="%{x}<br>%{y:,} images<extra></extra>"
    )
    figure.update_xaxes(title=title)
    figure.update_yaxes(title="images")
    figure.update_layout(showlegend=False, bargap=0.06)
    return base.base_layout(figure, height=210)
