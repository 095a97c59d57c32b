"""Points: quality against cost, weights on a line or a triangle, sizes of images, a map on paper."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from core import templates
from core.charts import base
from core.data.natural_order import natural_key

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

    from core.studies.fusion_costs import SubsetCost


class CostPoint(NamedTuple):
    """A system by quality and cost: mean and 95 % interval of a metric; on_front: on the Pareto front."""

    name: str
    cost: float
    mean: float
    low: float
    high: float
    colour: str
    on_front: bool


def quality_cost(points: Sequence[CostPoint], unit: str, label: str) -> go.Figure:
    """Quality with its interval against what a system costs here, and the Pareto front.

    Args:
        unit: of the cost, written on its axis.
        label: of the metric.
    """
    figure = base.new_figure()
    front = sorted((point.cost, point.mean) for point in points if point.on_front)
    if front:
        line = {"color": base.with_alpha(base.FUSION_COLOUR, 0.55), "width": 1.6, "shape": "hv", "dash": "dot"}
        _front(figure, front, line)
    metric = base.plain_text(label)
    for point in points:
        name = base.plain_text(point.name, 28)
        figure.add_scatter(
            x=[point.cost],
            y=[point.mean],
            mode="markers+text",
            text=[f"<b>{name}</b>" if point.on_front else name],
            textposition="top center",
            textfont={"size": 12},
            name=base.plain_text(point.name),
            showlegend=False,
            cliponaxis=False,
            marker={
                "size": 13 if point.on_front else 10,
                "color": point.colour,
                "line": {"width": 2 if point.on_front else 0, "color": base.FUSION_COLOUR},
            },
            error_y=base.error_bars([point.mean], [point.low], [point.high]),
            hovertemplate=f"<b>{base.plain_text(point.name)}</b><br>%{{x:,.1f}} {unit}<br>{metric} {point.mean:.4f} "
            f"[{point.low:.4f}, {point.high:.4f}]<br>"
            + ("on the Pareto front" if point.on_front else "another one is at least as good for less")
            + "<extra></extra>",
        )
    most = max((point.cost for point in points), default=1.0)
    figure.update_xaxes(title=f"{unit}, measured here", range=[-0.06 * most, 1.12 * most])
    values = [v for point in points for v in (point.mean, point.low, point.high) if math.isfinite(v)] or [0.0, 1.0]
    room = 0.14 * max(max(values) - min(values), 0.02)
    figure.update_yaxes(title=label, range=[max(-0.02, min(values) - room), max(values) + room])
    return base.base_layout(figure, height=430)


def _front(figure: go.Figure, front: Sequence[tuple[float, float]], line: dict[str, object]) -> None:
    """The Pareto front as a staircase through (cost, value)."""
    figure.add_scatter(
        x=[cost for cost, _ in front],
        y=[value for _, value in front],
        mode="lines",
        line=line,
        hoverinfo="skip",
        showlegend=False,
    )


def subset_costs(
    subsets: Sequence[SubsetCost], titles: Mapping[str, str], by: str, chosen: SubsetCost | None = None
) -> go.Figure:
    """Quality of every subset against what it costs, with the Pareto front.

    Args:
        by: "milliseconds" or "megabytes".
        chosen: the subset that is ringed.
    """
    figure = base.new_figure()
    unit = "ms per query image" if by == "milliseconds" else "MB of weights"
    costs = [getattr(subset.cost, by) for subset in subsets]
    figure.add_scatter(
        x=costs,
        y=[subset.value for subset in subsets],
        mode="markers",
        text=[_shares_text(subset.backbones, subset.shares, titles, " + ") for subset in subsets],
        marker={
            "size": [11 if subset.on_front else 7 for subset in subsets],
            "color": [base.FUSION_COLOUR if subset.on_front else base.MUTED_COLOUR for subset in subsets],
        },
        hovertemplate="%{text}<br>%{x:.1f} " + unit + "<br>mAP %{y:.4f}<extra></extra>",
    )
    front = [(cost, subset.value) for cost, subset in zip(costs, subsets) if subset.on_front]
    _front(figure, front, {"color": base.FUSION_COLOUR, "width": 1.4, "shape": "hv"})
    if chosen is not None:
        figure.add_scatter(
            x=[getattr(chosen.cost, by)],
            y=[chosen.value],
            mode="markers",
            hoverinfo="skip",
            marker={"symbol": "circle-open", "size": 20, "line": {"width": 3}, "color": base.SELECTED_COLOUR},
        )
    figure.update_xaxes(title=unit + ", measured here", rangemode="tozero")
    figure.update_yaxes(title="mAP")
    figure.update_layout(showlegend=False)
    return base.base_layout(figure, height=360)


def _shares_text(names: Sequence[str], shares: Sequence[float], titles: Mapping[str, str], join: str = " · ") -> str:
    return join.join(f"{base.plain_text(titles.get(name, name))} {share:.0%}" for name, share in zip(names, shares))


def cost_scatter(rows: Sequence[tuple[str, float, float, str, str]]) -> go.Figure:
    """What backbones cost on this machine: parameters across, milliseconds of one image up.

    Args:
        rows: (title, million parameters, milliseconds, family, more for the hover).
    """
    figure = base.new_figure()
    families = list(dict.fromkeys(family for *_, family, _ in rows))
    sizes = [max(row[1], 0.01) for row in rows]
    for number, family in enumerate(families):
        members = [(size, row) for size, row in zip(sizes, rows) if row[3] == family]
        figure.add_scatter(
            x=[size for size, _ in members],
            y=[row[2] for _, row in members],
            mode="markers+text",
            name=base.plain_text(family),
            text=[base.plain_text(row[0]) for _, row in members],
            textposition="top center",
            textfont={"size": 11},
            customdata=[base.plain_text(row[4]) for _, row in members],
            cliponaxis=False,
            marker={"size": 11, "color": base.backbone_colour(number)},
            hovertemplate="%{text}<br>%{customdata}<extra></extra>",
        )
    marks = [step * 10**power for power in range(-2, 5) for step in (1, 2, 5)]
    for update, title, values in (
        (figure.update_xaxes, "million parameters (descriptors, which have none, stand at 0.01)", sizes),
        (figure.update_yaxes, "ms per image, measured here", [row[2] for row in rows]),
    ):
        ends = [math.log10(min(values, default=1)) - 0.25, math.log10(max(values, default=1)) + 0.35]
        update(type="log", title=title, tickvals=marks, ticktext=[f"{mark:g}" for mark in marks], range=ends)
    return base.base_layout(figure, height=360)


# ---------------------------------------------------------------- weights


# ---------------------------------------------------------------- images


def image_sizes(table: pd.DataFrame, most: int = 3000) -> go.Figure:
    """Width against height in pixels, on two logarithmic axes: a mark per size, as large as it is frequent.

    Args:
        table: columns width, height, one row per image.
        most: sizes drawn, the most frequent ones first.
    """
    grouped = table.groupby(["width", "height"]).size().rename("n").reset_index()
    grouped = grouped.sort_values("n", ascending=False).head(most)
    figure = base.new_figure()
    figure.add_scatter(
        x=grouped["width"],
        y=grouped["height"],
        mode="markers",
        customdata=grouped["n"],
        marker={
            "size": 6 + 22 * (grouped["n"] / grouped["n"].max()) ** 0.5,
            "color": base.BACKBONE_COLOURS[0],
            "opacity": 0.55,
            "line": {"width": 0},
        },
        hovertemplate="%{x:,} × %{y:,} pixels<br>%{customdata:,} images<extra></extra>",
    )
    ends = (
        float(grouped[["width", "height"]].min().min()) / 1.3,
        float(grouped[["width", "height"]].max().max()) * 1.3,
    )
    figure.add_scatter(
        x=ends, y=ends, mode="lines", line={"color": base.QUIET, "dash": "dot", "width": 1.4}, hoverinfo="skip"
    )
    marks = [2**power for power in range(15) if ends[0] <= 2**power <= ends[1]]
    for update, title in ((figure.update_xaxes, "width, pixels"), (figure.update_yaxes, "height, pixels")):
        update(type="log", title=title, tickvals=marks, ticktext=[f"{mark:,}" for mark in marks])
    figure.update_layout(showlegend=False)
    return base.base_layout(figure, height=430)


_MAP_WIDTH, _MAP_HEIGHT, _MAP_EDGE = 1056, 470, 10
MOST_CLASSES = 12
"""Classes of a map on paper that have a colour of their own."""


@dataclass(frozen=True)
class MapChart:
    """A map on paper: a point per image, the largest classes in colours of their own.

    Attributes:
        xy: (n_images, 2) where the images are; of more dimensions the first two.
        labels: of each image, "" for none; None where nothing is labelled.
    """

    xy: np.ndarray
    labels: Sequence[str] | None = None

    def _classes(self) -> tuple[list[str], dict[str, str], int]:
        """The label of each image, the colours of the largest classes in natural order, and how many others there are."""
        labels = list(self.labels or [""] * len(self.xy))
        counts = Counter(label for label in labels if label)
        named = [name for name, _ in sorted(counts.most_common(MOST_CLASSES), key=lambda pair: natural_key(pair[0]))]
        colours = {name: _class_colour(number) for number, name in enumerate(named)}
        return labels, colours, len(counts) - len(named)

    def figure(self) -> go.Figure:
        """As a Plotly figure."""
        labels, colours, _ = self._classes()
        figure = base.new_figure()
        figure.add_scatter(
            x=self.xy[:, 0],
            y=self.xy[:, 1],
            mode="markers",
            marker={"color": [colours.get(label, base.MUTED_COLOUR) for label in labels], "size": 7},
            text=[base.plain_text(label) for label in labels],
            hovertemplate="%{text}<extra></extra>",
        )
        figure.update_yaxes(scaleanchor="x")
        return base.base_layout(figure, height=_MAP_HEIGHT)

    def svg(self) -> str:
        """As an SVG of 1,056 units across; both axes have one scale, as distances on a map have."""
        xy = np.asarray(self.xy, float)[:, :2]
        low, span = xy.min(axis=0), float(max(np.ptp(xy, axis=0).max(), 1e-9))
        width, height = _MAP_WIDTH - 2 * _MAP_EDGE, _MAP_HEIGHT - 2 * _MAP_EDGE
        extent = np.maximum(np.ptp(xy, axis=0), 1e-9)
        scale = min(width / extent[0], height / extent[1], 4 * height / span)
        at = (xy - low) * scale + (np.array([width, height]) - extent * scale) / 2
        labels, colours, others = self._classes()
        points = [
            (round(_MAP_EDGE + x, 1), round(_MAP_HEIGHT - _MAP_EDGE - y, 1), colours.get(label, base.MUTED_COLOUR))
            for (x, y), label in zip(at.tolist(), labels, strict=True)
        ]
        return templates.render(
            "map_chart.svg.jinja",
            points=points,
            radius=5 if len(points) < 1_000 else 2.5,
            legend=list(colours.items()),
            others=others,
            width=_MAP_WIDTH,
            height=_MAP_HEIGHT,
        )


def _class_colour(number: int) -> str:
    """The colours of the backbones, then each of them darker."""
    red, green, blue = (int(base.backbone_colour(number)[at : at + 2], 16) for at in (1, 3, 5))
    if number < len(base.BACKBONE_COLOURS):
        return f"#{red:02x}{green:02x}{blue:02x}"
    return f"#{red // 2:02x}{green // 2:02x}{blue // 2:02x}"
