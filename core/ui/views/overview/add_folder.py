"""The form for a folder of one's own."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from core import paths, wording
from core.data.readers import manifest
from core.setups import FrameSetup
from core.ui.app import cache, jobs, state, visitors
from core.ui.views.datasets import add_dataset
from core.ui.widgets import embedding_job, sidebar

text = wording.page("overview")

_ADDED = "folder added here"


def draw() -> None:
    """The form for a folder of one's own; every other way in is on Datasets."""
    with st.expander(
        text("heading.add_folder"), key="add folder", icon=":material/create_new_folder:", on_change="rerun"
    ):
        if not visitors.offered("dataset.add"):
            return
        with st.form("add dataset", border=False):
            left, middle = st.columns([3, 1])
            path = left.text_input(text("label.path"), placeholder=text("placeholder.path"), key="overview path")
            name = middle.text_input(text("label.name"), placeholder=text("placeholder.name"), key="overview name")
            st.caption(text("help.folder"))
            left, right = st.columns([1, 3], vertical_alignment="center")
            lenient = right.checkbox(
                text("label.lenient"),
                key="overview lenient",
                help=text("help.lenient"),
            )
            if left.form_submit_button(text("button.add"), type="primary", **jobs.waits(beside_unasked=True)):
                _add(path.strip(), name.strip(), lenient)
        st.page_link(
            paths.REPOSITORY / "pages" / "datasets.py",
            label=text("button.more_ways"),
            icon=":material/photo_library:",
        )


def show_added() -> None:
    """The page turns to what was added here as soon as its images are listed, once."""
    job = jobs.find_mine(embedding_job.JOB)
    if not state.session_get(_ADDED) or (job is not None and job.running and job.result is None):
        return
    state.session_take(_ADDED)
    if job is not None and job.result in cache.ready_datasets():
        sidebar.show_next(job.result)


def _add(path: str, name: str, lenient: bool) -> None:
    """Scan a path in the background, then embed it with the backbones of the sidebar.

    Args:
        lenient: leave rows of a table out whose image is missing.
    """
    if not path:
        st.error(text("error.no_path"), icon=":material/error:")
        return
    options = {"missing": "quarantine"} if lenient and manifest.is_table(Path(path).expanduser()) else {}
    state.session_set(_ADDED, True)
    add_dataset.start(path, name, None, options, embedding_job.in_catalog(state.get(FrameSetup, "backbones")))
