"""What an item is made of, and how much each part weighs where weights are fixed."""

from __future__ import annotations

import streamlit as st

from core import backbones, wording
from core.setups import CatalogueSetup
from core.studies.catalogue import catalogue_items
from core.studies.catalogue import catalogue_search as study
from core.ui.app import state, theme
from core.ui.views.catalogue import catalogue_cache

text = wording.page("catalogue")


def popover(catalogue: catalogue_items.Catalogue, results: bool = False) -> None:
    """What items are made of, in which space, and how much each part weighs where weights are fixed."""
    with st.popover(text("label.popover"), icon=":material/tune:"):
        spaces = catalogue_cache.spaces(catalogue.name)
        if len(spaces) > 1:
            st.selectbox(
                text("label.space"),
                spaces,
                key=state.key(CatalogueSetup, "space"),
                format_func=lambda name: backbones.get(name).title,
                help=text("help.space"),
            )
        st.multiselect(
            text("label.components"),
            (*catalogue.text_columns, catalogue_items.IMAGE),
            key=state.key(CatalogueSetup, "components"),
            placeholder=", ".join(catalogue.default_components),
            help=text("help.components"),
        )
        if catalogue.most_images > 1:
            st.radio(
                text("label.join", count=catalogue.most_images),
                list(study.IMAGE_JOINS),
                key=state.key(CatalogueSetup, "join"),
                horizontal=True,
                format_func=lambda name: study.IMAGE_JOINS[name][0],
                help="\n".join(f"- **{label}**: {sentence}" for label, sentence in study.IMAGE_JOINS.values()),
            )
        _weight_sliders(catalogue)
        if results:
            st.slider(text("label.results"), 3, 40, key=state.key(CatalogueSetup, "k"))


def used_components(catalogue: catalogue_items.Catalogue) -> tuple[str, ...]:
    """The components chosen, as far as this catalogue has them; else the usual ones."""
    columns = (*catalogue.text_columns, catalogue_items.IMAGE)
    chosen = tuple(c for c in state.get(CatalogueSetup, "components") if c in columns)
    return chosen or catalogue.default_components


def _weighed_parts(catalogue: catalogue_items.Catalogue) -> tuple[str, ...]:
    """The components as they are weighed: each image on its own, where that was chosen."""
    return catalogue.part_names(used_components(catalogue), state.get(CatalogueSetup, "join"))


def _weight_changed(catalogue: catalogue_items.Catalogue) -> None:
    """A weight was moved."""
    names = _weighed_parts(catalogue)
    pairs = tuple(sorted((name, float(state.widget(f"weight {name}", 1.0))) for name in names))
    state.set_field(CatalogueSetup, "shares", pairs)


def _weight_sliders(catalogue: catalogue_items.Catalogue) -> None:
    """A slider per component, for the strategy of fixed weights."""
    now = dict(state.get(CatalogueSetup, "shares") or ())
    st.caption(text("sentence.fixed_weights"))
    for name in _weighed_parts(catalogue):
        state.set_widget(f"weight {name}", min(max(float(now.get(name, 1.0)), 0.0), 1.0))
        st.slider(
            theme.plain(name), 0.0, 1.0, step=0.05, key=f"weight {name}", on_change=_weight_changed, args=(catalogue,)
        )
