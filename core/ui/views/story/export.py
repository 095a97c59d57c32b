"""The story as one file: made in the background, then to download."""

from __future__ import annotations

import streamlit as st

from core import stories, wording
from core.stories import Story
from core.ui.app import jobs, state
from core.ui.app.cached import digest

text = wording.page("story")

_MADE = "story file"


def draw(story: Story) -> None:
    """The button that makes the file; the file once it is made."""
    name, key = f"story {state.visitor()}", digest(story)
    job = jobs.find(name)
    if job is not None and job.state == "done":
        state.session_set(_MADE, job.result)
        jobs.forget(name)
        job = None
    made_key, content = state.session_get(_MADE, ("", b""))
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="story export"):
        if made_key == key:
            st.download_button(
                text("button.download"),
                content,
                file_name=f"{story.name}.html",
                mime="text/html",
                key="take story",
                icon=":material/download:",
                on_click="ignore",
            )
            st.caption(text("sentence.size", size=wording.number(len(content) / 1e6, 1)))
        elif job is None or not job.running:
            if stories.is_mine(story.name):
                st.toggle(text("label.with_notes"), key="story with notes", help=text("help.with_notes"))
            st.button(
                text("button.export"),
                icon=":material/description:",
                key="make story",
                on_click=_start,
                args=(name, story, key),
                disabled=not story.steps,
            )
    jobs.job_panel(name)


def _start(name: str, story: Story, key: str) -> None:
    notes = bool(state.widget("story with notes", False))

    def work(job: jobs.BackgroundJob) -> tuple[str, bytes]:
        from core.export.report import story as story_report

        return key, story_report.html(story, notes=notes, task=job.task).encode()

    jobs.start(name, text("state.exporting", story=story.name), work, action="report.make")
