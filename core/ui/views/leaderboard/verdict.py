"""The verdict above the table of the Leaderboard."""

from __future__ import annotations

import streamlit as st

from core import metrics, wording
from core.studies import leaderboard
from core.ui.app import theme
from core.ui.views.leaderboard.leaderboard_view import LeaderboardView
from core.wording import plural


def draw(view: LeaderboardView) -> None:
    """The one sentence that matters: who is best, how sure that is, and on what it rests."""
    result, infos = view.result, view.infos
    names = leaderboard.order(result)
    best = result[names[0]]
    figure = best.figures[result.metric]
    sentence = (
        f"**{theme.plain(infos[names[0]].title)}** leads: {metrics.label(result.metric)} **{wording.number(figure.mean)}** "
        f"{theme.plain(wording.interval(figure.low, figure.high))}, mean of {figure.n_valid:,} of {plural(figure.n_queries, 'query')}. "
    )
    if len(names) == 1:
        sentence = sentence.replace(" leads:", ":") + "Choose another system to compare it with."
    else:
        sentence += theme.plain(result.comparison.lead({name: info.title for name, info in infos.items()}))
    st.markdown(sentence)
