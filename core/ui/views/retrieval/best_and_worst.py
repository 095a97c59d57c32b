"""The queries that a system answers best and worst."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from core import wording
from core.studies import retrieval
from core.ui.app import cache, theme

if TYPE_CHECKING:
    from core.ui.views.retrieval.retrieval_view import RetrievalView
from core.ui.views.retrieval import query_cases, query_evaluation

text = wording.page("retrieval")


def draw(view: RetrievalView, pick: query_cases.Pick) -> None:
    """Ten queries at either end, with the mean they belong to."""
    left, middle, right = st.columns([3.6, 3.4, 3], vertical_alignment="bottom", gap="medium")
    which = left.segmented_control(
        text("label.which"),
        ["worst", "best"],
        default="worst",
        required=True,
        wrap=True,
        key="which extremes",
        format_func=lambda w: text("option.ten", w=w),
        help=text("help.average_precision_over"),
    )
    with middle:
        label = query_cases.class_filter(view)
    for named in view.systems:
        with st.spinner(text("sentence.evaluating_every_query", title=theme.plain(named.title))):
            evaluation = query_evaluation.evaluated(view.loaded, named)
        best, worst = retrieval.best_and_worst(view.loaded, evaluation, cache.relevance_of(view.loaded), 10, label)
        cases = worst if which == "worst" else best
        numbers = retrieval.of_label(view.loaded, retrieval.query_numbers(evaluation), label)
        st.markdown(
            f"**{theme.plain(named.title)}** · {query_evaluation.mean_sentence(view.loaded, evaluation, numbers)}"
        )
        if not cases:
            st.info(text("sentence.there_such_queries"), icon=":material/info:")
        for case in cases:
            query_cases.case_row(view.loaded, case, f"{which} {named.text} {case.query}", pick)
        if any(case.label_error >= 0 for case in cases):
            st.page_link(
                text("button.pages_datasets_py"),
                label=text("label.look_all_possible"),
                icon=":material/label_important:",
            )
    right.caption(text("sentence.blue_query_then"))
