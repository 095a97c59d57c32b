"""The controls of the page Fine-tune: which network, for what, what moves, and the numbers behind a button."""

from __future__ import annotations

import streamlit as st

from core import wording
from core.errors import CoreError
from core.setups import FinetuneSetup, bounds_of
from core.setups.finetune import HEADS, MOVES, QUESTIONS
from core.studies.finetuning import run
from core.studies.finetuning.losses import LOSSES
from core.ui.app import cache, state

text = wording.page("finetune")


def field(name: str) -> str:
    """The widget key of a field of the setup."""
    return state.key(FinetuneSetup, name)


def tunable(names: tuple[str, ...]) -> list[str]:
    """Those of some backbones that have a network that can be tuned."""
    able = []
    for name in names:
        try:
            able.append(run.tunable(name).name)
        except CoreError:
            continue
    return able


def choose(networks: list[str]) -> None:
    """The widgets; their values stand in the setup."""
    if state.get(FinetuneSetup, "backbone") not in networks:
        state.set_field(FinetuneSetup, "backbone", networks[0])
    st.selectbox(
        text("label.network"),
        networks,
        key=field("backbone"),
        format_func=cache.backbone_title,
        help=text("help.network"),
    )
    st.radio(
        text("label.question"),
        QUESTIONS,
        key=field("question"),
        format_func=text.group("option.question").__getitem__,
        help=text("help.question"),
    )
    with st.popover(text("button.details"), icon=":material/tune:", width="stretch"):
        _details()


def _details() -> None:
    if state.get(FinetuneSetup, "loss") not in LOSSES:
        state.set_field(FinetuneSetup, "loss", FinetuneSetup.loss)
    st.selectbox(
        text("label.loss"),
        LOSSES.names,
        key=field("loss"),
        format_func=lambda name: LOSSES[name].label,
        help=text("help.loss"),
    )
    st.selectbox(
        text("label.moves"),
        MOVES,
        key=field("moves"),
        format_func=text.group("option.moves").__getitem__,
        help=text("help.moves"),
    )
    kinds = [kind for kind in HEADS if kind != "none" or state.get(FinetuneSetup, "moves") != "head"]
    if state.get(FinetuneSetup, "head") not in kinds:
        state.set_field(FinetuneSetup, "head", kinds[0])
    st.selectbox(text("label.head"), kinds, key=field("head"), format_func=text.group("option.head").__getitem__)
    for name, words in (
        ("dim", text("help.dim")),
        ("epochs", text("help.zero")),
        ("batch", text("help.batch")),
        ("seed", text("help.seed")),
    ):
        bounds = bounds_of(FinetuneSetup, name)
        st.number_input(bounds.label, int(bounds.low), int(bounds.high), key=field(name), help=words)
    st.number_input(text("label.rate"), 0.0, 1.0, key=field("rate"), step=0.0001, format="%.5f", help=text("help.zero"))
