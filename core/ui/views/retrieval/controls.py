"""Which systems search, and how much of their results is shown."""

from __future__ import annotations

import streamlit as st

from core import setups, wording
from core.setups import RetrievalSetup
from core.studies.column_filters import Facet
from core.studies.column_filters import facets as known_facets
from core.studies.system_spec_text import SystemRef
from core.types import Dataset
from core.ui.app import stamps, state
from core.ui.app.cached import cached
from core.ui.widgets import column_filters, sidebar, system_options

text = wording.page("retrieval")


@cached("resource", max_entries=8, also=lambda loaded: stamps.record(loaded.name))
def facets(loaded: Dataset) -> dict[str, Facet]:
    """The columns that the results can be filtered by."""
    return known_facets(loaded)


def choose_systems(selection: sidebar.Selection) -> tuple[SystemRef, SystemRef | None]:
    """Which systems answer, and how much of their answers is shown."""
    system_options.follow_lab(RetrievalSetup, selection)
    with st.container(key="retrieval controls"):
        *columns, filters = st.columns([4, 4, 3], gap="small", vertical_alignment="bottom")
    chosen = system_options.system_boxes(
        RetrievalSetup,
        selection,
        columns,
        (text("option.results"), text("option.side_side")),
        (
            text("sentence.system_choices"),
            text("sentence.other_system"),
        ),
    )
    buttons = filters.container(horizontal=True, gap="small", horizontal_alignment="right")
    with buttons:
        column_filters.popover(RetrievalSetup, facets(selection.dataset), selection.dataset.name, "images")
    with buttons.popover(text("label.view"), icon=":material/tune:"):
        for name in ("k", "size"):
            bounds = setups.bounds_of(RetrievalSetup, name)
            st.slider(
                bounds.label,
                int(bounds.low),
                int(bounds.high),
                step=int(bounds.step),
                help=bounds.help,
                key=state.key(RetrievalSetup, name),
            )
        likely = setups.bounds_of(RetrievalSetup, "likely")
        st.toggle(likely.label, key=state.key(RetrievalSetup, "likely"), help=likely.help)
    return chosen
