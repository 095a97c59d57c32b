"""How average precision is spread over the queries."""

from __future__ import annotations

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core import charts, metrics, wording
from core.studies import curves
from core.ui.app import drawn, theme
from core.ui.views.curves import controls
from core.ui.views.curves.curves_view import CurvesView
from core.wording import plural

text = wording.page("curves")
GOOD = 0.5
"""An average precision that the answer counts queries above."""


def draw(view: CurvesView, answer: DeltaGenerator) -> None:
    """A histogram, or the share of queries that reach at least an average precision."""
    st.toggle(
        text("label.cumulative"),
        key=controls.field("cumulative"),
        help=text("help.share_of_queries"),
    )
    cumulative, n = view.setup.cumulative, view.n_queries
    by_title = {title: curves.distribution(ranks, view.queries, cumulative) for title, ranks in view.ranks.items()}
    _answer(view, answer)
    figure = charts.LineChart(
        controls.chart_lines(by_title, view.competitors),
        text("option.ap_axis") + (", at least" if cumulative else ""),
        f"share of the {plural(n, 'query')}",
        markers=not cumulative,
        bands=False,
        hover="AP %{x:.2f} or more" if cumulative else "AP around %{x:.3f}",
        steps=not cumulative,
        x_range=(-0.01, min(1.01, _farthest(by_title) + 0.06)),
        y_format=".0%",
        height=440,
    ).figure()
    drawn.chart(figure, key="curves spread", config=charts.download_config("spread", view.setup.file_format))
    means = ", ".join(f"{theme.plain(title)} {curve.mean:.3f}" for title, curve in by_title.items())
    caption = text("sentence.spread", count=f"{n:,}", queries=view.queries_title, means=means)
    st.caption(metrics.as_judged(caption, view.loaded.is_judged), help=text("help.spread"))
    controls.download_button(
        curves.table(by_title, "average precision", "share of queries"), f"{view.loaded.name}-spread"
    )


def _answer(view: CurvesView, container: DeltaGenerator) -> None:
    """Whose mean is highest, and how many of its queries go well."""
    reached = {title: curves.distribution(ranks, view.queries, True) for title, ranks in view.ranks.items()}
    title = max(reached, key=lambda name: float(np.nan_to_num(reached[name].mean)))
    curve = reached[title]
    share = float(curve.y[int(np.searchsorted(curve.x, GOOD))]) if len(curve.x) else float("nan")
    answer = text(
        "phrase.spread",
        system=theme.plain(title),
        share=wording.percent(share),
        good=wording.number(GOOD, 1),
        figure=wording.number(curve.mean),
    )
    theme.answer(
        metrics.as_judged(answer, view.loaded.is_judged),
        text("phrase.of_queries", count=f"{view.n_queries:,}", queries=view.queries_title),
        container,
    )


def _farthest(by_title: dict[str, curves.Curve]) -> float:
    """The highest average precision that any query reaches."""
    return max((float(curve.x[curve.y > 0].max(initial=0.0)) for curve in by_title.values()), default=1.0)
