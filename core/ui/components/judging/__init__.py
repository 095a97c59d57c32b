"""Questions to a judge, one after the other without any rerun: a Streamlit component of our own.

The next questions and their images are in the browser before they are needed. A click is shown at once, sent to
`/judging/NAME`, and kept in the browser until the server says that it is on the disk.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from core import wording
from core.studies.judging_session import JudgingSession
from core.ui.app import state
from core.ui.components.judging import judging_route
from core.ui.components.registration import component

_FOLDER = Path(__file__).parent
text = wording.page("judge")


def show(
    session: JudgingSession, *, key: str, on_stop: Callable[[], None], prepare: Callable[[Sequence[str]], None]
) -> None:
    """Draw the questions.

    Args:
        on_stop: called when the judge stops, or has the verdict and wants the names.
        prepare: makes thumbnails of content keys that are shown soon.
    """

    def stopped() -> None:
        if state.widget(key).get("stop"):
            on_stop()

    entry = judging_route.opened(session, state.visitor(), prepare)
    state.session_set(f"{key} open", entry)
    shown = component("fusionscope_judging", *(_FOLDER / f"judging.{kind}" for kind in ("js", "css", "html")))
    data = {
        "url": judging_route.address(entry.name),
        "session": f"{session.name} {session.judge} {session.everyone} {session.further}",
        "way": session.way,
        "labels": _labels(session.way),
        **judging_route.reply(session, prepare),
    }
    shown(data=data, key=key, on_stop_change=stopped)


def _labels(way: str) -> dict[str, str]:
    """Every text of the component."""
    rows = way == "rows"
    return {
        "left": text("button.left_row" if rows else "button.left"),
        "right": text("button.right_row" if rows else "button.right"),
        "both": text("button.equal" if rows else "button.both"),
        "neither": text("button.neither"),
        "skip": text("button.skip"),
        "undo": text("button.undo"),
        "stop": text("button.stop"),
        "reveal": text("button.reveal"),
        "ask": text("phrase.ask_row" if rows else "phrase.ask_pair"),
        "single": text("phrase.ask_single"),
        "keys": text("phrase.keys_row" if rows else "phrase.keys_pair"),
        "query": text("phrase.query"),
        "nothing": text("phrase.nothing"),
        "missing": text("phrase.missing"),
        "unsaved": text("phrase.unsaved", count="{count}"),
        "scope": text("sentence.scope"),
    }
