"""Strategies evaluated on queries that the catalogue itself can answer, or on a file of queries."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import streamlit as st

from core import charts, metrics, wording
from core.data import table_files
from core.fusion.catalogue import CATALOGUE_STRATEGIES
from core.setups import CatalogueSetup
from core.studies.catalogue import catalogue_evaluation
from core.ui.app import drawn, state, theme
from core.ui.views.catalogue import catalogue_cache, controls
from core.ui.views.catalogue.catalogue_view import CatalogueView

text = wording.page("catalogue")


def draw(view: CatalogueView) -> None:
    """Strategies evaluated on questions that the catalogue itself can answer, or on a file of queries."""
    st.segmented_control(
        text("label.queries"),
        list(controls.QUERY_SOURCES),
        key=state.key(CatalogueSetup, "ask_with"),
        format_func=controls.QUERY_SOURCES.__getitem__,
        required=True,
    )
    left, right, _ = st.columns([1, 1.4, 1.6])
    left.selectbox(
        text("label.metric"), controls.METRICS, key=state.key(CatalogueSetup, "metric"), format_func=metrics.label
    )
    right.selectbox(
        text("label.base"),
        controls.weighing_strategies(),
        key=state.key(CatalogueSetup, "base"),
        format_func=lambda name: CATALOGUE_STRATEGIES[name].label,
    )
    setup = view.setup
    ask_with = setup.ask_with
    file = ""
    if ask_with == "file":
        uploaded = st.file_uploader(text("label.queries_file"), type=["csv"], key="catalogue queries")
        if uploaded is None:
            st.caption(text("sentence.file_gain"))
            return
        file = table_files.decode(uploaded.getvalue(), Path(uploaded.name))
    else:
        st.caption(text("sentence.ask_categories" if ask_with == "categories" else "sentence.ask_pictures"))
    base, metric = setup.base, setup.metric
    shares = tuple(sorted((view.fixed_weights or {}).items())) or None
    if base == "fixed" and shares is None:
        shares = tuple((name, 1.0) for name in view.components)
    with st.spinner(text("sentence.ranking"), show_time=True):
        compared = catalogue_cache.comparison(
            view.searcher, setup.space, setup.join, ask_with, metric, base, shares, file
        )
    _draw_comparison(compared)


def _draw_comparison(compared: catalogue_evaluation.CatalogueComparison) -> None:
    """Bars with intervals, the words, the table."""
    label = metrics.label(compared.metric)
    lines = [
        charts.Bar(
            row.label,
            row.mean,
            row.low,
            row.high,
            charts.FUSION_COLOUR if row.strategy == compared.base else charts.BACKBONE_COLOURS[0],
        )
        for row in compared.table.itertuples()
    ]
    with st.container(key="catalogue-halves"):
        left, right = st.columns([3, 2], gap="large")
    with left:
        drawn.chart(
            charts.BarChart(lines, label).figure(),
            key="catalogue bars",
            config={"displayModeBar": False},
            width="stretch",
        )
        st.caption(
            text("sentence.bars", metric=label, queries=wording.plural(int(compared.table.n_valid.max()), "query"))
        )
    with right:
        st.markdown(f"**{text('heading.shown')}**")
        for sentence in compared.sentences:
            st.markdown("- " + theme.plain(sentence))
        for name, why in compared.skipped.items():
            st.markdown("- " + text("sentence.left_out", strategy=theme.plain(name), reason=theme.plain(why)))
    base = compared.table.strategy == compared.base
    drawn.table(
        pd.DataFrame(
            {
                text("column.strategy"): compared.table.label,
                label: [wording.number(value) for value in compared.table["mean"]],
                text("column.interval"): [
                    wording.interval(*ends) for ends in zip(compared.table.low, compared.table.high)
                ],
                text("column.difference"): [
                    "–" if is_base else wording.signed(d) for is_base, d in zip(base, compared.table.difference)
                ],
                text("column.difference_interval"): [
                    "–" if is_base else wording.interval(low, high, sign=True)
                    for is_base, low, high in zip(base, compared.table.difference_low, compared.table.difference_high)
                ],
                text("column.p"): [
                    "–" if is_base else wording.p_cell(p) for is_base, p in zip(base, compared.table.p_holm)
                ],
                text("column.queries"): compared.table.n_valid,
            }
        ),
        hide_index=True,
        width="stretch",
    )
