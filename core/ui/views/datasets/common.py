"""What the sections of the Datasets page share: cards, slow work behind a button, pagers, sentences."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import pandas as pd
import streamlit as st

from core import setups, wording
from core.data import remote_files, splits
from core.errors import CoreError
from core.setups import DatasetsSetup, FrameSetup
from core.store import open_store
from core.studies import datasets as study
from core.studies import embedding
from core.task import Task
from core.types import Dataset, Embeddings
from core.ui.app import cache, jobs, stamps, state, theme
from core.ui.app.cached import cached
from core.ui.components import gallery
from core.ui.widgets import embedding_job, image_cards

text = wording.page("datasets")

Result = TypeVar("Result")


def _record(loaded: Dataset, *_: object) -> int:
    return stamps.record(loaded.name)


@cached(max_entries=32, also=_record)
def overview(loaded: Dataset) -> dict[str, int]:
    """Counts of images, classes, unlabelled and unreadable ones."""
    return study.overview(loaded)


@cached(max_entries=32)
def counts(loaded: Dataset) -> pd.DataFrame:
    """A row per class."""
    return study.counts(loaded)


@cached(max_entries=32)
def exact_duplicates(loaded: Dataset) -> pd.DataFrame:
    """Pairs of images of the same bytes."""
    return study.exact_duplicates(loaded)


@cached(
    max_entries=32, ignore=("near",), also=lambda loaded, near: (_record(loaded), -1 if near is None else len(near))
)
def warnings(loaded: Dataset, near: pd.DataFrame | None) -> list[str]:
    """What is odd about the dataset, in sentences.

    Args:
        near: pairs of near duplicates, where they were looked for.
    """
    return study.warnings(loaded, near)


@cached(max_entries=64)
def preview_split(loaded: Dataset, query: float, train: float, seed: int) -> dict[str, int]:
    """How many queries, gallery and training images a random split would have."""
    made = splits.stratified(loaded, splits.SplitShares(query, train), seed)
    return {"queries": len(made.queries), "gallery": len(made.gallery), "train": len(made.train)}


def dataset_cards(
    loaded: Dataset, positions: Iterable[int], note: Callable[[int], str] | None = None, frame: str = "none"
) -> list[gallery.Card]:
    """Cards whose thumbnails are there; an image whose original has gone, or cannot be shown, says so itself."""
    wanted = [int(position) for position in positions]
    failed = open_store().ensure_thumbnails(loaded, [p for p in wanted if loaded.items["path"].iloc[p]])
    made = []
    for position in wanted:
        path = loaded.items["path"].iloc[position]
        words = note(position) if note else ""
        if not path:
            words = words or "vectors only, no image"
        elif not remote_files.is_address(path) and not os.path.exists(path):
            words = text("option.original_gone") + (f" · {words}" if words else "")
        elif position in failed:
            words = "cannot be shown" + (f" · {words}" if words else "")
        made.append(image_cards.card(loaded, position, note=words, frame=frame))
    return made


def computed(name: str, title: str, button: str, work: Callable[[Task], Result]) -> Result | None:
    """What slow work found, kept as long as the server runs; until then its button, or how far it is."""
    job = jobs.find(name)
    if job is not None and job.state == "done":
        result: Result = job.result
        return result
    jobs.job_panel(name)
    idle = job is None or not job.running
    if idle and st.button(button, key=f"run {name}", type="primary", icon=":material/play_arrow:"):
        jobs.start(name, title, lambda running: work(running.task))
        st.rerun()
    return None


def asked_backbones(loaded: Dataset) -> tuple[str, ...]:
    """The backbones of the sidebar that are embedded for this dataset, else all that are."""
    done = cache.embedded(loaded.name)
    wanted = state.get(FrameSetup, "backbones")
    return tuple(name for name in wanted if name in done) or done


def stored(loaded: Dataset, names: Iterable[str]) -> list[Embeddings]:
    """The embeddings of these backbones, in dataset order."""
    return [embedding.embeddings(loaded, name) for name in names]


def need_backbones(loaded: Dataset, what: str) -> tuple[str, ...]:
    """The backbones to ask; without any, a sentence stands in the page's place."""
    names = asked_backbones(loaded)
    if not names:
        st.info(text("sentence.needs_backbone", what=what), icon=":material/info:")
    return names


def beside(key: str, widths: int | list[float], **options: Any) -> list:
    """Columns that wrap on a narrow page."""
    with st.container(key=f"wrap-{key}"):
        return st.columns(widths, **options)


def titles(names: Iterable[str]) -> str:
    """Backbones as people read them, joined."""
    return ", ".join(theme.plain(cache.backbone_title(name)) for name in names)


def page_of(total: int, per_page: int, key: str) -> tuple[int, slice]:
    """A pager where there is more than one page: (number of pages, the rows to show)."""
    pages = max(1, -(-total // per_page))
    # The number of pages is part of the key: a shorter list starts at its first page.
    at = st.pagination(pages, key=f"{key} of {pages}") if pages > 1 else 1
    return pages, slice((at - 1) * per_page, at * per_page)


def slider(name: str) -> float:
    """The widget of a number of this page's setup, within its bounds."""
    bounds = setups.bounds_of(DatasetsSetup, name)
    kind = int if bounds.kind == "whole" else float
    value = st.slider(
        bounds.label,
        kind(bounds.low),
        kind(bounds.high),
        step=kind(bounds.step),
        help=bounds.help,
        key=state.key(DatasetsSetup, name),
    )
    return kind(value)


MESSAGE = "datasets message"


def decide(name: str, change: Callable[..., Dataset], *arguments: object) -> None:
    """Change a dataset from a button; what goes wrong is shown on the page."""
    try:
        change(name, *arguments)
    except CoreError as error:
        state.session_set(MESSAGE, str(error))


def show_message() -> None:
    """What went wrong after a button, once."""
    sentence = state.session_get(MESSAGE, "")
    if sentence:
        st.error(theme.plain(sentence), icon=":material/error:")
        state.session_set(MESSAGE, "")


def select_dataset(name: str) -> None:
    """Choose a dataset in the sidebar."""
    state.set_field(FrameSetup, "dataset", name)
    jobs.forget(embedding_job.JOB)
