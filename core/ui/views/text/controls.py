"""Which backbone reads the text, and the button for a dataset that none of them reads for."""

from __future__ import annotations

import streamlit as st

from core.setups import WordsSetup, bounds_of
from core.studies.text import text_encoding
from core.ui.app import cache, jobs, state, theme
from core.ui.widgets import embedding_job, sidebar

CONCEPTS = "concepts_lite0"
ALL_READERS = "together"
LOOKS = {"search": "Search", "labels": "Labels by name", "describe": "Describe a selection"}
TEMPLATES = {"usual": "as it suits the backbone", "on": "on", "off": "off"}
TEMPLATE_FLAGS = {"usual": None, "on": True, "off": False}


def offer_reader(name: str) -> None:
    """No embedded backbone reads text: say so, and give the button that helps."""
    st.info(
        f"No backbone that is embedded for {theme.plain(name)} reads text. Concepts needs no download: it sees "
        "ImageNet's 1,000 classes in an image and knows their names, so it finds things that have such a name or one "
        "close to it.",
        icon=":material/translate:",
    )
    st.button(
        "Embed with Concepts",
        type="primary",
        icon=":material/play_arrow:",
        key="embed concepts",
        on_click=embedding_job.start_embedding,
        args=(name, (CONCEPTS,)),
        kwargs={"title": f"Embedding {name} with Concepts"},
        **jobs.waits(),
    )


def choose_look() -> str:
    """Search, labels or a description."""
    look = st.segmented_control(
        "What for",
        list(LOOKS),
        key=state.key(WordsSetup, "look"),
        format_func=LOOKS.__getitem__,
        required=True,
        label_visibility="collapsed",
    )
    return look or "search"


def readers(selection: sidebar.Selection) -> tuple[str, ...]:
    """The embedded backbones that read text, chosen ones first."""
    return text_encoding.readers(tuple(dict.fromkeys([*selection.backbones, *selection.embedded]))).reading


def choose_reader(names: tuple[str, ...], look: str) -> tuple[tuple[str, ...], bool | None]:
    """Which backbones read the text, and whether in photo sentences (None: as it suits the backbone)."""
    together = (ALL_READERS,) if look == "search" and len(names) > 1 else ()
    if state.get(WordsSetup, "reader") not in names + together:
        state.set_field(WordsSetup, "reader", names[0])
    with st.container(key="words-wrap-how"):
        columns = st.columns(3 if look == "search" else 2, vertical_alignment="bottom", gap="medium")
        left, middle = columns[:2]
        reader = left.selectbox(
            "Read by",
            names + together,
            key=state.key(WordsSetup, "reader"),
            format_func=lambda name: "all that read text" if name == ALL_READERS else cache.backbone_title(name),
            help="A backbone with a text tower: text and images lie in one space.",
        )
        templates = middle.selectbox(
            "Photo sentences",
            list(TEMPLATES),
            key=state.key(WordsSetup, "templates"),
            format_func=TEMPLATES.__getitem__,
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
    if reader == CONCEPTS:
        st.caption(
            "Concepts knows English names of things. It cannot know colours, counts, people's names or relations."
        )
    return names if reader == ALL_READERS else (reader,), TEMPLATE_FLAGS[templates]
