"""The results of one system, or of two side by side, and what was missed."""

from __future__ import annotations

import numpy as np
import streamlit as st

from core.studies import retrieval
from core.ui.app import theme
from core.ui.components import gallery
from core.ui.views.retrieval import list_overlap, query_state
from core.ui.views.retrieval.retrieval_view import RetrievalView
from core.ui.widgets.result_cards import result_cards

_MOST_MISSED = 24


def summary(answer: retrieval.QueryResult, k: int) -> None:
    """What one answer amounts to, in one line of figures, each with what it means."""
    if not answer.has_relevance:
        of = "" if answer.approximate else f" of {len(answer.order):,}"
        st.caption(f"The first {min(k, len(answer.order)):,}{of}. Nothing is known to be relevant to this query.")
        return
    if answer.approximate:
        n_hits = int(answer.hits[:k].sum())
        st.caption(f"**{n_hits} of the first {min(k, len(answer.order))} are relevant** · {answer.n_relevant:,} exist")
        return
    values, n_hits = retrieval.query_metrics(answer, k), int(answer.hits[:k].sum())
    first = f"first at rank {values['first']:.0f}" if np.isfinite(values["first"]) else "none was retrieved"
    st.caption(
        f"**{n_hits} of the first {min(k, len(answer.order))} are relevant** · {answer.n_relevant:,} exist · {first} · "
        f"average precision **{values['map']:.3f}**",
        help="Average precision of this one query, over the whole list: 1 when all relevant images come first. One query "
        "says little about a system: the tables below are about all of them.",
    )


def _one_system(view: RetrievalView, answer: retrieval.QueryResult, number: int, moves: tuple = ()) -> None:
    """The grid of one system, and the relevant images that did not make it."""
    k = view.setup.k
    size = view.setup.size if view.other is None else max(60, int(view.setup.size * 0.62))
    gallery.grid(
        result_cards(view.loaded, answer, answer.order[:k], view.colours, moves=moves),
        key=f"results {number}",
        size=size,
        on_pick=query_state.result_clicked,
        name=f"results of {view.systems[number].title}",
        group="results",
    )
    missed = answer.missed(k)
    if not len(missed):
        return
    more = f"; the nearest {_MOST_MISSED} are shown" if len(missed) > _MOST_MISSED else ""
    among = f" among the {len(answer.order)} that the index found" if answer.approximate else ""
    st.caption(
        f"**{len(missed):,} relevant images{among} did not make it** into the first {k}{more}. The number is their rank."
    )
    gallery.grid(
        result_cards(view.loaded, answer, missed[:_MOST_MISSED], view.colours),
        key=f"missed {number}",
        size=max(60, int(size * 0.62)),
        on_pick=query_state.result_clicked,
        name="relevant images that did not make it",
        group="results",
    )


def draw(view: RetrievalView, answers: list[retrieval.QueryResult]) -> None:
    """One list, or two side by side."""
    if len(answers) == 1:
        _one_system(view, answers[0], 0)
        return
    moves = retrieval.rank_changes(answers[0], answers[1], view.setup.k)
    for number, (side, named) in enumerate(zip(st.columns(2, gap="medium"), view.systems)):
        with side.container(gap="xsmall"):
            st.markdown(f"**{theme.plain(named.title)}**")
            summary(answers[number], view.setup.k)
    for number, side in enumerate(st.columns(2, gap="medium")):
        only = (moves.only_left, moves.only_right)[number]
        with side:
            _one_system(view, answers[number], number, (moves.left, moves.right)[number])
            good = (
                f", {int(answers[number].relevant[only].sum())} of them relevant"
                if answers[number].has_relevance
                else ""
            )
            st.caption(f"{len(only)} of these are not in the other list{good}; {moves.shared} are in both.")
    list_overlap.draw(view, answers)
