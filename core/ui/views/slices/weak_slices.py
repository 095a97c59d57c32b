"""Weak slices: parts of columns and of pairs of columns that a search finds, each with its images."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from core import metrics, wording
from core.studies.slices import SliceSearch
from core.studies.slices import slice_sentences as sentences
from core.ui.app import drawn, state, theme
from core.ui.views.slices import controls, query_grid
from core.ui.views.slices.slices_view import SlicesView, search_of

text = wording.page("slices")


def draw(view: SlicesView, stage: theme.Stage) -> None:
    """The surest slice in a sentence, all of them as a table, and the images of the one that is chosen."""
    with stage.controls:
        controls.choose_system(view)
        names = {chosen.name: chosen.title for chosen in view.competitors if chosen.name != view.closer.name}
        offered = {"": text("option.others"), **names}
        other = view.other
        chosen = other.name if other is not None else ""
        controls.choose_one("other", text("label.other"), offered, chosen, text("help.other"))
    metric, setup = view.setup.metric, view.setup
    with st.spinner(text("state.slicing")):
        made = search_of(view.loaded, view.closer.name, chosen, metric, view.by_class, setup.bins, view)
    with stage.answer:
        lead = (
            sentences.losses_lead(view.closer.title, view.title(chosen), made, metric)
            if chosen
            else sentences.weak_lead(view.closer.title, made, metric)
        )
        theme.answer(
            theme.plain(metrics.as_judged(lead, view.loaded.is_judged)), theme.plain(sentences.looked_at(made))
        )
    with stage.chart:
        _draw_found(view, made, chosen)
        st.caption(theme.plain(text("sentence.columns", names=", ".join(made.columns))), help=view.unit.caution)


def _draw_found(view: SlicesView, made: SliceSearch, other: str) -> None:
    hits = made.listed or made.nearest
    if not hits:
        return
    if not made.listed:
        st.caption(text("sentence.nearest"))
    rows = [
        {
            "slice": hit.where,
            "queries": hit.n,
            "mean": wording.signed(hit.mean) if other else wording.number(hit.mean),
            "rest": wording.signed(hit.rest) if other else wording.number(hit.rest),
            "difference": f"{wording.signed(hit.difference)} {wording.interval(hit.low, hit.high, sign=True)}",
            "rate": wording.percent(hit.rate, 1),
        }
        for hit in hits
    ]
    column = st.column_config.TextColumn
    drawn.table(
        pd.DataFrame(rows),
        hide_index=True,
        width="stretch",
        key="found slices",
        on_select="rerun",
        selection_mode="single-row",
        column_config={
            "slice": column(text("column.slice"), pinned=True, width="large"),
            "queries": st.column_config.NumberColumn(text("column.queries"), format="%d"),
            "mean": column(text("column.slice")),
            "rest": column(text("column.elsewhere")),
            "difference": column(text("column.difference")),
            "rate": column(text("column.rate"), help=text("help.rate")),
        },
    )
    selected = state.widget("found slices")
    rows_chosen = selected.selection.rows if selected is not None else []
    hit = hits[rows_chosen[0] if rows_chosen and rows_chosen[0] < len(hits) else 0]
    query_grid.draw(view, view.closer.name, hit.queries, hit.where, "found queries", other)
