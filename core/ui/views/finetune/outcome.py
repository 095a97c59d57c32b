"""A tuned backbone beside the frozen one: the answer of the page, its curve, and where to go from there."""

from __future__ import annotations

from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core import backbones, charts, wording
from core.errors import CoreError
from core.setups import FinetuneSetup, FrameSetup
from core.studies.finetuning import figures, proposal
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


@cached("resource", max_entries=16, spinner=text("state.head_beside"), also=_weights)
def beside_head(loaded: Dataset, name: str) -> proposal.BesideHead | None:
    """A network of which more than a head was trained beside its head, which is trained for that."""
    return proposal.beside_head(name, loaded)


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
        _bars(compared, beside_head(loaded, wanted))
    training_job.curve(card)
    _next(loaded, wanted, base, cards)


def _bars(compared: figures.Beside, with_head: proposal.BesideHead | None) -> None:
    """The tuned network, the head of the same one where more was trained, the frozen one; which is proposed."""
    shown = {compared.name: compared.figure(compared.name), compared.base: compared.figure(compared.base)}
    colours = {compared.name: charts.FUSION_COLOUR, compared.base: charts.backbone_colour(0)}
    titles = {name: cache.backbone_title(name) for name in shown}
    if with_head is not None:
        shown = {name: with_head.result[name].figures["map"] for name in (compared.name, proposal.HEAD, compared.base)}
        colours[proposal.HEAD], titles[proposal.HEAD] = charts.backbone_colour(1), text("phrase.head_alone")
    rows = [charts.Bar(titles[name], at.mean, at.low, at.high, colours[name]) for name, at in shown.items()]
    drawn.chart(
        charts.BarChart(rows, text("axis.map"), row_height=44).figure(),
        key="tuned bars",
        config={"displayModeBar": False},
    )
    if with_head is not None:
        words = cache.with_titles(with_head.sentence(), (compared.name, compared.base))
        st.info(theme.plain(words), icon=":material/balance:")


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
