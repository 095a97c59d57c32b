"""Squares of numbers: differences between systems, classes by systems, how alike backbones are, what is confused."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.charts import base

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import plotly.graph_objects as go


@dataclass(frozen=True)
class Shades:
    """Colours of heat maps that sit well on a light or on a dark page.

    Attributes:
        rising: low to high; two_sided: worse, equal, better; text: of labels.
    """

    rising: tuple[str, ...]
    two_sided: tuple[str, str, str]
    text: str


LIGHT = Shades(("#f4f6fb", "#b9c9f2", "#3a5bd0"), ("#e0862c", "#f4f5f8", "#4a6fd6"), "#1c2333")
DARK = Shades(("#1a2030", "#31457f", "#8aa5ff"), ("#b3621a", "#232936", "#4a6fd6"), "#e8ebf2")
_OPACITY = [[0.0, "rgba(64, 132, 240, 0.10)"], [1.0, "rgba(64, 132, 240, 1)"]]
"""From hardly there to full, on a light and on a dark page."""


def _heatmap(cells: Sequence[Sequence[float | None]], **settings: Any) -> go.Figure:
    import plotly.graph_objects as go

    return go.Figure(go.Heatmap(z=cells, **{"xgap": 2, "ygap": 2, "hoverongaps": False} | settings))


def _colour_scale(colours: Sequence[str]) -> list[list]:
    return [[number / (len(colours) - 1), colour] for number, colour in enumerate(colours)]


def _name_axes(figure: go.Figure, columns: Sequence[str], rows: Sequence[str]) -> None:
    """Names across the top and down the side, the first row on top; equal names stay apart."""
    for update, names, more in (
        (figure.update_xaxes, columns, {"side": "top", "tickangle": -35 if len(columns) > 5 else 0}),
        (figure.update_yaxes, rows, {}),
    ):
        ends = [-0.5, len(names) - 0.5]
        update(
            tickvals=list(range(len(names))),
            ticktext=[base.plain_text(name, 28) for name in names],
            showgrid=False,
            zeroline=False,
            range=ends if more else ends[::-1],
            **more,
        )


def _cell_labels(
    figure: go.Figure,
    texts: Sequence[Sequence[str]],
    values: Sequence[Sequence[float | None]],
    limits: tuple[float, float],
    colours: Sequence[str],
    size: int,
) -> None:
    """The numbers of a heat map, each in the colour that is read on its square; Plotly's choice fades on middle tones."""
    cells = [
        (row, column, value)
        for row, line in enumerate(values)
        for column, value in enumerate(line)
        if value is not None and texts[row][column]
    ]
    inks = [base.contrasting_text(base.shade(value, limits, colours)) for _, _, value in cells]
    figure.add_scatter(
        x=[column for _, column, _ in cells],
        y=[row for row, _, _ in cells],
        mode="text",
        text=[texts[row][column] for row, column, _ in cells],
        textfont={"size": size, "color": inks},
        hoverinfo="skip",
        showlegend=False,
    )


def similarity_map(matrix: np.ndarray, titles: Sequence[str], label: str) -> go.Figure:
    """How alike every pair is, from 0 to 1, as a square of numbers; the diagonal says nothing and stays empty.

    Args:
        matrix: (n, n), symmetric.
        titles: n names.
        label: what a square says, for the hover.
    """
    n = len(titles)
    values = [
        [None if i == j or math.isnan(v) else float(v) for j, v in enumerate(row)] for i, row in enumerate(matrix)
    ]
    names = [base.plain_text(title) for title in titles]
    figure = _heatmap(
        values,
        x=list(range(n)),
        y=list(range(n)),
        zmin=0,
        zmax=1,
        colorscale="Blues",
        text=[["" if v is None or n > 12 else f"{v:.2f}" for v in row] for row in values],
        texttemplate="%{text}",
        customdata=[[f"{a}<br>{b}" for b in names] for a in names],
        hovertemplate="%{customdata}<br>" + base.plain_text(label) + " %{z:.3f}<extra></extra>",
        colorbar={"thickness": 10, "len": 0.7, "tickvals": [0, 0.5, 1]},
    )
    _name_axes(figure, titles, titles)
    figure.update_xaxes(side="bottom", tickangle=-40, constrain="domain")
    figure.update_yaxes(scaleanchor="x", constrain="domain")
    return base.base_layout(figure, height=170 + 34 * min(max(n, 4), 16))


def differences_map(
    titles: Sequence[str],
    values: Sequence[Sequence[float]],
    significant: Sequence[Sequence[bool]],
    hover: Sequence[Sequence[str]],
    shades: Shades = LIGHT,
) -> go.Figure:
    """The system of the row less that of the column, as a number and a colour; "≈" where they cannot be told apart.

    Args:
        titles: n systems, best first.
        values: (n, n) differences; significant: (n, n) whether the pair can be told apart; hover: (n, n) all that is
            known, as markup.
    """
    n = len(titles)
    most = max((abs(v) for row in values for v in row if math.isfinite(v)), default=1.0) or 1.0
    cells = [[None if i == j or math.isnan(values[i][j]) else values[i][j] for j in range(n)] for i in range(n)]
    figure = _heatmap(
        cells,
        x=list(range(n)),
        y=list(range(n)),
        customdata=hover,
        zmin=-most,
        zmax=most,
        colorscale=_colour_scale(shades.two_sided),
        showscale=False,
        hovertemplate="%{customdata}<extra></extra>",
    )
    if n <= 14:
        texts = [
            ["" if v is None else f"{'' if apart else '≈ '}{v:+.3f}".replace("-", "−") for v, apart in zip(*rows)]
            for rows in zip(cells, significant)
        ]
        _cell_labels(figure, texts, cells, (-most, most), shades.two_sided, 12 if n <= 9 else 10)
    _name_axes(figure, titles, titles)
    figure.update_xaxes(ticklabeloverflow="allow")
    base.base_layout(figure, height=150 + 44 * max(3, min(n, 18)))
    return figure.update_layout(margin_r=8 if n <= 5 else 80)


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
        hover: text of each square, as markup.
        chosen: (row, column) of the square that is looked at, framed.
    """
    rows, columns = len(classes), len(systems)
    cells = [[None if math.isnan(v) else float(v) for v in row] for row in values]
    figure = _heatmap(
        cells,
        x=list(range(columns)),
        y=list(range(rows)),
        zmin=limits[0],
        zmax=limits[1],
        colorscale=_colour_scale(shades.rising),
        ygap=1,
        hoverinfo="skip",
        colorbar={"title": {"text": base.plain_text(label)}, "thickness": 10, "len": 0.5, "y": 1, "yanchor": "top"},
    )
    if columns <= 14:
        texts = [["" if v is None else f"{v:.2f}" for v in row] for row in cells]
        _cell_labels(figure, texts, cells, limits, shades.rising, 12)
    # A heat map does not report which square was clicked; invisible marks over it do.
    squares = [(row, column) for row in range(rows) for column in range(columns)]
    invisible = {"marker": {"opacity": 0}}
    figure.add_scatter(
        x=[column for _, column in squares],
        y=[row for row, _ in squares],
        mode="markers",
        showlegend=False,
        customdata=squares,
        text=[hover[row][column] for row, column in squares],
        hovertemplate="%{text}<extra></extra>",
        marker={"symbol": "square", "size": 22, "opacity": 0},
        selected=invisible,
        unselected=invisible,
    )
    if chosen is not None:
        row, column = chosen
        ends = {"x0": column - 0.5, "x1": column + 0.5, "y0": row - 0.5, "y1": row + 0.5}
        figure.add_shape(type="rect", line={"color": base.FUSION_COLOUR, "width": 2.5}, **ends)
    _name_axes(figure, systems, classes)
    figure.update_layout(dragmode=False, clickmode="event+select", hoverdistance=30)
    return base.base_layout(figure, height=120 + 24 * max(rows, 4))


def confusion_map(table: pd.DataFrame, classes: Sequence[str], height: int = 600) -> go.Figure:
    """Query class (down) against result class (across); the darker a square, the larger its share of the results.

    Args:
        table: rows of `studies.retrieval.confusions`; `customdata` of a square is its row there.
        classes: in the order of the axes.
    """
    places = {name: number for number, name in enumerate(classes)}
    shown = table[table["query class"].isin(places) & table["result class"].isin(places)]
    top = max(0.1, float(shown["share"].max()) if len(shown) else 1.0)
    side = max(3.0, min(26.0, (height - 190) / max(len(classes), 1)))
    figure = base.new_figure()
    figure.add_scatter(
        x=shown["result class"].map(places),
        y=shown["query class"].map(places),
        mode="markers",
        text=[
            f"query class: <b>{base.plain_text(query)}</b><br>result class: <b>{base.plain_text(result)}</b>"
            f"<br>{n:,} results, {share:.1%} of the results of its queries"
            for query, result, n, share in shown[["query class", "result class", "results", "share"]].itertuples(
                index=False
            )
        ],
        customdata=shown.index.to_numpy(),
        hovertemplate="%{text}<extra></extra>",
        marker={
            "symbol": "square",
            "size": side,
            "color": shown["share"],
            "cmin": 0,
            "cmax": top,
            "colorscale": _OPACITY,
            "colorbar": {"tickformat": ".0%", "thickness": 8, "len": 0.5, "xpad": 4},
            "line": {"width": 0},
        },
    )
    ticks = list(range(0, len(classes), max(1, -(-len(classes) // 32))))
    names = [base.plain_text(classes[tick], 18) for tick in ticks]
    figure.update_xaxes(tickangle=-60, title="result class", range=[-0.7, len(classes) - 0.3])
    figure.update_yaxes(
        title="query class",
        range=[len(classes) - 0.3, -0.7],
        scaleanchor="x",
        constrain="domain",
        constraintoward="top",
    )
    figure.update_layout(dragmode=False, clickmode="event+select")
    for update in (figure.update_xaxes, figure.update_yaxes):
        update(tickvals=ticks, ticktext=names, tickfont={"size": 10}, showgrid=False, zeroline=False)
    return base.base_layout(figure, height)


def label_confusion(counts: pd.DataFrame) -> go.Figure:
    """Labels (down) against what their images were called (across), each row as shares of its images.

    Args:
        counts: (n_labels, n_called) images; index and columns are names.
    """
    numbers = counts.to_numpy(float)
    sums = numbers.sum(axis=1, keepdims=True)
    rows, columns = ([base.plain_text(name) for name in axis] for axis in (counts.index, counts.columns))
    figure = _heatmap(
        numbers / (sums + (sums == 0)),
        x=list(range(len(columns))),
        y=list(range(len(rows))),
        zmin=0,
        zmax=1,
        xgap=1,
        ygap=1,
        colorscale=[[0, base.with_alpha(base.BACKBONE_COLOURS[0], 0.06)], [1, base.BACKBONE_COLOURS[0]]],
        customdata=[
            [f"{a} was called {b}: {int(n):,} images" for b, n in zip(columns, line)] for a, line in zip(rows, numbers)
        ],
        colorbar={"thickness": 10, "tickformat": ".0%"},
        hovertemplate="%{customdata}, %{z:.0%}<extra></extra>",
    )
    for update, names in ((figure.update_yaxes, rows), (figure.update_xaxes, columns)):
        step = 1 if len(names) <= 40 else -(-len(names) // 40)
        update(showgrid=False, tickvals=list(range(0, len(names), step)), ticktext=names[::step])
    figure.update_yaxes(autorange="reversed")
    return base.base_layout(figure, height=max(340, 80 + 15 * len(rows)))
