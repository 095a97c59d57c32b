"""Catalogue: items found by title, description and image together, by several ways of weighing side by side."""

from __future__ import annotations

import streamlit as st

from core import paths, wording
from core.errors import BadInput
from core.setups import CatalogueSetup
from core.ui.app import jobs, state, theme
from core.ui.app.error_boundary import guarded
from core.ui.views.catalogue import components, controls, evaluation, preparation, preview, search
from core.ui.views.text import text_cache
from core.ui.widgets import embedding_job

text = wording.page("catalogue")


def page() -> None:
    """Draw the page."""
    st.html(paths.ASSETS / "catalogue.css")
    theme.title(text("title.page"), text("lead.page"))
    jobs.job_panel(embedding_job.JOB, text_cache.JOB)
    catalogue = preparation.current()
    if catalogue is None:
        preview.draw()
        return
    state.seed(CatalogueSetup)
    controls.within_bounds(catalogue)
    if controls.choose_look() == "search":
        with theme.main_part():
            search.draw(catalogue)
        return
    view = preparation.build_view(catalogue)
    if view is not None:
        try:
            with theme.main_part():
                evaluation.draw(view)
        except BadInput as error:
            st.warning(theme.plain(str(error)), icon=":material/info:")
        components.popover(catalogue)


guarded(page)()
