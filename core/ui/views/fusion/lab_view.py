"""What the Fusion lab shows now: the one record that its parts read."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from core import wording
from core.fusion import FUSIONS, FusionSpec
from core.setups import FusionSetup
from core.studies import pooled_figures, training_split
from core.types import Dataset
from core.ui.app import state, theme
from core.ui.views.fusion import fusion_state, steps_panel

text = wording.page("fusion_lab")

METRICS = ("map", "p@1", "p@10", "ndcg@10")
"""The metrics of the lab; the first is where a visit starts."""


@dataclass(frozen=True)
class LabView:
    """A fusion beside its baseline.

    Attributes:
        loaded: the dataset with all its queries; evaluated: with those that neither fusion was fitted on.
        names: the backbones chosen.
        spec, base: the fusion now, and the baseline; base_title: what the baseline is, for people.
    """

    loaded: Dataset
    evaluated: Dataset
    names: tuple[str, ...]
    spec: FusionSpec
    base: FusionSpec
    base_title: str
    setup: FusionSetup

    @property
    def metric(self) -> str:
        """The metric that bars and verdict are in."""
        return self.setup.metric if self.setup.metric in self.metrics else self.metrics[0]

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics of the tiles; of judged results those that they tell."""
        return metrics_of(self.loaded)

    @property
    def by_class(self) -> bool:
        """Whole classes are drawn where queries share them."""
        return not self.setup.by_query


def metrics_of(loaded: Dataset) -> tuple[str, ...]:
    """The metrics of the tiles of a dataset."""
    return pooled_figures.OF_LISTS if loaded.is_judged else METRICS


def build() -> LabView:
    """The fusion as the sliders stand; what a link names wrongly is said and brought within bounds."""
    loaded, names, embedded = fusion_state.selection()
    state.seed(FusionSetup)
    mix = fusion_state.mix()
    lost = fusion_state.lost_strategy()
    if lost:
        st.warning(
            text(
                "sentence.strategy_named_file", lost=theme.plain(repr(lost[:60])), label=FUSIONS.get(mix.strategy).label
            ),
            icon=":material/extension_off:",
        )
    if state.get(FusionSetup, "strategy") != mix.strategy:
        state.set_field(FusionSetup, "strategy", mix.strategy)
    if state.get(FusionSetup, "metric") not in metrics_of(loaded):
        state.set_field(FusionSetup, "metric", METRICS[0])
    setup = state.read(FusionSetup)
    spec = steps_panel.shown_now(loaded, names, fusion_state.spec_of(mix, names))
    state.session_set("lab mix", mix)
    base, base_title = fusion_state.baseline(names, embedded)
    evaluated = training_split.without(loaded, (*spec.trained_on, *base.trained_on)) if loaded.has_labels else loaded
    return LabView(loaded, evaluated, names, spec, base, base_title, setup)
