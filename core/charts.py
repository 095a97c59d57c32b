"""Tables and results in, Plotly figures out. No Streamlit here: the report draws with the same functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import plotly.graph_objects as go

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
