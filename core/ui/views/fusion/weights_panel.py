"""Strategy and its parameters, and what is done with the weights as a whole."""

from __future__ import annotations

from typing import Any

import streamlit as st

from core import wording
from core.fusion import FUSIONS, FusionSpec
from core.fusion.strategy import Parameter
from core.setups import FusionSetup
from core.types import Dataset
from core.ui.app import state, theme
from core.ui.views.fusion import fusion_state, training

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
        disabled=len(names) < 2 or not loaded.has_labels or not spec.strategy.weight,
        help=text("help.tune"),
    )
    line.button(
        text("button.pin"),
        icon=":material/keep:",
        on_click=fusion_state.pin,
        args=(spec,),
        help=text("help.pin"),
    )
    for remark in spec.remarks:
        st.caption(f":material/info: {theme.plain(remark)}")
    if not spec.strategy.weight:
        st.caption(text("sentence.no_weights"))


def _parameter(spec: FusionSpec, parameter: Parameter) -> None:
    """A widget for a parameter of the strategy; its bounds come from the strategy."""
    key, bounds = f"parameter {spec.kind} {parameter.name}", parameter.bounds
    state.set_widget(key, spec.settings[parameter.name])
    options: dict[str, Any] = {
        "label": bounds.label or parameter.name,
        "key": key,
        "help": bounds.help or None,
        "on_change": fusion_state.parameter_set,
        "args": (spec.kind, parameter.name),
    }
    if bounds.kind == "choice":
        st.selectbox(options=list(bounds.names() if bounds.names else ()), width=170, **options)
    elif bounds.kind == "flag":
        st.toggle(**options)
    else:
        whole = bounds.kind == "whole"
        kind = int if whole else float
        options |= {"value": None if parameter.default is None else "min", "placeholder": "not set"}
        options |= {"min_value": kind(bounds.low), "max_value": kind(bounds.high)}
        options |= {"step": kind(1 if whole else max(bounds.step / 2, 0.1)), "format": "%d" if whole else "%g"}
        st.number_input(width=150, **options)
