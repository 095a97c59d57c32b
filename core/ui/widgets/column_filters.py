"""Filters by columns: one widget per column in a popover, kept in the link."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import streamlit as st

from core import wording
from core.studies import column_filters
from core.studies.column_filters import Facet
from core.ui.app import state, theme

shared = wording.page("shared")


def popover(setup: type, facets: Mapping[str, Facet], owner: str, what: str) -> dict[str, Any]:
    """The popover; returns what was chosen: column → what must stand there.

    Args:
        setup: has a field "filters".
        owner: whose columns these are; part of the widgets' keys.
        what: what is filtered, in the plural.
    """
    chosen = column_filters.read(facets, state.get(setup, "filters"))
    if not facets:
        return chosen
    label = shared("label.filters_count", count=len(chosen)) if chosen else shared("label.filters")
    with st.popover(label, icon=":material/filter_alt:", help=shared("help.filters", items=what)):
        for column, facet in facets.items():
            key = f"filter {owner} {column}"
            changed = partial(_changed, setup, facets, owner)
            if facet.kind == "numbers":
                state.set_widget(key, chosen.get(column, (facet.low, facet.high)))
                st.slider(theme.plain(column), facet.low, facet.high, key=key, on_change=changed)
            elif facet.kind == "text":
                state.set_widget(key, chosen.get(column, ""))
                st.text_input(theme.plain(column), key=key, on_change=changed, placeholder=shared("placeholder.holds"))
            else:
                state.set_widget(key, chosen.get(column, []))
                st.multiselect(
                    theme.plain(column),
                    facet.values,
                    key=key,
                    on_change=changed,
                    placeholder=shared("placeholder.any"),
                    format_func=str,
                )
    return chosen


def _changed(setup: type, facets: Mapping[str, Facet], owner: str) -> None:
    chosen: dict[str, Any] = {}
    for column, facet in facets.items():
        value = state.widget(f"filter {owner} {column}")
        if facet.kind == "numbers":
            if value is not None and tuple(value) != (facet.low, facet.high):
                chosen[column] = tuple(value)
        elif value:
            chosen[column] = value
    state.set_field(setup, "filters", column_filters.as_text(chosen))
