"""Backbones: what there is, what each costs here, what is embedded, and which see something else."""

from __future__ import annotations

import streamlit as st

from core import backbones, paths, wording
from core.setups import BackbonesSetup, FrameSetup
from core.studies import backbone_info
from core.ui.app import cache, state, theme
from core.ui.app.error_boundary import guarded
from core.ui.views.backbones import actions, behaviour, devices, quality, table
from core.ui.views.backbones.card import card
from core.ui.views.backbones.smaller_vectors import smaller_vectors

text = wording.page("backbones")


def page() -> None:
    """Draw the page."""
    st.html(paths.ASSETS / "backbones.css")
    theme.title(text("title.backbones"))
    with st.container():  # one place, whatever stands in it, so that what follows is not drawn twice meanwhile
        actions.messages()
    state.seed(BackbonesSetup)
    actions.open_next_card()
    dataset = state.get(FrameSetup, "dataset")
    dataset = dataset if dataset in cache.ready_datasets() else ""
    infos = backbone_info.backbone_infos(
        cache.counts(dataset) if dataset else None, len(cache.dataset(dataset)) if dataset else 0
    )
    setup = quality.draw(dataset, infos, table.filters)
    shown = table.shown(infos, setup)
    st.caption(text("sentence.shown_count", n_shown=len(shown), n_infos=len(infos)))
    if not shown:
        st.info(text("sentence.no_match"), icon=":material/filter_alt_off:")
        return
    ticked = table.table(shown, dataset)
    table.download(shown)
    by_name = {info.name: info for info in infos}
    if setup.card and setup.card not in by_name:
        st.warning(text("sentence.unknown_card", card=theme.plain(setup.card[:80])), icon=":material/help:")
    opened = by_name.get(setup.card) or shown[0]
    device_slot = actions.actions(ticked or [opened.name], bool(ticked), dataset)
    card(opened, dataset)
    behaviour.alike(dataset)
    behaviour.cost_chart(infos)
    smaller_vectors(opened, dataset)
    with device_slot:
        devices.device_choice()  # last, because torch must be imported to know, and the page need not wait for it
    st.caption(
        text(
            "sentence.store_place",
            engine_sentence=backbones.engine_sentence(),
            store_folder=cache.store_folder(),
        )
    )


guarded(page)()
