"""Robustness: mAP over the steps of each corruption, what is lost, and the images that broke first."""

from __future__ import annotations

import base64
import dataclasses

import numpy as np
import pandas as pd
import streamlit as st

from core import charts, wording
from core.data import images
from core.errors import CoreError, NotComputed
from core.setups import SlicesSetup
from core.studies.stress import corrupted_queries, stress_tables
from core.studies.stress.corrupted_queries import StressPlan
from core.studies.stress.stress_result import StressResult
from core.types import Dataset
from core.ui.app import drawn, jobs, state, theme, visitors
from core.ui.app.cached import cached
from core.ui.components import gallery
from core.ui.views.slices import controls
from core.ui.views.slices.slices_view import SlicesView, one_of, plan_of, stress_of
from core.ui.widgets import image_cards, system_select
from core.ui.widgets.system_select import ComparedSystem
from core.wording import plural

text = wording.page("slices")


def job_name(loaded: Dataset) -> str:
    """One run of a dataset's corrupted queries at a time."""
    return f"corrupted queries {loaded.name}"


def draw(view: SlicesView, stage: theme.Stage) -> None:
    """The figures where the corrupted queries are embedded, else the button that does it."""
    loaded, setup = view.loaded, view.setup
    with stage.controls:
        controls.choose_corruptions()
    job = jobs.find(job_name(loaded))
    if job is not None and job.running:
        with stage.chart:
            jobs.job_panel(job.name)
        return
    made = plan_of(loaded, setup)
    with stage.chart:
        able = system_select.able_of(
            view.competitors, lambda chosen: corrupted_queries.refuse_unable(loaded, chosen.system.backbones)
        )
        try:
            systems = tuple(chosen.system for chosen in able)
            result = stress_of(loaded, systems, made.conditions, setup.queries, view.by_class, made)
        except NotComputed:
            _offer(view, able, made)
            if job is not None:
                jobs.job_panel(job.name)
            return
    _draw_result(view, result, stage)


def _offer(view: SlicesView, able: list[ComparedSystem], made: StressPlan) -> None:
    """How much there is to embed, and the button."""
    loaded = view.loaded
    names = tuple(sorted({name for chosen in able for name in chosen.system.backbones}))
    count = len(made.conditions) * len(made.queries)
    st.info(
        text(
            "sentence.to_embed",
            images=f"{count:,}",
            queries=plural(len(made.queries), "query"),
            backbones=plural(len(names), "backbone"),
        ),
        icon=":material/blur_on:",
    )

    def work(job: jobs.BackgroundJob) -> bool:
        corrupted_queries.embed(loaded, made, names, task=job.task)
        return True

    def start() -> None:
        """Embed in the background."""
        jobs.start(job_name(loaded), text("state.corrupting", dataset=loaded.name), work, action="embed")

    if visitors.offered("embed"):
        st.button(text("button.embed"), type="primary", on_click=start, **jobs.waits())


def _draw_result(view: SlicesView, result: StressResult, stage: theme.Stage) -> None:
    kinds = {name: stress_tables.label(name) for name in result.plan.corruptions}
    chosen = one_of(view.setup.corruption, list(kinds), lambda: next(iter(kinds)))
    closer = view.closer.name if view.closer.name in result.systems else result.systems[0]
    with stage.controls:
        controls.choose_system(view)
        controls.choose_one("corruption", text("label.corruption"), kinds, chosen)
    swaps = [stress_tables.swap_sentence(swap, view.title) for swap in result.swaps()]
    with stage.answer:
        theme.answer(theme.plain(stress_tables.lead(result, view.title)), theme.plain(stress_tables.rests_on(result)))
    with stage.chart:
        if swaps:
            st.markdown("\n".join(f"- {theme.plain(sentence)}" for sentence in swaps))
        elif len(result.systems) > 1:
            st.caption(theme.plain(stress_tables.no_swap(result)))
        styles = {single.name: (single.colour, single.dash) for single in view.competitors}
        chart = curve_chart(result, chosen, view.title, styles)
        drawn.chart(chart.figure(), key="stress curves", config=charts.download_config("robustness"))
        _kept(view, result, chosen, closer)
        _table(view, result, chosen)
        _broken(view, result, chosen, closer)


def curve_chart(
    result: StressResult, corruption: str, title: stress_tables.Title, styles: dict[str, tuple[str, str]]
) -> charts.LineChart:
    """mAP over the steps, one line per system."""
    return charts.stress_chart([result.curve(name, corruption) for name in result.systems], title, styles.__getitem__)


def _kept(view: SlicesView, result: StressResult, chosen: str, closer: str) -> None:
    """Corruptions by systems: what is left of the clean mAP at the last step; a square chooses both."""
    kinds, step = list(result.plan.corruptions), result.plan.steps[-1]
    shares, hover = np.zeros((len(kinds), len(result.systems))), []
    for row, kind in enumerate(kinds):
        line = []
        for at, name in enumerate(result.systems):
            curve = result.curve(name, kind)
            shares[row, at] = 1 - curve.loss[-1]
            ends = wording.interval(100 * (1 - curve.loss_high[-1]), 100 * (1 - curve.loss_low[-1]), 0)
            line.append(
                f"<b>{charts.plain_text(stress_tables.label(kind))} {step}</b><br>{charts.plain_text(view.title(name))}<br>"
                f"{wording.percent(shares[row, at])} {ends}<br>mAP {wording.figure(curve.mean[-1], curve.low[-1], curve.high[-1])}"
            )
        hover.append(line)
    widget = f"kept map {len(result.systems)}"

    def clicked() -> None:
        """The square that was clicked becomes what is shown."""
        points = state.widget(widget).selection.points
        at = points[0].get("customdata") if points else None
        if at is not None:
            state.set_field(SlicesSetup, "corruption", kinds[int(at[0])])
            state.set_field(SlicesSetup, "system", result.systems[int(at[1])])

    st.markdown(f"**{text('heading.kept', step=step)}**")
    drawn.chart(
        charts.class_map(
            [stress_tables.label(kind) for kind in kinds],
            [view.title(name) for name in result.systems],
            shares,
            hover,
            "",
            (kinds.index(chosen), result.systems.index(closer)),
            system_select.shades(),
            (0.0, 1.0),
        ),
        key=widget,
        on_select=clicked,
        selection_mode="points",
        config=charts.download_config("kept"),
    )


def _table(view: SlicesView, result: StressResult, chosen: str) -> None:
    rows = []
    for name in result.systems:
        curve, every = result.curve(name, chosen), stress_tables.under_all(result, name)
        steps = {
            f"{step}": wording.figure(*ends) for step, *ends in zip(curve.steps, curve.mean, curve.low, curve.high)
        }
        area = wording.figure(curve.area.mean, curve.area.low, curve.area.high)
        rows.append(
            {
                "system": view.title(name),
                **steps,
                "area": area,
                "all": wording.figure(every.mean, every.low, every.high),
            }
        )
    column = st.column_config.TextColumn
    config = {
        "system": column(text("column.system"), pinned=True),
        "0": column(text("column.clean")),
        "area": column(f"{text('column.area')}, {stress_tables.label(chosen)}", help=text("help.area")),
        "all": column(text("column.all"), help=text("help.all")),
    }
    drawn.table(pd.DataFrame(rows), hide_index=True, width="stretch", column_config=config, key="stress table")
    st.caption(view.unit.caution)


@cached(max_entries=128)
def corrupted_thumbnail(loaded: Dataset, position: int, corruption: str, step: int) -> str:
    """A corrupted image as a data address."""
    image = corrupted_queries.corrupted(loaded, position, corruption, step)
    return "data:image/webp;base64," + base64.b64encode(images.thumbnails(image)["large"]).decode()


def _broken(view: SlicesView, result: StressResult, chosen: str, closer: str) -> None:
    """The queries whose average precision fell below half of the clean one first, as they looked then."""
    broken = result.broken_first(closer, chosen)
    st.subheader(
        text("heading.broken", corruption=stress_tables.label(chosen).lower(), system=theme.plain(view.title(closer))),
        anchor=False,
    )
    if not broken:
        st.caption(text("sentence.none_broken"))
        return
    cards = []
    for query, step, clean, there in broken:
        position = int(view.loaded.split.queries[result.plan.queries[query]])
        card = image_cards.cards(view.loaded, [position])[0]
        cards.append(dataclasses.replace(card, note=text("phrase.as_it_is"), frame="query"))
        note = text("phrase.broke", step=step, clean=wording.number(clean, 2), there=wording.number(there, 2))
        try:
            key = corrupted_thumbnail(view.loaded, position, chosen, step)
        except CoreError:  # the original has gone
            key = card.key
        cards.append(dataclasses.replace(card, id=f"{card.id} {chosen} {step}", key=key, note=note, frame="query"))
    st.caption(text("sentence.broken"))
    gallery.grid(
        cards,
        key="broken queries",
        size=120,
        name=text("heading.broken", corruption=chosen, system=closer),
        pick="",
        paired=True,
    )
