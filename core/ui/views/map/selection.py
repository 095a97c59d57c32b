"""What is selected on the map, and the image whose neighbours are joined to it by lines."""

from __future__ import annotations

import numpy as np
import streamlit as st
from streamlit.errors import StreamlitAPIException

from core import files, projection, wording
from core.setups import RetrievalSetup
from core.studies import colourings, maps
from core.studies.system_spec_text import SystemRef
from core.types import Dataset
from core.ui.app import drawn, state, theme
from core.ui.components import gallery
from core.ui.components import map as map_component
from core.ui.views.map import map_colours
from core.ui.views.retrieval import query_inputs
from core.ui.widgets import image_cards

text = wording.page("map")

PER_PAGE = 60
HOVER_GROUP = "map"
"""The map and the grids below it point at the same image while it is hovered."""


def chosen_positions(loaded: Dataset) -> np.ndarray:
    """What is selected, kept by id across systems, methods and pages."""
    ids = state.session_get("selected ids", {}).get(loaded.name, ())
    before = state.session_get("selected positions")
    if before is None or before[0] != loaded.fingerprint or before[1] is not ids:
        before = (loaded.fingerprint, ids, maps.positions_of(loaded, ids))
        state.session_set("selected positions", before)
    return before[2]


def select(loaded: Dataset, positions: np.ndarray) -> None:
    """Select these images, on every map and page.

    Args:
        positions: (n,) in the dataset.
    """
    state.session_get("selected ids", {})[loaded.name] = tuple(str(loaded.ids[p]) for p in positions)


def draw(loaded: Dataset, named: SystemRef, chosen: np.ndarray, drawing: maps.Map) -> str:
    """The images of the selection, its classes, its mean AP, and a file of it; the job that it waits for, or ""."""
    if not len(chosen):
        st.caption(text("sentence.nothing_selected"))
        return ""
    figures = map_colours.selection_figures(loaded, named, chosen)
    with theme.side_by_side("map selection"):
        left, right = st.columns([4, 7], gap="large")
    with left:
        _figures(loaded, chosen, figures)
        a, b = st.columns(2)
        a.download_button(
            text("button.download"),
            lambda: files.csv_bytes(maps.selection_table(loaded, chosen, drawing, figures.value or {})),
            "selection.csv",
            "text/csv",
            key="map csv",
            width="stretch",
            on_click="ignore",
            help=text("help.download"),
        )
        b.button(
            text("button.clear"),
            on_click=select,
            args=(loaded, np.empty(0, np.int64)),
            key="map clear",
            width="stretch",
        )
    with right:
        _images(loaded, chosen)
    return figures.job


def _figures(loaded: Dataset, chosen: np.ndarray, figures: map_colours.ComputedFigures) -> None:
    """Mean AP and classes of the selection."""
    values = figures.value or {}
    ap = values.get("ap", np.full(len(loaded), np.nan))[chosen]
    counted = int(np.isfinite(ap).sum())
    if figures.problem:
        st.warning(theme.plain(figures.problem), icon=":material/warning:")
    elif figures.job:
        st.metric(text("label.selection_ap"), "…", help=text("help.pending"))
    elif counted:
        st.metric(
            text("label.selection_ap_of", counted=f"{counted:,}"),
            wording.number(float(np.nanmean(ap))),
            help=text("help.selected_valid"),
        )
    drawn.table(
        maps.class_counts(loaded, chosen, values),
        hide_index=True,
        width="stretch",
        height=260,
        column_config={"mean AP": st.column_config.NumberColumn(format="%.3f", help=text("help.selected_queries"))},
    )


def _images(loaded: Dataset, chosen: np.ndarray) -> None:
    """The selected images, page by page; one that is clicked is shown on the map."""
    pages = -(-len(chosen) // PER_PAGE)
    st.markdown(text("phrase.selected", n_chosen=f"{len(chosen):,}"))
    # The number of pages is part of the key: another selection starts at its first page.
    page = st.pagination(pages, key=f"map page of {pages}") if pages > 1 else 1
    shown = chosen[(page - 1) * PER_PAGE : page * PER_PAGE]
    picked = gallery.grid(
        image_cards.cards(loaded, shown),
        key="map images",
        size=84,
        name="the selection",
        pick=text("option.click_shows"),
        group=HOVER_GROUP,
    )
    if picked:
        state.session_set("map focus", (loaded.name, picked))
        rerun()


def focus(loaded: Dataset, view: colourings.MapView) -> map_component.MapFocus | None:
    """The point whose neighbours are joined to it by lines."""
    clicked = state.session_get("map focus")
    if not clicked or clicked[0] != loaded.name:
        return None
    where = query_inputs.position_of(loaded, clicked[1])
    if where is None:
        return None
    return map_component.MapFocus(where, projection.nearest_to(view.space, where, colourings.NEAR).tolist())


def draw_focus(loaded: Dataset, focus: map_component.MapFocus) -> None:
    """The point that was clicked, its neighbours, and the way to Retrieval."""
    name = str(loaded.ids[focus.position])
    left, right = st.columns([8, 3], vertical_alignment="center")
    left.markdown(text("phrase.nearest", name=theme.plain(name), n_neighbours=len(focus.neighbours)))
    if right.button(text("button.open_retrieval"), icon=":material/image_search:", key="map open", width="stretch"):
        state.set_field(RetrievalSetup, "query", name)
        st.switch_page("pages/retrieval.py")
    shown = [image_cards.card(loaded, focus.position, frame="query"), *image_cards.cards(loaded, focus.neighbours)]
    picked = gallery.grid(
        shown,
        key="map neighbours",
        size=74,
        name="nearest neighbours",
        pick=text("option.click_goes"),
        group=HOVER_GROUP,
    )
    if picked:
        state.session_set("map focus", (loaded.name, picked))
        rerun()


def rerun() -> None:
    """Run this part again, or the page where the whole of it is running anyway."""
    try:
        st.rerun(scope="fragment")
    except StreamlitAPIException:
        st.rerun()
