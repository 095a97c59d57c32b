"""The queries that a system answers best and worst."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from core.studies import retrieval
from core.ui.app import cache, theme

if TYPE_CHECKING:
    from core.ui.views.retrieval.retrieval_view import RetrievalView
from core.ui.views.retrieval import query_cases, query_evaluation


def draw(view: RetrievalView, pick: query_cases.Pick) -> None:
    """Ten queries at either end, with the mean they belong to."""
    left, middle, right = st.columns([3.6, 3.4, 3], vertical_alignment="bottom", gap="medium")
    which = left.segmented_control(
        "Which",
        ["worst", "best"],
        default="worst",
        required=True,
        wrap=True,
        key="which extremes",
        format_func=lambda w: f"Ten {w}",
        help="By average precision over the whole list; equal ones stand in the order of the dataset.",
    )
    with middle:
        label = query_cases.class_filter(view)
    for named in view.systems:
        with st.spinner(f"Evaluating every query of {theme.plain(named.title)} …"):
            evaluation = query_evaluation.evaluated(view.loaded, named)
        best, worst = retrieval.best_and_worst(view.loaded, evaluation, cache.relevance_of(view.loaded), 10, label)
        cases = worst if which == "worst" else best
        numbers = retrieval.of_label(view.loaded, retrieval.query_numbers(evaluation), label)
        st.markdown(
            f"**{theme.plain(named.title)}** · {query_evaluation.mean_sentence(view.loaded, evaluation, numbers)}"
        )
        if not cases:
            st.info("There are no such queries.", icon=":material/info:")
        for case in cases:
            query_cases.case_row(view.loaded, case, f"{which} {named.text} {case.query}", pick)
        if any(case.label_error >= 0 for case in cases):
            st.page_link(
                "pages/datasets.py", label="Look at all possible label errors", icon=":material/label_important:"
            )
    right.caption("Blue: the query. Then its first results. Click an image to search with it above.")
