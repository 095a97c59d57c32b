"""The queries on which one of two systems beats the other by most."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from core import metrics, wording
from core.metrics import significance
from core.studies import retrieval
from core.types import Dataset, Evaluation
from core.ui.app import cache, theme

if TYPE_CHECKING:
    from core.ui.views.retrieval.retrieval_view import RetrievalView
from core.ui.views.retrieval import query_cases, query_evaluation

text = wording.page("retrieval")

_LONG_TITLE = 32


def draw(view: RetrievalView, pick: query_cases.Pick) -> None:
    """Ten queries in either direction, and the mean difference over all of them."""
    if view.other is None:
        st.info(
            text("sentence.needs_second"),
            icon=":material/info:",
        )
        return
    first, second = (query_evaluation.evaluated(view.loaded, named) for named in view.systems)
    titles = [theme.plain(named.title) for named in view.systems]
    if max(map(len, titles)) > _LONG_TITLE:
        st.caption("  \n".join(f"**{letter}**: {title}" for letter, title in zip("AB", titles)))
        titles = ["A", "B"]
    left, right = st.columns([3, 7], vertical_alignment="bottom", gap="medium")
    with left:
        label = query_cases.class_filter(view)
    numbers = retrieval.of_label(view.loaded, retrieval.query_numbers(first), label)
    right.caption(_difference(view.loaded, first, second, numbers))
    if first.ranking is not None and second.ranking is not None and numbers.any():
        overlap = retrieval.list_overlap(first.ranking.items[numbers], second.ranking.items[numbers], view.setup.k)
        classes = query_evaluation.groups_of(view.loaded, first, numbers)
        st.caption(overlap.sentence(titles[0], titles[1], classes=classes))
    wins, losses = retrieval.largest_differences(view.loaded, first, second, cache.relevance_of(view.loaded), 10, label)
    for name, pairs in ((titles[0], wins), (titles[1], losses)):
        st.markdown(text("phrase.where_better", name=name) if pairs else text("phrase.better_nowhere", name=name))
        for a, b in pairs:
            with st.container(border=True):
                query_cases.case_row(view.loaded, a, f"duel {a.query} a", pick, titles[0])
                query_cases.case_row(view.loaded, b, f"duel {b.query} b", pick, titles[1])


def _difference(loaded: Dataset, first: Evaluation, second: Evaluation, numbers: np.ndarray) -> str:
    """The mean difference of two systems over the queries shown, with its interval and the counts."""
    groups = query_evaluation.groups_of(loaded, first, numbers)
    difference = significance.compare(first.per_query["map"][numbers], second.per_query["map"][numbers], classes=groups)
    if not difference.n:
        return text("sentence.nothing_relevant")
    return (
        f"A − B: **{difference.mean:+.3f}** {metrics.label('map', loaded.is_judged)} {wording.interval(difference.low, difference.high)} over {difference.n:,} "
        f"queries (paired 95 % bootstrap; {wording.p_value(difference.p)}, randomisation): {difference.conclusion}. A is better on "
        f"{difference.wins:,}, equal on {difference.ties:,}, worse on {difference.losses:,}."
    )
