"""The judging itself: a start button, then one question after the other, until a verdict or a stop shows the names."""

from __future__ import annotations

import streamlit as st

from core import wording
from core.studies import judging_sentences
from core.studies.judging_session import JudgingSession
from core.ui.app import state, theme
from core.ui.components import judging
from core.ui.views.judge import results
from core.wording import plural

text = wording.page("judge")
_STAGE = "stage of judging"


def is_asking() -> bool:
    """Whether questions were asked when the page was drawn last: what is compared is folded away then."""
    return state.session_get(_STAGE, ("", ""))[1] == "asking"


def draw(session: JudgingSession) -> None:
    """The stage that this comparison is in: before the start, asking, or with names."""
    name = f"{session.name} {session.judge} {session.everyone}"
    shown, stage = state.session_get(_STAGE, ("", ""))
    stage = stage if shown == name else ""

    def enter(new: str) -> None:
        session.rebuild()
        state.session_set(_STAGE, (name, new))

    if stage == "asking":
        judging.show(session, key="judging", on_stop=lambda: enter("names"))
        return
    if stage == "names":
        results.draw(session)
    else:
        for sentence in judging_sentences.opening(session):
            st.markdown(theme.plain(sentence))
    if not session.decided:
        begun = bool(session.clicks)
        st.button(
            text("button.go_on" if begun else "button.start"),
            type="primary",
            icon=":material/play_arrow:",
            on_click=enter,
            args=("asking",),
            key="start judging",
        )
        if begun and stage != "names":
            st.caption(plural(session.n_clicks, "answer"))
    elif stage != "names":
        results.draw(session)
