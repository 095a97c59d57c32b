"""Fusion lab: move the weights of the backbones and see at once what it does to the figures and to the results."""

from __future__ import annotations

import streamlit as st

from core.ui.app import theme
from core.ui.app.error_boundary import fragment
from core.ui.views.fusion import figures, lab_view, results, tabs, training, weights_panel


@fragment
def lab() -> None:
    """Everything that moves with the weights; a slider reruns this part alone."""
    view = lab_view.build()
    with theme.side_by_side("lab"):
        left, right = st.columns([4, 8], gap="large")
    with left:
        weights_panel.draw(view.loaded, view.names, view.spec)
        results.picker(view.loaded, view.names, view.spec)
    with right:
        if view.loaded.has_labels:
            training.tuned(view.loaded, view.names, view.spec)
            figures.draw(view)
        else:
            st.info(
                f"{theme.plain(view.loaded.name)} has no labels, so nobody can say which results are right: no figures, "
                "but the results below follow the weights."
            )
        results.results(view.loaded, view.names, view.spec, view.base, view.base_title, view.setup.k)
    if view.loaded.has_labels:
        tabs.draw(view.loaded, view.evaluated, view.names, view.spec, view.base)


theme.title("Fusion lab", "Move the weights: figures, intervals and results follow when you let go.")
lab()
