"""Report: a whole comparison as one HTML file, to keep, to send or to print."""

from __future__ import annotations

import streamlit as st

from core.errors import CoreError
from core.fusion import FusionSpec
from core.setups import FrameSetup, ReportSetup
from core.types import Dataset
from core.ui.app import cache, jobs, state, theme
from core.ui.app.error_boundary import guarded
from core.ui.widgets import sidebar, system_options


def job_name() -> str:
    """Every visitor makes reports of their own."""
    return f"report {state.visitor()}"


def start(loaded: Dataset, names: tuple[str, ...], fusions: tuple[FusionSpec, ...], setup: ReportSetup) -> None:
    """Make the report in the background."""

    def work(job: jobs.BackgroundJob) -> tuple[str, str]:
        from core.export.report import comparison

        return loaded.name, comparison.of_stored(loaded, names, fusions, sorted(map(int, setup.ks)), not setup.by_query)

    jobs.start(job_name(), f"Report on {loaded.name}", work)


def chosen_systems(selection: sidebar.Selection) -> tuple[tuple[str, ...], tuple[FusionSpec, ...]]:
    """Which backbones and fusions the report is about."""
    choice = system_options.system_options(selection.backbones, selection.embedded)
    fusions = [text for text in choice.titles if text not in selection.embedded]
    picked = st.multiselect(
        "Fusions",
        fusions,
        default=fusions,
        format_func=choice.titles.get,
        key=f"report fusions {selection.dataset.name}",
        help="The fusion as it stands in the Fusion lab, and those that were saved.",
        placeholder="none",
    )
    specs = []
    for text in picked:
        try:
            specs.append(choice.read(text).spec)
        except CoreError as error:
            st.warning(theme.plain(str(error)), icon=":material/info:")
    return selection.backbones, tuple(specs)


def offer(name: str) -> None:
    """The finished report, to take and to look at."""
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


def page() -> None:
    """Draw the page."""
    selection = sidebar.selection()
    theme.title(
        "Report",
        "The backbones of the sidebar, and fusions of them, as one file: every figure with its interval, curves, tests, "
        "best and worst queries with their pictures, and what the numbers rest on.",
    )
    loaded = selection.dataset
    if not loaded.has_labels:
        st.info(
            f"{theme.plain(repr(loaded.name))} has no labels, so nothing can be compared in figures. The Retrieval page makes a report of one query.",
            icon=":material/info:",
        )
        return
    names, specs = chosen_systems(selection)
    titles = ", ".join(cache.backbone_title(name) for name in names)
    st.caption(f"Backbones: {theme.plain(titles)}. Change them in the sidebar.")
    state.seed(ReportSetup)
    cutoffs, intervals = state.bounds(ReportSetup, "ks"), state.bounds(ReportSetup, "by_query")
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    left.multiselect(cutoffs.label, list(cutoffs.names()), key=state.key(ReportSetup, "ks"), help=cutoffs.help)
    right.toggle(intervals.label, key=state.key(ReportSetup, "by_query"), help=intervals.help)
    st.button(
        "Make the report",
        type="primary",
        key="make report",
        icon=":material/description:",
        on_click=start,
        args=(loaded, names, specs, state.read(ReportSetup)),
        disabled=any(job.name == job_name() for job in jobs.running()),
    )
    jobs.job_panel(job_name())
    offer(state.get(FrameSetup, "dataset"))


guarded(page)()
