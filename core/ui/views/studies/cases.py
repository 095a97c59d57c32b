"""Ten best and worst queries of a system on one dataset of a study."""

from __future__ import annotations

import functools

import streamlit as st

from core import wording
from core.errors import CoreError
from core.setups import FrameSetup, RetrievalSetup, StudiesSetup
from core.studies.study import study_cases
from core.studies.study.study_result import StudyPart, StudyResult
from core.ui.app import cache, state, theme
from core.ui.views.retrieval import query_cases
from core.ui.views.studies import open_in
from core.ui.views.studies.study_view import StudyView

text = wording.page("studies")


def draw(view: StudyView, result: StudyResult, part: StudyPart) -> None:
    """Which system, which end, and the queries with what came back first."""
    if not study_cases.can_show(result):
        st.info(text("sentence.no_cases"), icon=":material/info:")
        return
    names = [evaluation.name for evaluation in part.evaluations]
    if state.get(StudiesSetup, "system") not in names:
        state.set_field(StudiesSetup, "system", part.comparison.order[0])
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    name = left.selectbox(
        text("label.system"),
        names,
        key=state.key(StudiesSetup, "system"),
        format_func=result.title,
        label_visibility="collapsed",
    )
    end = right.segmented_control(
        text("label.end"),
        list(text.group("option.end")),
        key=state.key(StudiesSetup, "end"),
        format_func=text.group("option.end").__getitem__,
        required=True,
        label_visibility="collapsed",
    )
    try:
        ranked = cache.study_ranked(view.study, part.name, name)
    except CoreError as error:
        st.info(theme.plain(str(error)), icon=":material/info:")
        return
    best, worst = ranked.best_and_worst()
    pick = functools.partial(_search, part.dataset)
    for case in worst if end == "worst" else best:
        query_cases.case_row(ranked.dataset, case, f"study {part.name} {name} {end} {case.query}", pick)
    st.caption(text("sentence.cases"))


def _search(dataset: str, image: str) -> None:
    """The image that was clicked becomes the query of the page Retrieval, on its dataset."""
    state.set_field(FrameSetup, "dataset", dataset)
    state.set_field(RetrievalSetup, "query", image)
    open_in.turn_to("retrieval")
