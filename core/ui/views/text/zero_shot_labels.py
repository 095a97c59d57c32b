"""Labels by class names alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import streamlit as st

from core import charts, files, wording
from core.setups import WordsSetup
from core.studies.text import text_encoding, zero_shot
from core.types import Dataset
from core.ui.app import cache, drawn, state
from core.ui.components import gallery
from core.ui.views.text import text_cache
from core.ui.widgets import image_cards

text = wording.page("text_search")


def draw(loaded: Dataset, reader: str, templates: bool | None) -> None:
    """Class names are typed; every image gets the nearest one."""
    if not state.get(WordsSetup, "classes") and loaded.label_names:
        state.set_field(
            WordsSetup, "classes", ", ".join(zero_shot.readable(name) for name in loaded.label_names)[:4000]
        )
    st.text_area(
        text("label.class_names"),
        key=state.key(WordsSetup, "classes"),
        height=110,
        placeholder=text("placeholder.classes"),
        help=text("help.class_names"),
    )
    setup = state.read(WordsSetup)
    if not setup.classes.strip():
        st.caption(text("sentence.two_names"))
        return
    names = zero_shot.class_list(setup.classes)
    readable = [zero_shot.readable(name) for name in names]
    if not text_cache.ready(
        reader, text_encoding.sentences_of(reader, readable, templates), text("phrase.class_names")
    ):
        return
    with st.spinner(text("sentence.reading_classes")):
        assignment = zero_shot.classify(
            reader, cache.vectors(loaded, (reader,))[reader], names, templates, text_cache.words
        )
    true = [loaded.label_of(i) for i in range(len(loaded))]
    table, accuracy = zero_shot.confusion(true, assignment)
    with st.container(key="words-wrap-halves"):
        left, right = st.columns([3, 4], gap="large")
        with left:
            _labels_table(loaded, names, true, assignment, accuracy)
        with right:
            if len(table):
                drawn.chart(charts.label_confusion(table), key="words confusion", config={"displayModeBar": False})
                images = wording.plural(int(table.to_numpy().sum()), "labelled image")
                st.caption(text("sentence.shared_out", images=images))
    unsure = np.argsort(assignment.margin, kind="stable")[:24]
    st.markdown(text("sentence.unsure"))
    cards = []
    for i in unsure:
        margin = wording.number(float(assignment.margin[i]))
        note = text("phrase.unsure", label=names[assignment.predicted[i]], margin=margin)
        cards.append(image_cards.card(loaded, int(i), note=note))
    gallery.grid(cards, key="words unsure", size=110, name=text("phrase.least_sure"), pick="")


def _labels_table(
    loaded: Dataset, names: Sequence[str], true: Sequence[str], assignment: zero_shot.ZeroShot, accuracy: float
) -> None:
    """How many images got each name, how many rightly, and a file of it."""
    if accuracy == accuracy:
        st.metric(
            text("label.accuracy"),
            wording.number(accuracy),
            help=text("help.accuracy_typed"),
        )
    counts = np.bincount(assignment.predicted, minlength=len(names))
    drawn.table(
        pd.DataFrame({"class": names, "images": counts}).sort_values("images", ascending=False),
        hide_index=True,
        width="stretch",
        height=min(330, 38 + 35 * len(names)),
    )
    rows = pd.DataFrame(
        {
            "id": loaded.ids,
            "given": [names[c] for c in assignment.predicted],
            "margin": assignment.margin,
            "label": true,
        }
    )
    st.download_button(
        text("button.download_labels"),
        files.csv_bytes(rows),
        "labels.csv",
        "text/csv",
        key="words csv",
        icon=":material/download:",
    )
