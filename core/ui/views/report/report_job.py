"""The report, made in the background, and the finished file."""

from __future__ import annotations

import streamlit as st

from core.fusion import FusionSpec
from core.setups import ReportSetup
from core.types import Dataset
from core.ui.app import jobs, state


def job_name() -> str:
    """Every visitor makes reports of their own."""
    return f"report {state.visitor()}"


def start(loaded: Dataset, names: tuple[str, ...], fusions: tuple[FusionSpec, ...], setup: ReportSetup) -> None:
    """Make the report in the background."""

    def work(job: jobs.BackgroundJob) -> tuple[str, str]:
        from core.export.report import comparison

        return loaded.name, comparison.of_stored(loaded, names, fusions, sorted(map(int, setup.ks)), not setup.by_query)

    jobs.start(job_name(), f"Report on {loaded.name}", work)


def button(loaded: Dataset, names: tuple[str, ...], fusions: tuple[FusionSpec, ...]) -> None:
    """The button that starts it, and how far it is."""
    st.button(
        "Make the report",
        type="primary",
        key="make report",
        icon=":material/description:",
        on_click=start,
        args=(loaded, names, fusions, state.read(ReportSetup)),
        disabled=any(job.name == job_name() for job in jobs.running()),
    )
    jobs.job_panel(job_name())


def draw_finished(name: str) -> None:
    """The finished report, to download and to look at."""
    job = jobs.find(job_name())
    if job is None or job.state != "done" or not job.result or job.result[0] != name:
        return
    _, text = job.result
    size = len(text.encode()) / 1e6
    left, right = st.columns([3, 7], vertical_alignment="center")
    left.download_button(
        "Download the report",
        text.encode(),
        file_name=f"{name}-report.html",
        mime="text/html",
        key="take report",
        icon=":material/download:",
        type="primary",
        width="stretch",
        on_click="ignore",
    )
    right.caption(f"{size:.1f} MB. It opens in any browser without a network, and prints well.")
    with st.container(border=True):
        st.iframe(text, height=760)
