"""The report that the page would write: made in the background as soon as its question stands, shown, to download."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from core import stories, wording
from core.export.report import document
from core.fusion import FusionSpec
from core.setups import ReportSetup
from core.stories import Story
from core.types import Dataset
from core.ui.app import cache, jobs, state
from core.ui.app.cached import digest

text = wording.page("report")

MOST_AT_ONCE = 3_000
"""Images up to which the report is made without being asked for."""
_LAST, _MADE = "report question", "report made"


@dataclass(frozen=True)
class Question:
    """What a report is about; equal questions have equal reports.

    Attributes:
        dataset: digest of it and of its vectors; story: digest of the story that it begins with, "" for none.
    """

    dataset: str
    backbones: tuple[str, ...]
    fusions: tuple[str, ...]
    setup: ReportSetup
    story: str = ""


def job_name() -> str:
    """Every visitor makes reports of their own."""
    return f"report {state.visitor()}"


def draw(loaded: Dataset, names: tuple[str, ...], fusions: tuple[FusionSpec, ...]) -> None:
    """The report if it is made, else how far it is, or the button that starts it."""
    setup = state.read(ReportSetup)
    named = tuple(spec.name + spec.fingerprint for spec in fusions)
    story = _story(setup)
    question = Question(digest(loaded), names, named, setup, "" if story is None else digest(story))
    job = jobs.find(job_name())
    last_question = state.session_get(_LAST)
    if job is not None and job.running and last_question != question:
        job.task.cancel()
        jobs.job_panel(job_name())
        return
    if job is not None and job.state == "done":
        state.session_set(_MADE, job.result)  # megabytes, which go with the session
        jobs.forget(job_name())
        job = None
    made = state.session_get(_MADE)
    if made is not None and made[0] == question:
        _draw_finished(loaded.name, made[1])
        return
    if job is None or not job.running:
        is_new = job is None or last_question != question
        if is_new and len(loaded) <= MOST_AT_ONCE:
            start(loaded, names, fusions, question)
        else:
            _draw_button(loaded, names, fusions, question)
    jobs.job_panel(job_name())


def _story(setup: ReportSetup) -> Story | None:
    return stories.saved()[0].get(setup.story) if setup.story else None


def start(loaded: Dataset, names: tuple[str, ...], fusions: tuple[FusionSpec, ...], question: Question) -> None:
    """Make the report in the background."""
    setup = question.setup

    def work(job: jobs.BackgroundJob) -> tuple[Question, str]:
        """The question, and the report that answers it."""
        from core.export.report import comparison

        ks = sorted(map(int, setup.ks))
        steps = cache.pipeline(loaded, names, None, None, job.task) if setup.steps else None
        html = comparison.of_stored(
            loaded,
            names,
            fusions,
            ks,
            not setup.by_query,
            steps,
            live=setup.live,
            story=_story(setup),
            task=job.task,
        )
        return question, html

    state.session_set(_LAST, question)
    jobs.start(job_name(), text("phrase.job", dataset=loaded.name), work, action="report.make")


def _draw_button(loaded: Dataset, names: tuple[str, ...], fusions: tuple[FusionSpec, ...], question: Question) -> None:
    """The button that starts it, where it does not start by itself."""
    if len(loaded) > MOST_AT_ONCE:
        st.caption(text("sentence.large", images=wording.plural(len(loaded), "image")))
    st.button(
        text("button.make"),
        type="primary",
        key="make report",
        icon=":material/description:",
        on_click=start,
        args=(loaded, names, fusions, question),
    )


def _draw_finished(name: str, html: str) -> None:
    """The finished report, to download and to look at."""
    content = html.encode()
    left, right = st.columns([3, 7], vertical_alignment="center")
    left.download_button(
        text("button.download"),
        content,
        file_name=f"{name}-report.html",
        mime="text/html",
        key="take report",
        icon=":material/download:",
        type="primary",
        width="stretch",
        on_click="ignore",
    )
    right.caption(text("sentence.size", size=wording.number(len(content) / 1e6, 1)))
    with st.container(border=True):
        st.iframe(document.for_frame(html), height=900)
