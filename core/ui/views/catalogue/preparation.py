"""Getting to a catalogue: the demo, the embedding of its images, the reading of its texts."""

from __future__ import annotations

import streamlit as st

from core import access, backbones, data, wording
from core.errors import BadInput, CoreError
from core.setups import CatalogueSetup, FrameSetup
from core.studies.catalogue import catalogue_items
from core.studies.catalogue import catalogue_search as study
from core.studies.text import text_encoding
from core.types import Dataset
from core.ui.app import cache, jobs, state, theme, visitors
from core.ui.views.catalogue import catalogue_cache, catalogue_view, components
from core.ui.views.catalogue.catalogue_view import CatalogueView
from core.ui.views.text import text_cache
from core.ui.widgets import embedding_job, sidebar
from core.wording import plural

text = wording.page("catalogue")

DEMO = "demo_catalogue"
SPACE = "concepts_lite0"
_STARTED = "catalogue embedding started"
_OPENED = "catalogue demo opened"


def _prepare(name: str, space: str) -> bool:
    """Open a dataset, embed its images and read its texts in one space, beside the page; False where it cannot be."""

    def read_texts(loaded: Dataset, job: jobs.BackgroundJob) -> None:
        text_encoding.cached_vectors(space, study.texts_of(catalogue_items.of_dataset(loaded)), job.task)

    if not access.may("embed"):
        return False
    try:
        data.get(name)  # the demo's images are there within a second
    except CoreError as error:
        state.session_set(catalogue_view.REFUSED, str(error))
        return False
    embedding_job.start_embedding(name, (space,), title=text("phrase.preparing", dataset=name), then=read_texts)
    return True


def _prepare_and_show(name: str, space: str) -> None:
    """By a click: the dataset becomes the one shown."""
    if _prepare(name, space):
        state.session_set(_STARTED, True)
        state.set_field(FrameSetup, "dataset", name)


def demo_is_ready() -> bool:
    """Whether the demo catalogue is built and embedded."""
    return DEMO in cache.ready_datasets() and SPACE in cache.embedded(DEMO)


def prepare_demo() -> None:
    """Build and embed the demo beside the page, once per session; the dataset shown stays."""
    if not jobs.is_running(embedding_job.JOB) and not state.session_get(_OPENED, False):
        state.session_set(_OPENED, True)
        if _prepare(DEMO, SPACE):
            st.rerun()  # where the progress stands


def _open_demo(current: str) -> None:
    """Show the demo catalogue without being asked, once per session, where no dataset of a person's own is shown."""
    is_personal = current in cache.ready_datasets() and current not in data.DATASETS
    if is_personal or state.session_get(_OPENED, False) or jobs.is_running(embedding_job.JOB):
        return
    state.session_set(_OPENED, True)
    if demo_is_ready() or _prepare(DEMO, SPACE):
        sidebar.show_next(DEMO)


def _prepare_button(name: str, space: str, label: str, help: str = "") -> None:
    """The button that helps.

    Args:
        help: what it says of itself while nothing runs.
    """
    if state.session_get(_STARTED, False):
        state.session_set(_STARTED, False)
        st.rerun()  # the whole page, where the progress stands, not this part alone
    if not visitors.offered("embed"):
        return
    st.button(
        label,
        type="primary",
        icon=":material/play_arrow:",
        key=f"prepare {name}",
        on_click=_prepare_and_show,
        args=(name, space),
        **jobs.waits(help, beside_unasked=True),
    )


def _offer_demo(sentence: str) -> None:
    """The dataset at hand is no catalogue: open one that is, or offer it."""
    _open_demo(state.get(FrameSetup, "dataset"))
    st.caption(theme.plain(sentence))
    _prepare_button(DEMO, SPACE, text("button.open_demo"), text("help.demo"))


def current() -> catalogue_items.Catalogue | None:
    """The catalogue of the dataset in the sidebar; draws what helps when there is none."""
    name = state.get(FrameSetup, "dataset")
    if name not in cache.ready_datasets():
        _offer_demo(text("sentence.not_ready", dataset=name))
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
        if jobs.is_running(embedding_job.JOB):
            return None  # how far it is stands at the top of the page
        st.info(
            text("sentence.not_embedded", catalogue=theme.plain(catalogue.name), backbone=backbones.get(space).title),
            icon=":material/info:",
        )
        _prepare_button(catalogue.name, space, text("button.embed", images=plural(len(catalogue.dataset), "image")))
        return None
    if not text_cache.ready(space, study.texts_of(catalogue, names), text("phrase.texts", catalogue=catalogue.name)):
        return None
    with st.spinner(text("sentence.reading_texts"), show_time=True):
        searcher = catalogue_cache.searcher(catalogue, space, names, join)
    return CatalogueView(catalogue, state.read(CatalogueSetup), searcher.components.names, searcher)
