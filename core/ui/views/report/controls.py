"""What the report is about: fusions, cut-offs, what is resampled."""

from __future__ import annotations

import streamlit as st

from core.errors import CoreError
from core.fusion import FusionSpec
from core.setups import ReportSetup
from core.ui.app import state, theme
from core.ui.widgets import sidebar, system_options


def choose_fusions(selection: sidebar.Selection) -> tuple[FusionSpec, ...]:
    """The fusions that stand in the report beside the backbones of the sidebar."""
    options = system_options.system_options(selection.backbones, selection.embedded)
    fusions = [text for text in options.titles if text not in selection.embedded]
    chosen = st.multiselect(
        "Fusions",
        fusions,
        default=fusions,
        format_func=options.titles.__getitem__,
        key=f"report fusions {selection.dataset.name}",
        help="The fusion as it stands in the Fusion lab, and those that were saved.",
        placeholder="none",
    )
    specs: list[FusionSpec] = []
    for text in chosen:
        try:
            spec = options.read(text).spec
        except CoreError as error:
            st.warning(theme.plain(str(error)), icon=":material/info:")
            continue
        if spec is not None:
            specs.append(spec)
    return tuple(specs)


def choose_figures() -> None:
    """Cut-offs, and what intervals resample."""
    cutoffs, intervals = state.bounds(ReportSetup, "ks"), state.bounds(ReportSetup, "by_query")
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    left.multiselect(
        cutoffs.label,
        list(cutoffs.names() if cutoffs.names else ()),
        key=state.key(ReportSetup, "ks"),
        help=cutoffs.help,
    )
    right.toggle(intervals.label, key=state.key(ReportSetup, "by_query"), help=intervals.help)
