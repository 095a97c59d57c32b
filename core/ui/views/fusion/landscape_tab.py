"""mAP over all weights; its point moves with the sliders, and moves them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from core import charts, metrics, wording
from core.fusion import FusionSpec
from core.studies.weight_landscape import Landscape
from core.types import Dataset
from core.ui.app import cache, theme
from core.ui.components import live_lab
from core.ui.views.fusion import tab_common, training
from core.wording import plural

KEY = "lab landscape"
text = wording.page("fusion_lab")


def draw(loaded: Dataset, names: tuple[str, ...], spec: FusionSpec, base: FusionSpec) -> None:
    """mAP over all weights; its point moves with the sliders, and moves them."""
    if len(names) < 2:
        st.info(text("sentence.landscape_needs_least"))
        return
    weightings = {2: 41, 3: 231}.get(len(names), 21 * len(names) * (len(names) - 1) // 2)
    if not tab_common.may_begin(loaded, spec, weightings, "landscape"):
        return
    landscape = cache.landscape(loaded, names, spec)
    titles, pair = tab_common.titles(names), None
    if landscape.shape == "slices":
        pairs = list(dict.fromkeys(landscape.slices))
        pair = st.selectbox(
            text("label.pair"),
            pairs,
            format_func=lambda p: f"{titles[p[0]]} against {titles[p[1]]}",
            key="lab pair",
            help=text("help.share_these_two"),
        )
    live_lab.show_landscape(_data(landscape, titles, spec, training.tuned_shares(loaded, names, spec), pair), key=KEY)
    best = ", ".join(
        f"{theme.plain(titles[n])} {s:.0%}" for n, s in zip(names, landscape.points[landscape.best]) if s > 0
    )
    region = {"ternary": text("option.ringed"), "curve": text("option.large"), "slices": text("option.large")}[
        landscape.shape
    ]
    caption = text(
        "sentence.map_weightings_best",
        text=text("sentence.landscape"),
        queries=plural(cache.n_valid(loaded), "query"),
        n_points=f"{len(landscape.points):,}",
        values=f"{landscape.values[landscape.best]:.3f}",
        best=best,
        region=region,
    )
    st.caption(metrics.as_judged(caption, loaded.is_judged))


def _data(
    landscape: Landscape,
    titles: Mapping[str, str],
    spec: FusionSpec,
    tuned: Mapping[str, float] | None,
    pair: tuple[str, str] | None,
) -> dict[str, Any]:
    """What `landscape.js` is given; of slices the one of the pair alone."""
    names = landscape.backbones
    rows = [i for i in range(len(landscape.points)) if not landscape.slices or landscape.slices[i] == pair]
    line = pair or (names[:2] if len(names) == 2 else None)
    marks = [{"label": text("label.equal"), "weights": [1 / len(names)] * len(names), "colour": "#7b8698"}]
    if tuned:
        marks.append({"label": text("label.tuned"), "weights": [tuned[n] for n in names], "colour": "#167a43"})
    return {
        "names": list(names),
        "labels": [titles[name] for name in names],
        "points": landscape.points[rows].round(6).tolist(),
        "values": landscape.values[rows].tolist(),
        "good": landscape.as_good[rows].tolist(),
        "best": rows.index(landscape.best) if landscape.best in rows else -1,
        "pair": None if line is None else [names.index(name) for name in line],
        "marks": marks,
        "colour": charts.FUSION_COLOUR,
        "weights": [spec.shares[name] for name in names],
        "words": {"axis": text("axis.pair"), "value": text("label.landscape")},
    }
