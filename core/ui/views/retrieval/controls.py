"""Which systems search, and how much of their results is shown."""

from __future__ import annotations

import streamlit as st

from core import setups
from core.setups import RetrievalSetup
from core.studies.system_spec_text import SystemRef
from core.ui.app import state
from core.ui.widgets import sidebar, system_options


def choose_systems(selection: sidebar.Selection) -> tuple[SystemRef, SystemRef | None]:
    """Which systems answer, and how much of their answers is shown."""
    system_options.follow_lab(RetrievalSetup, selection)
    *columns, options = st.columns([4.4, 4.4, 2.6], gap="medium", vertical_alignment="bottom")
    chosen = system_options.system_boxes(
        RetrievalSetup,
        selection,
        columns,
        ("Results of", "Side by side with"),
        (
            "A backbone, the fusion as it stands in the Fusion lab, or a saved fusion.",
            "The same query, answered by another system.",
        ),
    )
    with options.popover("View", icon=":material/tune:", width="stretch"):
        for name in ("k", "size"):
            bounds = setups.bounds_of(RetrievalSetup, name)
            st.slider(
                bounds.label,
                int(bounds.low),
                int(bounds.high),
                step=int(bounds.step),
                help=bounds.help,
                key=state.key(RetrievalSetup, name),
            )
    return chosen
