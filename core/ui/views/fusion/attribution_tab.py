"""What each backbone adds: exact Shapley values."""

from __future__ import annotations

import streamlit as st

from core import charts, metrics, wording
from core.fusion import FusionSpec
from core.studies import fusion_costs
from core.types import Dataset
from core.ui.app import cache, drawn, theme
from core.ui.views.fusion import tab_common
from core.wording import plural

text = wording.page("fusion_lab")


def draw(loaded: Dataset, names: tuple[str, ...], spec: FusionSpec, base: FusionSpec) -> None:
    """Exact Shapley values of the backbones."""
    if len(spec.active) > fusion_costs.MOST_FOR_SUBSETS:
        st.info(text("sentence.exact_attribution_tries", most_for_subsets=fusion_costs.MOST_FOR_SUBSETS))
        return
    if not tab_common.may_begin(loaded, spec, 2 ** len(spec.active) - 1, "attribution"):
        return
    attribution = cache.attribution(loaded, names, spec)
    titles = tab_common.titles(names)
    with theme.side_by_side("attribution"):
        left, right = st.columns([5, 4], gap="large", vertical_alignment="center")
    with left:
        drawn.chart(
            charts.as_judged(charts.attribution(attribution, titles, theme.colours(names)), loaded.is_judged),
            key="lab attribution",
            config=tab_common.NO_TOOLBAR,
        )
    rows = [
        {
            "backbone": titles[n],
            "adds": attribution.shapley[m],
            "from": attribution.low[m],
            "to": attribution.high[m],
            "alone": attribution.alone[m],
            "without it": attribution.without[m],
        }
        for m, n in enumerate(attribution.backbones)
    ]
    rows.sort(key=lambda row: -row["adds"])
    with right:
        numbers = ("adds", "from", "to", "alone", "without it")
        drawn.table(
            rows,
            hide_index=True,
            width="stretch",
            column_config={name: st.column_config.NumberColumn(format="%.3f") for name in numbers},
        )
        st.caption(
            metrics.as_judged(
                text(
                    "sentence.exact_shapley_values",
                    value=2 ** len(attribution.backbones) - 1,
                    queries=plural(cache.n_valid(loaded), "query"),
                ),
                loaded.is_judged,
            )
        )
