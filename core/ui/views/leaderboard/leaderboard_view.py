"""What the Leaderboard shows now: the one record that its parts read."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from core import wording
from core.setups import LeaderboardSetup
from core.studies import evaluation, leaderboard, verification
from core.types import Dataset, Relevance
from core.ui.app import cache, theme
from core.ui.views.leaderboard import controls
from core.ui.widgets import system_select
from core.ui.widgets.system_select import ComparedSystem

text = wording.page("leaderboard")


@dataclass(frozen=True)
class LeaderboardView:
    """Systems on the same queries.

    Attributes:
        loaded: the dataset, with all its queries or a sample of a large set's.
        competitors, infos: the systems by name, and what the table says about each.
    """

    loaded: Dataset
    setup: LeaderboardSetup
    competitors: dict[str, ComparedSystem]
    result: evaluation.Result
    infos: dict[str, leaderboard.SystemInfo]

    @property
    def caution(self) -> str:
        """What intervals and p-values stand on."""
        return self.result.comparison.caution


def build(loaded: Dataset, competitors: list[ComparedSystem], setup: LeaderboardSetup) -> LeaderboardView:
    """Evaluate every system and compare each pair.

    Raises:
        CoreError: none of the systems can be evaluated.
    """
    ks = tuple(sorted({*controls.FIXED_KS, setup.k}))
    metric = controls.at_k(setup.metric, setup.k)
    loaded, competitors, result = system_select.evaluate(loaded, competitors, ks, metric, not setup.by_query)
    if verification.is_wanted(setup.columns):  # they look at every pair, so only who chose their columns waits for them
        by_class = not setup.by_query
        with st.spinner(text("state.pairs"), show_time=True):
            able = system_select.able_of(
                competitors, lambda chosen: cache.verification_of(loaded, chosen.system, by_class)
            )
        verified = [cache.verification_of(loaded, chosen.system, by_class) for chosen in able]
        result = verification.with_figures(result, verified)
    infos = {chosen.name: leaderboard.system_info(chosen.system, loaded, chosen.title) for chosen in competitors}
    return LeaderboardView(loaded, setup, {chosen.name: chosen for chosen in competitors}, result, infos)


def warnings(view: LeaderboardView, relevance: Relevance) -> None:
    """What the contract wants said beside the figures."""
    for sentence in [
        *leaderboard.remarks(view.loaded, relevance, view.setup.k),
        *leaderboard.warnings(view.result, view.infos),
    ]:
        st.warning(theme.plain(sentence), icon=":material/warning:")
