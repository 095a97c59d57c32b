"""What the Curves page draws now: the one record that its drawings read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import streamlit as st

from core import wording
from core.setups import CurvesSetup
from core.studies import curves
from core.types import Dataset, RelevantRanks
from core.ui.app import cache, theme
from core.ui.widgets import system_select
from core.ui.widgets.system_select import ComparedSystem

text = wording.page("curves")


@dataclass(frozen=True)
class CurvesView:
    """Systems over the same queries.

    Attributes:
        loaded: the dataset, with all its queries or a sample of a large set's.
        ranks: by the title of a system, where the relevant images stand in every query's list.
        queries: (n_queries,) bool, True for those that are drawn: valid, and of the chosen class.
    """

    loaded: Dataset
    competitors: tuple[ComparedSystem, ...]
    setup: CurvesSetup
    ranks: dict[str, RelevantRanks]
    queries: np.ndarray

    @property
    def n_queries(self) -> int:
        """How many queries are drawn."""
        return int(self.queries.sum())

    @property
    def groups(self) -> np.ndarray | None:
        """The classes that intervals draw as a whole; None within one class, or where queries share none."""
        return None if self.setup.label else cache.relevance_of(self.loaded).query_groups

    @property
    def unit_sentence(self) -> str:
        """What intervals draw again, in words."""
        return text("option.resample_queries") if self.groups is None else text("option.resample_classes")

    @property
    def queries_title(self) -> str:
        """'queries', or 'queries of class X', as Markdown."""
        return f"queries of class {theme.plain(self.setup.label)}" if self.setup.label else "queries"


def build(loaded: Dataset, competitors: list[ComparedSystem], setup: CurvesSetup) -> CurvesView:
    """Rank every query by every system; of a large set by a sample of its queries, in a sentence that says so.

    Raises:
        CoreError: none of the systems can be evaluated.
    """
    sampled, over_sample = system_select.query_sample(loaded, competitors)
    if sampled is not None:
        st.info(
            text(
                "sentence.sampled",
                n_queries=f"{len(sampled.split.queries):,}",
                n_queries_2=f"{len(loaded.split.queries):,}",
            ),
            icon=":material/groups:",
        )
        loaded, competitors = sampled, over_sample
    with st.spinner(text("sentence.ranking")):
        competitors = system_select.able_of(competitors, lambda chosen: cache.system_ranks(loaded, chosen.system))
    ranks = {chosen.title: cache.system_ranks(loaded, chosen.system) for chosen in competitors}
    queries = curves.queries_of(loaded, next(iter(ranks.values())), setup.label)
    return CurvesView(loaded, tuple(competitors), setup, ranks, queries)
