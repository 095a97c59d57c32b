"""Which backbone pays on the dataset at hand: the answer of the page, and its picture."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import streamlit as st

from core import charts, metrics, wording
from core.setups import BackbonesSetup, FrameSetup
from core.studies import fusion_costs
from core.studies.backbone_info import BackboneInfo
from core.studies.fusion_baseline import BaselineComparison, Row
from core.ui.app import cache, drawn, state, theme

text = wording.page("backbones")
Filters = Callable[[Sequence[BackboneInfo]], BackbonesSetup]


def draw(dataset: str, infos: Sequence[BackboneInfo], filters: Filters) -> BackbonesSetup:
    """The answer, its picture, and beside it what is shown of the table below; returns that."""
    comparison = _compared(dataset)
    _answer(dataset, infos, comparison)
    if comparison is None:
        with st.container(horizontal=True, vertical_alignment="bottom"):
            return filters(infos)
    with theme.side_by_side("backbones"):
        left, right = st.columns([9, 3], gap="large")
    with left, theme.main_part():
        _chart(infos, comparison, cache.dataset(dataset).is_judged)
    with right.container(key="stage-controls backbones"):
        return filters(infos)


def _compared(dataset: str) -> BaselineComparison | None:
    """The backbones of the sidebar on this dataset, evaluated; None without labels or embeddings."""
    embedded = cache.embedded(dataset) if dataset else ()
    names = tuple(name for name in state.get(FrameSetup, "backbones") if name in embedded) or embedded
    if not names or not cache.dataset(dataset).has_labels:
        return None
    with st.spinner(text("state.evaluating")):
        return cache.leaderboard(dataset, names)


def _rows(comparison: BaselineComparison) -> list[Row]:
    """Its backbones with a figure, the best first."""
    rows = [row for row in comparison.rows if row.role == "backbone" and math.isfinite(row.mean)]
    return sorted(rows, key=lambda row: -row.mean)


def _answer(dataset: str, infos: Sequence[BackboneInfo], comparison: BaselineComparison | None) -> None:
    """Which of them returns the right images, and what that costs here."""
    n_here, n_embedded = sum(info.here for info in infos), sum(bool(info.embedded) for info in infos)
    small = text("phrase.counts", count=len(infos), here=n_here, embedded=n_embedded)
    rows = _rows(comparison) if comparison is not None else []
    if not rows:
        theme.answer(text("phrase.no_labels" if n_embedded else "phrase.none_embedded"), small)
        return
    best, costs = rows[0], {info.name: info.cost for info in infos}
    cost = costs.get(best.name)
    figure = theme.plain(wording.figure(best.mean, best.low, best.high))
    fields = {"system": theme.plain(cache.backbone_title(best.name)), "figure": figure, "dataset": theme.plain(dataset)}
    if cost is None:
        answer = text("phrase.best", **fields)
    else:
        answer = text("phrase.best_cost", **fields, ms=wording.number(cost.latency_ms, 1))
    theme.answer(metrics.as_judged(answer, cache.dataset(dataset).is_judged), small)


def _chart(infos: Sequence[BackboneInfo], comparison: BaselineComparison, judged: bool) -> None:
    """Quality against cost where costs are known, else a bar for each backbone."""
    rows = _rows(comparison)
    costs = {info.name: info.cost for info in infos}
    colours = theme.colours(tuple(row.name for row in comparison.rows if row.role == "backbone"))
    priced = [(row, cost) for row in rows if (cost := costs.get(row.name)) is not None]
    if len(priced) < max(2, len(rows)):
        bars = [
            charts.Bar(cache.backbone_title(row.name), row.mean, row.low, row.high, colours[row.name]) for row in rows
        ]
        height = max(34, min(84, 300 // max(1, len(bars))))
        figure = charts.BarChart(bars, metrics.label("map", judged), row_height=height).figure()
    else:
        prices = [cost.latency_ms for _, cost in priced]
        front = fusion_costs.pareto_front(prices, [row.mean for row, _ in priced])
        points = [
            charts.CostPoint(
                cache.backbone_title(row.name), price, row.mean, row.low, row.high, colours[row.name], bool(on_front)
            )
            for (row, _), price, on_front in zip(priced, prices, front)
        ]
        figure = charts.quality_cost(points, text("axis.ms"), metrics.label("map", judged))
        figure.update_layout(height=330)
    drawn.chart(figure, key="backbones quality", config={"displayModeBar": False})
    st.caption(text("sentence.bars_meaning", queries=wording.plural(comparison.n_valid, "query")))
