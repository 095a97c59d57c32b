"""A tuned backbone beside the frozen one: the answer of the page, its curve, and where to go from there."""

from __future__ import annotations

from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core import backbones, charts, wording
from core.errors import CoreError
from core.setups import FinetuneSetup, FrameSetup
from core.studies.finetuning import figures
from core.types import Dataset
from core.ui.app import cache, drawn, state, theme
from core.ui.app.cached import cached
from core.ui.views.finetune import training_job
from core.ui.widgets import first_step

text = wording.page("finetune")


def tuned_here(loaded: Dataset) -> dict[str, dict[str, Any]]:
    """The tuned backbones that were trained on a dataset: name → card, those that cannot be read left out."""
    cards = {}
    for name in backbones.names():
        if not backbones.tuned.is_tuned(name) or name.startswith("fast:"):
            continue
        try:
            card = backbones.tuned.card(name)
        except CoreError:
            continue
        if card is not None and card["dataset"]["name"] == loaded.name:
            cards[name] = card
    return cards


def _weights(loaded: Dataset, name: str) -> str:
    card = backbones.tuned.card(name)
    return str(card["sha256"]) if card else ""


@cached("resource", max_entries=16, spinner=text("state.evaluating"), also=_weights)
def beside(loaded: Dataset, name: str) -> figures.Beside:
    """A tuned backbone and its base on what is left of the dataset."""
    return figures.beside(name, loaded)


def draw(loaded: Dataset, cards: dict[str, dict[str, Any]], answer: DeltaGenerator) -> None:
    """The one that is looked at: figures, difference, classes seen; its curve; the others in a list."""
    if not cards:
        theme.answer(text("sentence.none_yet"), text("sentence.how"), answer)
        first_step.draw_sketch()
        return
    wanted = state.get(FinetuneSetup, "tuned")
    if wanted not in cards:
        wanted = list(cards)[-1]
        state.set_field(FinetuneSetup, "tuned", wanted)
    card, base = cards[wanted], str(cards[wanted]["base"]["name"])
    if wanted not in cache.embedded(loaded.name):
        theme.answer(text("sentence.not_embedded", name=theme.plain(wanted)), "", answer)
    elif loaded.has_labels:
        compared = beside(loaded, wanted)
        by = compared.difference
        theme.answer(
            text(
                "sentence.answer_shown" if by.differs else "sentence.answer_level",
                name=theme.plain(cache.backbone_title(wanted)),
                change=wording.signed(by.mean),
                interval=wording.interval(by.low, by.high, sign=True),
                seen=compared.seen.words,
            ),
            text(
                "sentence.basis", queries=wording.plural(by.n, "query"), frozen=theme.plain(cache.backbone_title(base))
            ),
            answer,
        )
        rows = []
        for name, colour in ((wanted, charts.FUSION_COLOUR), (base, charts.backbone_colour(0))):
            figure = compared.figure(name)
            rows.append(charts.Bar(cache.backbone_title(name), figure.mean, figure.low, figure.high, colour))
        drawn.chart(
            charts.BarChart(rows, text("axis.map"), row_height=44).figure(),
            key="tuned bars",
            config={"displayModeBar": False},
        )
    training_job.curve(card)
    _next(loaded, wanted, base, cards)


def _next(loaded: Dataset, name: str, base: str, cards: dict[str, dict[str, Any]]) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if len(cards) > 1:
            st.selectbox(
                text("label.tuned"),
                list(cards),
                key=state.key(FinetuneSetup, "tuned"),
                format_func=cache.backbone_title,
                width=340,
            )
        if st.button(
            text("button.compare"),
            icon=":material/leaderboard:",
            type="primary",
            disabled=name not in cache.embedded(loaded.name),
        ):
            state.set_field(FrameSetup, "backbones", (base, name))
            st.switch_page("pages/leaderboard.py")
    st.caption(theme.plain(text("sentence.export", name=name)))
