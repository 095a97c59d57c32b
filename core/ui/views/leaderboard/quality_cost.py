"""Quality against latency or size, with the Pareto front."""

from __future__ import annotations

import streamlit as st

from core import backbones, charts, metrics, wording
from core.errors import CoreError
from core.setups import LeaderboardSetup
from core.studies import costs, fusion_costs, leaderboard
from core.ui.app import cache, drawn, jobs, state, theme, visitors
from core.ui.views.leaderboard.leaderboard_view import LeaderboardView
from core.ui.widgets import cost_job
from core.wording import plural

text = wording.page("leaderboard")


def draw(view: LeaderboardView) -> None:
    """Quality against latency or size, with the Pareto front."""
    result, infos = view.result, view.infos
    by = st.segmented_control(
        text("label.cost"),
        ["ms", "MB"],
        key=state.key(LeaderboardSetup, "cost"),
        label_visibility="collapsed",
        required=True,
        format_func={"ms": text("option.latency"), "MB": text("option.size")}.__getitem__,
    )
    field = "milliseconds" if by == "ms" else "megabytes"
    _offer_to_measure(view)
    names = [name for name in leaderboard.order(result) if getattr(infos[name], field) is not None]
    if not names:
        return
    prices = [getattr(infos[name], field) for name in names]
    best = fusion_costs.pareto_front(prices, [result[name].mean(result.metric) for name in names])
    points = []
    for name, price, on_front in zip(names, prices, best):
        figure = result[name].figures[result.metric]
        points.append(
            charts.CostPoint(
                infos[name].title,
                price,
                figure.mean,
                figure.low,
                figure.high,
                view.competitors[name].colour,
                bool(on_front),
            )
        )
    unit = "ms per image" if by == "ms" else "MB of weights"
    drawn.chart(
        charts.quality_cost(points, unit, metrics.label(result.metric, result.judged)),
        key=f"leaderboard cost {by}",
        config=charts.download_config("quality-and-cost"),
    )
    dates = sorted({infos[name].measured for name in names})
    st.caption(
        text(
            "sentence.ringed_pareto_front",
            dates="; ".join(dates).capitalize(),
            part=text("phrase.latency" if by == "ms" else "phrase.size"),
            queries=plural(result.best.n_valid, "query"),
        )
    )


def _offer_to_measure(view: LeaderboardView) -> None:
    """The backbones that were not measured here, and the button that measures them."""
    used = dict.fromkeys(name for competitor in view.competitors.values() for name in competitor.system.backbones)
    missing = tuple(name for name in used if costs.measured(name) is None and not _is_external(name))
    jobs.job_panel(cost_job.JOB)
    if missing:
        left, right = st.columns([7, 2], vertical_alignment="center")
        left.info(
            text("sentence.not_measured_machine", missing=theme.plain(", ".join(map(cache.backbone_title, missing)))),
            icon=":material/timer:",
        )
        if visitors.offered("backbone.measure", right):
            right.button(
                text("button.measure_now"),
                icon=":material/timer:",
                on_click=cost_job.start,
                args=(missing,),
                width="stretch",
                type="primary",
                **jobs.waits(text("sentence.some_seconds_backbone")),
            )


def _is_external(name: str) -> bool:
    """True for vectors that were computed elsewhere: there is nothing to measure."""
    try:
        return not backbones.source_of(backbones.get(name)).embeds
    except CoreError:
        return True
