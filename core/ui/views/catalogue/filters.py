"""Which items are searched: a filter for every column that has one, kept in the link."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import parse_qsl, urlencode

import streamlit as st

from core import wording
from core.setups import CatalogueSetup
from core.studies.catalogue import catalogue_items
from core.ui.app import state, theme

text = wording.page("catalogue")


def read(catalogue: catalogue_items.Catalogue, line: str) -> dict[str, list[str] | tuple[float, float]]:
    """What a link says about filters, as far as it fits this catalogue."""
    filters: dict[str, list[str] | tuple[float, float]] = {}
    for column, value in parse_qsl(line):
        facet = catalogue.facets.get(column)
        if facet is None:
            continue
        if isinstance(facet[0], float):
            low, _, high = value.partition("..")
            try:
                ends = (max(facet[0], float(low)), min(facet[1], float(high)))
            except ValueError:
                continue
            if ends[0] <= ends[1]:
                filters[column] = ends
        elif value in facet:
            filters[column] = [*filters.get(column, ()), value]
    return filters


def as_text(chosen: dict[str, Sequence]) -> str:
    """The form of the link."""
    pairs = []
    for column, value in chosen.items():
        if isinstance(value, tuple):
            pairs.append((column, f"{value[0]:g}..{value[1]:g}"))
        else:
            pairs.extend((column, entry) for entry in value)
    return urlencode(pairs)


def _filter_changed(catalogue: catalogue_items.Catalogue) -> None:
    """A filter was changed."""
    chosen: dict[str, Sequence] = {}
    for column, facet in catalogue.facets.items():
        value = state.widget(f"facet {catalogue.name} {column}")
        if value and (not isinstance(facet[0], float) or tuple(value) != facet):
            chosen[column] = tuple(value) if isinstance(facet[0], float) else list(value)
    state.set_field(CatalogueSetup, "filters", as_text(chosen))


def popover(catalogue: catalogue_items.Catalogue) -> None:
    """One widget per column that can be filtered."""
    if not catalogue.facets:
        return
    now = read(catalogue, state.get(CatalogueSetup, "filters"))
    label = text("label.filters_count", count=len(now)) if now else text("label.filters")
    with st.popover(label, icon=":material/filter_alt:", help=text("help.filters")):
        for column, facet in catalogue.facets.items():
            key = f"facet {catalogue.name} {column}"
            if isinstance(facet[0], float):
                state.set_widget(key, now.get(column, facet))
                st.slider(
                    theme.plain(column),
                    float(facet[0]),
                    float(facet[1]),
                    key=key,
                    on_change=_filter_changed,
                    args=(catalogue,),
                )
            else:
                state.set_widget(key, now.get(column, []))
                st.multiselect(
                    theme.plain(column),
                    facet,
                    key=key,
                    on_change=_filter_changed,
                    args=(catalogue,),
                    placeholder=text("placeholder.any"),
                    format_func=str,
                )
