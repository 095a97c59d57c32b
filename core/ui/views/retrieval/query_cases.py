"""One query in a row: its figures, and its first results."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import streamlit as st

from core import wording
from core.setups import RetrievalSetup
from core.studies import retrieval
from core.studies.failure_reasons import FailureReason
from core.types import Dataset
from core.ui.app import state, theme
from core.ui.components import gallery
from core.ui.widgets import image_cards

text = wording.page("retrieval")
failures = wording.page("failures")

if TYPE_CHECKING:
    from core.ui.views.retrieval.retrieval_view import RetrievalView


Pick = Callable[[str], None]
SEEK = "picks below"
"""How often an image was chosen below the results: the page then scrolls to the query."""


def class_filter(view: RetrievalView) -> str:
    """The class that the tables are about; part of the link."""
    options = ["", *view.loaded.label_names]
    now = state.get(RetrievalSetup, "label")
    state.set_field(RetrievalSetup, "label", now if now in options else "")
    chosen = st.selectbox(
        text("label.class"),
        options,
        key=state.key(RetrievalSetup, "label"),
        format_func=lambda name: name or "every class",
        help=text("help.class"),
    )
    state.read(RetrievalSetup)
    return chosen


def case_row(
    loaded: Dataset,
    case: retrieval.QueryCase,
    key: str,
    pick: Pick,
    title: str = "",
    reason: FailureReason | None = None,
) -> None:
    """One query: its figures, words and why it fails at the left, the query and its first results at the right."""
    left, right = st.columns([2, 7], gap="medium", vertical_alignment="center")
    head = f"{theme.plain(title)} · " if title else ""
    with left.container(key=f"words {key}", gap="xsmall"):
        figures = text("phrase.ap_relevant", head=head, ap=f"{case.ap:.3f}", n_relevant=case.n_relevant)
        badge = failures("phrase.badge", label=reason.label) if reason else ""
        if case.label_error >= 0 and reason is None:
            badge = text("phrase.label_error_badge")
        sentences = [case.explanation] if reason is None or reason.is_told else [reason.evidence, case.explanation]
        # Few elements: there are ten rows, and each element is a message.
        st.markdown("\n\n".join(filter(None, (figures, badge))))
        st.caption("\n\n".join(map(theme.plain, sentences)))
    with right:
        gallery.grid(
            case_cards(loaded, case),
            key=f"case {key}",
            size=72,
            on_pick=pick,
            name=text("option.pair_of_images"),
            beside=8,
        )


def case_cards(loaded: Dataset, case: retrieval.QueryCase) -> list[gallery.Card]:
    """The query, then its first results."""
    image_cards.ensure_thumbnails(loaded, [case.position, *loaded.split.gallery[case.items]])
    cards = [image_cards.card(loaded, case.position, frame="query")]
    for rank, (item, score, kind) in enumerate(zip(case.items, case.scores, case.kinds), start=1):
        position = int(loaded.split.gallery[item])
        if position != case.position:
            cards.append(
                image_cards.card(
                    loaded,
                    position,
                    rank=rank,
                    score=float(score),
                    frame=kind,
                    note="other label?" if item == case.label_error else "",
                )
            )
    return cards
