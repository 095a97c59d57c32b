"""The queries of a slice as images, worst first; a click opens one on Retrieval."""

from __future__ import annotations

import dataclasses

import numpy as np
import streamlit as st

from core import metrics, wording
from core.setups import RetrievalSetup
from core.ui.app import state, theme
from core.ui.components import gallery
from core.ui.views.slices.slices_view import SlicesView
from core.ui.widgets import image_cards

text = wording.page("slices")
shared = wording.page("leaderboard")
SHOWN = 48


def draw(view: SlicesView, name: str, queries: np.ndarray, slice_title: str, key: str, other: str = "") -> None:
    """The valid queries among some, by rising value of a system; with another one by how much it loses to that.

    Args:
        queries: (n_queries,) bool.
    """
    values = view.values(name) - (view.values(other) if other else 0.0)
    mine = np.flatnonzero(queries & ~np.isnan(values))
    order = mine[np.argsort(values[mine], kind="stable")]
    st.subheader(
        text("heading.images", slice=theme.plain(slice_title), system=theme.plain(view.title(name))), anchor=False
    )
    more = " " + shared("sentence.worst_them_shown", shown_queries=SHOWN) if len(order) > SHOWN else ""
    st.caption(shared("sentence.worst_first_click", queries=wording.plural(len(order), "query"), more=more))
    label = metrics.label(view.setup.metric, view.loaded.is_judged).replace("mAP", "AP")
    write = wording.signed if other else wording.number
    positions = [int(view.loaded.split.queries[query]) for query in order[:SHOWN]]
    cards = [
        dataclasses.replace(card, frame="query", note=f"{label} {write(values[query])}")
        for card, query in zip(image_cards.cards(view.loaded, positions), order)
    ]
    picked = gallery.grid(cards, key=key, size=104, name=slice_title, pick=shared("option.click_see_retrieves"))
    if picked:
        state.set_field(RetrievalSetup, "query", picked)
        state.set_field(RetrievalSetup, "system", name)
        st.switch_page("pages/retrieval.py")
