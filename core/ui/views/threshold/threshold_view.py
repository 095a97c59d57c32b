"""What the page Threshold shows now: the one record that its parts read, and what all sessions share."""

from __future__ import annotations

import math
from dataclasses import dataclass

import streamlit as st

from core import wording
from core.setups import ThresholdSetup
from core.studies import open_set, verification
from core.studies.open_set import OpenSet
from core.studies.systems import System
from core.studies.verification import Pair, RatePoint, Verification
from core.types import Dataset
from core.ui.app import cache
from core.ui.app.cached import cached
from core.ui.widgets import system_select
from core.ui.widgets.system_select import ComparedSystem

text = wording.page("threshold")


@cached("resource", max_entries=64)
def at_rate(loaded: Dataset, system: System, by_class: bool, rate: float) -> RatePoint:
    """What accepting gives at one false match rate."""
    return verification.at_rate(cache.verification_of(loaded, system, by_class), rate)


@cached("resource", max_entries=16, spinner=text("state.strangers"))
def strangers_of(loaded: Dataset, system: System, by_class: bool) -> OpenSet:
    """How well a system tells queries without an answer."""
    return open_set.open_set(system, cache.relevance_of(loaded), loaded, by_class=by_class)


@cached("resource", max_entries=32, spinner=text("state.pairs"))
def nearest_pairs(loaded: Dataset, system: System, cut: float, most: int) -> list[Pair]:
    """The pairs nearest to a threshold."""
    return verification.nearest_pairs(system, cache.relevance_of(loaded), loaded, cut, most)


@dataclass(frozen=True)
class ThresholdView:
    """Systems over the same pairs.

    Attributes:
        whole: the dataset; loaded: the same with all its queries or a sample of a large set's.
        competitors: by falling share of true pairs at the chosen error.
        chosen: at that error, as `competitors`; checked: everything else about them.
        closer: the one that is looked at closely.
    """

    whole: Dataset
    loaded: Dataset
    setup: ThresholdSetup
    competitors: tuple[ComparedSystem, ...]
    chosen: tuple[RatePoint, ...]
    checked: tuple[Verification, ...]
    closer: int

    @property
    def error(self) -> float:
        """The false match rate that was chosen."""
        return float(self.setup.error)

    @property
    def system(self) -> ComparedSystem:
        """The system that is looked at closely."""
        return self.competitors[self.closer]

    @property
    def verification(self) -> Verification:
        """Its figures."""
        return self.checked[self.closer]

    @property
    def ends(self) -> tuple[float, float]:
        """Between which scores the threshold can be set: from where half of the other pairs are accepted."""
        curve = self.verification.curve
        low = verification.verification.at_false_rate(curve, 0.5).threshold
        high = float(curve.thresholds[0])
        return (low if low < high else float(curve.thresholds[-1])), high

    @property
    def cut(self) -> float:
        """The threshold that is set: by hand, else the one of the chosen error."""
        return self.cut_of(self.setup.cut)

    def cut_of(self, text: str) -> float:
        """The threshold that a text of the setup means; any other text means the one of the chosen error."""
        low, high = self.ends
        try:
            value = float(text)
        except ValueError:
            value = self.chosen[self.closer].point.threshold
        return min(max(value, low), high) if math.isfinite(value) else high


def build(loaded: Dataset, competitors: list[ComparedSystem], setup: ThresholdSetup) -> ThresholdView:
    """Look at all pairs of every system; of a large set at those of a sample of its queries, in a sentence that says so.

    Raises:
        CoreError: none of the systems can be looked at.
    """
    whole = loaded
    small, over_sample = system_select.query_sample(loaded, competitors)
    if small is not None:
        counts = {"sampled": f"{len(small.split.queries):,}", "every": f"{len(loaded.split.queries):,}"}
        st.info(text("sentence.sample", **counts), icon=":material/groups:")
        loaded, competitors = small, over_sample
    by_class, rate = not setup.by_query, float(setup.error)
    with st.spinner(text("state.verifying"), show_time=True):
        able = system_select.able_of(competitors, lambda chosen: cache.verification_of(loaded, chosen.system, by_class))
        points = {chosen.name: at_rate(loaded, chosen.system, by_class, rate) for chosen in able}
    ordered = sorted(able, key=lambda chosen: -_known(points[chosen.name].point.true_rate))
    names = [chosen.name for chosen in ordered]
    return ThresholdView(
        whole,
        loaded,
        setup,
        tuple(ordered),
        tuple(points[name] for name in names),
        tuple(cache.verification_of(loaded, chosen.system, by_class) for chosen in ordered),
        names.index(setup.system) if setup.system in names else 0,
    )


def _known(value: float) -> float:
    return -1.0 if math.isnan(value) else value
