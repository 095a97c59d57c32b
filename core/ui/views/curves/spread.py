"""How average precision is spread over the queries."""

from __future__ import annotations

import streamlit as st

from core import charts
from core.studies import curves
from core.ui.app import theme
from core.ui.views.curves import controls
from core.ui.views.curves.curves_view import CurvesView
from core.wording import plural


def draw(view: CurvesView) -> None:
    """A histogram, or the share of queries that reach at least an average precision."""
    st.toggle(
        "Cumulative",
        key=controls.field("cumulative"),
        help="The share of queries that reach at least an average precision, instead of bars.",
    )
    cumulative, n = view.setup.cumulative, view.n_queries
    by_title = {title: curves.distribution(ranks, view.queries, cumulative) for title, ranks in view.ranks.items()}
    figure = charts.LineChart(
        controls.chart_lines(by_title, view.competitors),
        "average precision of a query" + (", at least" if cumulative else ""),
        f"share of the {plural(n, 'query')}",
        markers=not cumulative,
        bands=False,
        hover="AP %{x:.2f} or more" if cumulative else "AP around %{x:.3f}",
        steps=not cumulative,
        x_range=(-0.01, 1.01),
        y_format=".0%",
        height=440,
    ).figure()
    st.plotly_chart(figure, key="curves spread", config=charts.download_config("spread", view.setup.file_format))
    means = ", ".join(f"{theme.plain(title)} {curve.mean:.3f}" for title, curve in by_title.items())
    st.caption(
        f"Average precision of each of {n:,} {view.queries_title}"
        + (", the share that reaches at least x. " if cumulative else f", in {curves.BINS} bars of 0.05. ")
        + f"Their means, which are mAP: {means}. A mean hides whether all queries are middling or half of them perfect."
    )
    controls.download_button(
        curves.table(by_title, "average precision", "share of queries"), f"{view.loaded.name}-spread"
    )
