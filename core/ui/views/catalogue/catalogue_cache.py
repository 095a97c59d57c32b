"""What the Catalogue page shares between sessions: catalogues, their components, comparisons, what concepts see."""

from __future__ import annotations

import streamlit as st

from core import data
from core.data import images
from core.studies.catalogue import catalogue_evaluation
from core.studies.catalogue import catalogue_search as study
from core.studies.text import text_search
from core.types import Dataset
from core.ui.app import cache


def catalogue(loaded: Dataset) -> study.Catalogue:
    """The catalogue of a dataset.

    Raises:
        BadInput: it has no text.
    """
    return _catalogue(loaded.name, loaded.fingerprint, loaded)


@st.cache_resource(max_entries=8, show_spinner=False)
def _catalogue(name: str, fingerprint: str, _loaded: Dataset) -> study.Catalogue:
    return study.of_dataset(_loaded)


def spaces(name: str) -> tuple[str, ...]:
    """The backbones that can hold a catalogue: concepts, and every embedded one that reads text."""
    return tuple(
        dict.fromkeys(["concepts_lite0", *(one for one in cache.embedded(name) if text_search.reads_text(one))])
    )


def searcher(found: study.Catalogue, space: str, components: tuple[str, ...], join: str = "mean") -> study.Searcher:
    """The components of every item in one space; texts are read once and kept on disk.

    Args:
        join: how several pictures of an item enter.
    Raises:
        NotComputed: the pictures are not embedded in that space.
    """
    loaded = found.dataset
    return _searcher(loaded.name, loaded.fingerprint, space, components, join, found)


@st.cache_resource(max_entries=8, show_spinner=False)
def _searcher(
    name: str, fingerprint: str, space: str, components: tuple[str, ...], join: str, _found: study.Catalogue
) -> study.Searcher:
    return study.searcher(_found, space, components, join=join)


def seen_in(loaded: Dataset, position: int) -> list[tuple[str, float]]:
    """The classes that the concept backbone sees in a picture of the dataset."""
    return _seen(cache_key(loaded, position), loaded, position)


def cache_key(loaded: Dataset, position: int) -> str:
    """The content key of a picture, as text."""
    key = loaded.keys[position]
    return key.decode() if isinstance(key, bytes) else str(key)


@st.cache_data(max_entries=512, show_spinner=False)
def _seen(key: str, _loaded: Dataset, _position: int) -> list[tuple[str, float]]:
    return seen(data.read_bytes(_loaded, _position))


@st.cache_data(max_entries=64, show_spinner=False)
def seen(content: bytes) -> list[tuple[str, float]]:
    """The classes that the concept backbone sees in a picture given as bytes."""
    from core.backbones.concept_reader import reader

    return reader().explain([images.open_rgb(content)])[0]


def comparison(
    ready: study.Searcher,
    space: str,
    join: str,
    ask_with: str,
    metric: str,
    base: str,
    shares: tuple[tuple[str, float], ...] | None,
    file: str = "",
) -> catalogue_evaluation.CatalogueComparison:
    """Every strategy on one set of questions; `ask_with` is "categories", "pictures" or "file"."""
    loaded, names = ready.catalogue.dataset, ready.components.names
    return _comparison(loaded.name, loaded.fingerprint, space, names, join, ask_with, metric, base, shares, file, ready)


@st.cache_data(max_entries=32, show_spinner=False)
def _comparison(
    name: str,
    fingerprint: str,
    space: str,
    components: tuple[str, ...],
    join: str,
    ask_with: str,
    metric: str,
    base: str,
    shares: tuple[tuple[str, float], ...] | None,
    file: str,
    _ready: study.Searcher,
) -> catalogue_evaluation.CatalogueComparison:
    if ask_with == "categories":
        questions = catalogue_evaluation.category_questions(_ready.catalogue, components)
    elif ask_with == "pictures":
        questions = catalogue_evaluation.picture_questions(_ready.catalogue)
    else:
        questions = catalogue_evaluation.from_text(_ready.catalogue, file, "The file of queries")
    given = dict(shares) if shares else None
    return catalogue_evaluation.compare(_ready, questions, space, metric=metric, base=base, shares=given)
