"""The pictures of the Leaderboard: only the one that is open is worked out."""

from __future__ import annotations

import streamlit as st

from core import wording
from core.setups import LeaderboardSetup
from core.ui.app import state
from core.ui.views.leaderboard import classes, differences, hubs, intervals, quality_cost
from core.ui.views.leaderboard.leaderboard_view import LeaderboardView

text = wording.page("leaderboard")
LOOKS = {
    "intervals": (text("option.intervals"), intervals.draw),
    "differences": (text("option.differences"), differences.draw),
    "cost": (text("option.quality_cost"), quality_cost.draw),
    "hubs": (text("option.hubs"), hubs.draw),
    "classes": (text("option.classes"), classes.draw),
}


def draw(view: LeaderboardView) -> None:
    """The choice between them, and the one that is open."""
    look = st.segmented_control(
        text("label.look"),
        list(LOOKS),
        key=state.key(LeaderboardSetup, "look"),
        format_func=lambda name: LOOKS[name][0],
        required=True,
        label_visibility="collapsed",
    )
    if look is not None:
        LOOKS[look][1](view)
