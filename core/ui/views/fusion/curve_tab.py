"""Precision and recall of each backbone, the baseline and the fusion."""

from __future__ import annotations

import streamlit as st

from core import charts, wording
from core.fusion import FusionSpec
from core.metrics.curves import RECALL_LEVELS
from core.types import Dataset
from core.ui.app import cache, drawn, theme
from core.ui.views.fusion import tab_common

text = wording.page("fusion_lab")


def draw(loaded: Dataset, names: tuple[str, ...], spec: FusionSpec, base: FusionSpec) -> None:
    """11-point curves of each backbone, the baseline and the fusion."""
    colours, titles = theme.colours(names), tab_common.titles(names)
    lines = []
    for name in names:
        alone = FusionSpec(name, "concat", names).with_shares({name: 1.0})
        lines.append(
            charts.Line(
                titles[name], RECALL_LEVELS, cache.interpolated_curve(loaded, names, alone), colours[name], "dot"
            )
        )
    lines.append(
        charts.Line(
            "baseline", RECALL_LEVELS, cache.interpolated_curve(loaded, base.backbones, base), "#8a93a3", "dash"
        )
    )
    lines.append(
        charts.Line("this fusion", RECALL_LEVELS, cache.interpolated_curve(loaded, names, spec), charts.FUSION_COLOUR)
    )
    drawn.chart(
        charts.precision_recall(lines, cache.n_valid(loaded)).figure(), key="lab curve", config=tab_common.NO_TOOLBAR
    )
    st.caption(text("sentence.interpolated_precision_recall"))
