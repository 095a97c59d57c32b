"""Judge: which system is better, by looking at results, blind; for collections without labels, and against doubtful ones."""

from __future__ import annotations

import streamlit as st

from core import wording
from core.errors import CoreError
from core.setups import JudgeSetup
from core.ui.app import state, theme
from core.ui.app.error_boundary import guarded
from core.ui.views.judge import controls, judgements_view, judging_view, without_labels
from core.ui.widgets import sidebar, system_select

text = wording.page("judge")


def page() -> None:
    """Draw the page."""
    theme.title(text("title.page"), text("lead.page"))
    selection = sidebar.selection()
    state.seed(JudgeSetup)
    if controls.draw_obstacle(selection):
        state.read(JudgeSetup)
        return
    asking = judging_view.is_asking()
    with st.expander(text("heading.compared"), expanded=not asking, key=f"compared {asking}", icon=":material/tune:"):
        chosen = controls.choose(selection)
    setup = state.read(JudgeSetup, in_link=system_select.in_link(chosen, JudgeSetup))
    session = None
    try:
        session = controls.session(selection.dataset, chosen, setup)
    except CoreError as error:
        st.info(theme.plain(str(error)), icon=":material/info:")
    else:
        with theme.main_part():
            judging_view.draw(session, selection.dataset)
    if not asking:
        without_labels.draw(selection, setup)
        judgements_view.draw(selection.dataset, session)


guarded(page)()
