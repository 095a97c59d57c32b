"""By column: a heat map of slices by systems whose squares open their images, and the table behind it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import streamlit as st

from core import access, charts, files, metrics, wording
from core.setups import SlicesSetup
from core.studies import image_measures, slices
from core.studies.slices import SliceColumn, SliceTable
from core.studies.slices import slice_sentences as sentences
from core.ui.app import drawn, jobs, state, theme
from core.ui.views.slices import controls, query_grid
from core.ui.views.slices.slices_view import SlicesView, one_of, parting, table_of
from core.ui.widgets import system_select
from core.wording import plural

text = wording.page("slices")
MOST_ROWS = 40
JOB = "measure images"


def draw(view: SlicesView, stage: theme.Stage) -> None:
    """The answer, the heat map, the table, and the images behind a square."""
    with stage.controls:
        controls.choose_system(view)
        column = _choose_column(view)
    table = table_of(
        view.loaded,
        tuple(chosen.name for chosen in view.competitors),
        view.setup.metric,
        view.by_class,
        view.setup.bins,
        column.name,
        view,
        column,
    )
    closer = table.systems.index(view.closer.name)
    order = table.order[np.argsort(table.mean[table.order, closer], kind="stable")]
    with stage.answer:
        worst = dataclasses.replace(table, order=order)
        worst_sentence = sentences.worst_lead(worst, view.title, closer)
        theme.answer(theme.plain(metrics.as_judged(worst_sentence, view.loaded.is_judged)))
    with stage.chart:
        _heat_map(view, table, order)
        _table(view, table, order)
        chosen = [value for value in order.tolist() if table.column.values[value] == view.setup.value]
        if chosen:
            mask = table.column.mask(chosen[0])
            query_grid.draw(view, view.closer.name, mask, table.column.where(chosen[0]), "slice queries")


def _choose_column(view: SlicesView) -> SliceColumn:
    made = {column.name: column for column in parting(view.loaded, view.setup.bins)}
    setup, titles = view.setup, {name: column.title for name, column in made.items()}
    usual = next((name for name in made if name != "label"), next(iter(made)))
    chosen = one_of(setup.column, list(made), lambda: usual)
    controls.choose_one("column", text("label.column"), titles, chosen, text("help.column"))
    others = {"": text("option.nothing"), **{name: title for name, title in titles.items() if name != chosen}}
    cross = one_of(setup.cross, list(others), lambda: "")
    controls.choose_one("cross", text("label.cross"), others, cross)
    st.number_input(text("label.bins"), 2, 12, key=controls.field("bins"), help=text("help.bins"))
    _offer_measures(view)
    return slices.crossed(made[chosen], made[cross]) if cross else made[chosen]


def _offer_measures(view: SlicesView) -> None:
    """Brightness and sharpness are measured once, on thumbnails, behind a button."""
    queries, loaded = view.loaded.split.queries, view.loaded
    job = jobs.find(JOB)
    if job is not None and job.running:
        jobs.job_panel(JOB)
    elif image_measures.lacking(loaded, queries) and access.may("embed"):

        def work(job: jobs.BackgroundJob) -> bool:
            image_measures.compute(loaded, queries, job.task)
            return True

        def start() -> None:
            """Measure in the background."""
            jobs.start(JOB, text("state.measuring"), work, action="embed")

        st.button(text("button.measure"), icon=":material/brightness_6:", on_click=start, **jobs.waits())


def _clicked(values: list[str], systems: tuple[str, ...], widget: str) -> None:
    points = state.widget(widget).selection.points
    square = points[0].get("customdata") if points else None
    if square is not None:
        row, column = (int(number) for number in square[:2])
        state.set_field(SlicesSetup, "value", values[row])
        state.set_field(SlicesSetup, "system", systems[column])


def _heat_map(view: SlicesView, table: SliceTable, order: np.ndarray) -> None:
    shown = order[:MOST_ROWS]
    values = [table.column.values[part] for part in shown]
    titles = [view.title(name) for name in table.systems]
    hover = [[_hover(view, table, int(part), at) for at in range(len(titles))] for part in shown]
    square = None
    if view.setup.value in values:
        square = (values.index(view.setup.value), table.systems.index(view.closer.name))
    widget = f"slice map {table.column.name} {table.metric} {view.closer.name}"
    labels = [f"{value}  ({n:,})" for value, n in zip(values, table.n[shown])]
    low, high = colour_limits(table.mean[shown], metrics.parse(table.metric)[0].limits)
    drawn.chart(
        charts.class_map(
            labels,
            titles,
            table.mean[shown],
            hover,
            metrics.label(table.metric, view.loaded.is_judged),
            square,
            system_select.shades(),
            (low, high),
        ),
        key=widget,
        on_select=lambda: _clicked(values, table.systems, widget),
        selection_mode="points",
        config=charts.download_config("slices"),
    )


def colour_limits(values: np.ndarray, limits: tuple[float | None, float | None]) -> tuple[float, float]:
    """Colours between the lowest and the highest value, a little wider, within the metric's own ends."""
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    margin = max(0.02, 0.25 * (high - low))
    return max(limits[0] or 0.0, low - margin), min(limits[1] or high + margin, high + margin)


def _hover(view: SlicesView, table: SliceTable, part: int, at: int) -> str:
    figure = wording.figure(table.mean[part, at], table.low[part, at], table.high[part, at])
    rests = f"{plural(int(table.n[part]), 'query')} of {table.n_units[part]:,} {table.unit.name}"
    change = wording.signed(table.difference[part, at])
    p = wording.p_value(table.p[part, at])
    return (
        f"<b>{charts.plain_text(table.column.where(part))}</b><br>{charts.plain_text(view.title(table.systems[at]))}<br>"
        f"{metrics.label(table.metric, view.loaded.is_judged)} {figure}<br>{rests}<br>{change}, {p}"
    )


def _table(view: SlicesView, table: SliceTable, order: np.ndarray) -> None:
    """Every part with its intervals; what is shown to be worse is marked."""
    rows = []
    for part in order.tolist():
        row = {"slice": table.column.values[part], "queries": int(table.n[part]), "units": int(table.n_units[part])}
        for at, name in enumerate(table.systems):
            mark = "▼ " if table.is_worse(part, at) else ""
            row[name] = mark + wording.figure(table.mean[part, at], table.low[part, at], table.high[part, at])
        rows.append(row)
    frame, column = pd.DataFrame(rows), st.column_config
    units = text("column.classes") if table.unit.name == "classes" else table.unit.name
    config = {
        "slice": column.TextColumn(table.column.title, pinned=True),
        "queries": column.NumberColumn(text("column.queries"), format="%d"),
        "units": column.NumberColumn(units, format="%d") if table.unit.name == "classes" else None,
        **{name: column.TextColumn(view.title(name)) for name in table.systems},
    }
    drawn.table(frame, hide_index=True, width="stretch", column_config=config, key="slice table")
    footer = st.container(horizontal=True, vertical_alignment="center", gap="small")
    footer.download_button(
        text("button.download"),
        files.csv_bytes(frame.rename(columns={name: view.title(name) for name in table.systems})),
        f"{view.loaded.name}-slices.csv",
        "text/csv",
        key="take slices",
        on_click="ignore",
        icon=":material/download:",
    )
    counted = plural(table.n_tested, "slice")
    is_marked = any(table.is_worse(part, at) for part in order.tolist() for at in range(len(table.systems)))
    if not table.n_tested:
        footer.caption(view.unit.caution)
    else:
        footer.caption(text("help.worse" if is_marked else "help.none_worse", count=counted), help=view.unit.caution)
