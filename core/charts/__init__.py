"""Tables and results in, Plotly figures out. No Streamlit here: the report draws with the same functions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import plotly.graph_objects as go

    from core.studies.fusion_attribution import Attribution, Landscape, SubsetCost
    from core.studies.training.learned_fusion import Epoch
    from core.studies.weight_search import DimensionCurve

BACKBONE_COLOURS = ("#4269d0", "#e8871e", "#2a9d6f", "#c2527f", "#7f62c9", "#2f9fb8", "#a5853b", "#6b7686")
"""One per backbone, by its place in the selection; told apart by people with red-green weakness too."""

FUSION_COLOUR = "#d6404e"
OTHER_MIX_COLOUR = "#a98f5b"
"""A fusion that another one stands beside: the baseline, the mix of all."""
QUIET = "rgba(128, 136, 150, 0.35)"


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


def _figure() -> go.Figure:
    import plotly.graph_objects as go

    return go.Figure()


def _light(colour: str) -> float:
    """Relative luminance of "#rrggbb", 0 to 1 (WCAG 2)."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


_DARK_INK = "#1c2333"


def contrasting_text(colour: str) -> str:
    """Dark or white, whichever stands out more on this colour ("#rrggbb")."""
    here = _light(colour) + 0.05
    return _DARK_INK if here / (_light(_DARK_INK) + 0.05) > 1.05 / here else "#ffffff"


def _shade(value: float, limits: tuple[float, float], colours: Sequence[str]) -> str:
    """The colour of a heat map at a value, "#rrggbb"."""
    place = (value - limits[0]) / ((limits[1] - limits[0]) or 1.0) * (len(colours) - 1)
    place = min(max(place, 0.0), len(colours) - 1.0)
    low = min(int(place), len(colours) - 2)
    ends = [[int(colours[at][c : c + 2], 16) for c in (1, 3, 5)] for at in (low, low + 1)]
    return "#" + "".join(f"{round(a + (b - a) * (place - low)):02x}" for a, b in zip(*ends))


def cell_labels(
    figure: go.Figure,
    words: Sequence[Sequence[str]],
    values: Sequence[Sequence[float | None]],
    limits: tuple[float, float],
    colours: Sequence[str],
    size: int,
) -> None:
    """The numbers of a heat map, each in the ink that is read on its square; Plotly's own choice fades on middle tones."""
    cells = [(r, c) for r, row in enumerate(values) for c, v in enumerate(row) if v is not None and words[r][c]]
    figure.add_scatter(
        x=[c for _, c in cells],
        y=[r for r, _ in cells],
        mode="text",
        text=[words[r][c] for r, c in cells],
        textfont={"size": size, "color": [contrasting_text(_shade(values[r][c], limits, colours)) for r, c in cells]},
        hoverinfo="skip",
        showlegend=False,
    )


def metric_bars(rows: Sequence[tuple[str, float, float, float, str]], label: str, row_height: int = 34) -> go.Figure:
    """One horizontal bar per system with its interval.

    Args:
        rows: (system, mean, low, high, colour), best shown as given, top to bottom.
        label: of the metric.
        row_height: pixels per bar.
    """
    figure = _figure()
    rows = list(reversed(rows))
    means = [mean for _, mean, _, _, _ in rows]
    figure.add_bar(
        x=means,
        y=[name for name, *_ in rows],
        orientation="h",
        marker={"color": [row[4] for row in rows]},
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [high - mean for _, mean, _, high, _ in rows],
            "arrayminus": [mean - low for _, mean, low, _, _ in rows],
            "color": "rgba(110,118,132,0.9)",
            "thickness": 1.4,
            "width": 3,
        },
        text=[f" {mean:.3f}" for mean in means],
        textposition="inside",
        insidetextanchor="start",
        textangle=0,
        insidetextfont={"color": [contrasting_text(row[4]) for row in rows], "size": 11},
        constraintext="none",
        customdata=[[low, high] for _, _, low, high, _ in rows],
        hovertemplate="%{y}<br>"
        + label
        + " %{x:.4f}<br>95 % interval %{customdata[0]:.4f} to %{customdata[1]:.4f}<extra></extra>",
    )
    figure.update_xaxes(range=[0, 1], title=label)
    figure.update_layout(bargap=0.26, showlegend=False)
    base_layout(figure, height=52 + row_height * max(2, len(rows)))
    # A line through each bar would look like an interval that goes on.
    figure.update_yaxes(showgrid=False)
    figure.update_layout(margin={"t": 4})
    return figure


def precision_recall(curves: Sequence[tuple[str, np.ndarray, str, str]], n_queries: int) -> go.Figure:
    """11-point interpolated precision over recall, one line per system.

    Args:
        curves: (system, (11,) precision, colour, dash).
        n_queries: how many valid queries the means rest on.
    """
    figure = _figure()
    for name, values, colour, dash in curves:
        figure.add_scatter(
            x=[level / 10 for level in range(11)],
            y=values,
            name=name,
            mode="lines+markers",
            line={"color": colour, "dash": dash, "width": 2.2},
            marker={"size": 5},
            hovertemplate=name + "<br>recall %{x:.1f}, precision %{y:.3f}<extra></extra>",
        )
    figure.update_xaxes(range=[-0.02, 1.02], title="recall level", dtick=0.1)
    figure.update_yaxes(range=[0, 1.03], title=f"precision (11-point interpolated, mean of {n_queries:,} queries)")
    return base_layout(figure, height=380)


def attribution(found: Attribution, titles: Mapping[str, str], colours: Mapping[str, str]) -> go.Figure:
    """Exact Shapley values as a waterfall from a random order to the whole fusion."""
    import plotly.graph_objects as go

    order = sorted(range(len(found.backbones)), key=lambda m: -found.shapley[m])
    names = [found.backbones[m] for m in order]
    figure = go.Figure()
    at = found.nothing
    figure.add_bar(
        x=["random order"],
        y=[found.nothing],
        marker={"color": "#9aa3b2"},
        text=[f"{found.nothing:.3f}"],
        textposition="outside",
        hovertemplate="A random order has mAP %{y:.4f}<extra></extra>",
    )
    for m, name in zip(order, names):
        value, low, high = found.shapley[m], found.low[m], found.high[m]
        figure.add_bar(
            x=[titles.get(name, name)],
            y=[abs(value)],
            base=[min(at, at + value)],
            marker={"color": colours.get(name, "#888")},
            text=[f"{value:+.3f}"],
            textposition="outside",
            hovertemplate=f"{titles.get(name, name)} adds {value:+.4f}<br>95 % interval {low:+.4f} to {high:+.4f}<extra></extra>",
        )
        at += value
    figure.add_bar(
        x=["this fusion"],
        y=[found.everything],
        marker={"color": FUSION_COLOUR},
        text=[f"{found.everything:.3f}"],
        textposition="outside",
        hovertemplate="This fusion has mAP %{y:.4f}<extra></extra>",
    )
    figure.update_yaxes(title="mAP", range=[0, min(1.12, max(found.everything, at) * 1.18 + 0.02)])
    figure.update_layout(showlegend=False, bargap=0.35)
    return base_layout(figure, height=360)


_CORNERS = ((0.0, 0.0), (1.0, 0.0), (0.5, 0.8660254))


def landscape(
    found: Landscape,
    titles: Mapping[str, str],
    marks: Sequence[tuple[str, Sequence[float], str]],
    pair: tuple[str, str] | None = None,
) -> go.Figure:
    """Mean AP over the weights: a curve for two backbones or one slice, a triangle for three.

    Args:
        found: from `studies.explain.landscape`.
        titles: name → what people read.
        marks: (text, shares in the order of the backbones, colour): the present point, equal weights, the tuned one.
        pair: which slice to draw when there are more than three backbones.
    """
    if found.shape == "ternary":
        return _triangle(found, titles, marks)
    first, second = pair or (found.backbones[0], found.backbones[1])
    rows = [i for i in range(len(found.points)) if not found.slices or found.slices[i] == (first, second)]
    a, b = found.backbones.index(first), found.backbones.index(second)
    portion = [found.points[i][a] / max(found.points[i][a] + found.points[i][b], 1e-12) for i in rows]
    figure = _figure()
    figure.add_scatter(
        x=portion,
        y=[found.values[i] for i in rows],
        mode="lines+markers",
        line={"color": FUSION_COLOUR, "width": 2.2},
        marker={
            "size": [9 if found.as_good[i] else 5 for i in rows],
            "color": [FUSION_COLOUR if found.as_good[i] else "#b8bfcc" for i in rows],
        },
        customdata=[int(i) for i in rows],
        name="mAP",
        hovertemplate=f"{titles.get(first, first)} %{{x:.0%}} of the pair<br>mAP %{{y:.4f}}<extra></extra>",
    )
    for text, shares, colour in marks:
        both = shares[a] + shares[b]
        if both > 0:
            figure.add_vline(
                x=shares[a] / both,
                line={"color": colour, "dash": "dot", "width": 1.6},
                annotation_text=text,
                annotation_font={"size": 11, "color": colour},
            )
    figure.update_xaxes(
        title=f"share of {titles.get(first, first)} in the pair with {titles.get(second, second)}",
        tickformat=".0%",
        range=[-0.03, 1.03],
    )
    figure.update_yaxes(title="mAP")
    figure.update_layout(showlegend=False, dragmode=False, clickmode="event+select")
    figure.update_traces(unselected={"marker": {"opacity": 1}}, selected={"marker": {"opacity": 1}})
    return base_layout(figure, height=360)


def _triangle(
    found: Landscape, titles: Mapping[str, str], marks: Sequence[tuple[str, Sequence[float], str]]
) -> go.Figure:
    def place(shares: Sequence[float]) -> tuple[float, float]:
        return tuple(sum(s * corner[axis] for s, corner in zip(shares, _CORNERS)) for axis in (0, 1))

    figure = _figure()
    spots = [place(point) for point in found.points]
    names = [titles.get(name, name) for name in found.backbones]
    words = [" · ".join(f"{n} {s:.0%}" for n, s in zip(names, point)) for point in found.points]
    figure.add_scatter(
        x=[x for x, _ in spots],
        y=[y for _, y in spots],
        mode="markers",
        customdata=list(range(len(spots))),
        text=words,
        marker={
            "symbol": "hexagon",
            "size": 17,
            "color": found.values,
            "colorscale": "Viridis",
            "colorbar": {"title": "mAP", "thickness": 12},
            "line": {"width": [1.6 if good else 0 for good in found.as_good], "color": "#ffffff"},
        },
        hovertemplate="%{text}<br>mAP %{marker.color:.4f}<extra></extra>",
    )
    for text, shares, colour in marks:
        x, y = place(shares)
        figure.add_scatter(
            x=[x],
            y=[y],
            mode="markers+text",
            text=[text],
            textposition="top center",
            textfont={"size": 12},
            marker={"symbol": "circle-open", "size": 17, "line": {"width": 3}, "color": colour},
            hoverinfo="skip",
        )
    for name, (x, y) in zip(names, _CORNERS):
        figure.add_annotation(x=x, y=y, text=f"<b>{name}</b>", showarrow=False, yshift=18 if y > 0 else -18)
    figure.update_xaxes(visible=False, range=[-0.15, 1.15])
    figure.update_yaxes(visible=False, range=[-0.14, 1.02], scaleanchor="x")
    figure.update_layout(showlegend=False, dragmode=False, clickmode="event+select")
    figure.update_traces(unselected={"marker": {"opacity": 1}}, selected={"marker": {"opacity": 1}})
    return base_layout(figure, height=430)


def training(epochs: Sequence[Epoch], kept: int) -> go.Figure:
    """The course of a training: the loss falls, mean AP on the held-back part decides which epoch is kept."""
    figure = _figure()
    figure.add_scatter(
        x=[one.epoch for one in epochs],
        y=[one.loss for one in epochs],
        name="loss (left)",
        mode="lines",
        line={"color": "#9aa3b2", "width": 2},
        hovertemplate="epoch %{x}, loss %{y:.4f}<extra></extra>",
    )
    figure.add_scatter(
        x=[one.epoch for one in epochs],
        y=[one.validation for one in epochs],
        name="mAP, held back (right)",
        yaxis="y2",
        mode="lines+markers",
        line={"color": FUSION_COLOUR, "width": 2.2},
        marker={"size": 5},
        hovertemplate="epoch %{x}, mAP %{y:.4f}<extra></extra>",
    )
    figure.add_vline(
        x=kept,
        line={"color": FUSION_COLOUR, "dash": "dot", "width": 1.4},
        annotation_text="kept",
        annotation_font={"size": 11, "color": FUSION_COLOUR},
    )
    figure.update_layout(yaxis2={"overlaying": "y", "side": "right", "showgrid": False, "automargin": True})
    base_layout(figure, height=300)
    figure.update_xaxes(title="epoch")
    figure.update_layout(margin={"t": 44}, legend={"y": 1.22})
    return figure


def dimensions(found: DimensionCurve) -> go.Figure:
    """Mean AP against the length of the fused vector with its interval, on an axis that doubles."""
    figure = _figure()
    dims = list(found.dims)
    figure.add_scatter(
        x=dims,
        y=found.mean,
        mode="lines+markers",
        line={"color": FUSION_COLOUR, "width": 2.2},
        marker={"size": 6},
        error_y={
            "type": "data",
            "symmetric": False,
            "array": found.high - found.mean,
            "arrayminus": found.mean - found.low,
            "color": "rgba(110,118,132,0.8)",
            "thickness": 1.3,
            "width": 3,
        },
        hovertemplate="%{x:,} dimensions<br>mAP %{y:.4f}<extra></extra>",
    )
    figure.add_scatter(
        x=[found.proposed],
        y=[found.mean[dims.index(found.proposed)]],
        mode="markers",
        hoverinfo="skip",
        marker={"symbol": "circle-open", "size": 18, "line": {"width": 3}, "color": "#2b7de9"},
    )
    # The last power of two may lie too near the whole length for both to be read.
    told = [dim for dim in dims if dim == dims[-1] or dims[-1] >= 1.6 * dim]
    figure.update_xaxes(type="log", title="dimensions", tickvals=told, ticktext=[f"{dim:,}" for dim in told])
    figure.update_yaxes(title="mAP")
    figure.update_layout(showlegend=False)
    return base_layout(figure, height=300)


def subset_costs(
    found: Sequence[SubsetCost], titles: Mapping[str, str], by: str, chosen: SubsetCost | None = None
) -> go.Figure:
    """Quality of every subset against what it costs, with the Pareto front."""
    figure = _figure()
    unit = "ms per query image" if by == "milliseconds" else "MB of weights"
    costs = [getattr(one.cost, by) for one in found]
    words = [" + ".join(f"{titles.get(n, n)} {s:.0%}" for n, s in zip(one.backbones, one.shares)) for one in found]
    figure.add_scatter(
        x=costs,
        y=[one.value for one in found],
        mode="markers",
        text=words,
        marker={
            "size": [11 if one.on_front else 7 for one in found],
            "color": [FUSION_COLOUR if one.on_front else "#9aa3b2" for one in found],
        },
        hovertemplate="%{text}<br>%{x:.1f} " + unit + "<br>mAP %{y:.4f}<extra></extra>",
    )
    front = [(cost, one.value) for cost, one in zip(costs, found) if one.on_front]
    figure.add_scatter(
        x=[c for c, _ in front],
        y=[v for _, v in front],
        mode="lines",
        line={"color": FUSION_COLOUR, "width": 1.4, "shape": "hv"},
        hoverinfo="skip",
    )
    if chosen is not None:
        figure.add_scatter(
            x=[getattr(chosen.cost, by)],
            y=[chosen.value],
            mode="markers",
            hoverinfo="skip",
            marker={"symbol": "circle-open", "size": 20, "line": {"width": 3}, "color": "#2b7de9"},
        )
    figure.update_xaxes(title=unit + ", measured here", rangemode="tozero")
    figure.update_yaxes(title="mAP")
    figure.update_layout(showlegend=False)
    return base_layout(figure, height=360)


def query_curve(
    lines: Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray]], colours: Mapping[str, str] | None = None
) -> go.Figure:
    """Precision over recall of one query, by system: raw points, and the 11 interpolated levels as a line.

    Args:
        lines: system → (recall, precision) of the raw points and (11,) levels.
        colours: of the systems; by their place when there are none.
    """
    import plotly.graph_objects as go

    figure = go.Figure()
    for number, (name, (recall, precision, levels)) in enumerate(lines.items()):
        colour = (colours or {}).get(name) or BACKBONE_COLOURS[number % len(BACKBONE_COLOURS)]
        figure.add_scatter(
            x=[i / 10 for i in range(11)],
            y=levels,
            name=escape(name),
            mode="lines",
            line={"color": colour, "width": 2.5},
            hovertemplate="precision %{y:.3f} at recall %{x:.1f} or more<extra></extra>",
        )
        figure.add_scatter(
            x=recall,
            y=precision,
            mode="markers",
            marker={"color": colour, "size": 5, "opacity": 0.55},
            showlegend=False,
            hovertemplate="relevant result: recall %{x:.3f}, precision %{y:.3f}<extra></extra>",
        )
    figure.update_xaxes(title="recall", range=[-0.02, 1.02])
    figure.update_yaxes(title="precision", range=[-0.02, 1.05])
    return base_layout(figure, 300)


_SHADES = [[0.0, "rgba(64, 132, 240, 0.10)"], [1.0, "rgba(64, 132, 240, 1)"]]
"""From hardly there to full, on a light and on a dark page."""


def confusion_map(table: pd.DataFrame, classes: Sequence[str], height: int = 600) -> go.Figure:
    """Query class (down) against result class (across); the darker a square, the larger its share of the results.

    Args:
        table: rows of `studies.retrieval.confusions`; `customdata` of a square is its row there.
        classes: in the order of the axes.
    """
    import plotly.graph_objects as go

    places = {name: number for number, name in enumerate(classes)}
    shown = table[table["query class"].isin(places) & table["result class"].isin(places)]
    top = max(0.1, float(shown["share"].max()) if len(shown) else 1.0)
    side = max(3.0, min(26.0, (height - 190) / max(len(classes), 1)))
    hover = [
        f"asked: <b>{escape(row[0])}</b><br>retrieved: <b>{escape(row[1])}</b><br>{row[2]:,} results, {row[3]:.1%} of its results"
        for row in shown[["query class", "result class", "results", "share"]].itertuples(index=False)
    ]
    figure = go.Figure(
        go.Scatter(
            x=shown["result class"].map(places),
            y=shown["query class"].map(places),
            mode="markers",
            text=hover,
            customdata=shown.index.to_numpy(),
            hovertemplate="%{text}<extra></extra>",
            marker={
                "symbol": "square",
                "size": side,
                "color": shown["share"],
                "cmin": 0,
                "cmax": top,
                "colorscale": _SHADES,
                "colorbar": {"tickformat": ".0%", "thickness": 8, "len": 0.5, "xpad": 4},
                "line": {"width": 0},
            },
        )
    )
    step = max(1, -(-len(classes) // 32))
    ticks = list(range(0, len(classes), step))
    names = [escape(name if len(name) <= 18 else name[:17] + "…") for name in (classes[tick] for tick in ticks)]
    figure.update_xaxes(
        tickvals=ticks, ticktext=names, tickangle=-60, title="retrieved", range=[-0.7, len(classes) - 0.3]
    )
    figure.update_yaxes(
        tickvals=ticks,
        ticktext=names,
        title="asked",
        range=[len(classes) - 0.3, -0.7],
        scaleanchor="x",
        constrain="domain",
        constraintoward="top",
    )
    figure.update_layout(dragmode=False, clickmode="event+select")
    for axis in (figure.update_xaxes, figure.update_yaxes):
        axis(tickfont={"size": 10}, showgrid=False, zeroline=False)
    return base_layout(figure, height)


SPLIT_COLOURS = {
    "query": "#4269d0",
    "gallery": "#2a9d6f",
    "query|gallery": "#4269d0",
    "train": "#e8871e",
    "": "#9aa3b2",
}
_SPLIT_TITLES = {"query|gallery": "asks and is searched", "": "in no part"}


def class_counts(table: pd.DataFrame, classes: Sequence[str]) -> go.Figure:
    """One bar per class, in the parts of the split; as high as the classes need, so that each name can be read.

    Args:
        table: columns label, split, n_images; "" is unlabelled.
        classes: those to draw, top to bottom.
    """
    figure = _figure()
    names = [escape(name if len(name) <= 34 else name[:33] + "…") or "<i>no label</i>" for name in classes]
    for word in sorted(table["split"].unique(), key=list(SPLIT_COLOURS).index):
        part = table[table["split"] == word].set_index("label")["n_images"]
        counts = [int(part.get(name, 0)) for name in classes]
        title = _SPLIT_TITLES.get(word, word)
        figure.add_bar(
            x=counts,
            y=list(range(len(classes))),
            orientation="h",
            name=title,
            marker={"color": SPLIT_COLOURS[word]},
            customdata=names,
            hovertemplate="<b>%{customdata}</b><br>%{x:,} images, " + title + "<extra></extra>",
        )
    figure.update_layout(barmode="stack", bargap=0.28, showlegend=table["split"].nunique() > 1)
    figure = base_layout(figure, height=64 + 22 * max(3, len(classes)))
    totals = table.groupby("label")["n_images"].sum()
    longest = max((int(totals.get(name, 0)) for name in classes), default=0)
    figure.update_xaxes(side="top", range=[0, 1.04 * max(1, longest)], tickformat=",")
    figure.update_yaxes(
        tickvals=list(range(len(classes))),
        ticktext=names,
        range=[len(classes) - 0.4, -0.6],
        showgrid=False,
        zeroline=False,
    )
    figure.update_layout(margin={"t": 56}, legend={"y": 1, "yref": "container", "yanchor": "top"}, dragmode=False)
    return figure


def image_sizes(table: pd.DataFrame, most: int = 3000) -> go.Figure:
    """Width against height in pixels, on two logarithmic axes: a mark per size, as large as it is frequent.

    Args:
        table: columns width, height, one row per image.
        most: sizes drawn, the most frequent ones first.
    """
    grouped = table.groupby(["width", "height"]).size().rename("n").reset_index()
    grouped = grouped.sort_values("n", ascending=False).head(most)
    figure = _figure()
    figure.add_scatter(
        x=grouped["width"],
        y=grouped["height"],
        mode="markers",
        customdata=grouped["n"],
        marker={
            "size": 6 + 22 * (grouped["n"] / grouped["n"].max()) ** 0.5,
            "color": BACKBONE_COLOURS[0],
            "opacity": 0.55,
            "line": {"width": 0},
        },
        hovertemplate="%{x:,} × %{y:,} pixels<br>%{customdata:,} images<extra></extra>",
    )
    low = float(min(grouped["width"].min(), grouped["height"].min())) / 1.3
    high = float(max(grouped["width"].max(), grouped["height"].max())) * 1.3
    figure.add_scatter(
        x=[low, high], y=[low, high], mode="lines", line={"color": QUIET, "dash": "dot", "width": 1.4}, hoverinfo="skip"
    )
    marks = [
        mark for mark in (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384) if low <= mark <= high
    ]
    for update, title in ((figure.update_xaxes, "width, pixels"), (figure.update_yaxes, "height, pixels")):
        update(type="log", title=title, tickvals=marks, ticktext=[f"{mark:,}" for mark in marks])
    figure.update_layout(showlegend=False)
    return base_layout(figure, height=430)


def histogram(values: Sequence[float], title: str, colour: str = BACKBONE_COLOURS[0]) -> go.Figure:
    """How often each value is there: at most 40 bars."""
    figure = _figure()
    figure.add_histogram(
        x=values, nbinsx=40, marker={"color": colour}, hovertemplate="%{x}<br>%{y:,} images<extra></extra>"
    )
    figure.update_xaxes(title=title)
    figure.update_yaxes(title="images")
    figure.update_layout(showlegend=False, bargap=0.06)
    return base_layout(figure, height=210)


def similarity_map(matrix: np.ndarray, titles: Sequence[str], label: str) -> go.Figure:
    """How alike every pair is, from 0 to 1, as a square of numbers; the diagonal says nothing and stays empty.

    Args:
        matrix: (n, n), symmetric.
        titles: n names.
        label: what a square says, for the hover.
    """
    import plotly.graph_objects as go

    names = [escape(title) for title in titles]
    values = [[None if i == j else float(v) for j, v in enumerate(row)] for i, row in enumerate(matrix)]
    many = len(names) > 12
    figure = go.Figure(
        go.Heatmap(
            z=values,
            x=names,
            y=names,
            zmin=0,
            zmax=1,
            colorscale="Blues",
            xgap=2,
            ygap=2,
            hoverongaps=False,
            text=[["" if v is None or many else f"{v:.2f}" for v in row] for row in values],
            texttemplate="%{text}",
            hovertemplate="%{y}<br>%{x}<br>" + label + " %{z:.3f}<extra></extra>",
            colorbar={"thickness": 10, "len": 0.7, "tickvals": [0, 0.5, 1]},
        )
    )
    figure.update_xaxes(tickangle=-40, showgrid=False, constrain="domain")
    figure.update_yaxes(autorange="reversed", showgrid=False, scaleanchor="x", constrain="domain")
    return base_layout(figure, height=170 + 34 * min(max(len(names), 4), 16))


def cost_scatter(rows: Sequence[tuple[str, float, float, str, str]]) -> go.Figure:
    """What backbones cost on this machine: parameters across, milliseconds of one picture up.

    Args:
        rows: (title, million parameters, milliseconds, family, more words for the hover).
    """
    figure = _figure()
    families = list(dict.fromkeys(family for *_, family, _ in rows))
    for number, family in enumerate(families):
        mine = [row for row in rows if row[3] == family]
        figure.add_scatter(
            x=[max(row[1], 0.01) for row in mine],
            y=[row[2] for row in mine],
            mode="markers+text",
            name=family,
            text=[escape(row[0]) for row in mine],
            textposition="top center",
            textfont={"size": 11},
            customdata=[escape(row[4]) for row in mine],
            cliponaxis=False,
            marker={"size": 11, "color": BACKBONE_COLOURS[number % len(BACKBONE_COLOURS)]},
            hovertemplate="%{text}<br>%{customdata}<extra></extra>",
        )
    for axis, title, values in (
        (
            figure.update_xaxes,
            "million parameters (descriptors, which have none, stand at 0.01)",
            [max(r[1], 0.01) for r in rows],
        ),
        (figure.update_yaxes, "ms per picture, measured here", [row[2] for row in rows]),
    ):
        ticks = [step * 10**power for power in range(-2, 5) for step in (1, 2, 5)]
        ends = [math.log10(min(values)) - 0.25, math.log10(max(values)) + 0.35]
        axis(type="log", title=title, tickvals=ticks, ticktext=[f"{tick:g}" for tick in ticks], range=ends)
    return base_layout(figure, height=360)


# ---------------------------------------------------------------- leaderboard and curves


@dataclass(frozen=True)
class Shades:
    """Colours of heat maps that sit well on a light or on a dark page.

    Attributes:
        rising: low to high; two_sided: worse, equal, better.
    """

    rising: tuple[str, ...]
    two_sided: tuple[str, str, str]
    text: str


LIGHT = Shades(("#f4f6fb", "#b9c9f2", "#3a5bd0"), ("#e0862c", "#f4f5f8", "#4a6fd6"), "#1c2333")
DARK = Shades(("#1a2030", "#31457f", "#8aa5ff"), ("#b3621a", "#232936", "#4a6fd6"), "#e8ebf2")


def _scale(colours: Sequence[str]) -> list[list]:
    return [[place / (len(colours) - 1), colour] for place, colour in enumerate(colours)]


def _short(text: str, most: int = 28) -> str:
    return escape(text if len(text) <= most else text[: most - 1] + "…")


def picture_config(file: str, kind: str = "svg") -> dict:
    """Plotly's own buttons, with a camera that saves what is drawn as SVG or PNG, in the browser alone."""
    return {
        "displaylogo": False,
        "toImageButtonOptions": {"format": kind, "filename": file, "scale": 1 if kind == "svg" else 3},
        "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"],
    }


@dataclass(frozen=True)
class Line:
    """One system's curve.

    Attributes:
        name: what people read.
        x, y: (n,) points; low, high: their 95 % interval, or None.
        colour: of the line; dash: "solid" for backbones, another for fusions.
    """

    name: str
    x: np.ndarray
    y: np.ndarray
    colour: str
    dash: str = "solid"
    low: np.ndarray | None = None
    high: np.ndarray | None = None


def with_alpha(colour: str, strength: float = 0.14) -> str:
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red},{green},{blue},{strength})"


def lines(
    curves: Sequence[Line],
    x_title: str,
    y_title: str,
    *,
    markers: bool = False,
    bands: bool = True,
    hover: str = "%{x:g}",
    unit_range: bool = True,
    log_x: bool = False,
    height: int = 430,
) -> go.Figure:
    """Curves of several systems, each with its interval as a band; one hover shows all of them.

    Args:
        markers: draw the points too.
        bands: draw the intervals.
        hover: how x is written.
        unit_range: y goes from 0 to 1.
        log_x: a logarithmic x axis.
    """
    figure = _figure()
    for number, one in enumerate(curves):
        name = escape(one.name)
        around = one.low is not None and one.high is not None
        if around and bands:
            figure.add_scatter(
                x=[*one.x, *reversed(one.x)],
                y=[*one.high, *reversed(one.low)],
                fill="toself",
                fillcolor=with_alpha(one.colour),
                line={"width": 0},
                hoverinfo="skip",
                showlegend=False,
                legendgroup=str(number),
                mode="lines",
            )
        figure.add_scatter(
            x=one.x,
            y=one.y,
            name=name,
            legendgroup=str(number),
            mode="lines+markers" if markers else "lines",
            line={"color": one.colour, "dash": one.dash, "width": 2.3},
            marker={"size": 6},
            customdata=list(zip(one.low, one.high)) if around else None,
            hovertemplate="%{y:.3f}"
            + (" [%{customdata[0]:.3f}, %{customdata[1]:.3f}]" if around else "")
            + f"  {_short(one.name)}<extra></extra>",
        )
    figure.update_xaxes(title=x_title, hoverformat=None, unifiedhovertitle={"text": hover})
    figure.update_yaxes(title=y_title)
    if unit_range:
        figure.update_yaxes(range=[0, 1.03])
    if log_x:
        figure.update_xaxes(type="log", dtick="D1")
    figure.update_layout(hovermode="x unified")
    figure = base_layout(figure, height)
    figure.update_layout(legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}, margin={"t": 40, "r": 16})
    return figure


def differences_map(
    titles: Sequence[str],
    values: Sequence[Sequence[float]],
    told: Sequence[Sequence[bool]],
    hover: Sequence[Sequence[str]],
    shades: Shades = LIGHT,
) -> go.Figure:
    """The system of the row less that of the column, as a number and a colour; "≈" where they cannot be told apart.

    Args:
        titles: n systems, best first.
        values: (n, n) differences; told: (n, n) whether the pair can be told apart; hover: (n, n) all that is known.
    """
    import plotly.graph_objects as go

    n = len(titles)
    most = max((abs(v) for row in values for v in row if v == v), default=1.0) or 1.0
    cells = [[None if i == j else values[i][j] for j in range(n)] for i in range(n)]
    few = n <= 14
    words = [
        [
            "" if i == j or not few else f"{'' if told[i][j] else '≈ '}{values[i][j]:+.3f}".replace("-", "−")
            for j in range(n)
        ]
        for i in range(n)
    ]
    figure = go.Figure(
        go.Heatmap(
            z=cells,
            x=list(range(n)),
            y=list(range(n)),
            customdata=hover,
            zmin=-most,
            zmax=most,
            colorscale=_scale(shades.two_sided),
            hoverongaps=False,
            xgap=2,
            ygap=2,
            showscale=False,
            hovertemplate="%{customdata}<extra></extra>",
        )
    )
    if few:
        cell_labels(figure, words, cells, (-most, most), shades.two_sided, 12 if n <= 9 else 10)
    names = [_short(title) for title in titles]
    figure.update_xaxes(
        tickvals=list(range(n)),
        ticktext=names,
        tickangle=-35 if n > 5 else 0,
        side="top",
        showgrid=False,
        zeroline=False,
        range=[-0.5, n - 0.5],
        ticklabeloverflow="allow",
    )
    figure.update_yaxes(tickvals=list(range(n)), ticktext=names, range=[n - 0.5, -0.5], showgrid=False, zeroline=False)
    base_layout(figure, height=150 + 44 * max(3, min(n, 18)))
    return figure.update_layout(margin_r=8 if n <= 5 else 80)


def quality_cost(
    points: Sequence[tuple[str, float, float, float, float, str, bool]], unit: str, label: str
) -> go.Figure:
    """Quality with its interval against what a system costs here, and the Pareto front.

    Args:
        points: (system, cost, mean, low, high, colour, on the front).
        unit: of the cost, written on its axis.
        label: of the metric.
    """
    figure = _figure()
    edge = sorted((p[1], p[2]) for p in points if p[6])
    if edge:
        figure.add_scatter(
            x=[x for x, _ in edge],
            y=[y for _, y in edge],
            mode="lines",
            hoverinfo="skip",
            showlegend=False,
            line={"color": "rgba(214,64,78,0.55)", "width": 1.6, "shape": "hv", "dash": "dot"},
        )
    for name, cost, mean, low, high, colour, best in points:
        figure.add_scatter(
            x=[cost],
            y=[mean],
            mode="markers+text",
            text=[f"<b>{_short(name)}</b>" if best else _short(name)],
            textposition="top center",
            textfont={"size": 12},
            name=escape(name),
            showlegend=False,
            cliponaxis=False,
            marker={
                "size": 13 if best else 10,
                "color": colour,
                "line": {"width": 2 if best else 0, "color": FUSION_COLOUR},
            },
            error_y={
                "type": "data",
                "symmetric": False,
                "array": [high - mean],
                "arrayminus": [mean - low],
                "color": "rgba(110,118,132,0.8)",
                "thickness": 1.3,
                "width": 3,
            },
            hovertemplate=f"<b>{escape(name)}</b><br>%{{x:,.1f}} {unit}<br>{escape(label)} {mean:.4f} [{low:.4f}, {high:.4f}]"
            + ("<br>on the Pareto front" if best else "<br>another one is at least as good for less")
            + "<extra></extra>",
        )
    most = max((p[1] for p in points), default=1.0)
    figure.update_xaxes(title=f"{unit}, measured here", range=[-0.06 * most, 1.12 * most])
    tops, bottoms = [p[4] for p in points], [p[3] for p in points]
    room = 0.14 * max(max(tops, default=1) - min(bottoms, default=0), 0.02)
    figure.update_yaxes(title=label, range=[max(-0.02, min(bottoms, default=0) - room), max(tops, default=1) + room])
    return base_layout(figure, height=430)


def class_map(
    classes: Sequence[str],
    systems: Sequence[str],
    values: np.ndarray,
    hover: Sequence[Sequence[str]],
    label: str,
    chosen: tuple[int, int] | None = None,
    shades: Shades = LIGHT,
    limits: tuple[float, float] = (0.0, 1.0),
) -> go.Figure:
    """Classes down, systems across. A click on a square gives its `customdata`: [row, column].

    Args:
        classes, systems: titles, in the order of the axes.
        values: (n_classes, n_systems), NaN is left blank.
        hover: text of each square.
        chosen: (row, column) of the square that is looked at, framed.
    """
    import plotly.graph_objects as go

    rows, columns = len(classes), len(systems)
    cells = [[None if v != v else float(v) for v in row] for row in values]
    words = [["" if v is None else f"{v:.2f}" for v in row] for row in cells] if columns <= 14 else None
    figure = go.Figure(
        go.Heatmap(
            z=cells,
            x=list(range(columns)),
            y=list(range(rows)),
            zmin=limits[0],
            zmax=limits[1],
            colorscale=_scale(shades.rising),
            xgap=2,
            ygap=1,
            hoverinfo="skip",
            colorbar={"title": {"text": escape(label)}, "thickness": 10, "len": 0.5, "y": 1, "yanchor": "top"},
        )
    )
    if words:
        cell_labels(figure, words, cells, limits, shades.rising, 12)
    # A heat map tells nobody which square was clicked; unseen marks over it do.
    places = [(r, c) for r in range(rows) for c in range(columns)]
    unseen = {"marker": {"opacity": 0}}
    figure.add_scatter(
        x=[c for _, c in places],
        y=[r for r, _ in places],
        mode="markers",
        showlegend=False,
        customdata=places,
        text=[hover[r][c] for r, c in places],
        hovertemplate="%{text}<extra></extra>",
        marker={"symbol": "square", "size": 22, "opacity": 0},
        selected=unseen,
        unselected=unseen,
    )
    if chosen is not None:
        r, c = chosen
        figure.add_shape(
            type="rect", x0=c - 0.5, x1=c + 0.5, y0=r - 0.5, y1=r + 0.5, line={"color": FUSION_COLOUR, "width": 2.5}
        )
    figure.update_xaxes(
        tickvals=list(range(columns)),
        ticktext=[_short(name) for name in systems],
        side="top",
        showgrid=False,
        tickangle=-35 if columns > 5 else 0,
        range=[-0.5, columns - 0.5],
        zeroline=False,
    )
    figure.update_yaxes(
        tickvals=list(range(rows)),
        ticktext=[_short(name) for name in classes],
        showgrid=False,
        range=[rows - 0.5, -0.5],
        zeroline=False,
    )
    figure.update_layout(dragmode=False, clickmode="event+select", hoverdistance=30)
    return base_layout(figure, height=120 + 24 * max(rows, 4))
