"""What a catalogue answers, shown with the demo where the dataset at hand is none."""

from __future__ import annotations

import numpy as np
import streamlit as st

from core import wording
from core.studies.catalogue import catalogue_items
from core.studies.catalogue import catalogue_search as study
from core.ui.app import cache, theme
from core.ui.components import gallery
from core.ui.views.catalogue import catalogue_cache, preparation
from core.ui.views.text import text_cache
from core.ui.widgets import first_step, image_cards

text = wording.page("catalogue")
QUERIES = 3
RESULTS = 4


def draw() -> None:
    """The first results of some example queries over the demo; it is prepared first, beside the page."""
    if not preparation.demo_is_ready():
        preparation.prepare_demo()
        first_step.draw_sketch()
        return
    catalogue = catalogue_cache.catalogue(cache.dataset(preparation.DEMO))
    names = catalogue.default_components
    texts = study.texts_of(catalogue, names)
    if not text_cache.ready(preparation.SPACE, texts, text("phrase.texts", catalogue=catalogue.name)):
        first_step.draw_sketch()
        return
    searcher = catalogue_cache.searcher(catalogue, preparation.SPACE, names)
    st.subheader(text("heading.preview"), anchor=False)
    lines = list(text.group("placeholder.example").values())[:QUERIES]
    for column, line in zip(st.columns(len(lines), gap="large"), lines):
        with column:
            st.markdown(text("phrase.example", query=theme.plain(line)))
            cards = _cards(catalogue, searcher, line)
            gallery.grid(cards, key=f"catalogue preview {line}", size=120, name=line, pick="")


def _cards(catalogue: catalogue_items.Catalogue, searcher: study.Searcher, line: str) -> list[gallery.Card]:
    """The best items with an image, with title and score."""
    query = study.make_query(preparation.SPACE, line, None, 1.0, encode=text_cache.words)
    answer = searcher.rank("average", query, None, np.ones(len(catalogue.items), bool))
    cards: list[gallery.Card] = []
    for item in answer.listed.tolist():
        position = int(catalogue.image_of[item])
        if position >= 0 and len(cards) < RESULTS:
            title = catalogue.title(item)
            key = image_cards.key_of(catalogue.dataset, position)
            score = float(answer.scores[item])
            cards.append(
                gallery.Card(id=str(item), key=key, title=title, label=title, score=score, rank=len(cards) + 1)
            )
    return cards
