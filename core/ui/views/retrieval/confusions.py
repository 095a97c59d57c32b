"""Which classes are retrieved for which, and the images behind a square."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from core import charts, wording
from core.studies import retrieval
from core.types import Evaluation
from core.ui.app import drawn, state, theme
from core.ui.components import gallery
from core.ui.widgets import image_cards
from core.wording import plural

if TYPE_CHECKING:
    import pandas as pd

    from core.ui.views.retrieval.retrieval_view import RetrievalView
from core.ui.views.retrieval import query_cases, query_evaluation

strings = wording.page("retrieval")

_CELL = "confused pair"


def draw(view: RetrievalView, pick: query_cases.Pick) -> None:
    """A map and a table of confused classes, and the images of the pair that is chosen."""
    loaded, named, k = view.loaded, view.system, view.setup.k
    evaluation = query_evaluation.evaluated(loaded, named)
    table = retrieval.confusions(loaded, evaluation, k)
    if not len(table):
        st.info(strings("sentence.no_classes"), icon=":material/info:")
        return
    with st.columns([3, 7])[0]:
        label = query_cases.class_filter(view)
    wrong = table[~table["agrees"]].reset_index()
    if label:  # the class, and what is confused with it either way
        wrong = wrong[(wrong["query class"] == label) | (wrong["result class"] == label)].reset_index(drop=True)
    classes = _most_confused(loaded.label_names, wrong, label)
    left, right = st.columns([5.4, 4.6], gap="medium")
    with left.container(key="confusion map side"):
        shown = drawn.chart(
            charts.confusion_map(table, classes),
            key=f"confusion map {named.text} {k} {label}",
            on_select="rerun",
            selection_mode="points",
            config={"displayModeBar": False},
        )
    with right.container(key="confusion table side"):
        with_it = f" with {theme.plain(label)}" if label else ""
        few = (
            ""
            if len(classes) == len(loaded.label_names)
            else " " + strings("sentence.most_confused", n_classes=len(classes), with_it=with_it)
        )
        st.caption(
            strings(
                "sentence.confusions_how",
                title=theme.plain(named.title),
                k=k,
                queries=plural(evaluation.n_queries, "query"),
                few=few,
            )
        )
        rows = _pairs_table(wrong, f"confusion rows {named.text} {k} {label}")
    cell = _chosen_cell(shown, rows, table, wrong)
    if cell:
        _cell_images(view, evaluation, cell, pick)


def _pairs_table(wrong: pd.DataFrame, key: str) -> Mapping[str, Any]:
    """The confused pairs of classes; returns the selection."""
    return drawn.table(
        wrong[["query class", "result class", "share", "results", "queries"]],
        hide_index=True,
        height=460,
        width="stretch",
        on_select="rerun",
        selection_mode="single-row",
        key=key,
        column_config={
            "query class": "query",
            "result class": "retrieved",
            "share": st.column_config.NumberColumn(
                strings("column.share"), format="percent", width=72, help=strings("help.confusion_share")
            ),
            "results": st.column_config.NumberColumn(
                strings("column.results"), width=70, help=strings("help.confusion_results")
            ),
            "queries": st.column_config.NumberColumn(
                strings("column.queries"), width=72, help=strings("help.confusion_queries")
            ),
        },
    )


def _most_confused(names: Sequence[str], wrong: pd.DataFrame, label: str = "", most: int = 60) -> list[str]:
    """The classes of the map: all of them, or those with the most wrong results, in the order of the names.

    Args:
        label: a class that is always there.
    """
    if len(names) <= most:
        return list(names)
    counts = wrong.groupby("query class")["results"].sum()
    if label:
        counts = counts.add(wrong.groupby("result class")["results"].sum(), fill_value=0).astype(int)
        counts[label] = counts.sum() + 1
    names_shown = set(counts.sort_values(ascending=False, kind="stable").index[:most])
    return [name for name in names if name in names_shown]


def _chosen_cell(
    shown: Mapping[str, Any], rows: Mapping[str, Any], table: pd.DataFrame, wrong: pd.DataFrame
) -> tuple[str, str] | None:
    """The pair of classes chosen last, in the map or in the table."""
    points = [point["customdata"] for point in shown["selection"]["points"]]
    picked = tuple(rows["selection"]["rows"])
    before, now = state.session_get(_CELL, ((), (), None)), (tuple(np.ravel(points).tolist()), picked)
    cell = before[2]
    if now[0] != before[0] and now[0]:
        cell = tuple(table.loc[int(now[0][0]), ["query class", "result class"]])
    elif now[1] != before[1] and picked and picked[0] < len(wrong):
        cell = tuple(wrong.loc[picked[0], ["query class", "result class"]])
    state.session_set(_CELL, (*now, cell))
    return cell


def _cell_images(view: RetrievalView, evaluation: Evaluation, cell: tuple[str, str], pick: query_cases.Pick) -> None:
    query_class, result_class = cell
    pairs = retrieval.confused_pairs(view.loaded, evaluation, view.setup.k, query_class, result_class)
    st.markdown(
        strings(
            "sentence.confused_pairs",
            query_class=theme.plain(query_class),
            value=theme.plain(result_class or "no label"),
        )
    )
    cards = []
    image_cards.ensure_thumbnails(view.loaded, dict.fromkeys([*pairs["query"], *pairs["result"]]))
    for number, row in enumerate(pairs.itertuples(index=False)):
        frame = "relevant" if query_class == result_class else "not"
        for position, more in (
            (row.query, {"frame": "query"}),
            (row.result, {"frame": frame, "rank": row.rank, "score": row.score}),
        ):
            cards.append(image_cards.card(view.loaded, int(position), **more))
            cards[-1] = dataclasses.replace(cards[-1], id=f"{number}|{cards[-1].id}")
    gallery.grid(
        cards,
        key="confused images",
        size=92,
        name="confused images",
        on_pick=lambda text: pick(text.partition("|")[2]),
    )
