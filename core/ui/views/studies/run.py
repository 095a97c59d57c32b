"""Running a study beside the page: how far it is, the button that starts it, the panel that shows it."""

from __future__ import annotations

import streamlit as st

from core import wording
from core.studies.study import study_run
from core.studies.study.study_record import Study
from core.ui.app import jobs, visitors
from core.ui.app.cached import digest
from core.ui.views.studies.study_view import StudyView

text = wording.page("studies")


def job_name(study: Study) -> str:
    """One job per study, whoever started it."""
    return f"study {digest(study)}"


def start(study: Study) -> None:
    """Run it in the background: what is missing is embedded, what is kept stays."""

    def work(job: jobs.BackgroundJob) -> bool:
        study_run.run(study, job.task)
        return True

    jobs.start(job_name(study), text("phrase.job", title=study.title), work, action="study.run")


def draw(view: StudyView) -> None:
    """The button, or how far it is; nothing where everything is kept."""
    progress, name = view.checked.progress, job_name(view.study)
    job = jobs.find_open(name)
    if job is not None and (job.running or job.state != "done"):
        jobs.job_panel(name)
        if job.running:
            return
    if progress.complete:
        return
    if not visitors.offered("study.run"):
        return
    label = text("button.go_on" if progress.done else "button.run", effort=view.checked.in_short)
    st.button(
        label,
        type="primary",
        key="run study",
        icon=":material/play_arrow:",
        width="content" if view.result is None else "stretch",
        on_click=start,
        args=(view.study,),
        **jobs.waits(text("help.run")),
    )
    if progress.done:
        st.caption(text("sentence.kept", done=progress.done, total=progress.total))
