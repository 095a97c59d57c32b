"""Map: the space of a system as a picture to work in; points travel when weights move, selections are pictures."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import streamlit as st
from streamlit.errors import StreamlitAPIException

from core import files, projection
from core.setups import FusionSetup, MapSetup, RetrievalSetup, bounds_of
from core.studies import colourings, maps
from core.studies.system_spec_text import SystemRef
from core.types import Dataset
from core.ui.app import cache, jobs, state, theme
from core.ui.app.cached import cached
from core.ui.app.error_boundary import fragment, guarded
from core.ui.components import gallery
from core.ui.components import map as picture_map
from core.ui.views.map import map_colours, map_layouts
from core.ui.views.retrieval import query_inputs
from core.ui.widgets import image_cards, sidebar, system_options, weight_shares

PER_PAGE = 60
GROUP = "map"  # the map and the grids below it point at the same picture while it is hovered


# ------------------------------------------------------------------------------------------------ what is drawn


def systems(selection: sidebar.Selection) -> tuple[SystemRef, SystemRef | None]:
    """Whose space is drawn, and beside which other; what a link names wrongly becomes the first of the list."""
    system_options.follow_lab(MapSetup, selection)
    return system_options.system_boxes(
        MapSetup,
        selection,
        st.columns(2, gap="medium"),
        ("Space of", "Side by side with"),
        (
            "A backbone, the fusion as it stands in the Fusion lab, or a saved fusion of vectors.",
            "A second map: same colours, same selection.",
        ),
    )


@cached("resource", max_entries=4)
def _items(loaded: Dataset) -> picture_map.MapItems:
    names = [loaded.label_of(i) for i in range(len(loaded))] if loaded.has_labels else None
    keys = loaded.keys if loaded.has_images else None
    return picture_map.MapItems(list(map(str, loaded.ids)), loaded.fingerprint, names, keys)


def settings(view: colourings.MapView) -> str:
    """The method, the colour, and behind a button what is rarely changed; returns the colour's name."""
    offered = colourings.colourings(view)
    if state.get(MapSetup, "colour") not in offered:
        state.set_field(MapSetup, "colour", offered[0])
    left, middle, right = st.columns([7, 6, 4], gap="small", vertical_alignment="bottom")
    with left:
        st.segmented_control(
            "Method",
            projection.METHODS.names,
            key=state.key(MapSetup, "method"),
            required=True,
            format_func=lambda name: projection.METHODS.get(name).label,
            help="PCA shows at once; t-SNE and UMAP are laid out beside the page and kept.",
        )
    colour = middle.selectbox("Colour", offered, key=state.key(MapSetup, "colour"), format_func=map_colours.label)
    with right.popover("Layout", icon=":material/tune:", width="stretch"):
        st.segmented_control(
            "Dimensions", [2, 3], key=state.key(MapSetup, "dims"), required=True, help="Three for PCA and UMAP."
        )
        for name in ("perplexity", "iterations", "n_neighbors", "min_dist", "seed"):
            bounds = bounds_of(MapSetup, name)
            step, low, high = bounds.step, bounds.low, bounds.high
            if bounds.kind == "whole":
                step, low, high = int(step), int(low), int(high)
            st.number_input(bounds.label, low, high, step=step, key=state.key(MapSetup, name), help=bounds.help)
    return colour


def weights(names: tuple[str, ...]) -> None:
    """The sliders of the Fusion lab, here too: the map follows."""
    parts = weight_shares.fitted(dict(state.get(FusionSetup, "shares")), names)
    for column, name in zip(st.columns(len(names)), names):
        state.set_widget(f"map share {name}", round(parts[name] * 100))
        column.slider(
            theme.plain(cache.backbone_title(name)),
            0,
            100,
            key=f"map share {name}",
            format="%d %%",
            on_change=slid,
            args=(name, names),
            help="Its share of the fusion; the points travel when you let go.",
        )


def slid(name: str, names: tuple[str, ...]) -> None:
    """A weight was moved: the fusion of the lab changes, and the map shows it."""
    before = weight_shares.fitted(dict(state.get(FusionSetup, "shares")), names)
    after = weight_shares.moved(
        before, name, state.widget(f"map share {name}") / 100, set(state.get(FusionSetup, "locked"))
    )
    state.set_field(FusionSetup, "shares", weight_shares.as_pairs(after))
    state.set_field(MapSetup, "system", system_options.lab_text(names))


# ------------------------------------------------------------------------------------------------ selection


def chosen_positions(loaded: Dataset) -> np.ndarray:
    """What is selected, kept by id across systems, methods and pages."""
    ids = state.session_get("selected ids", {}).get(loaded.name, ())
    before = state.session_get("selected positions")
    if before is None or before[0] != loaded.fingerprint or before[1] is not ids:
        before = (loaded.fingerprint, ids, maps.positions_of(loaded, ids))
        state.session_set("selected positions", before)
    return before[2]


def choose(loaded: Dataset, positions: np.ndarray) -> None:
    state.session_get("selected ids", {})[loaded.name] = tuple(str(loaded.ids[p]) for p in positions)


def selected(loaded: Dataset, named: SystemRef, chosen: np.ndarray, drawing: maps.Map) -> str:
    """The pictures of the selection, its classes, its mean AP, and a file of it; the job that it waits for, or ""."""
    if not len(chosen):
        st.caption(
            "Nothing is selected. Draw around points with the lasso or the box on the map; Shift adds, Ctrl removes, "
            "x clears. A click on a point draws lines to its nearest neighbours in the original space."
        )
        return ""
    found = map_colours.selection_figures(loaded, named, chosen)
    with theme.side_by_side("map selection"):
        left, right = st.columns([4, 7], gap="large")
    with left:
        figures(loaded, chosen, found)
        a, b = st.columns(2)
        a.download_button(
            "Download",
            lambda: files.csv_bytes(maps.selection_table(loaded, chosen, drawing, found.value or {})),
            "selection.csv",
            "text/csv",
            key="map csv",
            width="stretch",
            on_click="ignore",
            help="Id, label, path, place on the map and figures of what is selected, as a table.",
        )
        b.button("Clear", on_click=choose, args=(loaded, np.empty(0, np.int64)), key="map clear", width="stretch")
    with right:
        pictures(loaded, chosen)
    return found.job


def figures(loaded: Dataset, chosen: np.ndarray, found: map_colours.ComputedFigures) -> None:
    """Mean AP and classes of the selection."""
    values = found.value or {}
    ap = values.get("ap", np.full(len(loaded), np.nan))[chosen]
    counted = int(np.isfinite(ap).sum())
    if found.fault:
        st.warning(theme.plain(found.fault), icon=":material/warning:")
    elif found.job:
        st.metric("Mean AP of the selection", "…", help="Being worked out.")
    elif counted:
        st.metric(
            f"Mean AP of the selection (n = {counted:,})",
            theme.number(float(np.nanmean(ap))),
            help="Of the selected images that are valid queries: each searches the whole gallery, not the selection.",
        )
    st.dataframe(
        maps.class_counts(loaded, chosen, values),
        hide_index=True,
        width="stretch",
        height=260,
        column_config={
            "mean AP": st.column_config.NumberColumn(format="%.3f", help="Of the selected images as queries.")
        },
    )


def pictures(loaded: Dataset, chosen: np.ndarray) -> None:
    """The selected pictures, page by page; one that is clicked is shown on the map."""
    pages = -(-len(chosen) // PER_PAGE)
    st.markdown(f"**{len(chosen):,} selected**")
    # The number of pages is part of the key: another selection starts at its first page.
    page = st.pagination(pages, key=f"map page of {pages}") if pages > 1 else 1
    shown = chosen[(page - 1) * PER_PAGE : page * PER_PAGE]
    picked = gallery.grid(
        image_cards.cards(loaded, shown),
        key="map pictures",
        size=84,
        name="the selection",
        pick="Click to see it on the map",
        group=GROUP,
    )
    if picked:
        state.session_set("map focus", (loaded.name, picked))
        again()


def focus_of(loaded: Dataset, view: colourings.MapView) -> picture_map.MapFocus | None:
    """The point whose neighbours are joined to it by lines."""
    held = state.session_get("map focus")
    if not held or held[0] != loaded.name:
        return None
    where = query_inputs.position_of(loaded, held[1])
    if where is None:
        return None
    return picture_map.MapFocus(where, projection.nearest_to(view.space, where, colourings.NEAR))


def show_focus(loaded: Dataset, focus: picture_map.MapFocus) -> None:
    """The point that was clicked, its neighbours, and the way to Retrieval."""
    name = str(loaded.ids[focus.position])
    left, right = st.columns([8, 3], vertical_alignment="center")
    left.markdown(f"**{theme.plain(name)}** and its {len(focus.neighbours)} nearest in the original space")
    if right.button("Open in Retrieval", icon=":material/image_search:", key="map open", width="stretch"):
        state.set_field(RetrievalSetup, "query", name)
        st.switch_page("pages/retrieval.py")
    shown = [image_cards.card(loaded, focus.position, frame="query"), *image_cards.cards(loaded, focus.neighbours)]
    picked = gallery.grid(
        shown,
        key="map neighbours",
        size=74,
        name="nearest neighbours",
        pick="Click to go there on the map",
        group=GROUP,
    )
    if picked:
        state.session_set("map focus", (loaded.name, picked))
        again()


# ------------------------------------------------------------------------------------------------ the page


def again() -> None:
    """Run this part again, or the page where the whole of it is running anyway."""
    try:
        st.rerun(scope="fragment")
    except StreamlitAPIException:
        st.rerun()


@fragment
def drawing(loaded: Dataset, named: SystemRef, other: SystemRef | None, colour: str) -> None:
    """The maps and what is selected on them; a lasso reruns this part alone."""
    setup = dataclasses.replace(state.read(MapSetup), colour=colour)
    made = [map_layouts.drawn(loaded, named, setup, "left")]
    if other:
        made.append(map_layouts.drawn(loaded, other, setup, "right", made[0]))
    titles = [system.title if other else "" for system in (named, other) if system]
    view = map_colours.view_of(loaded, named, other)
    panels = [
        picture_map.MapPane(one.map.projection.xy, title=title, live=one.address) for one, title in zip(made, titles)
    ]
    if other and panels[0].xy.shape == panels[1].xy.shape:
        panels[1] = dataclasses.replace(panels[1], xy=projection.align(panels[1].xy, panels[0].xy))
    moment = map_colours.HASTE if any(one.address for one in made) else map_colours.MOMENT
    colours, tinting = map_colours.colours_of(view, colour, named, other, moment)
    focus = focus_of(loaded, view)
    items = _items(loaded)
    event = picture_map.show(
        panels,
        items,
        colours,
        key="map",
        selection=chosen_positions(loaded),
        focus=focus,
        height=620,
        group=GROUP,
        image=picture_map.THUMBNAILS if items.keys is not None else "",
    )
    if event.selection is not None:
        choose(loaded, event.selection)
    if event.stopped is not None:
        map_layouts.stop(made[event.stopped])
    if event.clicked is not None:
        state.session_set("map focus", (loaded.name, str(loaded.ids[event.clicked])) if event.clicked >= 0 else None)
        again()
    if tinting.fault:
        st.warning(theme.plain(tinting.fault), icon=":material/warning:")
    reading(view, colour, made, titles, setup.method)
    if focus is not None:
        show_focus(loaded, focus)
    figures_job = selected(loaded, named, chosen_positions(loaded), made[0].map)
    jobs.watch(*filter(None, (tinting.job, figures_job, *(one.job for one in made))))


def reading(
    view: colourings.MapView, colour: str, made: Sequence[map_layouts.ShownLayout], titles: Sequence[str], method: str
) -> None:
    """What the colour says, how far each map can be trusted, and what was stopped."""
    if text := map_colours.explained(view, colour):
        st.caption(text)
    for one, title in zip(made, titles):
        sentence = one.map.sentence
        if one.map.projection.method != method:
            sentence = f"PCA stands here until {projection.METHODS.get(method).label} has its first layout."
        st.caption((f"**{theme.plain(title)}** – " if title else "") + sentence)
    ended = [one for one in made if (job := jobs.find(one.job)) and job.state in ("stopped", "failed")]
    if ended:
        st.button("Lay out again", icon=":material/refresh:", key="map again", on_click=map_layouts.forget)


def page() -> None:
    """Draw the page."""
    theme.title(
        "Map", "The space as a picture: who lies next to whom, where classes mix, and how that moves with the weights."
    )
    selection = sidebar.selection()
    state.seed(FusionSetup)
    state.seed(MapSetup)
    loaded = selection.dataset
    named, other = systems(selection)
    colour = settings(map_colours.view_of(loaded, named, other))
    if (
        named.spec is not None
        and named.text == system_options.lab_text(selection.backbones)
        and len(selection.backbones) > 1
    ):
        with st.expander("Weights", icon=":material/tune:", expanded=False):
            weights(selection.backbones)
    drawing(loaded, named, other, colour)


guarded(page)()
