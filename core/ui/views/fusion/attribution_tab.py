"""What each backbone adds: exact Shapley values."""

from __future__ import annotations

import streamlit as st

from core import charts
from core.fusion import FusionSpec
from core.studies import fusion_costs
from core.types import Dataset
from core.ui.app import cache, theme
from core.ui.views.fusion import tab_common
from core.wording import plural


def draw(loaded: Dataset, names: tuple[str, ...], spec: FusionSpec, base: FusionSpec) -> None:
    """Exact Shapley values of the backbones."""
    if len(spec.active) > fusion_costs.MOST_FOR_SUBSETS:
        st.info(
            f"Exact attribution tries all subsets, which is done for up to {fusion_costs.MOST_FOR_SUBSETS} backbones; "
            "take some out at the left."
        )
        return
    if not tab_common.may_begin(loaded, spec, 2 ** len(spec.active) - 1, "attribution"):
        return
    attribution = cache.attribution(loaded, names, spec)
    titles = tab_common.titles(names)
    with theme.side_by_side("attribution"):
        left, right = st.columns([5, 4], gap="large", vertical_alignment="center")
    left.plotly_chart(
        charts.attribution(attribution, titles, theme.colours(names)),
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
        st.dataframe(
            rows,
            hide_index=True,
            width="stretch",
            column_config={name: st.column_config.NumberColumn(format="%.3f") for name in numbers},
        )
        st.caption(
            f"Exact Shapley values for mAP over all {2 ** len(attribution.backbones) - 1} subsets and "
            f"{plural(cache.n_valid(loaded), 'query')}: what a backbone adds when it joins the others, averaged over every order of "
            "joining, from a random order of the gallery up to this fusion. “from … to” is the 95 % bootstrap interval; "
            "“without it” is the mAP of the fusion of the others."
        )
