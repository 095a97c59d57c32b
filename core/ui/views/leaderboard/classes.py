"""The compared metric of every class by every system, and the queries behind a square."""

from __future__ import annotations

import dataclasses

import numpy as np
import streamlit as st

from core import charts, metrics, wording
from core.setups import LeaderboardSetup, RetrievalSetup
from core.studies import class_table, evaluation
from core.ui.app import drawn, state, theme
from core.ui.components import gallery
from core.ui.views.leaderboard.leaderboard_view import LeaderboardView
from core.ui.widgets import image_cards, system_select
from core.wording import plural

text = wording.page("leaderboard")

CLASSES_PER_PAGE = 40  # classes of the heat map that are shown at once
SHOWN_QUERIES = 48


def _square_clicked(shown: list[str], systems: tuple[str, ...], widget: str) -> None:
    """A square of the heat map was clicked: its class and system are looked at."""
    points = state.widget(widget).selection.points
    square = points[0].get("customdata") if points else None
    if square is not None:
        row, column = (int(v) for v in square[:2])
        state.set_field(LeaderboardSetup, "label", shown[row])
        state.set_field(LeaderboardSetup, "of", systems[column])


def draw(view: LeaderboardView) -> None:
    """The compared metric of every class by every system; a click opens the queries behind a square."""
    result, loaded, setup = view.result, view.loaded, view.setup
    if not loaded.label_names:
        st.info(text("sentence.dataset_names_classes"), icon=":material/info:")
        return
    left, right = st.columns([3, 7], vertical_alignment="bottom")
    left.selectbox(text("label.order_classes"), class_table.ORDERS, key=state.key(LeaderboardSetup, "order"))
    ordered = class_table.class_order(result, loaded, result.metric, setup.order)
    pages = -(-len(ordered) // CLASSES_PER_PAGE)
    with right:
        page = st.pagination(pages, key=f"class page of {pages} {setup.order}") if pages > 1 else 1
    shown = ordered[(page - 1) * CLASSES_PER_PAGE : page * CLASSES_PER_PAGE]
    table = class_table.per_class(result, loaded, result.metric, shown)
    titles = [view.infos[name].title for name in table.systems]
    hover = [
        [_square_hover(table, r, c, titles[c], result) for c in range(len(table.systems))]
        for r in range(len(table.classes))
    ]
    square = None
    if setup.label in shown and setup.of in table.systems:
        square = (shown.index(setup.label), table.systems.index(setup.of))
    widget = f"class map {page} {setup.order} {result.metric}"
    limits = metrics.parse(result.metric)[0].limits
    drawn.chart(
        charts.class_map(
            [f"{name}  ({n:,})" for name, n in zip(table.classes, table.n)],
            titles,
            table.values,
            hover,
            metrics.label(result.metric, result.judged),
            square,
            system_select.shades(),
            _shade_limits(table.values, limits),
        ),
        key=widget,
        on_select=lambda: _square_clicked(shown, table.systems, widget),
        selection_mode="points",
        config=charts.download_config("classes"),
    )
    several = " " + text("sentence.image_several_labels") if loaded.label_matrix is not None else ""
    st.caption(text("sentence.class_queries_their", label=metrics.label(result.metric, result.judged), several=several))
    _draw_square(view)


def _shade_limits(values: np.ndarray, limits: tuple[float | None, float | None]) -> tuple[float, float]:
    """Ends of the colours: those of the metric where values come near its top, else those of the values."""
    top, best = float(np.nanmax(values)) if np.isfinite(values).any() else 1.0, limits[1]
    return limits[0] or 0.0, best if best is not None and top > 0.7 * best else max(top, 1e-9)


def _square_hover(table: class_table.ClassTable, row: int, column: int, title: str, result: evaluation.Result) -> str:
    """What is known about a square of the heat map."""
    value = table.values[row, column]
    return (
        f"<b>{charts.plain_text(table.classes[row])}</b><br>{charts.plain_text(title)}<br>{metrics.label(result.metric, result.judged)} {value:.3f} "
        f"[{table.low[row, column]:.3f}, {table.high[row, column]:.3f}]<br>mean of {plural(table.n[row], 'query')}"
    )


def _draw_square(view: LeaderboardView) -> None:
    """The queries behind the chosen square, worst first."""
    result, loaded, setup = view.result, view.loaded, view.setup
    if setup.label not in loaded.label_names or setup.of not in result.names:
        return
    queries = class_table.class_queries(result, loaded, setup.of, result.metric, setup.label)
    values = result[setup.of].per_query[result.metric]
    st.subheader(f"{theme.plain(setup.label)} by {theme.plain(view.infos[setup.of].title)}", anchor=False)
    if not queries:
        st.info(text("sentence.query_class_has"), icon=":material/info:")
        return
    label = metrics.label(result.metric, result.judged).replace("mAP", "AP")
    positions = [int(loaded.split.queries[q]) for q in queries[:SHOWN_QUERIES]]
    shown = image_cards.cards(loaded, positions)
    noted = [
        dataclasses.replace(card, frame="query", note=f"{label} {values[q]:.3f}") for card, q in zip(shown, queries)
    ]
    more = " " + text("sentence.worst_them_shown", shown_queries=SHOWN_QUERIES) if len(queries) > SHOWN_QUERIES else ""
    st.caption(text("sentence.worst_first_click", queries=plural(len(queries), "query"), more=more))
    picked = gallery.grid(
        noted, key="class queries", size=104, name=f"queries of {setup.label}", pick=text("option.click_see_retrieves")
    )
    if picked:
        state.set_field(RetrievalSetup, "query", picked)
        state.set_field(RetrievalSetup, "system", setup.of)
        st.switch_page("pages/retrieval.py")
