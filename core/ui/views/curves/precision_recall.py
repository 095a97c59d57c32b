"""Precision over recall, averaged over queries."""

from __future__ import annotations

import streamlit as st

from core import charts
from core.studies import curves
from core.ui.views.curves import controls
from core.ui.views.curves.curves_view import CurvesView
from core.wording import plural


def draw(view: CurvesView) -> None:
    """11-point interpolated precision over recall."""
    by_title = {title: curves.levels(ranks, view.queries, groups=view.groups) for title, ranks in view.ranks.items()}
    figure = charts.LineChart(
        controls.chart_lines(by_title, view.competitors),
        "recall level",
        f"precision (11-point interpolated, mean of {plural(view.n_queries, 'query')})",
        markers=True,
        bands=view.setup.bands,
        hover="recall %{x:.1f}",
        x_range=(-0.02, 1.02),
        x_step=0.1,
        height=460,
    ).figure()
    st.plotly_chart(
        figure, key="curves levels", config=charts.download_config("precision-recall", view.setup.file_format)
    )
    st.caption(
        f"11-point interpolated, mean of {view.n_queries:,} {view.queries_title}: at each recall level the best precision "
        "at that recall or beyond, averaged query by query. Level 0 is the best precision anywhere in the list; a line never "
        f"rises. Bands are 95 % bootstrap intervals, {view.unit_sentence}."
    )
    controls.download_button(curves.table(by_title, "recall", "precision"), f"{view.loaded.name}-precision-recall")
