"""Strategy, its parameters, a slider per backbone, and the buttons for all weights at once."""

from __future__ import annotations

from typing import Any

import streamlit as st

from core.fusion import FUSIONS, FusionSpec
from core.setups import FusionSetup
from core.types import Dataset
from core.ui.app import cache, state, theme
from core.ui.views.fusion import fusion_state, training
from core.ui.widgets import weight_shares


def draw(loaded: Dataset, names: tuple[str, ...], spec: FusionSpec) -> None:
    """Strategy, its parameters, a slider per backbone, and what one does to all of them at once."""
    with st.container(border=True, gap="small"):
        st.selectbox(
            "Strategy",
            fusion_state.kinds(),
            key=state.key(FusionSetup, "strategy"),
            on_change=fusion_state.strategy_chosen,
            format_func=lambda name: FUSIONS.get(name).label,
            help="How the backbones are joined: their vectors, their scores, or their ranks.",
        )
        st.caption(spec.strategy.sentence)
        _parameter_widgets(spec)
        for remark in spec.remarks:
            st.caption(f":material/info: {remark}")
        if not spec.strategy.weight:
            st.caption("It counts all backbones the same: only a share of 0 takes one out.")
        _sliders(names, spec)
        _buttons(loaded, names, spec)


def _sliders(names: tuple[str, ...], spec: FusionSpec) -> None:
    """The share of each backbone, and whether it is locked."""
    shares = spec.shares if spec.strategy.weight else _slider_shares(names)
    locked, colours = set(state.get(FusionSetup, "locked")), theme.colours(names)
    for name in names:
        left, right = st.columns([7, 1], vertical_alignment="bottom", gap="small")
        state.set_widget(f"share {name}", round(shares[name] * 100))
        left.slider(
            f':color[●]{{foreground="{colours[name]}"}} {theme.plain(cache.backbone_title(name))}',
            0,
            100,
            key=f"share {name}",
            format="%d %%",
            on_change=fusion_state.slid,
            args=(name, names),
            disabled=name in locked or len(names) == 1,
        )
        right.button(
            "",
            icon=":material/lock:" if name in locked else ":material/lock_open:",
            key=f"lock {name}",
            on_click=fusion_state.lock,
            args=(name,),
            type="tertiary",
            help="Hold this share while others move.",
        )


def _slider_shares(names: tuple[str, ...]) -> dict[str, float]:
    """The shares as the sliders stand, whatever the strategy makes of them."""
    return weight_shares.fitted(dict(fusion_state.mix().shares), names)


def _parameter_widgets(spec: FusionSpec) -> None:
    """A widget for every parameter of the strategy, two in a row; its bounds come from the strategy."""
    known = spec.strategy.parameters
    values = spec.settings
    for column, parameter in zip(st.columns(2) if known else (), known):
        key = f"parameter {spec.kind} {parameter.name}"
        bounds, value = parameter.bounds, values[parameter.name]
        state.set_widget(key, value)
        options: dict[str, Any] = {
            "label": bounds.label or parameter.name,
            "key": key,
            "help": bounds.help or None,
            "on_change": fusion_state.parameter_set,
            "args": (spec.kind, parameter.name),
        }
        if bounds.kind == "choice":
            column.selectbox(options=list(bounds.names() if bounds.names else ()), **options)
        elif bounds.kind == "flag":
            column.toggle(**options)
        else:
            whole = bounds.kind == "whole"
            kind = int if whole else float
            options |= {"value": None if parameter.default is None else "min", "placeholder": "not set"}
            options |= {"min_value": kind(bounds.low), "max_value": kind(bounds.high)}
            options |= {"step": kind(1 if whole else max(bounds.step / 2, 0.1)), "format": "%d" if whole else "%g"}
            column.number_input(**options)


def _set_two_strongest(loaded: Dataset, names: tuple[str, ...]) -> None:
    """The weights that a person would try first."""
    fusion_state.set_shares(cache.two_strongest(loaded, names))


def _buttons(loaded: Dataset, names: tuple[str, ...], spec: FusionSpec) -> None:
    """What is done to all weights at once."""
    first = st.columns([4, 5, 5], gap="small")
    first[0].button(
        "Equal",
        on_click=fusion_state.set_shares,
        args=(weight_shares.equal(names),),
        width="stretch",
        help="The same share for all.",
    )
    first[1].button(
        "Best two",
        on_click=_set_two_strongest,
        args=(loaded, names),
        width="stretch",
        disabled=len(names) < 3 or not loaded.has_labels,
        help="Half each for the two backbones with the highest mAP alone, nothing for the others.",
    )
    first[2].button(
        "Tune",
        on_click=training.begin,
        args=("tune", loaded, names, spec),
        width="stretch",
        icon=":material/target:",
        disabled=len(names) < 2 or not loaded.has_labels or not spec.strategy.weight,
        help="Search the weights on training queries (half of all, whole classes) and report them on the others.",
    )
    _history_buttons(names, spec)


def _history_buttons(names: tuple[str, ...], spec: FusionSpec) -> None:
    """The baseline, the start, and the way back and forth."""
    steps, second = fusion_state.undo_stack(), st.columns([2, 2, 1, 1], gap="small")
    second[0].button(
        "Pin",
        icon=":material/keep:",
        on_click=fusion_state.pin,
        args=(spec,),
        width="stretch",
        help="Make the present fusion the baseline of before and after.",
    )
    second[1].button(
        "Reset",
        on_click=fusion_state.reset,
        args=(names,),
        width="stretch",
        help="Concatenation, equal shares, nothing locked, baseline equal weights.",
    )
    second[2].button(
        "",
        icon=":material/undo:",
        key="undo",
        on_click=fusion_state.step,
        args=(True,),
        disabled=not steps.can_undo,
        width="stretch",
        help="Take the last change back.",
    )
    second[3].button(
        "",
        icon=":material/redo:",
        key="redo",
        on_click=fusion_state.step,
        args=(False,),
        disabled=not steps.can_redo,
        width="stretch",
        help="Do it again.",
    )
