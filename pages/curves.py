"""Curves: precision and recall of any systems together, over recall, over k, of one query, and over all queries."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from core import charts, metrics
from core.metrics.curves import RECALL_LEVELS
from core.setups import CurvesSetup
from core.studies import curves, leaderboard, leaderboard_files
from core.types import Dataset
from core.ui.app import cache, state, theme
from core.ui.app.error_boundary import guarded
from core.ui.components import gallery
from core.ui.views.retrieval import query_inputs, query_picker
from core.ui.widgets import figure_definitions, image_cards, sidebar, system_select
from core.ui.widgets.system_select import ComparedSystem
from core.wording import plural

LOOKS = {
    "levels": "Precision and recall",
    "over_k": "Over k",
    "query": "One query",
    "spread": "Spread over queries",
}
FIGURES = {
    "levels": ("iprec",),
    "over_k": ("p@k", "recall@k"),
    "query": ("iprec", "map", "rprec", "mrr"),
    "spread": ("map",),
}
"""The metrics behind each of them."""


def field(name: str) -> str:
    """The widget key of a field of the setup."""
    return state.key(CurvesSetup, name)


def choices(selection: sidebar.Selection, loaded: Dataset) -> list[ComparedSystem]:
    """The row of controls: systems, class, what the camera saves."""
    if state.get(CurvesSetup, "label") not in ("", *loaded.label_names):
        state.set_field(CurvesSetup, "label", "")
    found = system_select.choose(CurvesSetup, selection)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        if loaded.label_names:
            st.selectbox(
                "Class",
                ["", *loaded.label_names],
                key=field("label"),
                format_func=lambda name: name or "every class",
                width=260,
                help="Only queries of this class. A query with several labels is one of each of its classes.",
            )
        st.segmented_control(
            "Picture as",
            ["svg", "png"],
            key=field("picture"),
            format_func=str.upper,
            required=True,
            help="What the camera above each drawing saves: lines that scale, or pixels.",
        )
        st.toggle("Intervals", key=field("bands"), help="95 % bootstrap intervals as bands around the lines.")
    return found


def who(setup: CurvesSetup) -> str:
    """'queries', or 'queries of class X'."""
    return f"queries of class {setup.label}" if setup.label else "queries"


def groups_of(loaded: Dataset, setup: CurvesSetup) -> np.ndarray | None:
    """The classes that intervals draw as a whole; None within one class, or where queries share none."""
    return None if setup.label else cache.truth(loaded).query_groups


def drawn_of(groups: np.ndarray | None) -> str:
    """What intervals draw again, in words."""
    return "which take the queries as independent" if groups is None else "which draw whole classes"


def lines_of(found: dict[str, curves.Curve], competitors: list[ComparedSystem]) -> list[charts.Line]:
    """Curves with the colours of their systems."""
    return [
        charts.Line(
            one.title,
            found[one.title].x,
            found[one.title].y,
            one.colour,
            one.dash,
            found[one.title].low,
            found[one.title].high,
        )
        for one in competitors
    ]


def take(frame: pd.DataFrame, name: str) -> None:
    """The button that downloads the data of what is drawn."""
    st.download_button(
        "Data as CSV",
        leaderboard_files.as_csv(frame),
        f"{name}.csv",
        "text/csv",
        key=f"take {name}",
        icon=":material/download:",
        on_click="ignore",
        help="Every point that is drawn, with its interval and the number of queries.",
    )


def show_levels(loaded: Dataset, competitors: list[ComparedSystem], setup: CurvesSetup) -> None:
    """11-point interpolated precision over recall."""
    ranks = {one.title: cache.system_ranks(loaded, one.system) for one in competitors}
    queries = curves.queries_of(loaded, next(iter(ranks.values())), setup.label)
    groups = groups_of(loaded, setup)
    found = {title: curves.levels(one, queries, groups=groups) for title, one in ranks.items()}
    n = int(queries.sum())
    drawn = charts.LineChart(
        lines_of(found, competitors),
        "recall level",
        f"precision (11-point interpolated, mean of {plural(n, 'query')})",
        markers=True,
        bands=setup.bands,
        hover="recall %{x:.1f}",
        x_range=(-0.02, 1.02),
        x_step=0.1,
        height=460,
    ).figure()
    st.plotly_chart(drawn, key="curves levels", config=charts.download_config("precision-recall", setup.picture))
    st.caption(
        f"11-point interpolated, mean of {n:,} {theme.plain(who(setup))}: at each recall level the best precision at that recall or "
        "beyond, averaged query by query. Level 0 is the best precision anywhere in the list; a line never rises. Bands are 95 % "
        f"bootstrap intervals, {drawn_of(groups)}."
    )
    take(curves.table(found, "recall", "precision"), f"{loaded.name}-precision-recall")


def show_over_k(loaded: Dataset, competitors: list[ComparedSystem], setup: CurvesSetup) -> None:
    """Precision and recall over the number of results."""
    longest = int(cache.truth(loaded).list_length.max(initial=1))
    depth = max(2, min(setup.k, longest))
    st.slider(
        "Up to k",
        2,
        max(2, min(1000, longest), setup.k),
        key=field("k"),
        help=f"How many results are read. Lists have at most {plural(longest, 'image')} here.",
    )
    if setup.k > longest:
        st.info(
            f"k = {setup.k:,} is more than the {plural(longest, 'image')} of a list, so the curves end at {longest:,}.",
            icon=":material/info:",
        )
    ranks = {one.title: cache.system_ranks(loaded, one.system) for one in competitors}
    queries = curves.queries_of(loaded, next(iter(ranks.values())), setup.label)
    groups = groups_of(loaded, setup)
    both = {title: curves.over_k(one, queries, depth, groups=groups) for title, one in ranks.items()}
    n = int(queries.sum())
    with theme.side_by_side("over k"):
        columns = st.columns(2, gap="medium")
    for column, key, name in zip(columns, ("p", "recall"), ("precision@k", "recall@k (fraction found)")):
        with column:
            found = {title: one[key] for title, one in both.items()}
            drawn = charts.LineChart(
                lines_of(found, competitors),
                "k, results read",
                f"{name}, mean of {plural(n, 'query')}",
                bands=setup.bands,
                hover="k = %{x:d}",
                height=420,
            ).figure()
            st.plotly_chart(
                drawn, key=f"curves over k {key}", config=charts.download_config(f"{key}-over-k", setup.picture)
            )
            take(curves.table(found, "k", "precision" if key == "p" else "recall"), f"{loaded.name}-{key}-over-k")
    relevant = cache.truth(loaded).n_relevant[queries]
    st.caption(
        f"Means of {n:,} {theme.plain(who(setup))}. Precision@k divides the hits by k, so it must fall once k exceeds the number of "
        f"relevant images (here {relevant.min(initial=relevant.max(initial=0)):,} to {relevant.max(initial=0):,} a query); recall@k divides them by that number and "
        f"cannot fall. Bands are 95 % bootstrap intervals, {drawn_of(groups)}."
    )


def pick(text: str) -> None:
    """Another query."""
    state.set_field(CurvesSetup, "query", text)


def another(loaded: Dataset, queries: np.ndarray) -> None:
    """A query at random among the valid ones."""
    place = int(np.random.default_rng().choice(np.flatnonzero(queries)))
    pick(str(loaded.ids[loaded.split.queries[place]]))


def chosen_query(loaded: Dataset, queries: np.ndarray, text: str) -> int:
    """Where the query of the link stands among the queries; else the first valid one of the class."""
    position = query_inputs.position_of(loaded, text) if text else None
    found = np.flatnonzero(loaded.split.queries == position) if position is not None else ()
    if len(found) and queries[found[0]]:
        return int(found[0])
    if text:
        st.info("That picture is no query that counts here, so another one is shown.", icon=":material/info:")
    return int(np.flatnonzero(queries)[0])


def show_query(loaded: Dataset, competitors: list[ComparedSystem], setup: CurvesSetup) -> None:
    """The raw points of one query, under each system."""
    ranks = {one.title: cache.system_ranks(loaded, one.system) for one in competitors}
    first = next(iter(ranks.values()))
    queries = curves.queries_of(loaded, first, setup.label)
    query = chosen_query(loaded, queries, setup.query)
    position = int(loaded.split.queries[query])
    left, right = st.columns([2, 8], gap="large")
    with left:
        gallery.grid(
            image_cards.cards(loaded, [position], frame="query"),
            key="curves query",
            size=150,
            pick="",
            name="the query",
        )
        st.button(
            "Another",
            icon=":material/shuffle:",
            on_click=another,
            args=(loaded, queries),
            width="stretch",
            key="curves another",
            help="A query at random.",
        )
        if st.button("Choose …", icon=":material/grid_view:", width="stretch", key="curves choose"):
            query_picker.choose(loaded, pick)
    with right:
        found = {title: curves.one_query(one, query) for title, one in ranks.items()}
        drawn = [
            charts.Line(one.title, RECALL_LEVELS, levels, one.colour, one.dash, points=(recall, precision))
            for one in competitors
            for recall, precision, levels in [found[one.title]]
        ]
        figure = charts.precision_recall(drawn, height=420).figure()
        st.plotly_chart(figure, key="curves one query", config=charts.download_config("one-query", setup.picture))
    lines = []
    for title, one in ranks.items():
        taken = {key: float(values[query]) for key, values in metrics.compute(one, ("map", "rprec", "mrr")).items()}
        lines.append(
            {
                "system": title,
                **taken,
                "first hit at": int(one.of(query)[0]) if len(one.of(query)) else None,
                "found": int(one.retrieved[query]),
                "relevant": int(one.n_relevant[query]),
            }
        )
    right.dataframe(
        lines,
        hide_index=True,
        placeholder="–",
        width="stretch",
        column_config={
            key: st.column_config.NumberColumn(
                metrics.label(key).replace("mAP", "AP").replace("MRR", "1 / first rank"),
                help=metrics.sentence(key),
                format="%.3f",
            )
            for key in ("map", "rprec", "mrr")
        },
    )
    st.caption(
        f"Every relevant result of this one query is a dot ({int(first.n_relevant[query]):,} of them): recall c / R, precision c / rank. "
        "None is invented at recall 0. The lines are the 11 interpolated levels: the best precision at that recall or beyond. "
        "One query has no interval."
    )
    points = {title: curves.Curve(recall, precision, 1) for title, (recall, precision, _) in found.items()}
    take(curves.table(points, "recall", "precision"), f"{loaded.name}-one-query")


def show_spread(loaded: Dataset, competitors: list[ComparedSystem], setup: CurvesSetup) -> None:
    """How average precision is spread over the queries."""
    st.toggle(
        "Cumulative",
        key=field("cumulative"),
        help="The share of queries that reach at least an average precision, instead of bars.",
    )
    ranks = {one.title: cache.system_ranks(loaded, one.system) for one in competitors}
    queries = curves.queries_of(loaded, next(iter(ranks.values())), setup.label)
    found = {title: curves.distribution(one, queries, setup.cumulative) for title, one in ranks.items()}
    n = int(queries.sum())
    drawn = charts.LineChart(
        lines_of(found, competitors),
        "average precision of a query" + (", at least" if setup.cumulative else ""),
        f"share of the {plural(n, 'query')}",
        markers=not setup.cumulative,
        bands=False,
        hover="AP %{x:.2f} or more" if setup.cumulative else "AP around %{x:.3f}",
        steps=not setup.cumulative,
        x_range=(-0.01, 1.01),
        y_format=".0%",
        height=440,
    ).figure()
    st.plotly_chart(drawn, key="curves spread", config=charts.download_config("spread", setup.picture))
    means = ", ".join(f"{theme.plain(title)} {one.mean:.3f}" for title, one in found.items())
    st.caption(
        f"Average precision of each of {n:,} {theme.plain(who(setup))}"
        + (", the share that reaches at least x. " if setup.cumulative else f", in {curves.BINS} bars of 0.05. ")
        + f"Their means, which are mAP: {means}. A mean hides whether all queries are middling or half of them perfect."
    )
    take(curves.table(found, "average precision", "share of queries"), f"{loaded.name}-spread")


def page() -> None:
    """Draw the page."""
    theme.title(
        "Curves", "How precision falls as more is found – over all queries, over one class, for a single query."
    )
    selection = sidebar.selection()
    loaded = selection.dataset
    state.seed(CurvesSetup)
    judged = cache.truth(loaded)
    stop = leaderboard.obstacle(loaded, judged)
    if stop:
        state.read(CurvesSetup)
        st.info(theme.plain(stop), icon=":material/info:")
        return
    competitors = choices(selection, loaded)
    st.segmented_control(
        "Curve", list(LOOKS), key=field("look"), format_func=LOOKS.get, required=True, label_visibility="collapsed"
    )
    setup = state.read(CurvesSetup, in_link=system_select.in_link(competitors, CurvesSetup))
    if not competitors:
        st.info(system_select.NO_SYSTEM, icon=":material/info:")
        return
    small, same = system_select.query_sample(loaded, competitors)
    if small is not None:
        st.info(
            f"These are the curves of a seeded panel: {len(small.split.queries):,} of {plural(len(loaded.split.queries), 'query')}. "
            "The Leaderboard works out all of them.",
            icon=":material/groups:",
        )
        loaded, competitors = small, same
    with st.spinner("Ranking every query …"):
        competitors = system_select.able_of(competitors, lambda one: cache.system_ranks(loaded, one.system))
    for sentence in leaderboard.remarks(loaded, judged, 1):
        st.warning(theme.plain(sentence), icon=":material/warning:")
    first = cache.system_ranks(loaded, competitors[0].system)
    if not curves.queries_of(loaded, first, setup.label).any():
        st.info(
            f"No query of class {theme.plain(setup.label)} has a relevant image, so it has no curve. Choose another class.",
            icon=":material/info:",
        )
        return
    draw = {"levels": show_levels, "over_k": show_over_k, "query": show_query, "spread": show_spread}[setup.look]
    with st.spinner("Ranking every query …"):
        draw(loaded, competitors, setup)
    figure_definitions.button(FIGURES[setup.look], (2, 4, 7))


guarded(page)()
