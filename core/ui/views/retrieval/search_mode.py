"""Large galleries on a page: an index answers once it is built, beside the page; until then the exact search does."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from core import wording
from core.setups import RetrievalSetup, bounds_of
from core.studies import ann_search
from core.studies.system_spec_text import SystemRef
from core.studies.systems import System
from core.types import Dataset
from core.ui.app import cache, jobs, state, theme
from core.ui.app.cached import cached, key_of
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
        indexed: the index that answers; None: every image is scored.
        sentence: why there is none, for people; "" for galleries that need none.
        job: the name of the job that builds it, or built it; "" when there is none.
    """

    indexed: ann_search.IndexedGallery | None = None
    sentence: str = ""
    job: str = ""


@st.cache_resource
def _held() -> dict[str, ann_search.IndexedGallery]:
    """The indexes in memory, by key; the one used longest ago goes."""
    return {}


def _hold(indexed: ann_search.IndexedGallery) -> ann_search.IndexedGallery:
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


def system_of(loaded: Dataset, named: SystemRef) -> System:
    """The system over the dataset's own queries."""
    space = cache.vector_set(loaded, tuple(sorted(named.backbones)))
    return System(system_options.system_name(named), space, named.spec)


def search_mode(loaded: Dataset, named: SystemRef, exact: bool) -> SearchMode:
    """How a system is searched now; an index that is not there yet begins to be built.

    Args:
        exact: the visitor wants every image scored.
    """
    if not is_large(loaded):
        return SearchMode()
    if exact:
        return SearchMode(sentence=text("sentence.every_image_scored_2"))
    system = system_of(loaded, named)
    against = ann_search.reason_against(system)
    if against:
        return SearchMode(sentence=text("sentence.every_image_scored_3", against=against))
    names = tuple(sorted(system.backbones))
    key = ann_search.key_of(system.space, names)
    indexed = _held().get(key) or ann_search.load_index(system.space, names)
    if indexed is not None:
        return SearchMode(_hold(indexed))
    name = f"index {key}"
    job = jobs.find(name)
    if job is None:
        titles = ", ".join(cache.backbone_title(name) for name in names)
        job = jobs.start(
            name, text("option.building_search_index", name=loaded.name, titles=titles), _work(system, names)
        )
    elif isinstance(job.result, ann_search.IndexedGallery):
        return SearchMode(_hold(job.result))
    if job.running:
        return SearchMode(sentence=text("sentence.every_image_scored_4"), job=name)
    return SearchMode(sentence=text("sentence.every_image_scored"), job=name)


def _work(system: System, names: tuple[str, ...]) -> Callable[[jobs.BackgroundJob], ann_search.IndexedGallery]:
    def work(job: jobs.BackgroundJob) -> ann_search.IndexedGallery:
        return ann_search.build(system.space, names, task=job.task)

    return work


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
    line.caption(text("sentence.measuring_how_well") if any(w.indexed for w in view.ways) else "")

    def tell() -> None:
        line.caption(sentence(view.loaded, tuple(zip(view.systems, view.ways)), view.setup.k))

    return tell


@key_of.register
def _index_key(value: ann_search.IndexedGallery) -> Hashable:
    return value.key, value.index.effort


@cached(max_entries=256)
def agreement(loaded: Dataset, named: SystemRef, indexed: ann_search.IndexedGallery, k: int) -> float:
    """Recall@k of the index against the exact search for this system, kept for all sessions."""
    return ann_search.agreement(indexed, system_of(loaded, named), k)


def sentence(loaded: Dataset, ways: Sequence[tuple[SystemRef, SearchMode]], k: int) -> str:
    """How the lists were found, and how well such lists agree with the exact ones."""
    agreements = [
        f"{100 * agreement(loaded, named, way.indexed, k):.1f} % for {theme.plain(named.title)}"
        for named, way in ways
        if way.indexed is not None
    ]
    sentences = [way.sentence for _, way in ways if way.sentence]
    if agreements:
        sample = min(ann_search.SAMPLE, len(loaded.split.queries))
        sentences.insert(
            0,
            text(
                "sentence.approximate_exact_first",
                k=k,
                images=plural(len(loaded.split.gallery), "image"),
                agreements=", ".join(agreements),
                sample=sample,
            ),
        )
    return " ".join(dict.fromkeys(sentences))
