"""More like these, less like those: images that move the query, chosen by clicks on results."""

from __future__ import annotations

from functools import partial

import streamlit as st

from core import wording
from core.setups import RetrievalSetup
from core.setups.fields import join_texts, split_texts
from core.studies import retrieval
from core.studies.retrieval.feedback import MOST_EXAMPLES
from core.types import Dataset
from core.ui.app import state
from core.ui.components import gallery
from core.ui.views.retrieval import query_inputs
from core.ui.views.retrieval.retrieval_view import RetrievalView
from core.ui.widgets import image_cards

strings = wording.page("retrieval")

CLICK = strings("option.click_does")
CLICKS = {"search": strings("option.search"), "more": strings("option.more_like"), "less": strings("option.less_like")}


def current(loaded: Dataset, setup: RetrievalSetup) -> retrieval.Feedback:
    """The images of the link that the dataset has."""
    return retrieval.Feedback(*(_positions(loaded, getattr(setup, name)) for name in ("more", "less")))


def _positions(loaded: Dataset, text: str) -> tuple[int, ...]:
    positions = (query_inputs.position_of(loaded, id_) for id_ in split_texts(text)[:MOST_EXAMPLES])
    return tuple(position for position in positions if position is not None)


def forget() -> None:
    """Nothing moves the query any more."""
    for name in ("more", "less"):
        state.set_field(RetrievalSetup, name, "")


def add(name: str, id_: str) -> None:
    """One more image to be like, or unlike; it leaves the other side."""
    for side in ("more", "less"):
        ids = [text for text in split_texts(state.get(RetrievalSetup, side)) if text != id_]
        state.set_field(RetrievalSetup, side, join_texts([*ids, id_][-MOST_EXAMPLES:] if side == name else ids))


def take_back(name: str, id_: str) -> None:
    """An image moves the query no more."""
    ids = [text for text in split_texts(state.get(RetrievalSetup, name)) if text != id_]
    state.set_field(RetrievalSetup, name, join_texts(ids))


def click_choice() -> None:
    """What a click on a result does."""
    if state.widget(CLICK) not in CLICKS:
        state.set_widget(CLICK, "search")
    st.segmented_control(
        strings("label.click_result"),
        list(CLICKS),
        key=CLICK,
        required=True,
        format_func=CLICKS.__getitem__,
        help=strings("help.click"),
    )


def draw(view: RetrievalView, change: retrieval.Feedback) -> None:
    """The images that move the query, with the weights; a click takes one back."""
    if not change:
        return
    for name, positions, title in (
        ("more", change.more, strings("option.more_like_images")),
        ("less", change.less, strings("option.less_like_images")),
    ):
        if not positions:
            continue
        st.caption(strings("sentence.feedback_how", title=title))
        gallery.grid(
            image_cards.cards(view.loaded, positions),
            key=f"feedback {name}",
            size=56,
            name=title.lower(),
            pick=strings("option.click_removes"),
            on_pick=partial(take_back, name),
        )
    st.caption(change.sentence())
    st.button(strings("button.forget_feedback"), icon=":material/undo:", key="forget feedback", on_click=forget)
