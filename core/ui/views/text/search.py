"""Images for a typed line, and how good such search is here."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from core import metrics, wording
from core.errors import BadInput
from core.setups import RetrievalSetup, WordsSetup
from core.studies.text import text_encoding, text_query, text_search, zero_shot
from core.types import Dataset
from core.ui.app import cache, state, theme
from core.ui.components import gallery
from core.ui.views.text import text_cache
from core.ui.widgets import image_cards, sidebar

_EXAMPLES = {"photo_views": ("cat", "hot drink", "something to ride", "night sky -rocket", '"old coins":2 face')}


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
            "Text query",
            key=state.key(WordsSetup, "words"),
            icon=":material/search:",
            label_visibility="collapsed",
            placeholder='What should be in the image, e.g. piano, or "red:2 shoe", or beach -people',
            help="-word is to be avoided, word:2 counts twice, quotes keep words together.",
        )
    lines = examples(loaded)
    if lines and not state.get(WordsSetup, "words").strip():
        st.pills(
            "Try",
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
    if not setup.words.strip():
        st.caption("Type what to look for. Every result says how close its image lies to the text.")
    else:
        _results(selection, setup, readers, templates)
    if loaded.label_names:
        _search_quality(loaded, readers[0], templates)


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
    with st.spinner("Reading the text …"):
        result = text_search.search(vectors, query, templates=templates, expand=setup.expand, encode=text_cache.words)
    st.markdown(f"**{theme.plain(query.sentence())}**")
    notes = [*result.notes, *_silent_backbones(selection, setup)]
    st.caption("  \n".join(theme.plain(cache.with_titles(note, names)) for note in notes))
    picked = gallery.grid(
        _cards(loaded, result, setup.k),
        key="words results",
        size=130,
        name=f"results for {setup.words}",
        pick="Click to find more like it",
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
    titles = ", ".join(map(cache.backbone_title, names))
    return (f"{titles} {'reads' if len(names) == 1 else 'read'} no text; the second step lets them look for more.",)


def _cards(loaded: Dataset, result: text_search.TextResult, k: int) -> list[gallery.Card]:
    """The first k results, with what each backbone says of them."""
    cards = []
    for rank, item in enumerate(result.order[:k], start=1):
        position = int(loaded.split.gallery[item])
        rows = tuple((cache.backbone_title(name), None, float(values[item])) for name, values in result.cosines.items())
        note = "a seed of the second step" if item in result.seeds else ""
        score = float(result.scores[item])
        cards.append(image_cards.card(loaded, position, rank=rank, score=score, rows=rows, note=note))
    return cards


def _search_quality(loaded: Dataset, reader: str, templates: bool | None) -> None:
    """How good such search is here: every class name is a query once."""
    with st.expander("How well does text search work here?", icon=":material/query_stats:"):
        if not st.toggle("Search for every class name", key="measure words"):
            st.caption("Each class name becomes a query; the images of that class are relevant.")
            return
        readable = [zero_shot.readable(name) for name in loaded.label_names]
        if not text_cache.ready(reader, text_encoding.sentences_of(reader, readable, templates), "the class names"):
            return
        vectors = cache.vectors(loaded, (reader,))[reader]
        quality = zero_shot.evaluate_class_names(loaded, reader, vectors, templates, text_cache.words)
        with st.container(key="words-wrap-figures"):
            columns = st.columns(len(quality.per_query) + 1)
            for column, (key, values) in zip(columns, quality.per_query.items()):
                column.metric(
                    metrics.label(key),
                    wording.number(metrics.mean(values)),
                    help=f"{metrics.sentence(key)} Mean of {int((~np.isnan(values)).sum())} class names as queries.",
                )
            columns[-1].metric(
                "Zero-shot accuracy",
                wording.number(quality.accuracy),
                help="The share of labelled images whose nearest class name is one of theirs.",
            )
        table = pd.DataFrame({"class": quality.names, "AP": quality.per_query["map"]}).sort_values("AP")
        st.dataframe(
            table,
            hide_index=True,
            width="stretch",
            height=min(280, 38 + 35 * len(table)),
            column_config={"AP": st.column_config.ProgressColumn("AP", min_value=0, max_value=1, format="%.3f")},
        )
