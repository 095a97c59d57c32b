"""Story: views of the pages in an order, each with a sentence: to order, to edit, to present, to send."""

from __future__ import annotations

import streamlit as st

from core import paths, stories, wording
from core.setups import StorySetup
from core.ui.app import cache, state, theme
from core.ui.app.error_boundary import guarded
from core.ui.views.story import export, story_choice, story_view
from core.ui.widgets import first_step

text = wording.page("story")


def page() -> None:
    """Draw the page."""
    st.html(paths.ASSETS / "story.css")
    theme.title(text("title.page"), text("lead.page"))
    state.seed(StorySetup)
    known, problems = stories.saved()
    for problem in problems:
        st.warning(theme.plain(text("sentence.unreadable", reason=problem)), icon=":material/heart_broken:")
    if not known:
        state.read(StorySetup)
        if not cache.ready_datasets():
            raise first_step.no_dataset()
        story_choice.draw_empty()
        return
    answer = st.container()
    story = story_choice.choose(known)
    story_view.draw_answer(story, answer)
    export.draw(story)
    story_view.draw(story)


guarded(page)()
