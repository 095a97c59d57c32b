"""The results of one system, or of two side by side, and what was missed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core import wording
from core.metrics.calibration import Calibration
from core.studies import retrieval
from core.ui.app import theme
from core.ui.components import gallery
from core.ui.views.retrieval import list_overlap, query_state, why_matched
from core.ui.views.retrieval.retrieval_view import RetrievalView
from core.ui.widgets import likely
from core.ui.widgets.result_cards import result_cards

text = wording.page("retrieval")
_MOST_MISSED = 24
Ahead = Callable[[str], Sequence[gallery.Card]]


def summary(answer: retrieval.QueryResult, k: int) -> str:
    """What one answer amounts to, in one line of figures."""
    shown = min(k, len(answer.order))
    if not answer.has_relevance:
        if answer.approximate:
            return text("phrase.unknown", shown=f"{shown:,}")
        return text("phrase.unknown_of", shown=f"{shown:,}", total=f"{len(answer.order):,}")
    if answer.is_judged:
        return _judged_summary(answer, k, shown)
    hits = text(
        "phrase.hits", hits=f"{int(answer.hits[:k].sum()):,}", shown=f"{shown:,}", total=f"{answer.n_relevant:,}"
    )
    if answer.approximate:
        return hits
    values = retrieval.query_metrics(answer, k)
    if not np.isfinite(values["first"]):
        return f"{hits} · {text('phrase.none_retrieved')}"
    figures = text("phrase.figures", rank=f"{values['first']:,.0f}", ap=wording.number(values["map"]))
    return f"{hits} · {figures}"


def _judged_summary(answer: retrieval.QueryResult, k: int, shown: int) -> str:
    """The same where people judged some results: of how many of the first one knows."""
    judged = int((~answer.unjudged[answer.order[:k]]).sum())
    hits = text(
        "phrase.judged_hits",
        hits=f"{int(answer.hits[:k].sum()):,}",
        judged=f"{judged:,}",
        shown=f"{shown:,}",
        total=f"{answer.n_relevant:,}",
    )
    ap = "" if answer.approximate else wording.number(retrieval.query_metrics(answer, k)["map"])
    return f"{hits} · {text('phrase.judged_figures', ap=ap)}" if ap else hits


def draw_answer(view: RetrievalView, answers: list[retrieval.QueryResult], container: DeltaGenerator) -> None:
    """How well the query is answered; of two systems by each of them."""
    k = view.setup.k
    if len(answers) == 1:
        known = answers[0].has_relevance
        marks = text("phrase.judged_marks") if answers[0].is_judged else text("phrase.marks")
        small = marks if known else text("phrase.no_marks")
        theme.answer(summary(answers[0], k), small, container)
        return
    lines = [f"**{letter}** {summary(answer, k)}" for letter, answer in zip("AB", answers)]
    theme.answer("  \n".join(lines), text("phrase.arrows"), container)


def _likely(view: RetrievalView, answer: retrieval.QueryResult) -> Calibration | None:
    """What makes probabilities of the scores, where that is asked for; scores of texts are others than those of images."""
    if not view.setup.likely or answer.query.truth is None:
        return None
    stored, sentence = likely.of_answer(view.loaded, answer.system.name, answer.system.spec)
    st.caption(theme.plain(sentence))
    return None if stored is None else stored.fit


def _one_system(
    view: RetrievalView, answer: retrieval.QueryResult, number: int, moves: tuple = (), ahead: Ahead | None = None
) -> None:
    """The grid of one system, and the relevant images that did not make it."""
    k = view.setup.k
    size = view.setup.size if view.other is None else max(60, int(view.setup.size * 0.62))
    calibration = _likely(view, answer)
    gallery.grid(
        result_cards(view.loaded, answer, answer.order[:k], view.colours, moves=moves, likely=calibration),
        key=f"results {number}",
        size=size,
        on_pick=query_state.result_clicked,
        on_why=partial(why_matched.clicked, number),
        name=f"results of {view.systems[number].title}",
        group="results",
        ahead=ahead,
    )
    missed = answer.missed(k)
    if not len(missed):
        return
    more = f"; the nearest {_MOST_MISSED} are shown" if len(missed) > _MOST_MISSED else ""
    among = " " + text("option.of_index", n_order=len(answer.order)) if answer.approximate else ""
    st.caption(text("sentence.missed", n_missed=f"{len(missed):,}", among=among, k=k, more=more))
    gallery.grid(
        result_cards(view.loaded, answer, missed[:_MOST_MISSED], view.colours, likely=calibration),
        key=f"missed {number}",
        size=max(60, int(size * 0.62)),
        on_pick=query_state.result_clicked,
        on_why=partial(why_matched.clicked, number),
        name=text("option.missed_images"),
        group="results",
    )


def draw(view: RetrievalView, answers: list[retrieval.QueryResult], ahead: Ahead | None = None) -> None:
    """One list, or two side by side.

    Args:
        ahead: what a click on a result leads to, where that is known before the page runs.
    """
    if len(answers) == 1:
        _one_system(view, answers[0], 0, ahead=ahead)
        return
    moves = retrieval.rank_changes(answers[0], answers[1], view.setup.k)
    for number, (side, named) in enumerate(zip(st.columns(2, gap="medium"), view.systems)):
        with side.container(gap="xsmall"):
            st.markdown(f"{'AB'[number]} **{theme.plain(named.title)}**")
    for number, side in enumerate(st.columns(2, gap="medium")):
        only = (moves.only_left, moves.only_right)[number]
        with side:
            _one_system(view, answers[number], number, (moves.left, moves.right)[number])
            good = (
                f", {int(answers[number].relevant[only].sum())} of them relevant"
                if answers[number].has_relevance
                else ""
            )
            st.caption(text("sentence.list_overlap", n_only=len(only), good=good, shared=moves.shared))
    list_overlap.draw(view, answers)
