"""A selection of images in words."""

from __future__ import annotations

import streamlit as st

from core.setups import WordsSetup
from core.studies import maps
from core.studies.text import text_encoding, zero_shot
from core.types import Dataset
from core.ui.app import cache, state
from core.ui.components import gallery
from core.ui.views.text import text_cache
from core.ui.widgets import image_cards


def draw(loaded: Dataset, reader: str, templates: bool | None) -> None:
    """The words nearest to what is selected on the map."""
    chosen = maps.positions_of(loaded, state.session_get("selected ids", {}).get(loaded.name, ()))
    state.read(WordsSetup)
    if not len(chosen):
        st.info("Nothing is selected: draw around points on the Map, then come back for the words that fit them.")
        st.page_link("pages/map.py", label="Open the Map", icon=":material/scatter_plot:")
        return
    own_words = st.text_input(
        "Your own words, beside ImageNet's names", key="own words", placeholder="sunset, blurred, toy"
    )
    vocabulary = zero_shot.vocabulary(tuple(own_words.split(",")))
    # a long list of bare names; photo sentences around each of them only where they were asked for
    sentences = text_encoding.sentences_of(reader, vocabulary, bool(templates))
    if not text_cache.ready(reader, sentences, f"{len(vocabulary):,} words to describe with"):
        return
    vectors = cache.vectors(loaded, (reader,))[reader]
    words = zero_shot.nearest_words(
        reader, vectors[chosen], vectors, vocabulary, k=10, templates=bool(templates), encode=text_cache.words
    )
    with st.container(key="words-wrap-halves"):
        left, right = st.columns([3, 4], gap="large")
        left.dataframe(
            words,
            hide_index=True,
            width="stretch",
            column_config={
                "cosine": st.column_config.NumberColumn(format="%.3f", help="With the middle of the selection."),
                "more": st.column_config.NumberColumn(
                    format="%+.3f", help="That, less the cosine with the middle of all images."
                ),
            },
        )
        with right:
            st.caption(f"{len(chosen):,} selected images against all {len(loaded):,}.")
            gallery.grid(
                image_cards.cards(loaded, chosen[:30]), key="words selection", size=80, name="the selection", pick=""
            )
