"""Words: search pictures by a typed line, label them by class names alone, describe a selection."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from core import charts
from core.errors import BadInput
from core.metrics import ranking as metrics
from core.setups import RetrievalSetup, WordsSetup, bounds_of
from core.studies import embedding, maps, text
from core.types import Dataset
from core.ui import cache, cards, controls, gallery, jobs, state, theme
from core.ui.guard import guarded

OFFLINE = "concepts_lite0"
LOOKS = {"search": "Search", "labels": "Labels by name", "describe": "Describe a selection"}
JOB = "embed"


def readers(selection: controls.Selection) -> tuple[str, ...]:
    """The embedded backbones that read text, chosen ones first."""
    return text.readers(tuple(dict.fromkeys([*selection.backbones, *selection.embedded]))).reading


def offer_reader(loaded: Dataset) -> None:
    """No embedded backbone reads text: say so, and give the button that helps."""
    st.info(
        f"No backbone that is embedded for {theme.plain(loaded.name)} reads text. Concepts needs no download: it sees ImageNet's "
        "classes in a picture and knows their names, so it finds things that have such a name or one close to it.",
        icon=":material/translate:",
    )

    def work(job: jobs.Job) -> None:
        embedding.embed(loaded, (OFFLINE,), on_progress=job.tell, cancel=job.cancel)
        job.changed()

    st.button(
        "Embed with Concepts", type="primary", icon=":material/play_arrow:", key="embed concepts",
        on_click=jobs.start, args=(JOB, f"Embedding {loaded.name} with Concepts", work), disabled=bool(jobs.running()),
    )  # fmt: skip


def how(names: tuple[str, ...]) -> str:
    """Who reads the words, and how; returns the backbone."""
    if state.get(WordsSetup, "reader") not in names:
        state.put(WordsSetup, "reader", names[0])
    left, middle, right = st.columns([3, 2, 3], vertical_alignment="bottom", gap="medium")
    reader = left.selectbox(
        "Read by", names, key=state.key(WordsSetup, "reader"), format_func=cache.backbone_title,
        help="A backbone with a text tower: words and pictures lie in one space.",
    )  # fmt: skip
    middle.toggle(
        "Photo sentences", key=state.key(WordsSetup, "templates"), help=bounds_of(WordsSetup, "templates").help
    )
    if reader == OFFLINE:
        right.caption(
            "Concepts knows English names of things. It cannot know colours, counts, people's names or relations."
        )
    return reader


def search(selection: controls.Selection, reader: str) -> None:
    """A typed line, and the pictures that it finds."""
    loaded = selection.dataset
    left, right = st.columns([6, 2], vertical_alignment="bottom", gap="medium")
    left.text_input(
        "Words", key=state.key(WordsSetup, "words"), placeholder='for example: piano, or "red:2 shoe", or beach -people',
        help="-word is to be avoided, word:2 counts twice, quotes keep words together.",
    )  # fmt: skip
    bounds = bounds_of(WordsSetup, "expand")
    right.slider("Second step", 0, 20, key=state.key(WordsSetup, "expand"), help=bounds.help)
    setup = state.read(WordsSetup)
    if not setup.words.strip():
        st.caption("Type what you look for. Every result says how close its picture lies to the words.")
        return
    query = text.parse(setup.words)
    everyone = tuple(dict.fromkeys([reader, *(selection.backbones if setup.expand else ())]))
    rows = {name: vectors[loaded.split.gallery] for name, vectors in cache.vectors(loaded, everyone).items()}
    with st.spinner("Reading the words …"):
        found = text.search(rows, query, templates=setup.templates or None, expand=setup.expand)
    st.markdown(f"**{theme.plain(query.sentence())}**")
    for note in found.notes:
        st.caption(theme.plain(note))
    shown = []
    for rank, place in enumerate(found.order[: setup.k], start=1):
        position = int(loaded.split.gallery[place])
        said = tuple((cache.backbone_title(name), None, float(values[place])) for name, values in found.cosines.items())
        shown.append(cards.card(loaded, position, rank=rank, score=float(found.scores[place]), rows=said))
    picked = gallery.grid(
        shown, key="words results", size=130, name=f"results for {setup.words}", pick="Click to find more like it"
    )
    if picked:
        state.put(RetrievalSetup, "query", picked)
        state.put(RetrievalSetup, "crop", "")
        st.switch_page("pages/retrieval.py")
    if loaded.label_names:
        measured(loaded, reader, setup.templates)


def measured(loaded: Dataset, reader: str, templates: bool) -> None:
    """How good such search is here: every class name asks once."""
    with st.expander("How well do words find pictures here?", icon=":material/query_stats:"):
        if not st.toggle("Ask with every class name", key="measure words"):
            st.caption("Each class name becomes a query; the pictures of that class are relevant.")
            return
        names, truth = text.label_queries(loaded)
        vectors = cache.vectors(loaded, (reader,))[reader][loaded.split.gallery]
        words = text.phrases(reader, [text.readable(name) for name in names], templates or None)
        values = text.judged(words @ vectors.T, truth)
        for column, key in zip(st.columns(len(values) + 1), values):
            column.metric(
                metrics.label(key), theme.number(metrics.mean(values[key])),
                help=f"{metrics.sentence(key)} Mean of {int((~np.isnan(values[key])).sum())} class names as queries.",
            )  # fmt: skip
        table = pd.DataFrame({"class": names, "AP": values["map"]}).sort_values("AP")
        st.dataframe(
            table,
            hide_index=True,
            width="stretch",
            height=260,
            column_config={"AP": st.column_config.NumberColumn(format="%.3f")},
        )


def labels(loaded: Dataset, reader: str) -> None:
    """Class names are typed; every picture gets the nearest one."""
    if not state.get(WordsSetup, "classes") and loaded.label_names:
        state.put(WordsSetup, "classes", ", ".join(text.readable(name) for name in loaded.label_names)[:4000])
    st.text_area(
        "Class names", key=state.key(WordsSetup, "classes"), height=110, placeholder="cat, dog, something else",
        help="One per line or separated by commas, at least two. Each picture gets the class whose name lies nearest.",
    )  # fmt: skip
    setup = state.read(WordsSetup)
    if not setup.classes.strip():
        st.caption("Type at least two class names.")
        return
    names = text.class_list(setup.classes)
    with st.spinner("Reading the class names …"):
        found = text.zero_shot(reader, cache.vectors(loaded, (reader,))[reader], names, setup.templates or None)
    true = [loaded.label_of(i) for i in range(len(loaded))]
    table, accuracy = text.confusion(true, found)
    counts = np.bincount(found.predicted, minlength=len(names))
    left, right = st.columns([3, 4], gap="large")
    with left:
        if accuracy == accuracy:
            st.metric(
                "Zero-shot accuracy",
                theme.number(accuracy),
                help="The share of labelled pictures whose class name was typed and that got it.",
            )
        given = pd.DataFrame(
            {"id": loaded.ids, "given": [names[c] for c in found.predicted], "margin": found.margin, "label": true}
        )
        st.dataframe(
            pd.DataFrame({"class": names, "pictures": counts}).sort_values("pictures", ascending=False), hide_index=True,
            width="stretch", height=320,
        )  # fmt: skip
        st.download_button("Download the labels", given.to_csv(index=False), "labels.csv", "text/csv", key="words csv")
    with right:
        if len(table):
            st.plotly_chart(confusion_figure(table), key="words confusion", config={"displayModeBar": False})
            st.caption(
                f"True labels down, given names across; {int(table.to_numpy().sum()):,} labelled pictures, each row shared out."
            )
    unsure = np.argsort(found.margin, kind="stable")[:24]
    st.markdown("**Least sure** – best and second best name lie almost equally near")
    shown = [
        cards.card(loaded, int(i), note=f"{names[found.predicted[i]]} · margin {found.margin[i]:.3f}") for i in unsure
    ]
    gallery.grid(shown, key="words unsure", size=100, name="least sure", pick="")


def confusion_figure(table: pd.DataFrame):  # noqa: ANN201
    """True labels against given names, each row as shares."""
    import plotly.graph_objects as go

    shares = table.to_numpy(float) / np.maximum(table.to_numpy(float).sum(axis=1, keepdims=True), 1)
    figure = go.Figure(
        go.Heatmap(
            z=shares, x=list(map(str, table.columns)), y=list(map(str, table.index)), colorscale="Blues", zmin=0, zmax=1,
            customdata=table.to_numpy(), colorbar={"thickness": 10, "tickformat": ".0%"},
            hovertemplate="%{y} was called %{x}: %{customdata} pictures, %{z:.0%}<extra></extra>",
        )
    )  # fmt: skip
    figure.update_yaxes(autorange="reversed")
    return charts.bare(figure, height=max(340, 80 + 15 * len(table)))


def describe(loaded: Dataset, reader: str) -> None:
    """The words nearest to what is selected on the map."""
    chosen = maps.positions_of(loaded, state.hold("selected ids", {}).get(loaded.name, ()))
    state.read(WordsSetup)
    if not len(chosen):
        st.info("Nothing is selected: draw around points on the Map, then come back for the words that fit them.")
        st.page_link("pages/projection.py", label="Open the Map", icon=":material/scatter_plot:")
        return
    own = st.text_input("Your own words, beside ImageNet's names", key="own words", placeholder="sunset, blurred, toy")
    vectors = cache.vectors(loaded, (reader,))[reader]
    found = text.nearest_words(reader, vectors[chosen], vectors, text.vocabulary(tuple(own.split(","))), k=10)
    left, right = st.columns([3, 4], gap="large")
    left.dataframe(
        found, hide_index=True, width="stretch",
        column_config={
            "cosine": st.column_config.NumberColumn(format="%.3f", help="With the middle of the selection."),
            "more": st.column_config.NumberColumn(format="%+.3f", help="That, less the cosine with the middle of all pictures."),
        },
    )  # fmt: skip
    with right:
        st.caption(f"{len(chosen):,} selected pictures against all {len(loaded):,}.")
        gallery.grid(cards.cards(loaded, chosen[:30]), key="words selection", size=80, name="the selection", pick="")


def page() -> None:
    """Draw the page."""
    theme.title("Words", "Find pictures by what is in them, label them by name alone, and put a selection into words.")
    selection = controls.selection()
    state.seed(WordsSetup)
    jobs.panel(JOB)
    names = readers(selection)
    if not names:
        offer_reader(selection.dataset)
        return
    st.segmented_control(
        "What for",
        list(LOOKS),
        key=state.key(WordsSetup, "look"),
        format_func=LOOKS.get,
        required=True,
        label_visibility="collapsed",
    )
    reader = how(names)
    look = state.get(WordsSetup, "look")
    try:
        if look == "labels":
            labels(selection.dataset, reader)
        elif look == "describe":
            describe(selection.dataset, reader)
        else:
            search(selection, reader)
    except BadInput as error:
        state.read(WordsSetup)
        st.warning(theme.plain(str(error)), icon=":material/info:")


guarded(page)()
