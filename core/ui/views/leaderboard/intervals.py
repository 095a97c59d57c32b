"""A bar with its interval for every system."""

from __future__ import annotations

import streamlit as st

from core import charts, metrics
from core.studies import leaderboard
from core.ui.views.leaderboard.leaderboard_view import LeaderboardView
from core.wording import plural


def draw(view: LeaderboardView) -> None:
    """A bar per system with its interval."""
    result, rows = view.result, []
    for name in leaderboard.order(result):
        figure = result[name].figures[result.metric]
        rows.append(
            charts.Bar(view.infos[name].title, figure.mean, figure.low, figure.high, view.competitors[name].colour)
        )
    st.plotly_chart(
        charts.BarChart(rows, metrics.label(result.metric)).figure(),
        key="leaderboard bars",
        config=charts.download_config("leaderboard"),
    )
    best = result.best
    st.caption(
        f"{metrics.parse(result.metric)[0].definition} The lines are 95 % bootstrap intervals over {plural(best.n_valid, 'query')} "
        f"({result.resampled} resampled). They are those of single systems: whether two differ is a paired question, answered "
        "under “Differences”, and intervals that overlap may still differ surely."
    )
