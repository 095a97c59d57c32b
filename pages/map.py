"""Map: the space of a system as a map to work in; points travel when weights move, selections show their images."""

from __future__ import annotations

import streamlit as st

from core import wording
from core.setups import FusionSetup, MapSetup
from core.ui.app import state, theme
from core.ui.app.error_boundary import guarded
from core.ui.views.map import controls, drawing, map_colours
from core.ui.widgets import sidebar, system_options

text = wording.page("map")


def page() -> None:
    """Draw the page."""
    theme.title(text("title.map"))
    answer = st.container()
    selection = sidebar.selection()
    state.seed(FusionSetup)
    state.seed(MapSetup)
    loaded = selection.dataset
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="map controls"):
        named, other = controls.choose_systems(selection)
        colour = controls.choose_colour(map_colours.view_of(loaded, named, other))
        if named.spec is not None and named.text == system_options.lab_text(selection.backbones):
            with st.popover(text("label.weights"), icon=":material/tune:"):
                controls.weight_sliders(selection.backbones)
    with answer:
        drawing.answer(loaded, named, other, system_options.lab_text(selection.backbones))
    with theme.main_part():
        drawing.draw(loaded, named, other, colour)


guarded(page)()
