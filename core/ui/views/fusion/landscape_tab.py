"""mAP over all weights; a click sets the sliders."""

from __future__ import annotations

import numpy as np
import streamlit as st

from core import charts
from core.fusion import FusionSpec
from core.types import Dataset
from core.ui.app import cache, state, theme
from core.ui.views.fusion import fusion_state, tab_common, training
from core.wording import plural


def _clicked(key: str, points: np.ndarray, names: tuple[str, ...]) -> None:
    """A point of the landscape was clicked: its weights are the sliders' now."""
    chosen = state.widget(key)["selection"]["points"]
    if not chosen or chosen[0].get("customdata") is None:
        return
    index = chosen[0]["customdata"]
    index = int(index[0] if isinstance(index, list | tuple) else index)
    if 0 <= index < len(points):
        fusion_state.set_shares(dict(zip(names, map(float, points[index]))))


def draw(loaded: Dataset, names: tuple[str, ...], spec: FusionSpec, base: FusionSpec) -> None:
    """mAP over all weights; a click sets the sliders."""
    if len(names) < 2:
        st.info("A landscape needs at least two backbones: choose another one at the left.")
        return
    weightings = {2: 41, 3: 231}.get(len(names), 21 * len(names) * (len(names) - 1) // 2)
    if not tab_common.may_begin(loaded, spec, weightings, "landscape"):
        return
    landscape = cache.landscape(loaded, names, spec)
    titles, pair = tab_common.titles(names), None
    if landscape.shape == "slices":
        pairs = list(dict.fromkeys(landscape.slices))
        pair = st.selectbox(
            "Pair",
            pairs,
            format_func=lambda p: f"{titles[p[0]]} against {titles[p[1]]}",
            key="lab pair",
            help="The share of these two together stays; the curve moves it from one to the other.",
        )
    marks = [
        ("now", [spec.shares[name] for name in names], "#2b7de9"),
        ("equal", [1 / len(names)] * len(names), "#8a93a3"),
    ]
    tuned_shares = training.tuned_shares(loaded, names, spec)
    if tuned_shares:
        marks.append(("tuned", [tuned_shares[name] for name in names], "#167a43"))
    key = f"lab landscape {pair}"
    st.plotly_chart(
        charts.landscape(landscape, titles, marks, pair),
        key=key,
        config=tab_common.NO_TOOLBAR,
        selection_mode="points",
        on_select=lambda: _clicked(key, landscape.points, names),
    )
    best = ", ".join(
        f"{theme.plain(titles[n])} {s:.0%}" for n, s in zip(names, landscape.points[landscape.best]) if s > 0
    )
    region = {"ternary": "Ringed in white", "curve": "Red", "slices": "Red"}[landscape.shape]
    st.caption(
        f"**Click a point to set the sliders.** mAP of {plural(cache.n_valid(loaded), 'query')} at {len(landscape.points):,} weightings; "
        f"the best one looked at has {landscape.values[landscape.best]:.3f} ({best}). {region}: not shown to be worse than it, since "
        "the paired 95 % interval reaches zero. The best point is chosen on these same queries and flatters itself; “Tune” "
        "reports on others."
    )
