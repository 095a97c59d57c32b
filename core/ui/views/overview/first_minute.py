"""The first minute on an installation that holds nothing."""

from __future__ import annotations

import streamlit as st

from core import access, backbones, data
from core.types import Dataset
from core.ui.app import cache, jobs, state
from core.ui.views.text import controls
from core.ui.widgets import cost_job, embedding_job


def start_demo(chosen: tuple[str, ...]) -> None:
    """On an installation that holds nothing yet, build the demo without being asked; once per session.

    Concepts follow, so that Text search works, and then what each backbone costs here.
    """
    if (
        not access.may("embed")
        or cache.ready_datasets()
        or jobs.find(embedding_job.JOB)
        or state.session_get("demo started")
    ):
        return
    state.session_set("demo started", True)
    names = embedding_job.in_catalog(chosen)

    def then(loaded: Dataset, job: jobs.BackgroundJob) -> None:
        readers = tuple(name for name in (controls.CONCEPTS,) if backbones.available(backbones.get(name))[0])
        embedding_job.embed(loaded, readers, job)
        cost_job.start((*names, *readers), yields=True)

    embedding_job.start_embedding(data.OPENING, names, then=then)
    st.rerun()
