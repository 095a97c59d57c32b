"""Precision and recall over the number of results."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core import charts, wording
from core.studies import curves
from core.ui.app import cache, drawn, theme
from core.ui.views.curves import controls
from core.ui.views.curves.curves_view import CurvesView
from core.wording import plural

text = wording.page("curves")


def draw(view: CurvesView, answer: DeltaGenerator) -> None:
    """Precision@k and recall@k beside each other."""
    k = view.setup.k
    longest = int(cache.relevance_of(view.loaded).list_length.max(initial=1))
    st.slider(
        text("option.up"),
        2,
        max(2, min(1000, longest), k),
        key=controls.field("k"),
        help=text("help.k", images=plural(longest, "image")),
    )
    if k > longest:
        st.info(
            text("sentence.k_beyond_list", k=f"{k:,}", images=plural(longest, "image"), longest=f"{longest:,}"),
            icon=":material/info:",
        )
    depth = max(2, min(k, longest))
    both = {title: curves.over_k(ranks, view.queries, depth, groups=view.groups) for title, ranks in view.ranks.items()}
    _answer(view, both, min(10, depth), answer)
    with theme.side_by_side("over k"):
        columns = st.columns(2, gap="medium")
    for column, key, name in zip(columns, ("p", "recall"), ("precision@k", "recall@k (fraction found)")):
        with column:
            _chart(view, {title: by_metric[key] for title, by_metric in both.items()}, key, name)
    relevant = cache.relevance_of(view.loaded).n_relevant[view.queries]
    st.caption(
        text("sentence.over_k"),
        help=text(
            "help.over_k",
            fewest=f"{relevant.min(initial=relevant.max(initial=0)):,}",
            most=f"{relevant.max(initial=0):,}",
            unit=view.unit_sentence,
        ),
    )


def _chart(view: CurvesView, by_title: dict[str, curves.Curve], key: str, name: str) -> None:
    """One of the two metrics.

    Args:
        key: "p" or "recall"; name: of the axis.
    """
    figure = charts.LineChart(
        controls.chart_lines(by_title, view.competitors),
        "k, results read",
        f"{name}, mean of {plural(view.n_queries, 'query')}",
        bands=view.setup.bands,
        hover="k = %{x:d}",
        height=420,
    ).figure()
    drawn.chart(
        figure, key=f"curves over k {key}", config=charts.download_config(f"{key}-over-k", view.setup.file_format)
    )
    controls.download_button(
        curves.table(by_title, "k", "precision" if key == "p" else "recall"), f"{view.loaded.name}-{key}-over-k"
    )


def _answer(view: CurvesView, both: dict[str, dict[str, curves.Curve]], k: int, container: DeltaGenerator) -> None:
    """Whose first k results are best."""
    title = max(both, key=lambda name: float(both[name]["p"].y[k - 1]))
    precision, recall = both[title]["p"], both[title]["recall"]
    low, high = (None if ends is None else float(ends[k - 1]) for ends in (precision.low, precision.high))
    theme.answer(
        text(
            "phrase.over_k",
            system=theme.plain(title),
            k=k,
            figure=theme.plain(wording.figure(float(precision.y[k - 1]), low, high)),
            recall=wording.number(float(recall.y[k - 1])),
        ),
        text("phrase.of_queries", count=f"{view.n_queries:,}", queries=view.queries_title),
        container,
    )
