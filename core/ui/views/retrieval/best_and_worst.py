"""The queries that a system answers best and worst."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from core import wording
from core.studies import retrieval
from core.studies.failure_reasons import FailureEvidence
from core.studies.system_spec_text import SystemRef
from core.studies.systems import System
from core.types import Dataset
from core.ui.app import cache, state, theme
from core.ui.app.cached import cached
from core.ui.widgets import system_options, why_panel

if TYPE_CHECKING:
    from core.ui.views.retrieval.retrieval_view import RetrievalView
from core.ui.views.retrieval import query_cases, query_evaluation

text = wording.page("retrieval")
failures = wording.page("failures")
_LOOKS = "image reasons"


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
        help=text("help.best_and_worst"),
    )
    with middle:
        label = query_cases.class_filter(view)
    for named in view.systems:
        evaluation = query_evaluation.evaluated(view.loaded, named)
        best, worst = retrieval.best_and_worst(view.loaded, evaluation, cache.relevance_of(view.loaded), 10, label)
        cases = worst if which == "worst" else best
        numbers = retrieval.of_label(view.loaded, retrieval.query_numbers(evaluation), label)
        st.markdown(
            f"**{theme.plain(named.title)}** · {query_evaluation.mean_sentence(view.loaded, evaluation, numbers)}"
        )
        if not cases:
            st.info(text("sentence.no_such_queries"), icon=":material/info:")
        evidence = _evidence(view.loaded, named, state.session_get(_LOOKS, False)) if which == "worst" else None
        for case in cases:
            reason = evidence.reason(case) if evidence else None
            query_cases.case_row(view.loaded, case, f"{which} {named.text} {case.query}", pick, reason=reason)
        if any(case.label_error >= 0 for case in cases):
            st.page_link(
                "pages/datasets.py",
                label=text("label.to_label_errors"),
                icon=":material/label_important:",
            )
    with right:
        if which == "worst" and not state.session_get(_LOOKS, False):
            st.button(
                failures("button.background"),
                icon=":material/landscape:",
                key="look for background matches",
                help=failures("help.background"),
                on_click=state.session_set,
                args=(_LOOKS, True),
            )
        st.caption(text("sentence.pairs_how"))


@cached("resource", max_entries=16)
def _evidence(loaded: Dataset, named: SystemRef, looks: bool) -> FailureEvidence:
    """What is known about the queries of a system; `looks`: images are looked at too."""
    space = cache.vector_set(loaded, tuple(sorted(named.backbones)))
    system = System(system_options.system_name(named), space, named.spec)
    evaluation, truth = query_evaluation.evaluated(loaded, named), cache.relevance_of(loaded)
    return FailureEvidence(loaded, system, evaluation, truth, why_panel.pool() if looks else None)
