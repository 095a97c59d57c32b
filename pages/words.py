"""Words: search pictures by a typed line, label them by class names alone, describe a selection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from core import charts, files, metrics
from core.errors import BadInput, NotComputed
from core.setups import FrameSetup, RetrievalSetup, WordsSetup, bounds_of
from core.studies import maps
from core.studies.text import text_encoding, text_query, text_search, zero_shot
from core.types import Dataset
from core.ui.app import cache, jobs, state, theme
from core.ui.app.error_boundary import guarded
from core.ui.components import gallery
from core.ui.views.text import text_cache
from core.ui.widgets import embedding_job, image_cards, sidebar

if TYPE_CHECKING:
    pass

OFFLINE = "concepts_lite0"
TOGETHER = "together"
LOOKS = {"search": "Search", "labels": "Labels by name", "describe": "Describe a selection"}
TEMPLATES = {"usual": "as it suits the backbone", "on": "on", "off": "off"}
_TRY = {"photo_views": ("cat", "hot drink", "something to ride", "night sky -rocket", '"old coins":2 face')}

# On a narrow page what belongs together stands below one another.
_STYLE = """
<style>
[class*="st-key-words-wrap"] > [data-testid="stHorizontalBlock"], [class*="st-key-words-wrap"] > div > [data-testid="stHorizontalBlock"] { flex-wrap: wrap; }
.st-key-words-wrap-how [data-testid="stColumn"] { flex: 1 1 210px; min-width: min(100%, 210px); }
.st-key-words-wrap-halves [data-testid="stColumn"] { flex: 1 1 340px; min-width: min(100%, 340px); }
.st-key-words-wrap-figures [data-testid="stColumn"] { flex: 1 1 120px; min-width: 120px; }
.st-key-words-line input { font-size: 1.1rem; }
</style>
"""


# ---------------------------------------------------------------------------------------------------- who reads


def offer_reader(name: str) -> None:
    """No embedded backbone reads text: say so, and give the button that helps."""
    st.info(
        f"No backbone that is embedded for {theme.plain(name)} reads text. Concepts needs no download: it sees "
        "ImageNet's 1,000 classes in a picture and knows their names, so it finds things that have such a name or one "
        "close to it.",
        icon=":material/translate:",
    )
    st.button(
        "Embed with Concepts",
        type="primary",
        icon=":material/play_arrow:",
        key="embed concepts",
        on_click=embedding_job.start_embedding,
        args=(name, (OFFLINE,)),
        kwargs={"title": f"Embedding {name} with Concepts"},
        **jobs.waits(),
    )


def how(names: tuple[str, ...], look: str) -> tuple[tuple[str, ...], bool | None]:
    """Who reads the words, and whether in photo sentences (None: as it suits the backbone)."""
    several = (TOGETHER,) if look == "search" and len(names) > 1 else ()
    if state.get(WordsSetup, "reader") not in names + several:
        state.set_field(WordsSetup, "reader", names[0])
    with st.container(key="words-wrap-how"):
        columns = st.columns(3 if look == "search" else 2, vertical_alignment="bottom", gap="medium")
        left, middle = columns[:2]
        reader = left.selectbox(
            "Read by",
            names + several,
            key=state.key(WordsSetup, "reader"),
            format_func=lambda name: "all that read text" if name == TOGETHER else cache.backbone_title(name),
            help="A backbone with a text tower: words and pictures lie in one space.",
        )
        templates = middle.selectbox(
            "Photo sentences",
            list(TEMPLATES),
            key=state.key(WordsSetup, "templates"),
            format_func=TEMPLATES.get,
            help=bounds_of(WordsSetup, "templates").help,
        )
        if look == "search":
            bounds = bounds_of(WordsSetup, "expand")
            columns[2].slider(
                "Second step (feedback)",
                bounds.low,
                bounds.high,
                key=state.key(WordsSetup, "expand"),
                help=bounds.help,
            )
    if reader == OFFLINE:
        st.caption(
            "Concepts knows English names of things. It cannot know colours, counts, people's names or relations."
        )
    return names if reader == TOGETHER else (reader,), {"usual": None, "on": True, "off": False}[templates]


# ---------------------------------------------------------------------------------------------------- search


def try_line() -> None:
    """An example was chosen."""
    chosen = state.widget("try words")
    if chosen:
        state.set_field(WordsSetup, "words", chosen)
        state.set_widget("try words", None)


def examples(loaded: Dataset) -> tuple[str, ...]:
    """Lines to try: written for the demo, else names of classes."""
    names = loaded.label_names[:: max(1, len(loaded.label_names) // 5)][:5]
    return _TRY.get(loaded.name, tuple(zero_shot.readable(name) for name in names))


def ask_box(loaded: Dataset) -> None:
    """Where one types, and examples to begin with."""
    with st.container(key="words-line"):
        st.text_input(
            "Words",
            key=state.key(WordsSetup, "words"),
            icon=":material/search:",
            label_visibility="collapsed",
            placeholder='What should be in the picture, e.g. piano, or "red:2 shoe", or beach -people',
            help="-word is to be avoided, word:2 counts twice, quotes keep words together.",
        )
    said = examples(loaded)
    if said and not state.get(WordsSetup, "words").strip():
        st.pills(
            "Try", said, format_func=theme.plain, key="try words", on_change=try_line, label_visibility="collapsed"
        )


def search(selection: sidebar.Selection, readers: tuple[str, ...], templates: bool | None) -> None:
    """The pictures for a typed line, and how good such search is here."""
    loaded = selection.dataset
    setup = state.read(WordsSetup)
    if not setup.words.strip():
        st.caption("Type what you look for. Every result says how close its picture lies to the words.")
    else:
        results(selection, setup, readers, templates)
    if loaded.label_names:
        measured(loaded, readers[0], templates)


def results(selection: sidebar.Selection, setup: WordsSetup, readers: tuple[str, ...], templates: bool | None) -> None:
    """The pictures for one typed line, best first."""
    loaded = selection.dataset
    try:
        query = text_query.parse(state.get(WordsSetup, "words"))  # as typed: the setup is cut to what a link can hold
    except BadInput as error:
        st.info(theme.plain(str(error)), icon=":material/info:")
        return
    everyone = tuple(dict.fromkeys([*readers, *(selection.backbones if setup.expand else ())]))
    rows = {name: vectors[loaded.split.gallery] for name, vectors in cache.vectors(loaded, everyone).items()}
    with st.spinner("Reading the words …"):
        found = text_search.search(rows, query, templates=templates, expand=setup.expand, encode=text_cache.words)
    st.markdown(f"**{theme.plain(query.sentence())}**")
    deaf = text_encoding.readers(selection.backbones).without_text_tower
    notes = list(found.notes)
    if deaf and not setup.expand:
        titles = ", ".join(map(cache.backbone_title, deaf))
        notes.append(
            f"{titles} {'reads' if len(deaf) == 1 else 'read'} no text; the second step lets them look for more."
        )
    st.caption("  \n".join(theme.plain(cache.titled(note, everyone)) for note in notes))
    shown = []
    for rank, place in enumerate(found.order[: setup.k], start=1):
        position = int(loaded.split.gallery[place])
        said = tuple((cache.backbone_title(name), None, float(values[place])) for name, values in found.cosines.items())
        seed = "a seed of the second step" if place in found.seeds else ""
        shown.append(
            image_cards.card(loaded, position, rank=rank, score=float(found.scores[place]), rows=said, note=seed)
        )
    picked = gallery.grid(
        shown, key="words results", size=130, name=f"results for {setup.words}", pick="Click to find more like it"
    )
    if picked:
        state.set_field(RetrievalSetup, "query", picked)
        state.set_field(RetrievalSetup, "crop", "")
        st.switch_page("pages/retrieval.py")


def measured(loaded: Dataset, reader: str, templates: bool | None) -> None:
    """How good such search is here: every class name asks once."""
    with st.expander("How well do words find pictures here?", icon=":material/query_stats:"):
        if not st.toggle("Ask with every class name", key="measure words"):
            st.caption("Each class name becomes a query; the pictures of that class are relevant.")
            return
        readable = [zero_shot.readable(name) for name in loaded.label_names]
        if not text_cache.ready(reader, text_encoding.sentences_of(reader, readable, templates), "the class names"):
            return
        vectors = cache.vectors(loaded, (reader,))[reader]
        found = zero_shot.evaluate_class_names(loaded, reader, vectors, templates, text_cache.words)
        with st.container(key="words-wrap-figures"):
            columns = st.columns(len(found.per_query) + 1)
            for column, (key, values) in zip(columns, found.per_query.items()):
                column.metric(
                    metrics.label(key),
                    theme.number(metrics.mean(values)),
                    help=f"{metrics.sentence(key)} Mean of {int((~np.isnan(values)).sum())} class names as queries.",
                )
            columns[-1].metric(
                "Zero-shot accuracy",
                theme.number(found.accuracy),
                help="The share of labelled pictures whose nearest class name is one of theirs.",
            )
        table = pd.DataFrame({"class": found.names, "AP": found.per_query["map"]}).sort_values("AP")
        st.dataframe(
            table,
            hide_index=True,
            width="stretch",
            height=min(280, 38 + 35 * len(table)),
            column_config={"AP": st.column_config.ProgressColumn("AP", min_value=0, max_value=1, format="%.3f")},
        )


# ---------------------------------------------------------------------------------------------------- labels


def labels(loaded: Dataset, reader: str, templates: bool | None) -> None:
    """Class names are typed; every picture gets the nearest one."""
    if not state.get(WordsSetup, "classes") and loaded.label_names:
        state.set_field(
            WordsSetup, "classes", ", ".join(zero_shot.readable(name) for name in loaded.label_names)[:4000]
        )
    st.text_area(
        "Class names",
        key=state.key(WordsSetup, "classes"),
        height=110,
        placeholder="cat, dog, something else",
        help="One per line or separated by commas, at least two. Each picture gets the class whose name lies nearest.",
    )
    setup = state.read(WordsSetup)
    if not setup.classes.strip():
        st.caption("Type at least two class names.")
        return
    names = zero_shot.class_list(setup.classes)
    readable = [zero_shot.readable(name) for name in names]
    if not text_cache.ready(reader, text_encoding.sentences_of(reader, readable, templates), "the class names"):
        return
    with st.spinner("Reading the class names …"):
        found = zero_shot.classify(reader, cache.vectors(loaded, (reader,))[reader], names, templates, text_cache.words)
    true = [loaded.label_of(i) for i in range(len(loaded))]
    table, accuracy = zero_shot.confusion(true, found)
    with st.container(key="words-wrap-halves"):
        left, right = st.columns([3, 4], gap="large")
        with left:
            given(loaded, names, true, found, accuracy)
        with right:
            if len(table):
                st.plotly_chart(charts.label_confusion(table), key="words confusion", config={"displayModeBar": False})
                st.caption(
                    f"True labels down, given names across; {int(table.to_numpy().sum()):,} labelled pictures, "
                    "each row shared out."
                )
    unsure = np.argsort(found.margin, kind="stable")[:24]
    st.markdown("**Least sure** – best and second best name lie almost equally near")
    shown = [
        image_cards.card(loaded, int(i), note=f"{names[found.predicted[i]]} · margin {found.margin[i]:.3f}")
        for i in unsure
    ]
    gallery.grid(shown, key="words unsure", size=110, name="least sure", pick="")


def given(
    loaded: Dataset, names: Sequence[str], true: Sequence[str], found: zero_shot.ZeroShot, accuracy: float
) -> None:
    """How many pictures got each name, how many rightly, and a file of it."""
    if accuracy == accuracy:
        st.metric(
            "Zero-shot accuracy",
            theme.number(accuracy),
            help="The share of labelled pictures whose class name was typed and that got it.",
        )
    counts = np.bincount(found.predicted, minlength=len(names))
    st.dataframe(
        pd.DataFrame({"class": names, "pictures": counts}).sort_values("pictures", ascending=False),
        hide_index=True,
        width="stretch",
        height=min(330, 38 + 35 * len(names)),
    )
    rows = pd.DataFrame(
        {"id": loaded.ids, "given": [names[c] for c in found.predicted], "margin": found.margin, "label": true}
    )
    st.download_button(
        "Download the labels",
        files.csv_bytes(rows),
        "labels.csv",
        "text/csv",
        key="words csv",
        icon=":material/download:",
    )


# ---------------------------------------------------------------------------------------------------- describe


def describe(loaded: Dataset, reader: str, templates: bool | None) -> None:
    """The words nearest to what is selected on the map."""
    chosen = maps.positions_of(loaded, state.session_get("selected ids", {}).get(loaded.name, ()))
    state.read(WordsSetup)
    if not len(chosen):
        st.info("Nothing is selected: draw around points on the Map, then come back for the words that fit them.")
        st.page_link("pages/projection.py", label="Open the Map", icon=":material/scatter_plot:")
        return
    own = st.text_input("Your own words, beside ImageNet's names", key="own words", placeholder="sunset, blurred, toy")
    vocabulary = zero_shot.vocabulary(tuple(own.split(",")))
    # a long list of bare names; photo sentences around each of them only where they were asked for
    said = text_encoding.sentences_of(reader, vocabulary, bool(templates))
    if not text_cache.ready(reader, said, f"{len(vocabulary):,} words to describe with"):
        return
    vectors = cache.vectors(loaded, (reader,))[reader]
    found = zero_shot.nearest_words(
        reader, vectors[chosen], vectors, vocabulary, k=10, templates=bool(templates), encode=text_cache.words
    )
    with st.container(key="words-wrap-halves"):
        left, right = st.columns([3, 4], gap="large")
        left.dataframe(
            found,
            hide_index=True,
            width="stretch",
            column_config={
                "cosine": st.column_config.NumberColumn(format="%.3f", help="With the middle of the selection."),
                "more": st.column_config.NumberColumn(
                    format="%+.3f", help="That, less the cosine with the middle of all pictures."
                ),
            },
        )
        with right:
            st.caption(f"{len(chosen):,} selected pictures against all {len(loaded):,}.")
            gallery.grid(
                image_cards.cards(loaded, chosen[:30]), key="words selection", size=80, name="the selection", pick=""
            )


# ---------------------------------------------------------------------------------------------------- the page


def page() -> None:
    """Draw the page."""
    st.html(_STYLE)
    theme.title("Words", "Find pictures by what is in them, label them by name alone, and put a selection into words.")
    state.seed(WordsSetup)
    jobs.job_panel(embedding_job.JOB, text_cache.JOB)
    try:
        selection = sidebar.selection()
    except NotComputed:
        name = state.get(FrameSetup, "dataset")
        if name not in cache.ready_datasets():
            raise
        offer_reader(name)
        return
    names = text_encoding.readers(tuple(dict.fromkeys([*selection.backbones, *selection.embedded]))).reading
    if not names:
        offer_reader(selection.dataset.name)
        return
    look = st.segmented_control(
        "What for",
        list(LOOKS),
        key=state.key(WordsSetup, "look"),
        format_func=LOOKS.get,
        required=True,
        label_visibility="collapsed",
    )
    if look == "search":
        ask_box(selection.dataset)
    readers, templates = how(names, look)
    text_cache.warm(readers)
    try:
        if look == "labels":
            labels(selection.dataset, readers[0], templates)
        elif look == "describe":
            describe(selection.dataset, readers[0], templates)
        else:
            search(selection, readers, templates)
    except BadInput as error:
        state.read(WordsSetup)
        st.warning(theme.plain(str(error)), icon=":material/info:")


guarded(page)()
