"""The form for a folder of one's own."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from core import paths
from core.data.readers import manifest
from core.setups import FrameSetup
from core.ui.app import state
from core.ui.views.datasets import add_dataset
from core.ui.widgets import embedding_job


def draw() -> None:
    """The form for a folder of one's own; every other way in is on Datasets."""
    with st.expander("Add a folder of images", icon=":material/create_new_folder:", expanded=False):
        with st.form("add dataset", border=False):
            left, middle = st.columns([3, 1])
            path = left.text_input("Path on the server's machine", placeholder="/home/me/images", key="overview path")
            name = middle.text_input("Name", placeholder="the folder's name", key="overview name")
            st.caption(
                "One folder per class gives labels; a flat folder gives retrieval and maps without figures. Nothing is moved or copied."
            )
            left, right = st.columns([1, 3], vertical_alignment="center")
            lenient = right.checkbox(
                "In a table, leave rows out whose image is missing",
                key="overview lenient",
                help="Otherwise such a table is refused. A catalogue still finds the words of these rows.",
            )
            if left.form_submit_button("Add and embed", type="primary"):
                _add(path.strip(), name.strip(), lenient)
        st.page_link(
            paths.REPOSITORY / "pages" / "datasets.py",
            label="Tables, annotations, archives, splits and vectors: all other ways in",
            icon=":material/photo_library:",
        )


def _add(path: str, name: str, lenient: bool) -> None:
    """Scan a path in the background, then embed it with the backbones of the sidebar.

    Args:
        lenient: leave rows of a table out whose image is missing.
    """
    if not path:
        st.error("Type the path of a folder that holds images.", icon=":material/error:")
        return
    options = {"missing": "quarantine"} if lenient and manifest.is_table(Path(path).expanduser()) else {}
    add_dataset.start(path, name, None, options, embedding_job.in_catalog(state.get(FrameSetup, "backbones")))
