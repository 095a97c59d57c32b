"""How likely: scores as probabilities, examined on queries that fitted nothing, and saved for Retrieval."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from core import charts, wording
from core.metrics.calibration import METHODS
from core.studies import calibration_store
from core.studies.calibration import Calibrated
from core.ui.app import cache, drawn, theme, visitors
from core.ui.views.threshold import controls
from core.ui.views.threshold.threshold_view import ThresholdView

text = wording.page("threshold")


def draw(view: ThresholdView) -> None:
    """The way it is fitted, the diagram before and after, the errors, and the button that saves it."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        st.segmented_control(
            text("label.method"),
            list(text.group("option.method")),
            key=controls.field("method"),
            format_func=text.group("option.method").__getitem__,
            required=True,
        )
        st.number_input(
            text("label.unknown"), 0, 90, step=10, key=controls.field("unknown"), width=240, help=text("help.unknown")
        )
    made = cache.calibration_of(view.loaded, view.system.system, view.setup.method, view.setup.unknown / 100)
    about = text(
        "sentence.likely",
        depth=str(made.depth),
        split=theme.plain(made.split.sentence()),
        share=wording.percent(made.share_right),
    )
    if made.unknown:
        about = f"{about} {text('sentence.unknown', share=wording.percent(made.unknown))}"
    st.caption(about)
    with theme.side_by_side("likely"):
        left, right = st.columns([3, 2], gap="medium")
    with left:
        shown = {METHODS[name]: made.examined[name].reliability for name in (made.method, "range")}
        figure = charts.ReliabilityChart(shown).figure()
        drawn.chart(figure, key="reliability", config=charts.download_config("reliability"))
    with right:
        _table(made)
        _save(view, made)


def _table(made: Calibrated) -> None:
    rows = []
    for method, examined in made.examined.items():
        ece, brier = (wording.figure(f.mean, f.low, f.high) for f in (examined.ece, examined.brier))
        rows.append({"method": METHODS[method], "ece": ece, "brier": brier})
    column = st.column_config.TextColumn
    config = {name: column(text(f"column.{name}")) for name in ("method", "ece", "brier")}
    drawn.table(pd.DataFrame(rows), hide_index=True, width="stretch", column_config=config, key="likely table")


def _save(view: ThresholdView, made: Calibrated) -> None:
    """The probabilities go with the system from now on; or they are forgotten."""
    system = view.system.system
    name = calibration_store.name_of(view.whole, system.backbones, system.spec)
    stored = calibration_store.load(name, system.space, system.backbones, system.spec)

    def save() -> None:
        calibration_store.save(name, calibration_store.of(made), system.space, system.backbones, system.spec)

    with st.container(horizontal=True):
        may = visitors.offered("calibration.save")
        if may:
            st.button(text("button.save"), key="save likely", icon=":material/save:", on_click=save)
        if may and stored is not None:
            st.button(text("button.forget"), key="forget likely", on_click=calibration_store.forget, args=(name,))
    saved = text("sentence.unsaved") if stored is None else text("sentence.saved", about=stored.sentence())
    st.caption(theme.plain(saved))
