"""Strategy and its parameters, and what is done with the weights as a whole."""

from __future__ import annotations

import streamlit as st

from core import access, wording
from core.fusion import FUSIONS, FusionSpec
from core.fusion.strategy import Parameter
from core.setups import FusionSetup
from core.types import Dataset
from core.ui.app import state, theme, visitors
from core.ui.views.fusion import fusion_state, steps_panel, training
from core.ui.widgets import parameter_widget

text = wording.page("fusion_lab")


def draw(loaded: Dataset, names: tuple[str, ...], spec: FusionSpec) -> None:
    """One line: strategy, its parameters, tuning, and the baseline."""
    line = st.container(horizontal=True, vertical_alignment="bottom", gap="small")
    line.selectbox(
        text("label.strategy"),
        fusion_state.kinds(),
        key=state.key(FusionSetup, "strategy"),
        on_change=fusion_state.strategy_chosen,
        format_func=lambda name: FUSIONS.get(name).label,
        help=f"{text('help.strategy')} {spec.strategy.sentence}",
        width=300,
    )
    for parameter in spec.strategy.parameters:
        with line:
            _parameter(spec, parameter)
    line.button(
        text("button.tune"),
        on_click=training.begin,
        args=("tune", loaded, names, spec),
        icon=":material/target:",
        disabled=len(names) < 2 or not loaded.has_labels or not spec.strategy.weight or not access.may("fusion.train"),
        help=text("help.tune") if access.may("fusion.train") else visitors.who_can("fusion.train"),
    )
    line.button(
        text("button.pin"),
        icon=":material/keep:",
        on_click=fusion_state.pin,
        args=(spec,),
        help=text("help.pin"),
    )
    steps_panel.draw(loaded, spec)
    for remark in spec.remarks:
        st.caption(f":material/info: {theme.plain(remark)}")
    if not spec.strategy.weight:
        st.caption(text("sentence.no_weights"))


def _parameter(spec: FusionSpec, parameter: Parameter) -> None:
    """A widget for a parameter of the strategy; its bounds come from the strategy."""
    key = f"parameter {spec.kind} {parameter.name}"
    change = {"on_change": fusion_state.parameter_set, "args": (spec.kind, parameter.name)}
    parameter_widget.draw(parameter, key, spec.settings[parameter.name], change)
