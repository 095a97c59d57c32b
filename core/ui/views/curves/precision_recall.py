"""Precision over recall, averaged over queries."""

from __future__ import annotations

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core import charts, wording
from core.studies import curves
from core.ui.app import drawn, theme
from core.ui.views.curves import controls
from core.ui.views.curves.curves_view import CurvesView
from core.wording import plural

text = wording.page("curves")


def draw(view: CurvesView, answer: DeltaGenerator) -> None:
    """11-point interpolated precision over recall."""
    by_title = {title: curves.levels(ranks, view.queries, groups=view.groups) for title, ranks in view.ranks.items()}
    _answer(view, by_title, answer)
    figure = charts.LineChart(
        controls.chart_lines(by_title, view.competitors),
        "recall level",
        f"precision (11-point interpolated, mean of {plural(view.n_queries, 'query')})",
        markers=True,
        bands=view.setup.bands,
        hover="recall %{x:.1f}",
        x_range=(-0.02, 1.02),
        x_step=0.1,
        height=460,
    ).figure()
    drawn.chart(figure, key="curves levels", config=charts.download_config("precision-recall", view.setup.file_format))
    st.caption(
        text("sentence.levels"),
        help=text("help.levels", unit=view.unit_sentence),
    )
    controls.download_button(curves.table(by_title, "recall", "precision"), f"{view.loaded.name}-precision-recall")


def _answer(view: CurvesView, by_title: dict[str, curves.Curve], container: DeltaGenerator) -> None:
    """Whose line is the highest, and its precision half way."""
    title = max(by_title, key=lambda name: float(np.nan_to_num(by_title[name].y).mean()))
    curve, half = by_title[title], 5
    low, high = (None if ends is None else float(ends[half]) for ends in (curve.low, curve.high))
    theme.answer(
        text(
            "phrase.levels",
            system=theme.plain(title),
            figure=theme.plain(wording.figure(float(curve.y[half]), low, high)),
        ),
        text("phrase.of_queries", count=f"{view.n_queries:,}", queries=view.queries_title),
        container,
    )
