"""Large sets: a panel of queries has answered, and all of them are worked out in the background, for what is shown now."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import streamlit as st

from core import wording
from core.ui.app import jobs, state

shared = wording.page("shared")

REST = 1.5
"""Seconds that weights must rest before all queries are asked: who still moves them wants the processor for the panel."""
_MINE = "all queries"


def ready(name: str) -> bool:
    """True once all queries are worked out for what is shown; what this session wanted before is stopped.

    Args:
        name: of exactly what is shown; another one makes the work of the last one useless.
    """
    before = state.session_get(_MINE, "")
    if before != name:
        job = jobs.find(before)
        if job is not None and job.running:
            job.task.cancel()
        state.session_set(_MINE, name)
        if (job := jobs.find(name)) is not None and job.state == "stopped":
            jobs.forget(name)  # it was stopped for another one, and is wanted again
    job = jobs.find(name)
    return job is not None and job.state == "done"


def follow(name: str, work: Callable[[jobs.BackgroundJob], Any], sentence: str) -> None:
    """Begin with all queries, unless they are on their way; say that a panel answered, how sure it is, how far they are.

    Args:
        sentence: of the panel's figures.
    """

    def rested(job: jobs.BackgroundJob) -> Any:
        """Begin once nobody has moved a weight for a moment."""
        until = time.monotonic() + REST
        while time.monotonic() < until:
            job.task.check()
            time.sleep(0.05)
        return work(job)

    if jobs.find(name) is None:
        jobs.start(name, shared("state.all_queries"), rested)
    with st.container(border=True, key="panel of queries"):
        st.markdown(f":material/groups: {shared('sentence.sample_first', sentence=sentence)}")
        jobs.job_panel(name)
