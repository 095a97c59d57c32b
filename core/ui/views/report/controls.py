"""What the report is about: fusions, cut-offs, what is resampled, whether it can be played with."""

from __future__ import annotations

import streamlit as st

from core import data, stories, wording
from core.errors import CoreError
from core.fusion import FusionSpec
from core.setups import ReportSetup
from core.types import Dataset
from core.ui.app import state, theme
from core.ui.widgets import sidebar, system_options

text = wording.page("report")


def choose_fusions(selection: sidebar.Selection) -> tuple[FusionSpec, ...]:
    """The fusions that stand in the report beside the backbones of the sidebar."""
    options = system_options.system_options(selection.backbones, selection.embedded)
    fusions = [name for name in options.titles if name not in selection.embedded]
    chosen = st.multiselect(
        text("label.fusions"),
        fusions,
        default=fusions,
        format_func=options.titles.__getitem__,
        key=f"report fusions {selection.dataset.name}",
        help=text("help.fusions"),
        placeholder=text("placeholder.fusions"),
    )
    specs: list[FusionSpec] = []
    for name in chosen:
        try:
            spec = options.read(name).spec
        except CoreError as error:
            st.warning(theme.plain(str(error)), icon=":material/info:")
            continue
        if spec is not None:
            specs.append(spec)
    return tuple(specs)


def choose_figures() -> None:
    """Cut-offs, what intervals resample, whether steps are shown, and whether the file can be played with."""
    cutoffs = state.bounds(ReportSetup, "ks")
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        st.multiselect(
            cutoffs.label,
            list(cutoffs.names() if cutoffs.names else ()),
            key=state.key(ReportSetup, "ks"),
            help=cutoffs.help,
            width=330,
        )
        for field in ("by_query", "steps", "live"):
            bounds = state.bounds(ReportSetup, field)
            st.toggle(bounds.label, key=state.key(ReportSetup, field), help=bounds.help, width="content")
        _choose_story()


def _choose_story() -> None:
    """Which story the report begins with, where there are any."""
    names = list(stories.saved()[0])
    if state.get(ReportSetup, "story") not in names:
        state.set_field(ReportSetup, "story", "")
    if not names:
        return
    bounds = state.bounds(ReportSetup, "story")
    st.selectbox(
        bounds.label,
        ["", *names],
        key=state.key(ReportSetup, "story"),
        format_func=lambda name: name or text("placeholder.fusions"),
        help=bounds.help,
        width=240,
    )


def say_extent(loaded: Dataset, names: tuple[str, ...], fusions: tuple[FusionSpec, ...]) -> bool:
    """What a playable file holds and costs, before it is made; False where it cannot be made."""
    if not state.read(ReportSetup).live:
        return True
    from core.export.report.live import from_result

    used = {*names, *(name for spec in fusions for name in spec.backbones)}
    try:
        extent, seconds = from_result.expected(loaded, data.relevance(loaded), len(used))
    except CoreError as error:
        st.warning(text("sentence.not_playable", reason=theme.plain(str(error))), icon=":material/info:")
        return False
    size = wording.number(extent.megabytes, 1)
    st.caption(text("sentence.extent", extent=extent.sentence, size=size, seconds=f"{seconds:.0f}"))
    return True
