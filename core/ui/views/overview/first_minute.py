"""The first minute on an installation that holds nothing."""

from __future__ import annotations

import streamlit as st

from core.ui.app import cache, jobs, state
from core.ui.widgets import embedding_job

DEMO = "photo_views"


def start_demo(chosen: tuple[str, ...]) -> None:
    """On an installation that holds nothing yet, build the demo without being asked; once per session."""
    if cache.ready_datasets() or jobs.find(embedding_job.JOB) or state.session_get("demo started"):
        return
    state.session_set("demo started", True)
    embedding_job.start_embedding(DEMO, embedding_job.in_catalog(chosen))
    st.rerun()
