"""Easy, Medium and Hard of the revisited Oxford and Paris sets."""

from __future__ import annotations

from typing import Any

import streamlit as st

from core import wording
from core.export import file_formats
from core.studies import revisited_protocols
from core.ui.app import cache, drawn
from core.ui.views.leaderboard.leaderboard_view import LeaderboardView

text = wording.page("leaderboard")


def draw(view: LeaderboardView) -> None:
    """Easy, Medium and Hard of the revisited Oxford and Paris sets, beside each other."""
    with st.spinner(text("sentence.evaluating_easy_medium")):
        frame = cache.protocols(view.loaded, tuple(competitor.system for competitor in view.competitors.values()))
    st.subheader(text("heading.easy_medium_hard"), anchor=False)
    shown = frame.assign(system=[view.infos[name].title for name in frame["system"]])
    config: dict[str, Any] = {
        name: st.column_config.NumberColumn(title, format="%d" if name.startswith("n_") else "%.3f")
        for name, title in revisited_protocols.TITLES.items()
        if name != "protocol"
    }
    config |= {
        "system": st.column_config.TextColumn(text("column.system"), pinned=True),
        "protocol": text("option.protocol"),
    }
    drawn.table(
        shown, hide_index=True, width="stretch", column_config=config, placeholder="–", key="leaderboard protocols"
    )
    st.caption(text("sentence.low_high_ends", note=revisited_protocols.NOTE))
    st.download_button(
        text("button.download_csv"),
        file_formats.as_csv(shown),
        f"{view.loaded.name}-protocols.csv",
        "text/csv",
        key="take protocols",
        on_click="ignore",
    )
