"""Precision and recall of one query, under each system."""

from __future__ import annotations

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core import charts, metrics, wording
from core.metrics.curves import RECALL_LEVELS
from core.setups import CurvesSetup
from core.studies import curves
from core.types import Dataset
from core.ui.app import drawn, state, theme
from core.ui.components import gallery
from core.ui.views.curves import controls
from core.ui.views.curves.curves_view import CurvesView
from core.ui.views.retrieval import query_inputs, query_picker
from core.ui.widgets import image_cards

text = wording.page("curves")


def set_query(text: str) -> None:
    """Another query."""
    state.set_field(CurvesSetup, "query", text)


def set_random_query(loaded: Dataset, queries: np.ndarray) -> None:
    """A query at random among the valid ones."""
    number = int(np.random.default_rng().choice(np.flatnonzero(queries)))
    set_query(str(loaded.ids[loaded.split.queries[number]]))


def chosen_query(loaded: Dataset, queries: np.ndarray, address: str) -> int:
    """Where the query of the link stands among the queries; else the first valid one of the class."""
    position = query_inputs.position_of(loaded, address) if address else None
    numbers = np.flatnonzero(loaded.split.queries == position) if position is not None else np.arange(0)
    if len(numbers) and queries[numbers[0]]:
        return int(numbers[0])
    if address:
        st.info(text("sentence.query_of_many"), icon=":material/info:")
    return int(np.flatnonzero(queries)[0])


def draw(view: CurvesView, answer: DeltaGenerator) -> None:
    """The raw points of one query, under each system."""
    query = chosen_query(view.loaded, view.queries, view.setup.query)
    left, right = st.columns([2, 8], gap="large")
    with left:
        _query_image(view, int(view.loaded.split.queries[query]))
    _answer(view, query, answer)
    by_title = {title: curves.one_query(ranks, query) for title, ranks in view.ranks.items()}
    with right:
        lines = [
            charts.Line(chosen.title, RECALL_LEVELS, levels, chosen.colour, chosen.dash, points=(recall, precision))
            for chosen in view.competitors
            for recall, precision, levels in [by_title[chosen.title]]
        ]
        figure = charts.precision_recall(lines, height=420).figure()
        drawn.chart(figure, key="curves one query", config=charts.download_config("one-query", view.setup.file_format))
        _metrics_table(view, query)
    n_relevant = int(next(iter(view.ranks.values())).n_relevant[query])
    st.caption(text("sentence.query", count=f"{n_relevant:,}"), help=text("help.query"))
    points = {title: curves.Curve(recall, precision, 1) for title, (recall, precision, _) in by_title.items()}
    controls.download_button(curves.table(points, "recall", "precision"), f"{view.loaded.name}-one-query")


def _query_image(view: CurvesView, position: int) -> None:
    """The query, and the ways to another one."""
    gallery.grid(
        image_cards.cards(view.loaded, [position], frame="query"),
        key="curves query",
        size=150,
        pick="",
        name="the query",
    )
    st.button(
        text("button.another"),
        icon=":material/shuffle:",
        on_click=set_random_query,
        args=(view.loaded, view.queries),
        width="stretch",
        key="curves another",
        help=text("help.query_random"),
    )
    if st.button(text("button.choose"), icon=":material/grid_view:", width="stretch", key="curves choose"):
        query_picker.choose(view.loaded, set_query)


def _metrics_table(view: CurvesView, query: int) -> None:
    """AP, R-precision and the first hit of the query under each system."""
    keys = ("map", "rprec", "mrr")
    rows = []
    for title, ranks in view.ranks.items():
        hits = ranks.of(query)
        rows.append(
            {
                "system": title,
                **{key: float(values[query]) for key, values in metrics.compute(ranks, keys).items()},
                "first hit at": int(hits[0]) if len(hits) else None,
                "found": int(ranks.retrieved[query]),
                "relevant": int(ranks.n_relevant[query]),
            }
        )
    drawn.table(
        rows,
        hide_index=True,
        placeholder="–",
        width="stretch",
        column_config={
            key: st.column_config.NumberColumn(
                metrics.label(key).replace("mAP", "AP").replace("MRR", "1 / first rank"),
                help=metrics.sentence(key),
                format="%.3f",
            )
            for key in keys
        },
    )


def _answer(view: CurvesView, query: int, container: DeltaGenerator) -> None:
    """Which system answers this query best."""
    values = {title: metrics.compute(ranks, ("map",))["map"][query] for title, ranks in view.ranks.items()}
    title = max(values, key=lambda name: float(np.nan_to_num(values[name])))
    hits = view.ranks[title].of(query)
    theme.answer(
        text(
            "phrase.query",
            system=theme.plain(title),
            figure=wording.number(float(values[title])),
            rank=f"{int(hits[0]):,}" if len(hits) else "–",
        ),
        container=container,
    )
