"""Which backbone reads the text, and the button for a dataset that none of them reads for."""

from __future__ import annotations

import streamlit as st

from core import wording
from core.setups import WordsSetup, bounds_of
from core.studies.text import text_encoding
from core.types import Dataset
from core.ui.app import cache, state, theme
from core.ui.widgets import demo_job, first_step, sidebar

text = wording.page("text_search")

ALL_READERS = "together"
LOOKS = text.group("option.look")
TEMPLATES = text.group("option.templates")
TEMPLATE_FLAGS = {"usual": None, "on": True, "off": False}


def offer_reader(loaded: Dataset) -> None:
    """No embedded backbone reads text: say so, and give the button that helps."""
    if not loaded.has_images:
        first_step.no_images(loaded)
        return
    sentence = text("sentence.no_reader", dataset=theme.plain(loaded.name))
    readers = (demo_job.CONCEPTS,)
    first_step.draw(sentence, lambda: first_step.draw_embed_button(loaded, readers), text("sentence.concepts_knows"))


def choose_look() -> str:
    """Search, labels or a description."""
    look = st.segmented_control(
        text("label.look"),
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
            text("label.reader"),
            names + together,
            key=state.key(WordsSetup, "reader"),
            format_func=lambda name: text("option.all_readers") if name == ALL_READERS else cache.backbone_title(name),
            help=text("help.reader"),
        )
        templates = middle.selectbox(
            text("label.templates"),
            list(TEMPLATES),
            key=state.key(WordsSetup, "templates"),
            format_func=TEMPLATES.__getitem__,
            help=bounds_of(WordsSetup, "templates").help,
        )
        if look == "search":
            bounds = bounds_of(WordsSetup, "expand")
            columns[2].slider(
                text("label.expand"),
                bounds.low,
                bounds.high,
                key=state.key(WordsSetup, "expand"),
                help=bounds.help,
            )
    if reader == demo_job.CONCEPTS:
        st.caption(text("sentence.concepts_knows"))
    return names if reader == ALL_READERS else (reader,), TEMPLATE_FLAGS[templates]
