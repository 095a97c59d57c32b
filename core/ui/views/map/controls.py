"""The controls of the Map page: systems, method, colour, layout, weights."""

from __future__ import annotations

import streamlit as st

from core import projection, wording
from core.setups import FusionSetup, MapSetup, bounds_of
from core.studies import colourings
from core.studies.system_spec_text import SystemRef
from core.ui.app import cache, state, theme
from core.ui.views.map import map_colours
from core.ui.widgets import sidebar, system_options, weight_shares

text = wording.page("map")


def choose_systems(selection: sidebar.Selection) -> tuple[SystemRef, SystemRef | None]:
    """Whose space is drawn, and beside which other; what a link names wrongly becomes the first of the list."""
    system_options.follow_lab(MapSetup, selection)
    return system_options.system_boxes(
        MapSetup,
        selection,
        [st.container(width=245), st.container(width=160)],
        (text("option.space"), text("option.side_side")),
        (
            text("sentence.system_choices"),
            "A second map: same colours, same selection.",
        ),
    )


def choose_colour(view: colourings.MapView) -> str:
    """The method, the colour, and behind a button what is rarely changed; returns the colour's name."""
    offered = colourings.colourings(view)
    if state.get(MapSetup, "colour") not in offered:
        state.set_field(MapSetup, "colour", offered[0])
    st.segmented_control(
        text("label.method"),
        projection.METHODS.names,
        key=state.key(MapSetup, "method"),
        required=True,
        format_func=lambda name: projection.METHODS.get(name).label,
        help=text("help.method"),
        width="content",
    )
    colour = st.selectbox(
        text("label.colour"), offered, key=state.key(MapSetup, "colour"), format_func=map_colours.label, width=150
    )
    with st.popover(text("label.layout"), icon=":material/settings:"):
        st.segmented_control(
            text("label.dimensions"),
            [2, 3],
            key=state.key(MapSetup, "dims"),
            required=True,
            help=text("help.layout"),
        )
        for name in ("perplexity", "iterations", "n_neighbors", "min_dist", "seed"):
            bounds = bounds_of(MapSetup, name)
            step, low, high = bounds.step, bounds.low, bounds.high
            if bounds.kind == "whole":
                step, low, high = int(step), int(low), int(high)
            st.number_input(bounds.label, low, high, step=step, key=state.key(MapSetup, name), help=bounds.help)
    return colour


def weight_sliders(names: tuple[str, ...]) -> None:
    """The sliders of the Fusion lab, here too: the map follows."""
    parts = weight_shares.fitted(dict(state.get(FusionSetup, "shares")), names)
    for name in names:
        state.set_widget(f"map share {name}", round(parts[name] * 100))
        st.slider(
            theme.plain(cache.backbone_title(name)),
            0,
            100,
            key=f"map share {name}",
            format="%d %%",
            on_change=_weight_moved,
            args=(name, names),
            help=text("help.share"),
        )


def _weight_moved(name: str, names: tuple[str, ...]) -> None:
    """A weight was moved: the fusion of the lab changes, and the map shows it."""
    before = weight_shares.fitted(dict(state.get(FusionSetup, "shares")), names)
    after = weight_shares.moved(
        before, name, state.widget(f"map share {name}") / 100, set(state.get(FusionSetup, "locked"))
    )
    state.set_field(FusionSetup, "shares", weight_shares.as_pairs(after))
    state.set_field(MapSetup, "system", system_options.lab_text(names))
