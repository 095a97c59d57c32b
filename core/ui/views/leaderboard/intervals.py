"""A bar with its interval for every system."""

from __future__ import annotations

import streamlit as st

from core import charts, metrics, wording
from core.studies import leaderboard
from core.ui.app import drawn
from core.ui.views.leaderboard.leaderboard_view import LeaderboardView
from core.wording import plural

text = wording.page("leaderboard")


def draw(view: LeaderboardView) -> None:
    """A bar per system with its interval."""
    result, rows = view.result, []
    for name in leaderboard.order(result):
        figure = result[name].figures[result.metric]
        rows.append(
            charts.Bar(view.infos[name].title, figure.mean, figure.low, figure.high, view.competitors[name].colour)
        )
    drawn.chart(
        charts.BarChart(
            rows, metrics.label(result.metric, result.judged), row_height=max(34, min(60, 260 // len(rows)))
        ).figure(),
        key="leaderboard bars",
        config=charts.download_config("leaderboard"),
    )
    st.caption(
        text(
            "sentence.intervals",
            resampled=result.resampled,
        ),
        help=text(
            "help.intervals",
            definition=metrics.parse(result.metric)[0].definition,
            queries=plural(result.best.n_valid, "query"),
        ),
    )
