"""The judging itself: a start button, then one question after the other, until a verdict or a stop shows the names."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from core import access, wording
from core.studies import judging_sentences
from core.studies.judging_session import JudgingSession
from core.types import Dataset
from core.ui.app import state, theme, visitors
from core.ui.components import judging
from core.ui.views.judge import results
from core.ui.widgets import image_cards
from core.wording import plural

text = wording.page("judge")
_STAGE = "stage of judging"


def is_asking() -> bool:
    """Whether questions were asked when the page was drawn last: what is compared is folded away then."""
    return state.session_get(_STAGE, ("", ""))[1] == "asking"


def draw(session: JudgingSession, loaded: Dataset) -> None:
    """The stage that this comparison is in: before the start, asking, or with names."""
    name = f"{session.name} {session.judge} {session.everyone}"
    shown, stage = state.session_get(_STAGE, ("", ""))
    stage = stage if shown == name else ""
    if stage != "asking":
        session.rebuild()  # others may have answered, and files may have been imported

    def enter(new: str, further: bool = False) -> None:
        if further:
            session.go_further()
        session.rebuild()
        state.session_set(_STAGE, (name, new))

    if stage == "asking":
        judging.show(session, key="judging", on_stop=lambda: enter("names"), prepare=thumbnails(loaded))
        return
    if stage == "names":
        results.draw(session)
    else:
        for sentence in judging_sentences.opening(session):
            st.markdown(theme.plain(sentence))
    if not session.decided:
        begun = bool(session.clicks)
        if not visitors.offered("judge"):
            return
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
        return
    if stage != "names":
        results.draw(session)
    if access.may("judge") and any(
        verdict.answers < verdict.total for verdict in session.elimination.verdicts.values()
    ):
        st.button(
            text("button.further"),
            icon=":material/compress:",
            on_click=enter,
            args=("asking", True),
            key="judge further",
        )


def thumbnails(loaded: Dataset) -> Callable[[Sequence[str]], None]:
    """What makes thumbnails of content keys of a dataset, each once."""
    position = {image_cards.key_of(loaded, at): at for at in range(len(loaded))}
    ready: set[str] = set()

    def prepare(keys: Sequence[str]) -> None:
        missing = [key for key in dict.fromkeys(keys) if key in position and key not in ready]
        image_cards.ensure_thumbnails(loaded, [position[key] for key in missing])
        ready.update(missing)

    return prepare
