"""Images for a typed line, and how good such search is here."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from core import metrics, wording
from core.data import OPENING
from core.errors import BadInput
from core.setups import RetrievalSetup, WordsSetup
from core.studies import judgements
from core.studies.text import judged_texts, text_encoding, text_query, text_search, zero_shot
from core.types import Dataset
from core.ui.app import cache, drawn, state, theme
from core.ui.components import gallery
from core.ui.views.text import controls, text_cache
from core.ui.widgets import image_cards, sidebar

text = wording.page("text_search")

_PHOTOGRAPHS = ("cat", "hot drink", "something to ride", "night sky -rocket", '"old coins":2 face')
_EXAMPLES = {"photo_views": _PHOTOGRAPHS, OPENING: _PHOTOGRAPHS}


_PREVIEWS = 3
_PREVIEW_RESULTS = 6


def _example_chosen() -> None:
    """An example was chosen."""
    chosen = state.widget("try words")
    if chosen:
        state.set_field(WordsSetup, "words", chosen)
        state.set_widget("try words", None)


def examples(loaded: Dataset) -> tuple[str, ...]:
    """Lines to try: written for the demo, else names of classes."""
    names = loaded.label_names[:: max(1, len(loaded.label_names) // 5)][:5]
    return _EXAMPLES.get(loaded.name, tuple(zero_shot.readable(name) for name in names))


def text_box(loaded: Dataset) -> None:
    """Where one types, and examples to begin with."""
    with st.container(key="words-line"):
        st.text_input(
            text("label.query"),
            key=state.key(WordsSetup, "words"),
            icon=":material/search:",
            label_visibility="collapsed",
            placeholder=text("placeholder.query"),
            help=text("help.query"),
        )
    lines = examples(loaded)
    if lines and not state.get(WordsSetup, "words").strip():
        st.pills(
            text("label.examples"),
            lines,
            format_func=theme.plain,
            key="try words",
            on_change=_example_chosen,
            label_visibility="collapsed",
        )


def draw(selection: sidebar.Selection, readers: tuple[str, ...], templates: bool | None) -> None:
    """The images for a typed line, and how good such search is here."""
    loaded = selection.dataset
    setup = state.read(WordsSetup)
    if setup.words.strip():
        _results(selection, setup, readers, templates)
    else:
        _preview(loaded, readers, templates)
    if loaded.label_names:
        _search_quality(loaded, readers[0], templates)
    judged = judged_texts.of(loaded, judgements.log().answers())
    if judged is not None:
        _judged_quality(loaded, judged, controls.readers(selection), templates)


def _preview(loaded: Dataset, readers: tuple[str, ...], templates: bool | None) -> None:
    """What the first examples find, while nothing is typed yet."""
    vectors = {name: rows[loaded.split.gallery] for name, rows in cache.vectors(loaded, readers).items()}
    lines = examples(loaded)[:_PREVIEWS]
    for column, line in zip(st.columns(max(1, len(lines)), gap="large"), lines):
        try:
            result = text_search.search(vectors, text_query.parse(line), templates=templates, encode=text_cache.words)
        except BadInput:  # the name of a class that is no query
            continue
        with column:
            st.markdown(text("phrase.example", query=theme.plain(line)))
            gallery.grid(
                _cards(loaded, result, _PREVIEW_RESULTS),
                key=f"words preview {line}",
                size=96,
                name=text("phrase.results", query=line),
                pick="",
            )


def _results(selection: sidebar.Selection, setup: WordsSetup, readers: tuple[str, ...], templates: bool | None) -> None:
    """The images for one typed line, best first."""
    loaded = selection.dataset
    try:
        query = text_query.parse(state.get(WordsSetup, "words"))  # as typed: the setup is cut to what a link can hold
    except BadInput as error:
        st.info(theme.plain(str(error)), icon=":material/info:")
        return
    names = tuple(dict.fromkeys([*readers, *(selection.backbones if setup.expand else ())]))
    vectors = {name: rows[loaded.split.gallery] for name, rows in cache.vectors(loaded, names).items()}
    with st.spinner(text("sentence.reading")):
        result = text_search.search(vectors, query, templates=templates, expand=setup.expand, encode=text_cache.words)
    st.markdown(f"**{theme.plain(query.sentence())}**")
    notes = [*result.notes, *_silent_backbones(selection, setup)]
    st.caption("  \n".join(theme.plain(cache.with_titles(note, names)) for note in notes))
    picked = gallery.grid(
        _cards(loaded, result, setup.k),
        key="words results",
        size=130,
        name=text("phrase.results", query=setup.words),
        pick=text("button.find_more"),
    )
    if picked:
        state.set_field(RetrievalSetup, "query", picked)
        state.set_field(RetrievalSetup, "crop", "")
        st.switch_page("pages/retrieval.py")


def _silent_backbones(selection: sidebar.Selection, setup: WordsSetup) -> tuple[str, ...]:
    """A note on the chosen backbones that read no text and are not searched with in a second step either."""
    names = text_encoding.readers(selection.backbones).without_text_tower
    if not names or setup.expand:
        return ()
    return (text("sentence.mute", backbones=", ".join(map(cache.backbone_title, names))),)


def _cards(loaded: Dataset, result: text_search.TextResult, k: int) -> list[gallery.Card]:
    """The first k results, with what each backbone says of them."""
    cards = []
    for rank, item in enumerate(result.order[:k], start=1):
        position = int(loaded.split.gallery[item])
        rows = tuple((cache.backbone_title(name), None, float(values[item])) for name, values in result.cosines.items())
        note = text("phrase.seed") if item in result.seeds else ""
        score = float(result.scores[item])
        cards.append(image_cards.card(loaded, position, rank=rank, score=score, rows=rows, note=note))
    return cards


def _judged_quality(
    loaded: Dataset, judged: judged_texts.JudgedTexts, readers: tuple[str, ...], templates: bool | None
) -> None:
    """How well each backbone answers the text queries that people judged."""
    with st.expander(text("heading.judged", count=len(judged.lines)), key="judged texts", icon=":material/fact_check:"):
        if not st.toggle(text("label.measure_judged"), key="measure judged texts"):
            st.caption(theme.plain(", ".join(judged.lines[:8]) + (" …" if len(judged.lines) > 8 else "")))
            return
        figures = {
            cache.backbone_title(name): judged_texts.evaluate(
                judged, {name: cache.vectors(loaded, (name,))[name][loaded.split.gallery]}, templates, text_cache.words
            )
            for name in readers
        }
        header, *rows = judged_texts.table(figures)
        drawn.table(pd.DataFrame(rows, columns=header), hide_index=True, width="content")
        st.caption(judged_texts.sentence(judged))


def _search_quality(loaded: Dataset, reader: str, templates: bool | None) -> None:
    """How good such search is here: every class name is a query once."""
    with st.expander(text("heading.quality"), icon=":material/query_stats:"):
        if not st.toggle(text("label.measure"), key="measure words"):
            st.caption(text("sentence.measure"))
            return
        readable = [zero_shot.readable(name) for name in loaded.label_names]
        if not text_cache.ready(
            reader, text_encoding.sentences_of(reader, readable, templates), text("phrase.class_names")
        ):
            return
        vectors = cache.vectors(loaded, (reader,))[reader]
        quality = zero_shot.evaluate_class_names(loaded, reader, vectors, templates, text_cache.words)
        with st.container(key="words-wrap-figures"):
            columns = st.columns(len(quality.per_query) + 1)
            for column, (key, values) in zip(columns, quality.per_query.items()):
                column.metric(
                    metrics.label(key),
                    wording.number(metrics.mean(values)),
                    help=text("help.metric", definition=metrics.sentence(key), count=int((~np.isnan(values)).sum())),
                )
            columns[-1].metric(
                text("label.accuracy"),
                wording.number(quality.accuracy),
                help=text("help.accuracy"),
            )
        table = pd.DataFrame({"class": quality.names, "AP": quality.per_query["map"]}).sort_values("AP")
        drawn.table(
            table,
            hide_index=True,
            width="stretch",
            height=min(280, 38 + 35 * len(table)),
            column_config={"AP": st.column_config.ProgressColumn("AP", min_value=0, max_value=1, format="%.3f")},
        )
