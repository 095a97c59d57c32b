"""Large sets: while a panel of queries answers, all of them are worked out in the background, for what is shown now."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from core.ui import jobs, state

_MINE = "all queries"


def done(name: str, work: Callable[[jobs.Job], Any]) -> bool:
    """True once `work` has run to its end; else it is running from now on, and what this session asked before stops.

    Args:
        name: of exactly what is shown; another one makes the work of the last one useless.
    """
    before = state.hold(_MINE, "")
    if before != name:
        job = jobs.find(before)
        if job is not None and job.running:
            job.cancel.set()
        state.keep(_MINE, name)
    job = jobs.find(name)
    if job is not None and job.state == "stopped" and before != name:
        jobs.forget(name)  # it was stopped for another one, and is wanted again
        job = None
    if job is None:
        job = jobs.start(name, "All queries", work)
    return job.state == "done"


def say(name: str, sentence: str) -> None:
    """That a panel answered, how sure it is, and how far all queries are."""
    with st.container(border=True, key="panel of queries"):
        st.markdown(f":material/groups: **A panel answered first:** {sentence}. All of them follow.")
        jobs.panel(name)
