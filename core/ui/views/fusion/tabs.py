"""The closer looks of the fusion lab: only the one that is open is worked out."""

from __future__ import annotations

import streamlit as st

from core import wording
from core.fusion import FusionSpec
from core.setups import FusionSetup
from core.types import Dataset
from core.ui.app import cache, state
from core.ui.views.fusion import (
    attribution_tab,
    budget_tab,
    changes_tab,
    curve_tab,
    landscape_tab,
    pipeline_tab,
    saved_tab,
    training,
)
from core.wording import plural

text = wording.page("fusion_lab")
steps = wording.page("steps")


def _trained(loaded: Dataset, names: tuple[str, ...], spec: FusionSpec, base: FusionSpec) -> None:
    """Gate, linear head and dimension curve."""
    training.show(loaded, names, spec)


LOOKS = {
    "curve": (text("option.precision_recall"), curve_tab.draw),
    "landscape": (text("option.landscape"), landscape_tab.draw),
    "adds": (text("option.adds"), attribution_tab.draw),
    "steps": (text("option.step_step"), pipeline_tab.draw),
    "changes": (text("option.winners_losers"), changes_tab.draw),
    "budget": (text("option.budget"), budget_tab.draw),
    "trained": (text("option.trained_fusions"), _trained),
    "files": (text("option.save_share"), saved_tab.draw),
}
_OF_WEIGHTS = ("landscape", "budget")


def draw(loaded: Dataset, evaluated: Dataset, names: tuple[str, ...], spec: FusionSpec, base: FusionSpec) -> None:
    """One closer look at a time.

    Args:
        loaded: with all its queries, for what divides them itself.
        evaluated: with the queries that nothing shown was fitted on.
    """
    st.divider()
    sampled = cache.query_sample(evaluated, names)
    if sampled is not None:
        st.caption(
            text(
                "sentence.closer_looks_evaluate",
                n_queries=f"{len(sampled.split.queries):,}",
                queries=plural(len(evaluated.split.queries), "query"),
            )
        )
    key = state.key(FusionSetup, "look")
    if state.widget(key) not in LOOKS:
        state.set_widget(key, "curve")
    look = st.segmented_control(
        text("label.closer_look"),
        list(LOOKS),
        format_func=lambda name: LOOKS[name][0],
        key=key,
        label_visibility="collapsed",
        required=True,
    )
    if look is None:
        return
    if look in _OF_WEIGHTS and not spec.strategy.weight:
        st.info(text("sentence.counts_all_backbones", label=spec.strategy.label))
        return
    if look in _OF_WEIGHTS and spec.rerank is not None:
        st.caption(steps("sentence.of_retrieved"))
    LOOKS[look][1](loaded if look in ("trained", "files", "steps") else sampled or evaluated, names, spec, base)
