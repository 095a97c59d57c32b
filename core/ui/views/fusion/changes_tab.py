"""The queries that gain and lose most against the baseline."""

from __future__ import annotations

import dataclasses

import streamlit as st

from core.fusion import FusionSpec
from core.studies import fusion_attribution
from core.types import Dataset
from core.ui.app import cache
from core.ui.components import gallery
from core.ui.views.fusion import query_choice
from core.ui.widgets import image_cards


def draw(loaded: Dataset, names: tuple[str, ...], spec: FusionSpec, base: FusionSpec) -> None:
    """The queries that gain and lose most against the baseline."""
    now = cache.average_precision(loaded, names, spec)
    before = cache.average_precision(loaded, base.backbones, base)
    up, down = fusion_attribution.winners_and_losers(now, before)
    difference = now - before
    better, worse = int((difference > 1e-12).sum()), int((difference < -1e-12).sum())
    st.caption(
        f"AP of each query under the baseline → now: {better:,} better, {worse:,} worse, "
        f"{cache.n_valid(loaded) - better - worse:,} the same. Click an image to see its results above."
    )
    if not up and not down:
        st.info("No query changes against the baseline. Move a slider, or pin another baseline.")
        return
    for column, title, rows in zip(st.columns(2, gap="large"), ("They gain most", "They lose most"), (up, down)):
        with column:
            st.markdown(f"**{title}**")
            if not rows:
                st.caption("No query.")
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
                pick="Click to see its results",
            )
