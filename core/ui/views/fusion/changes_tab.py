"""The queries that gain and lose most against the baseline."""

from __future__ import annotations

import dataclasses

import streamlit as st

from core import wording
from core.fusion import FusionSpec
from core.studies import fusion_attribution
from core.types import Dataset
from core.ui.app import cache
from core.ui.components import gallery
from core.ui.views.fusion import query_choice
from core.ui.widgets import image_cards

text = wording.page("fusion_lab")


def draw(loaded: Dataset, names: tuple[str, ...], spec: FusionSpec, base: FusionSpec) -> None:
    """The queries that gain and lose most against the baseline."""
    now = cache.average_precision(loaded, names, spec)
    before = cache.average_precision(loaded, base.backbones, base)
    up, down = fusion_attribution.winners_and_losers(now, before)
    difference = now - before
    better, worse = int((difference > 1e-12).sum()), int((difference < -1e-12).sum())
    st.caption(
        text(
            "sentence.ap_query_under",
            better=f"{better:,}",
            worse=f"{worse:,}",
            value=f"{cache.n_valid(loaded) - better - worse:,}",
        )
    )
    if not up and not down:
        st.info(text("sentence.query_changes_against"))
        return
    for column, title, rows in zip(
        st.columns(2, gap="large"), (text("option.they_gain_most"), text("option.they_lose_most")), (up, down)
    ):
        with column:
            st.markdown(f"**{title}**")
            if not rows:
                st.caption(text("sentence.query"))
                continue
            positions = [int(loaded.split.queries[q]) for q, _ in rows]
            shown = [
                dataclasses.replace(card, note=f"{before[q]:.3f} → {now[q]:.3f}")
                for card, (q, _) in zip(image_cards.cards(loaded, positions, frame="query"), rows)
            ]
            gallery.grid(
                shown,
                key=f"lab {title}",
                size=96,
                on_pick=query_choice.pick,
                name=title,
                pick=text("option.click_see_results"),
            )
