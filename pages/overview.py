"""Overview: what is here, what is computed, what is running, and what the backbones find so far."""

from __future__ import annotations

import streamlit as st

from core import backbones, wording
from core.setups import FrameSetup, ShownSetup
from core.setups.story import SUMMARY
from core.ui.app import cache, jobs, state, theme
from core.ui.app.error_boundary import guarded
from core.ui.views.overview import add_folder, dataset_card, results
from core.ui.widgets import demo_job, embedding_job

text = wording.page("overview")


def page() -> None:
    """Draw the page."""
    current = state.get(FrameSetup, "dataset")
    is_ready = current in cache.ready_datasets()
    theme.title(text("title.page"), "" if is_ready else text("lead.page"))
    chosen = state.read(FrameSetup).backbones
    if is_ready and state.get(ShownSetup, "part") == SUMMARY:
        guarded(results.draw_summary)(current)
        return
    if demo_job.start_unasked(embedding_job.in_catalog(chosen)):
        st.rerun()
    add_folder.show_added()
    jobs.job_panel(embedding_job.JOB)
    if is_ready:
        guarded(results.draw)(current)
        guarded(dataset_card.draw)(current, chosen)
    add_folder.draw()
    dataset_card.draw_others(current, chosen)
    st.caption(text("sentence.store", folder=cache.store_folder(), engine=backbones.engine_sentence()))


guarded(page)()
