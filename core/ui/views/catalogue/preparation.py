"""Getting to a catalogue: the demo, the embedding of its images, the reading of its texts."""

from __future__ import annotations

import streamlit as st

from core import backbones, data
from core.errors import BadInput, CoreError
from core.setups import CatalogueSetup, FrameSetup
from core.studies.catalogue import catalogue_items
from core.studies.catalogue import catalogue_search as study
from core.studies.text import text_encoding
from core.types import Dataset
from core.ui.app import cache, jobs, state, theme
from core.ui.views.catalogue import catalogue_cache, catalogue_view, components
from core.ui.views.catalogue.catalogue_view import CatalogueView
from core.ui.views.text import text_cache
from core.ui.widgets import embedding_job
from core.wording import plural

DEMO = "demo_catalogue"
_STARTED = "catalogue embedding has just started"


def _prepare(name: str, space: str) -> None:
    """Open a dataset, make it the one shown, embed its images and read its texts in one space, beside the page."""

    def read_texts(loaded: Dataset, job: jobs.BackgroundJob) -> None:
        text_encoding.cached_vectors(space, study.texts_of(catalogue_items.of_dataset(loaded)), job.task)

    try:
        data.get(name)  # the demo's images are there within a second
    except CoreError as error:
        state.session_set(catalogue_view.REFUSED, str(error))
        return
    embedding_job.start_embedding(name, (space,), title=f"Preparing {name}", then=read_texts)
    state.session_set(_STARTED, True)
    state.set_field(FrameSetup, "dataset", name)


def _prepare_button(name: str, space: str, label: str) -> None:
    """The button that helps."""
    if state.session_get(_STARTED, False):
        state.session_set(_STARTED, False)
        st.rerun()  # the whole page, where the progress stands, not this part alone
    st.button(
        label,
        type="primary",
        icon=":material/play_arrow:",
        key=f"prepare {name}",
        on_click=_prepare,
        args=(name, space),
        **jobs.waits(),
    )


def _offer_demo(sentence: str) -> None:
    """The dataset at hand is no catalogue: say so, and open one that is."""
    st.info(theme.plain(sentence), icon=":material/info:")
    with st.container(horizontal=True, vertical_alignment="center"):
        _prepare_button(DEMO, "concepts_lite0", "Open the demo catalogue")
        st.caption("Twenty-two photographs with titles and descriptions; ready in seconds, without any download.")


def current() -> catalogue_items.Catalogue | None:
    """The catalogue of the dataset in the sidebar; draws what helps when there is none."""
    name = state.get(FrameSetup, "dataset")
    if name not in cache.ready_datasets():
        _offer_demo(f"{name} is not ready yet.")
        return None
    try:
        return catalogue_cache.catalogue(cache.dataset(name))
    except BadInput as error:
        _offer_demo(str(error))
        return None


def build_view(catalogue: catalogue_items.Catalogue) -> CatalogueView | None:
    """The catalogue in its space; None while its images are not embedded there (draws the button that helps)."""
    space, join = state.get(CatalogueSetup, "space"), state.get(CatalogueSetup, "join")
    names = components.used_components(catalogue)
    if catalogue_items.IMAGE in names and cache.counts(catalogue.name).get(space, 0) < len(catalogue.dataset):
        st.info(
            f"The images of {theme.plain(catalogue.name)} are not embedded by {backbones.get(space).title} yet.",
            icon=":material/info:",
        )
        _prepare_button(catalogue.name, space, f"Embed {plural(len(catalogue.dataset), 'image')}")
        return None
    if not text_cache.ready(space, study.texts_of(catalogue, names), f"the catalogue {catalogue.name}"):
        return None
    with st.spinner("Reading the texts of the catalogue; this is done once …", show_time=True):
        searcher = catalogue_cache.searcher(catalogue, space, names, join)
    return CatalogueView(catalogue, state.read(CatalogueSetup), searcher.components.names, searcher)
