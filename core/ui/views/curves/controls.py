"""Which systems and queries the Curves page draws, and what every drawing of it shares."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from core import charts, wording
from core.export import file_formats
from core.setups import CurvesSetup
from core.studies import curves
from core.ui.app import state
from core.ui.widgets import sidebar, system_select
from core.ui.widgets.system_select import ComparedSystem

text = wording.page("curves")

LOOKS = {
    "levels": text("option.precision_recall"),
    "over_k": text("option.over"),
    "query": text("option.one_query"),
    "spread": text("option.spread"),
}
FIGURES = {
    "levels": ("iprec",),
    "over_k": ("p@k", "recall@k"),
    "query": ("iprec", "map", "rprec", "mrr"),
    "spread": ("map",),
}
"""The metrics behind each of them."""


def field(name: str) -> str:
    """The widget key of a field of the setup."""
    return state.key(CurvesSetup, name)


def choose_systems(selection: sidebar.Selection) -> list[ComparedSystem]:
    """The row of controls: systems, class, what the camera saves."""
    loaded = selection.dataset
    if state.get(CurvesSetup, "label") not in ("", *loaded.label_names):
        state.set_field(CurvesSetup, "label", "")
    competitors = system_select.choose(CurvesSetup, selection)
    if loaded.label_names:
        st.selectbox(
            text("label.class"),
            ["", *loaded.label_names],
            key=field("label"),
            format_func=lambda name: name or "every class",
            help=text("help.class"),
        )
    st.segmented_control(
        text("label.image"),
        ["svg", "png"],
        key=field("file_format"),
        format_func=str.upper,
        required=True,
        help=text("help.file_format"),
    )
    st.toggle(text("label.intervals"), key=field("bands"), help=text("help.intervals"))
    return competitors


def choose_curve() -> None:
    """Which of the drawings is shown."""
    st.segmented_control(
        text("label.curve"),
        list(LOOKS),
        key=field("look"),
        format_func=LOOKS.__getitem__,
        required=True,
        label_visibility="collapsed",
    )


def chart_lines(by_title: dict[str, curves.Curve], competitors: Sequence[ComparedSystem]) -> list[charts.Line]:
    """Curves with the colours of their systems."""
    return [
        charts.Line(system.title, curve.x, curve.y, system.colour, system.dash, curve.low, curve.high)
        for system in competitors
        for curve in [by_title[system.title]]
    ]


def download_button(frame: pd.DataFrame, name: str) -> None:
    """The button that downloads the data of what is drawn."""
    st.download_button(
        text("button.data_csv"),
        file_formats.as_csv(frame),
        f"{name}.csv",
        "text/csv",
        key=f"take {name}",
        icon=":material/download:",
        on_click="ignore",
        help=text("help.data"),
    )
