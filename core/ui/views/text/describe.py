"""A selection of images in words."""

from __future__ import annotations

import streamlit as st

from core import wording
from core.setups import WordsSetup
from core.studies import maps
from core.studies.text import text_encoding, zero_shot
from core.types import Dataset
from core.ui.app import cache, drawn, state
from core.ui.components import gallery
from core.ui.views.text import text_cache
from core.ui.widgets import image_cards

text = wording.page("text_search")


def draw(loaded: Dataset, reader: str, templates: bool | None) -> None:
    """The words nearest to what is selected on the map."""
    chosen = maps.positions_of(loaded, state.session_get("selected ids", {}).get(loaded.name, ()))
    state.read(WordsSetup)
    if not len(chosen):
        st.info(text("sentence.nothing_selected"))
        st.page_link("pages/map.py", label=text("button.open_map"), icon=":material/scatter_plot:")
        return
    own_words = st.text_input(text("label.own_words"), key="own words", placeholder=text("placeholder.own_words"))
    vocabulary = zero_shot.vocabulary(tuple(own_words.split(",")))
    # a long list of bare names; photo sentences around each of them only where they were asked for
    sentences = text_encoding.sentences_of(reader, vocabulary, bool(templates))
    if not text_cache.ready(reader, sentences, text("phrase.vocabulary", count=f"{len(vocabulary):,}")):
        return
    vectors = cache.vectors(loaded, (reader,))[reader]
    words = zero_shot.nearest_words(
        reader, vectors[chosen], vectors, vocabulary, k=10, templates=bool(templates), encode=text_cache.words
    )
    with st.container(key="words-wrap-halves"):
        left, right = st.columns([3, 4], gap="large")
        with left:
            drawn.table(
                words,
                hide_index=True,
                width="stretch",
                column_config={
                    "cosine": st.column_config.NumberColumn(format="%.3f", help=text("help.cosine")),
                    "more": st.column_config.NumberColumn(format="%+.3f", help=text("help.more")),
                },
            )
        with right:
            st.caption(text("sentence.selected", count=f"{len(chosen):,}", total=f"{len(loaded):,}"))
            gallery.grid(
                image_cards.cards(loaded, chosen[:30]),
                key="words selection",
                size=80,
                name=text("phrase.selection"),
                pick="",
            )
