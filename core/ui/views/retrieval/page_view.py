"""The record of what the Retrieval page shows, made from its setup."""

from __future__ import annotations

import dataclasses

from core.setups import RetrievalSetup
from core.studies import column_filters
from core.studies.system_spec_text import SystemRef
from core.ui.app import state
from core.ui.views.retrieval import controls, search_mode
from core.ui.views.retrieval.retrieval_view import RetrievalView
from core.ui.widgets.sidebar import Selection


def build(selection: Selection, system: SystemRef, other: SystemRef | None) -> RetrievalView:
    """What the page shows now; over a large gallery with how each system is searched."""
    setup = state.read(RetrievalSetup)
    filters = column_filters.read(controls.facets(selection.dataset), setup.filters)
    view = RetrievalView(
        selection.dataset, selection.backbones, selection.embedded, system, other, setup, filters=filters
    )
    if not search_mode.is_large(selection.dataset) or (filters and not search_mode.heeds_filters()):
        return view
    filtered = column_filters.as_text(filters)
    ways = tuple(
        search_mode.search_mode(selection.dataset, shown, setup.exact, setup.k, filtered) for shown in view.systems
    )
    return dataclasses.replace(view, ways=ways)
