"""The widget of one parameter: its kind, bounds, label and help come from the table that it stands in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from core.fusion import Parameter
from core.ui.app import state


def draw(parameter: Parameter, key: str, value: Any, change: Mapping[str, Any]) -> None:
    """A list, a switch, a text or a number, narrow enough for several on one line.

    Args:
        key: of the widget; value: what it shows.
        change: what happens when it is changed: on_change and args.
    """
    bounds = parameter.bounds
    state.set_widget(key, value)
    options: dict[str, Any] = {
        "label": bounds.label or parameter.name,
        "key": key,
        "help": bounds.help or None,
        **change,
    }
    if bounds.kind == "choice":
        st.selectbox(options=list(bounds.names() if bounds.names else ()), width=170, **options)
    elif bounds.kind == "flag":
        st.toggle(**options)
    elif bounds.kind == "text":
        st.text_input(max_chars=int(bounds.high), width=170, **options)
    else:
        whole = bounds.kind == "whole"
        kind = int if whole else float
        options |= {"value": None if parameter.default is None else "min", "placeholder": "not set"}
        options |= {"min_value": kind(bounds.low), "max_value": kind(bounds.high)}
        options |= {"step": kind(1 if whole else max(bounds.step / 2, 0.1)), "format": "%d" if whole else "%g"}
        st.number_input(width=150, **options)
