"""What the closer looks of the fusion lab share."""

from __future__ import annotations

import streamlit as st

from core import wording
from core.fusion import FusionSpec
from core.types import Dataset
from core.ui.app import cache, state

text = wording.page("fusion_lab")

NO_TOOLBAR = {"displayModeBar": False}
_MOST_SCORES = 4_000_000
"""Scores (queries times gallery) up to which many weightings of a strategy that is not linear are tried unasked."""


def titles(names: tuple[str, ...]) -> dict[str, str]:
    """name → what people read."""
    return {name: cache.backbone_title(name) for name in names}


def may_begin(loaded: Dataset, spec: FusionSpec, weightings: int, key: str) -> bool:
    """False while a long computation waits for a click: many weightings of a slow strategy over many queries."""
    size = len(loaded.split.queries) * len(loaded.split.gallery)
    wanted = (key, loaded.fingerprint, spec.kind)
    if spec.is_linear or size <= _MOST_SCORES or state.session_get("lab wanted") == wanted:
        return True
    st.caption(
        text(
            "sentence.ranked_anew_about",
            label=spec.strategy.label,
            weightings=f"{weightings:,}",
            n_queries=f"{len(loaded.split.queries):,}",
        )
    )
    st.button(text("button.work_out"), on_click=state.session_set, args=("lab wanted", wanted), key=f"begin {key}")
    return False
