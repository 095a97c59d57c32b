"""The best subset and weights for a limit on latency or size."""

from __future__ import annotations

import streamlit as st

from core import charts, metrics, wording
from core.fusion import FusionSpec
from core.studies import fusion_costs
from core.types import Dataset
from core.ui.app import cache, drawn, jobs, theme, visitors
from core.ui.views.fusion import fusion_state, tab_common
from core.ui.widgets import cost_job, weight_shares

strings = wording.page("fusion_lab")


def draw(loaded: Dataset, names: tuple[str, ...], spec: FusionSpec, base: FusionSpec) -> None:
    """The best subset and weights for a limit on latency or size."""
    left, middle, right = st.columns(3, vertical_alignment="bottom")
    by = left.radio(
        strings("label.limit"),
        ["milliseconds", "megabytes"],
        key="lab by",
        horizontal=True,
        format_func=lambda b: strings("option.ms_per_query") if b == "milliseconds" else "MB of weights",
    )
    limit = middle.number_input(strings("label.most"), min_value=0.0, value=50.0, step=5.0, key=f"lab limit {by}")
    commercial = right.toggle(
        strings("label.only_weights_commercial"),
        key="lab commercial",
        help=strings("help.leaves_out_weights"),
    )
    _measure(names, by)
    weightings = 10 ** min(len(names), 4) // 4
    if not tab_common.may_begin(loaded, spec, weightings, "budget"):
        return
    front = fusion_costs.by_cost(cache.subset_costs(loaded, names, spec), by)
    if not front:
        return
    budget = fusion_costs.Budget(**{by: limit}, commercial_only=commercial)
    best = fusion_costs.within_budget(front, budget)
    titles = tab_common.titles(names)
    offers = charts.as_judged(charts.subset_costs(front, titles, by, best), loaded.is_judged)
    drawn.chart(offers, key="lab offers", config=tab_common.NO_TOOLBAR)
    if best is None:
        st.warning(strings("sentence.nothing_fits_under"))
        return
    mix = " + ".join(f"{theme.plain(titles[n])} {s:.0%}" for n, s in zip(best.backbones, best.shares))
    unit = "ms" if by == "milliseconds" else "MB"
    text, use = st.columns([5, 2], vertical_alignment="center")
    honest = cache.chosen_within_budget(loaded, names, spec, budget)
    reached = (
        ""
        if honest is None
        else strings("phrase.map_queries_did", mean=f"{honest.mean:.3f}", value=f"{best.value:.3f}") + " "
    )
    reached = metrics.as_judged(reached, loaded.is_judged)
    text.markdown(
        strings(
            "sentence.best_under_limit", mix=mix, reached=reached, getattr=f"{getattr(best.cost, by):.1f}", unit=unit
        )
    )
    use.button(
        strings("button.use_these_weights"),
        on_click=fusion_state.set_shares,
        width="stretch",
        type="primary",
        args=(weight_shares.fitted(dict(zip(best.backbones, best.shares)), names),),
    )
    st.caption(strings("sentence.fusion_costs_sum"))


def _measure(names: tuple[str, ...], by: str) -> None:
    """Offer to measure what has no cost yet; say it where that is not possible."""
    known = cache.costs(names)
    missing = tuple(name for name in names if getattr(known[name], by) is None)
    jobs.job_panel(cost_job.JOB)
    if not missing:
        return
    titles = theme.plain(", ".join(map(cache.backbone_title, missing)))
    if by == "megabytes":
        st.info(strings("sentence.size_not_known", titles=titles))
        return
    left, right = st.columns([5, 2], vertical_alignment="center")
    left.markdown(strings("sentence.not_measured_machine", titles=titles))
    if visitors.offered("backbone.measure", right):
        right.button(
            strings("button.measure_now"),
            on_click=cost_job.start,
            args=(missing,),
            width="stretch",
            **jobs.waits(strings("sentence.some_seconds_single")),
        )
