"""The controls of the page Threshold."""

from __future__ import annotations

import streamlit as st

from core import wording
from core.setups import ThresholdSetup
from core.setups.threshold import ERRORS
from core.studies import threshold_tables
from core.ui.app import state
from core.ui.views.threshold.threshold_view import ThresholdView
from core.ui.widgets import sidebar, system_select
from core.ui.widgets.system_select import ComparedSystem

text = wording.page("threshold")


def field(name: str) -> str:
    """The widget key of a field of the setup."""
    return state.key(ThresholdSetup, name)


def follow_error() -> None:
    """A threshold set by hand belongs to the error that stood there then."""
    state.set_field(ThresholdSetup, "cut", "")


def choose(selection: sidebar.Selection) -> list[ComparedSystem]:
    """Which systems, how many false matches, what intervals draw."""
    competitors = system_select.choose(ThresholdSetup, selection)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        st.segmented_control(
            text("label.error"),
            list(ERRORS),
            key=field("error"),
            format_func=lambda error: threshold_tables.one_in(float(error)),
            required=True,
            help=text("help.error"),
            on_change=follow_error,
        )
        st.toggle(text("label.by_query"), key=field("by_query"), help=text("help.by_query"))
    return competitors


def choose_look(view: ThresholdView) -> None:
    """Which system is looked at closely, and at what."""
    titles = {chosen.name: chosen.title for chosen in view.competitors}
    state.set_widget(field("system"), view.system.name)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        st.segmented_control(
            text("label.look"),
            list(text.group("option.look")),
            key=field("look"),
            format_func=text.group("option.look").__getitem__,
            required=True,
            label_visibility="collapsed",
        )
        st.selectbox(
            text("label.system"),
            list(titles),
            key=field("system"),
            format_func=titles.__getitem__,
            width=300,
            label_visibility="collapsed",
            on_change=follow_error,
        )
