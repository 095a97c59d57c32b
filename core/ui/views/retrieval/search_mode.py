"""Large galleries on a page: an index answers once it is built, beside the page; until then the exact search does."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from core import paths, wording
from core.errors import CoreError, StoreUnusable
from core.setups import RetrievalSetup, bounds_of
from core.studies import ann_index, ann_search, ann_server, column_filters, retrieval
from core.studies.ann_index import IndexedGallery
from core.studies.ann_search import CandidateGallery
from core.studies.ann_server import ServedGallery
from core.studies.column_filters import GalleryFilter
from core.studies.system_spec_text import SystemRef
from core.studies.systems import System
from core.types import Dataset
from core.ui.app import cache, jobs, stamps, state, theme
from core.ui.app.cached import cached, key_of
from core.ui.views.retrieval import controls
from core.ui.widgets import system_options
from core.wording import plural

text = wording.page("retrieval")

if TYPE_CHECKING:
    from core.ui.views.retrieval.retrieval_view import RetrievalView

_MOST_HELD = 4
_LOCK = threading.Lock()


@dataclass(frozen=True)
class SearchMode:
    """How a system is searched now.

    Attributes:
        indexed: the index or search server that answers; None: every image is scored.
        sentence: why there is none, for people; "" for galleries that need none.
        job: the name of the job that builds it, or built it; "" when there is none.
    """

    indexed: CandidateGallery | None = None
    sentence: str = ""
    job: str = ""


@st.cache_resource
def _held() -> dict[str, CandidateGallery]:
    """The indexes in memory, by key; the one used longest ago goes."""
    return {}


@st.cache_resource
def _measured() -> dict[Hashable, float]:
    """(index, system, k) → the share of the exact first k that the index finds, as far as it was measured."""
    return {}


def _hold(indexed: CandidateGallery) -> CandidateGallery:
    with _LOCK:
        indexes = _held()
        indexes.pop(indexed.key, None)
        indexes[indexed.key] = indexed
        while len(indexes) > _MOST_HELD:
            indexes.pop(next(iter(indexes)))
    return indexed


def is_large(loaded: Dataset) -> bool:
    """Whether an index is worth its while."""
    return len(loaded.split.gallery) >= ann_search.FROM


def heeds_filters() -> bool:
    """Whether what answers for large galleries lists the nearest of the images that pass; else all are scored."""
    return bool(paths.search_server())


def only_of(loaded: Dataset, filters: str) -> GalleryFilter | None:
    """The filters of a link over the gallery of a dataset; None where there are none."""
    return column_filters.gallery_filter(loaded, column_filters.read(controls.facets(loaded), filters))


def system_of(loaded: Dataset, named: SystemRef) -> System:
    """The system over the dataset's own queries."""
    space = cache.vector_set(loaded, tuple(sorted(named.backbones)))
    return System(system_options.system_name(named), space, named.spec)


def search_mode(loaded: Dataset, named: SystemRef, exact: bool, k: int, filters: str = "") -> SearchMode:
    """How a system is searched now; an index that is not there yet begins to be built.

    An index that was measured to miss too much with these weights does not answer.

    Args:
        exact: the visitor wants every image scored.
        k: how many results are shown.
        filters: as the link says them.
    """
    if not is_large(loaded):
        return SearchMode()
    if exact:
        return SearchMode(sentence=text("sentence.exact_chosen"))
    system = system_of(loaded, named)
    against = ann_search.reason_against(system)
    if against:
        return SearchMode(sentence=text("sentence.exact_reason", against=against))
    names = tuple(sorted(system.backbones))
    is_served = bool(paths.search_server())
    if is_served:
        key = ann_server.served_key(system.space, names, _version(loaded))
    else:
        key = ann_index.key_of(system.space, names)
    for serving in (key, *(() if is_served else ann_index.keys_serving(system.space, names))):
        indexed = _held().get(serving) or (None if is_served else ann_index.read(serving))
        if indexed is not None:
            return _answering(_hold(indexed), named, k, filters)
    name = f"index {key}"
    job = jobs.find(name)
    if job is None:
        titles = ", ".join(cache.backbone_title(name) for name in names)
        title = (
            text("option.server_job", name=loaded.name, titles=titles)
            if is_served
            else text("option.index_job", name=loaded.name, titles=titles)
        )
        job = jobs.start(name, title, _work(loaded, system, names))
    elif isinstance(job.result, IndexedGallery | ServedGallery):
        return _answering(_hold(job.result), named, k, filters)
    if job.running:
        return SearchMode(sentence=text("sentence.exact_while_indexing"), job=name)
    return SearchMode(sentence=text("sentence.exact_no_index"), job=name)


def _answering(indexed: CandidateGallery, named: SystemRef, k: int, filters: str) -> SearchMode:
    """By the index, unless it is known to miss too much of this system's first results."""
    share = _measured().get((indexed.key, key_of(named), k, filters), 1.0)
    if share >= ann_search.ENOUGH:
        return SearchMode(indexed)
    return SearchMode(
        sentence=text("sentence.exact_index_weak", finder=_finder(indexed), share=f"{100 * share:.1f}", k=k)
    )


def _finder(indexed: CandidateGallery) -> str:
    return text("phrase.search_server" if isinstance(indexed, ServedGallery) else "phrase.faiss_index")


def _version(loaded: Dataset) -> str:
    """Changes whenever the columns of the dataset may be others."""
    return str(stamps.record(loaded.name))


def _work(loaded: Dataset, system: System, names: tuple[str, ...]) -> Callable[[jobs.BackgroundJob], CandidateGallery]:
    def work(job: jobs.BackgroundJob) -> CandidateGallery:
        if paths.search_server():
            columns = ann_server.item_columns(loaded)
            return ann_server.sync(system.space, names, loaded.name, job.task, columns, _version(loaded))
        return ann_index.build(system.space, names, task=job.task)

    return work


def answer(
    question: retrieval.Query, system: System, mode: SearchMode | None, only: GalleryFilter | None = None
) -> retrieval.QueryResult:
    """The results of a system: from what answers for large galleries, else every image is scored.

    A server that has gone meanwhile is named, and every image is scored.

    Args:
        only: what answers is asked for these images; where all are scored, the caller leaves the others out.
    """
    if mode is None or mode.indexed is None:
        return retrieval.retrieve(question, system)
    try:
        return ann_search.search_index(question, system, mode.indexed, only)
    except StoreUnusable as error:
        st.warning(theme.plain(f"{error} {text('sentence.exact_meanwhile')}"), icon=":material/info:")
        return retrieval.retrieve(question, system)


def index_jobs(ways: Sequence[SearchMode]) -> None:
    """The indexes that are being built, and a button for those that were stopped."""
    names = tuple(dict.fromkeys(way.job for way in ways if way.job))
    if names:
        jobs.job_panel(*names)
    for name in names:
        job = jobs.find(name)
        if job is not None and not job.running:
            st.button(
                text("button.build_index"),
                key=f"again {name}",
                icon=":material/refresh:",
                on_click=jobs.forget,
                args=(name,),
            )


def switch(view: RetrievalView) -> Callable[[], None]:
    """Every image, or an index: the visitor's choice, part of the link.

    Returns:
        what writes beside the switch how the lists were found; to be called after the results, which it would delay.
    """
    bounds = bounds_of(RetrievalSetup, "exact")
    left, right = st.columns([2.6, 6.4], gap="small", vertical_alignment="center")
    left.toggle(bounds.label, key=state.key(RetrievalSetup, "exact"), help=bounds.help)
    line = right.empty()
    line.caption(text("sentence.measuring_index") if any(w.indexed for w in view.ways) else "")

    filters = column_filters.as_text(view.filters)

    def tell() -> None:
        """Says how much the index finds, once that is measured."""
        ways = tuple(zip(view.systems, view.ways))
        try:
            line.caption(sentence(view.loaded, ways, view.setup.k, filters))
        except CoreError:  # a server that has gone: the results have said so
            line.empty()
            return
        if any(
            way.indexed and _answering(way.indexed, named, view.setup.k, filters).indexed is None for named, way in ways
        ):
            st.rerun()  # what was just measured is not good enough: every image is scored

    return tell


@key_of.register(IndexedGallery)
@key_of.register(ServedGallery)
def _gallery_key(value: CandidateGallery) -> Hashable:
    return value.key


@cached(max_entries=256)
def agreement(loaded: Dataset, named: SystemRef, indexed: CandidateGallery, k: int, filters: str) -> float:
    """Recall@k of the index against the exact search for this system and filters, kept for all sessions."""
    share = ann_search.agreement(indexed, system_of(loaded, named), k, only=only_of(loaded, filters))
    _measured()[indexed.key, key_of(named), k, filters] = share
    return share


def sentence(loaded: Dataset, ways: Sequence[tuple[SystemRef, SearchMode]], k: int, filters: str = "") -> str:
    """How the lists were found, and how well such lists agree with the exact ones."""
    agreements = [
        f"{100 * agreement(loaded, named, way.indexed, k, filters):.1f} % for {theme.plain(named.title)}"
        for named, way in ways
        if way.indexed is not None
    ]
    sentences = [way.sentence for _, way in ways if way.sentence]
    if agreements:
        sample = min(ann_search.SAMPLE, len(loaded.split.queries))
        sentences.insert(
            0,
            text(
                "sentence.approximate",
                k=k,
                images=plural(len(loaded.split.gallery), "image"),
                finder=next(_finder(way.indexed) for _, way in ways if way.indexed is not None),
                agreements=", ".join(agreements),
                sample=sample,
            ),
        )
    return " ".join(dict.fromkeys(sentences))
