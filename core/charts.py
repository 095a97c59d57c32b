"""Tables and results in, Plotly figures out. No Streamlit here: the report draws with the same functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import plotly.graph_objects as go

    from core.studies.explain import Attribution, Landscape, Offer

BACKBONE_COLOURS = ("#4269d0", "#e8871e", "#2a9d6f", "#c2527f", "#7f62c9", "#2f9fb8", "#a5853b", "#6b7686")
"""One per backbone, by its place in the selection; told apart by people with red-green weakness too."""

FUSION_COLOUR = "#d6404e"
QUIET = "rgba(128, 136, 150, 0.35)"


def bare(figure: go.Figure, height: int = 320) -> go.Figure:
    """The frame of every figure: no background of its own, little margin, quiet grid; light and dark pages alike."""
    figure.update_layout(
        height=height, margin={"l": 8, "r": 8, "t": 24, "b": 8}, paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)", legend={"orientation": "h", "y": 1.12, "x": 0}, hoverlabel={"align": "left"},
    )  # fmt: skip
    figure.update_xaxes(gridcolor=QUIET, zerolinecolor=QUIET, automargin=True)
    figure.update_yaxes(gridcolor=QUIET, zerolinecolor=QUIET, automargin=True)
    return figure


def _figure() -> go.Figure:
    import plotly.graph_objects as go

    return go.Figure()


def metric_bars(rows: Sequence[tuple[str, float, float, float, str]], label: str) -> go.Figure:
    """One horizontal bar per system with its interval.

    Args:
        rows: (system, mean, low, high, colour), best shown as given, top to bottom.
        label: of the metric.
    """
    figure = _figure()
    rows = list(reversed(rows))
    means = [mean for _, mean, _, _, _ in rows]
    figure.add_bar(
        x=means, y=[name for name, *_ in rows], orientation="h", marker={"color": [row[4] for row in rows]},
        error_x={
            "type": "data", "symmetric": False, "array": [high - mean for _, mean, _, high, _ in rows],
            "arrayminus": [mean - low for _, mean, low, _, _ in rows], "color": "rgba(110,118,132,0.9)", "thickness": 1.4, "width": 3,
        },
        text=[f" {mean:.3f}" for mean in means], textposition="inside", insidetextanchor="start",
        textfont={"color": "#ffffff"}, customdata=[[low, high] for _, _, low, high, _ in rows],
        hovertemplate="%{y}<br>" + label + " %{x:.4f}<br>95 % interval %{customdata[0]:.4f} to %{customdata[1]:.4f}<extra></extra>",
    )  # fmt: skip
    figure.update_xaxes(range=[0, 1], title=label)
    figure.update_layout(bargap=0.32, showlegend=False)
    return bare(figure, height=56 + 34 * max(2, len(rows)))


def precision_recall(curves: Sequence[tuple[str, np.ndarray, str, str]], n_queries: int) -> go.Figure:
    """11-point interpolated precision over recall, one line per system.

    Args:
        curves: (system, (11,) precision, colour, dash).
        n_queries: how many valid queries the means rest on.
    """
    figure = _figure()
    for name, values, colour, dash in curves:
        figure.add_scatter(
            x=[level / 10 for level in range(11)], y=values, name=name, mode="lines+markers",
            line={"color": colour, "dash": dash, "width": 2.2}, marker={"size": 5},
            hovertemplate=name + "<br>recall %{x:.1f}, precision %{y:.3f}<extra></extra>",
        )  # fmt: skip
    figure.update_xaxes(range=[-0.02, 1.02], title="recall level", dtick=0.1)
    figure.update_yaxes(range=[0, 1.03], title=f"precision (11-point interpolated, mean of {n_queries:,} queries)")
    return bare(figure, height=380)


def attribution(found: Attribution, titles: Mapping[str, str], colours: Mapping[str, str]) -> go.Figure:
    """Exact Shapley values as a waterfall from a random order to the whole fusion."""
    import plotly.graph_objects as go

    order = sorted(range(len(found.backbones)), key=lambda m: -found.shapley[m])
    names = [found.backbones[m] for m in order]
    figure = go.Figure()
    at = found.nothing
    figure.add_bar(x=["random order"], y=[found.nothing], marker={"color": "#9aa3b2"}, text=[f"{found.nothing:.3f}"],
                   textposition="outside", hovertemplate="A random order has mAP %{y:.4f}<extra></extra>")  # fmt: skip
    for m, name in zip(order, names):
        value, low, high = found.shapley[m], found.low[m], found.high[m]
        figure.add_bar(
            x=[titles.get(name, name)], y=[abs(value)], base=[min(at, at + value)], marker={"color": colours.get(name, "#888")},
            text=[f"{value:+.3f}"], textposition="outside",
            hovertemplate=f"{titles.get(name, name)} adds {value:+.4f}<br>95 % interval {low:+.4f} to {high:+.4f}<extra></extra>",
        )  # fmt: skip
        at += value
    figure.add_bar(x=["this fusion"], y=[found.everything], marker={"color": FUSION_COLOUR}, text=[f"{found.everything:.3f}"],
                   textposition="outside", hovertemplate="This fusion has mAP %{y:.4f}<extra></extra>")  # fmt: skip
    figure.update_yaxes(title="mAP", range=[0, min(1.12, max(found.everything, at) * 1.18 + 0.02)])
    figure.update_layout(showlegend=False, bargap=0.35)
    return bare(figure, height=360)


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
        x=portion, y=[found.values[i] for i in rows], mode="lines+markers", line={"color": FUSION_COLOUR, "width": 2.2},
        marker={"size": [9 if found.as_good[i] else 5 for i in rows], "color": [FUSION_COLOUR if found.as_good[i] else "#b8bfcc" for i in rows]},
        customdata=[int(i) for i in rows], name="mAP",
        hovertemplate=f"{titles.get(first, first)} %{{x:.0%}} of the pair<br>mAP %{{y:.4f}}<extra></extra>",
    )  # fmt: skip
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
    figure.update_layout(showlegend=False)
    return bare(figure, height=360)


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
        x=[x for x, _ in spots], y=[y for _, y in spots], mode="markers", customdata=list(range(len(spots))), text=words,
        marker={"symbol": "hexagon", "size": 17, "color": found.values, "colorscale": "Viridis", "colorbar": {"title": "mAP", "thickness": 12},
                "line": {"width": [1.6 if good else 0 for good in found.as_good], "color": "#ffffff"}},
        hovertemplate="%{text}<br>mAP %{marker.color:.4f}<extra></extra>",
    )  # fmt: skip
    for text, shares, colour in marks:
        x, y = place(shares)
        figure.add_scatter(x=[x], y=[y], mode="markers+text", text=[text], textposition="top center", textfont={"size": 12},
                           marker={"symbol": "circle-open", "size": 17, "line": {"width": 3}, "color": colour}, hoverinfo="skip")  # fmt: skip
    for name, (x, y) in zip(names, _CORNERS):
        figure.add_annotation(x=x, y=y, text=f"<b>{name}</b>", showarrow=False, yshift=18 if y > 0 else -18)
    figure.update_xaxes(visible=False, range=[-0.15, 1.15])
    figure.update_yaxes(visible=False, range=[-0.14, 1.02], scaleanchor="x")
    figure.update_layout(showlegend=False)
    return bare(figure, height=430)


def offers(found: Sequence[Offer], titles: Mapping[str, str], by: str, chosen: Offer | None = None) -> go.Figure:
    """Quality of every subset against what it costs, with the Pareto front."""
    figure = _figure()
    unit = "ms per query image" if by == "milliseconds" else "MB of weights"
    costs = [getattr(one.cost, by) for one in found]
    words = [" + ".join(f"{titles.get(n, n)} {s:.0%}" for n, s in zip(one.backbones, one.shares)) for one in found]
    figure.add_scatter(
        x=costs, y=[one.value for one in found], mode="markers", text=words,
        marker={"size": [11 if one.on_front else 7 for one in found], "color": [FUSION_COLOUR if one.on_front else "#9aa3b2" for one in found]},
        hovertemplate="%{text}<br>%{x:.1f} " + unit + "<br>mAP %{y:.4f}<extra></extra>",
    )  # fmt: skip
    front = [(cost, one.value) for cost, one in zip(costs, found) if one.on_front]
    figure.add_scatter(
        x=[c for c, _ in front],
        y=[v for _, v in front],
        mode="lines",
        line={"color": FUSION_COLOUR, "width": 1.4, "shape": "hv"},
        hoverinfo="skip",
    )
    if chosen is not None:
        figure.add_scatter(x=[getattr(chosen.cost, by)], y=[chosen.value], mode="markers", hoverinfo="skip",
                           marker={"symbol": "circle-open", "size": 20, "line": {"width": 3}, "color": "#2b7de9"})  # fmt: skip
    figure.update_xaxes(title=unit + ", measured here", rangemode="tozero")
    figure.update_yaxes(title="mAP")
    figure.update_layout(showlegend=False)
    return bare(figure, height=360)


def query_curve(lines: Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray]]) -> go.Figure:
    """Precision over recall of one query, by system: raw points, and the 11 interpolated levels as a line.

    Args:
        lines: system → (recall, precision) of the raw points and (11,) levels.
    """
    import plotly.graph_objects as go

    figure = go.Figure()
    for number, (name, (recall, precision, levels)) in enumerate(lines.items()):
        colour = BACKBONE_COLOURS[number % len(BACKBONE_COLOURS)]
        figure.add_scatter(
            x=[i / 10 for i in range(11)], y=levels, name=escape(name), mode="lines", line={"color": colour, "width": 2.5},
            hovertemplate="precision %{y:.3f} at recall %{x:.1f} or more<extra></extra>",
        )  # fmt: skip
        figure.add_scatter(
            x=recall, y=precision, mode="markers", marker={"color": colour, "size": 5, "opacity": 0.55}, showlegend=False,
            hovertemplate="relevant result: recall %{x:.3f}, precision %{y:.3f}<extra></extra>",
        )  # fmt: skip
    figure.update_xaxes(title="recall", range=[-0.02, 1.02])
    figure.update_yaxes(title="precision", range=[-0.02, 1.05])
    return bare(figure, 300)


def confusion_map(table: pd.DataFrame, classes: Sequence[str], height: int = 560) -> go.Figure:
    """Query class (down) against result class (across); the darker a square, the larger its share of the results.

    Args:
        table: rows of `studies.retrieval.confusions`; `customdata` of a square is its row there.
        classes: in the order of the axes.
    """
    import plotly.graph_objects as go

    places = {name: number for number, name in enumerate(classes)}
    shown = table[table["query class"].isin(places) & table["result class"].isin(places)]
    side = max(3.0, min(26.0, (height - 120) / max(len(classes), 1) * 0.92))
    hover = [
        f"asked: <b>{escape(row[0])}</b><br>retrieved: <b>{escape(row[1])}</b><br>{row[2]:,} results, {row[3]:.1%} of its results"
        for row in shown[["query class", "result class", "results", "share"]].itertuples(index=False)
    ]
    figure = go.Figure(go.Scatter(
        x=shown["result class"].map(places), y=shown["query class"].map(places), mode="markers", text=hover,
        customdata=shown.index.to_numpy(), hovertemplate="%{text}<extra></extra>",
        marker={
            "symbol": "square", "size": side, "color": shown["share"], "cmin": 0, "cmax": 1, "colorscale": "Blues",
            "colorbar": {"title": {"text": "share"}, "tickformat": ".0%", "thickness": 10, "len": 0.6},
            "line": {"width": 0},
        },
    ))  # fmt: skip
    step = max(1, -(-len(classes) // 45))
    ticks = list(range(0, len(classes), step))
    names = [escape(name if len(name) <= 18 else name[:17] + "…") for name in (classes[tick] for tick in ticks)]
    figure.update_xaxes(tickvals=ticks, ticktext=names, tickangle=-60, title="retrieved", range=[-0.7, len(classes) - 0.3])
    figure.update_yaxes(
        tickvals=ticks, ticktext=names, title="asked", range=[len(classes) - 0.3, -0.7], scaleanchor="x", constrain="domain"
    )
    figure.update_layout(dragmode=False, clickmode="event+select")
    return bare(figure, height)
