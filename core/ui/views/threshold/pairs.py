"""The pairs nearest to the threshold, as images: where a system is in two minds."""

from __future__ import annotations

import dataclasses

import streamlit as st

from core import wording
from core.studies.verification import Pair
from core.ui.app import theme
from core.ui.components import gallery
from core.ui.views.threshold.threshold_view import ThresholdView, nearest_pairs
from core.ui.widgets import image_cards

text = wording.page("threshold")
MOST = 12
KINDS = ("wrong_accepted", "right_refused", "right_accepted", "wrong_refused")


def draw(view: ThresholdView) -> None:
    """Four kinds of pairs, the mistakes first."""
    cut = round(view.cut, 6)
    pairs = nearest_pairs(view.loaded, view.system.system, cut, MOST)
    shown = text("phrase.pairs_at", system=theme.plain(view.system.title), cut=wording.number(cut, 4))
    st.caption(f"{shown} {text('phrase.frames')}")
    image_cards.ensure_thumbnails(view.loaded, {position for pair in pairs for position in (pair.query, pair.item)})
    for first in (0, 2):
        with theme.side_by_side(f"pairs {first}"):
            columns = st.columns(2, gap="medium")
        for column, kind in zip(columns, KINDS[first : first + 2]):
            matches, accepted = kind.startswith("right"), kind.endswith("_accepted")
            mine = [pair for pair in pairs if pair.matches == matches and pair.accepted == accepted]
            with column:
                st.markdown(f"**{text(f'heading.{kind}')}**")
                _draw_pairs(view, mine, kind)


def _draw_pairs(view: ThresholdView, pairs: list[Pair], kind: str) -> None:
    if not pairs:
        st.caption(text("placeholder.nothing"))
        return
    cards = []
    for number, pair in enumerate(pairs):
        frame = "relevant" if pair.matches else "not"
        sides = (
            image_cards.card(view.loaded, pair.query, frame="query"),
            image_cards.card(view.loaded, pair.item, frame=frame, score=pair.score),
        )
        cards += [dataclasses.replace(card, id=f"{number}|{card.id}") for card in sides]
    gallery.grid(cards, key=f"pairs {kind}", size=104, beside=4, paired=True, name=text(f"heading.{kind}"), pick="")
