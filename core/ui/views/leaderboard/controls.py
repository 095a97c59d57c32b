"""The controls of the Leaderboard, and what a link may set in them."""

from __future__ import annotations

import streamlit as st

from core import metrics, wording
from core.setups import LeaderboardSetup
from core.studies import class_table
from core.types import Relevance
from core.ui.app import state
from core.ui.widgets import sidebar, system_select
from core.ui.widgets.system_select import ComparedSystem

text = wording.page("leaderboard")

FIXED_KS = (1, 5, 10)


def column_options() -> list[str]:
    """Every metric that can be a column; "@k" stands for the cut-off of the page."""
    fixed = [f"{stem}@{k}" for stem in ("p", "hit") for k in FIXED_KS]
    return [*(m.name for m in metrics.METRICS if m.kind != "curve"), *fixed]


def at_k(name: str, k: int) -> str:
    """'recall@k' → 'recall@10'."""
    return name.replace("@k", f"@{k}")


def list_options() -> list[str]:
    """The metrics that pairs can be compared in: those of single queries."""
    return [m.name for m in metrics.METRICS if m.kind == "list"]


def reset_unknown() -> None:
    """Values of a link that no widget offers go back to the default before the widgets are drawn."""
    if state.get(LeaderboardSetup, "metric") not in list_options():
        state.set_field(LeaderboardSetup, "metric", LeaderboardSetup.metric)
    known = set(column_options())
    offered = tuple(name for name in state.get(LeaderboardSetup, "columns") if name in known)
    if len(offered) != len(state.get(LeaderboardSetup, "columns")):
        state.set_field(LeaderboardSetup, "columns", offered or LeaderboardSetup.columns)
    if state.get(LeaderboardSetup, "order") not in class_table.ORDERS:
        state.set_field(LeaderboardSetup, "order", LeaderboardSetup.order)


def choose_systems(selection: sidebar.Selection, relevance: Relevance) -> list[ComparedSystem]:
    """The controls: systems, the metric that is compared, the cut-off, what is resampled."""
    # No cut-off beyond the longest list is offered; one of a link stays until it is changed.
    longest = int(relevance.list_length.max(initial=0))
    most = max(1, min(1000, longest), state.get(LeaderboardSetup, "k"))
    grouped = relevance.query_groups is not None
    competitors = system_select.choose(LeaderboardSetup, selection)
    st.selectbox(
        text("label.compared"), list_options(), key=_field("metric"), format_func=metrics.label, help=_help("metric")
    )
    st.number_input(text("label.cut_off"), 1, most, key=_field("k"), help=_help("k"))
    st.toggle(
        state.bounds(LeaderboardSetup, "by_query").label,
        key=_field("by_query"),
        disabled=not grouped,
        help=_help("by_query") if grouped else text("help.queries_dataset_do"),
    )
    return competitors


def _field(name: str) -> str:
    return state.key(LeaderboardSetup, name)


def _help(name: str) -> str:
    return state.bounds(LeaderboardSetup, name).help
