"""The controls of the page Slices."""

from __future__ import annotations

import streamlit as st

from core import metrics, wording
from core.data.corruptions import CORRUPTIONS, N_STEPS
from core.setups import SlicesSetup
from core.setups.slices import METRICS
from core.ui.app import state
from core.ui.views.slices.slices_view import SlicesView
from core.ui.widgets import sidebar, system_select
from core.ui.widgets.system_select import ComparedSystem

text = wording.page("slices")


def field(name: str) -> str:
    """The widget key of a field of the setup."""
    return state.key(SlicesSetup, name)


def choose(selection: sidebar.Selection) -> list[ComparedSystem]:
    """Which systems, in which metric, what intervals draw."""
    competitors = system_select.choose(SlicesSetup, selection)
    if state.get(SlicesSetup, "look") in {"columns", "weak"}:  # domains and corrupted queries are judged in mAP
        st.selectbox(text("label.metric"), METRICS, key=field("metric"), format_func=metrics.label)
    st.toggle(text("label.by_query"), key=field("by_query"), help=text("help.by_query"))
    return competitors


def choose_look() -> None:
    """Which part of the page is open."""
    st.segmented_control(
        text("label.look"),
        list(text.group("option.look")),
        key=field("look"),
        format_func=text.group("option.look").__getitem__,
        required=True,
        label_visibility="collapsed",
    )


def choose_system(view: SlicesView) -> None:
    """The system that is looked at closely."""
    state.set_widget(field("system"), view.closer.name)
    titles = {chosen.name: chosen.title for chosen in view.competitors}
    st.selectbox(text("label.system"), list(titles), key=field("system"), format_func=titles.__getitem__)


def choose_corruptions() -> None:
    """Which corruptions, in which steps, of how many queries; none chosen is all."""
    kinds = {kind.name: kind.label for kind in CORRUPTIONS}
    for name, offered in (("kinds", list(kinds)), ("steps", [str(step) for step in range(1, N_STEPS + 1)])):
        chosen = [value for value in state.get(SlicesSetup, name) if value in offered]
        if chosen != list(state.get(SlicesSetup, name)):
            state.set_field(SlicesSetup, name, tuple(chosen))
    st.multiselect(
        text("label.kinds"),
        list(kinds),
        key=field("kinds"),
        format_func=kinds.__getitem__,
        placeholder=text("placeholder.all", n=len(kinds)),
        help=text("help.kinds"),
    )
    st.pills(
        text("label.steps"),
        [str(step) for step in range(1, N_STEPS + 1)],
        selection_mode="multi",
        key=field("steps"),
        help=text("help.steps"),
    )
    st.number_input(text("label.queries"), 10, 5000, step=50, key=field("queries"), help=text("help.queries"))


def choose_one(name: str, label: str, offered: dict[str, str], chosen: str, help: str = "") -> None:
    """A list whose value is set from what is shown, so that a link may name anything."""
    state.set_widget(field(name), chosen)
    st.selectbox(
        label, list(offered), key=field(name), format_func=lambda value: offered.get(value, value), help=help or None
    )
