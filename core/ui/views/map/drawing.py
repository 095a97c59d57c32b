"""The maps, what can be said of them, and what is selected on them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import streamlit as st

from core import projection, wording
from core.setups import MapSetup
from core.studies import colourings, maps
from core.studies.system_spec_text import SystemRef
from core.types import Dataset
from core.ui.app import jobs, state, theme
from core.ui.app.cached import cached
from core.ui.app.error_boundary import fragment
from core.ui.components import map as map_component
from core.ui.views.map import map_colours, map_layouts, selection

text = wording.page("map")


@cached("resource", max_entries=4)
def _items(loaded: Dataset) -> map_component.MapItems:
    names = [loaded.label_of(i) for i in range(len(loaded))] if loaded.has_labels else None
    keys = loaded.keys if loaded.has_images else None
    return map_component.MapItems(list(map(str, loaded.ids)), loaded.fingerprint, names, keys)


def answer(loaded: Dataset, named: SystemRef, other: SystemRef | None, lab: str) -> None:
    """How much of its space each map keeps: what may be read from it.

    Args:
        lab: the text of the Fusion lab's fusion, which goes by that name.
    """
    setup = state.read(MapSetup)
    left = map_layouts.drawn(loaded, named, setup, "left")
    layouts = [left, *([map_layouts.drawn(loaded, other, setup, "right", left)] if other else [])]
    titles = [text("phrase.lab") if ref.text == lab else ref.title for ref in (named, other) if ref]
    lines = [_quality_line(layout.map, theme.plain(title)) for layout, title in zip(layouts, titles)]
    theme.answer("  \n".join(lines), projection.METHODS.get(left.map.projection.method).reading)


def _quality_line(layout: maps.Map, title: str) -> str:
    """One map in a line."""
    fields = {"method": projection.METHODS.get(layout.projection.method).label, "system": title}
    quality = layout.quality
    if quality is None:
        return text("phrase.not_yet", **fields)
    if not math.isfinite(quality.trustworthiness):
        return text("phrase.too_few", **fields)
    share, trust = wording.percent(quality.preservation), wording.number(quality.trustworthiness)
    return text("phrase.kept", **fields, share=share, k=quality.k, trust=trust)


@fragment
def draw(loaded: Dataset, named: SystemRef, other: SystemRef | None, colour: str) -> None:
    """The maps and what is selected on them; a lasso reruns this part alone."""
    setup = dataclasses.replace(state.read(MapSetup), colour=colour)
    layouts = [map_layouts.drawn(loaded, named, setup, "left")]
    if other:
        layouts.append(map_layouts.drawn(loaded, other, setup, "right", layouts[0]))
    titles = [system.title if other else "" for system in (named, other) if system]
    view = map_colours.view_of(loaded, named, other)
    panes = [
        map_component.MapPane(layout.map.projection.xy, title=title, live=layout.address)
        for layout, title in zip(layouts, titles)
    ]
    if other and panes[0].xy.shape == panes[1].xy.shape:
        panes[1] = dataclasses.replace(panes[1], xy=projection.align(panes[1].xy, panes[0].xy))
    moment = map_colours.HASTE if any(layout.address for layout in layouts) else map_colours.MOMENT
    colours, computed = map_colours.colours_of(view, colour, named, other, moment)
    focus = selection.focus(loaded, view)
    items = _items(loaded)
    event = map_component.show(
        panes,
        items,
        colours,
        key="map",
        selection=selection.chosen_positions(loaded),
        focus=focus,
        height=620,
        group=selection.HOVER_GROUP,
        image=None if items.keys is not None else "",
    )
    if event.selection is not None:
        selection.select(loaded, event.selection)
    if event.stopped is not None:
        map_layouts.stop(layouts[event.stopped])
    if event.clicked is not None:
        state.session_set("map focus", (loaded.name, str(loaded.ids[event.clicked])) if event.clicked >= 0 else None)
        selection.rerun()
    if computed.problem:
        st.warning(theme.plain(computed.problem), icon=":material/warning:")
    _captions(view, colour, layouts, titles, setup.method)
    if focus is not None:
        selection.draw_focus(loaded, focus)
    figures_job = selection.draw(loaded, named, selection.chosen_positions(loaded), layouts[0].map)
    jobs.watch(*filter(None, (computed.job, figures_job, *(layout.job for layout in layouts))))


def _captions(
    view: colourings.MapView,
    colour: str,
    layouts: Sequence[map_layouts.ShownLayout],
    titles: Sequence[str],
    method: str,
) -> None:
    """What the colour says, how far each map can be trusted, and what was stopped."""
    if explained := map_colours.explained(view, colour):
        st.caption(explained)
    for layout, title in zip(layouts, titles):
        if layout.map.projection.method != method:
            sentence = text("sentence.pca_until", label=projection.METHODS.get(method).label)
            st.caption((f"**{theme.plain(title)}** – " if title else "") + sentence)
    ended = [layout for layout in layouts if (job := jobs.find(layout.job)) and job.state in ("stopped", "failed")]
    if ended:
        st.button(text("button.lay_out_again"), icon=":material/refresh:", key="map again", on_click=map_layouts.forget)
