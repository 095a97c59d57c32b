"""What each step adds: from the best single backbone to the whole pipeline, chosen and reported on different queries."""

from __future__ import annotations

from functools import partial

import streamlit as st

from core import charts, metrics, wording
from core.fusion import FusionSpec
from core.studies import pipeline
from core.types import Dataset
from core.ui.app import cache, drawn, jobs, theme, visitors
from core.ui.app.cached import digest
from core.ui.views.fusion import fusion_state

text = wording.page("steps")


def draw(loaded: Dataset, names: tuple[str, ...], spec: FusionSpec, base: FusionSpec) -> None:
    """The waterfall once it is worked out; before, the button that begins."""
    name = f"pipeline {digest(loaded, names, spec.prepare, spec.rerank)}"
    job = jobs.find_open(name)
    if job is not None and job.state == "done":
        _show(job.result, names, metrics.label("map", loaded.is_judged))
        return
    if job is None:
        st.caption(text("sentence.untried"))
        if visitors.offered("fusion.train"):
            st.button(
                text("button.build"),
                icon=":material/stairs:",
                type="primary",
                on_click=_begin,
                args=(name, loaded, names, spec),
            )
    jobs.job_panel(name)


def _begin(name: str, loaded: Dataset, names: tuple[str, ...], spec: FusionSpec) -> None:
    jobs.start(name, text("button.build"), partial(_work, loaded, names, spec), action="fusion.train")


def _work(loaded: Dataset, names: tuple[str, ...], spec: FusionSpec, job: jobs.BackgroundJob) -> pipeline.Pipeline:
    return cache.pipeline(loaded, names, spec.prepare, spec.rerank, job.task)


def _show(made: pipeline.Pipeline, names: tuple[str, ...], metric: str) -> None:
    """The chart, the table of the stages, and the pipeline as the lab's fusion."""
    drawn.chart(
        charts.of_pipeline(made, metric != metrics.label("map")).figure(),
        key="lab pipeline",
        config=charts.download_config("what-each-step-adds"),
    )
    st.caption(text("sentence.pipeline", rule=made.split.sentence(), unit=made.unit.name))
    rows = []
    for stage in made.stages:
        added = stage.added
        rows.append(
            {
                text("column.step"): cache.with_titles(stage.name, names),
                metric: wording.figure(stage.map.mean, stage.map.low, stage.map.high),
                text("column.added"): ""
                if added is None
                else f"{wording.signed(added.mean)} {wording.interval(added.low, added.high, sign=True)}",
                "P@1": wording.figure(stage.first.mean, stage.first.low, stage.first.high),
                "ms": wording.number(stage.milliseconds, 2),
                "MB": wording.number(stage.megabytes, 1),
                text("column.system"): cache.with_titles(stage.spec.name, names),
            }
        )
    drawn.table(rows, hide_index=True, width="stretch")
    with st.popover(text("column.tried"), icon=":material/tune:"):
        for tuned in made.tried:
            drawn.table(
                [{text("column.tried"): name, metric: wording.number(value)} for name, value in tuned.tried],
                hide_index=True,
            )
    st.button(
        text("button.use", name=theme.plain(cache.with_titles(made.final.name, names))),
        on_click=fusion_state.use,
        args=(made.final,),
        icon=":material/check:",
    )
