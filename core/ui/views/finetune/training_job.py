"""The training in the background: before it starts what is to be known, while it runs its curve, then what came of it."""

from __future__ import annotations

import streamlit as st

from core import charts, wording
from core.setups import FinetuneSetup
from core.studies import embedding
from core.studies.finetuning import run
from core.studies.finetuning.loop import Course
from core.studies.finetuning.plan import Plan
from core.types import Dataset
from core.ui.app import drawn, jobs, state, theme
from core.ui.app.cached import cached
from core.ui.app.error_boundary import fragment

text = wording.page("finetune")


def name_of(dataset: str) -> str:
    """The job of a dataset's training."""
    return f"finetune {dataset}"


@cached("resource", max_entries=8, spinner=text("state.looking"))
def prepared(loaded: Dataset, plan: Plan) -> run.Prepared:
    """What is to be known before training: who trains and reports, copies across that border."""
    return run.prepare(loaded, plan)


@cached(max_entries=32, spinner=text("state.measuring"))
def measured(loaded: Dataset, plan: Plan) -> str:
    """What a training that reads images takes on this machine, in a sentence; a batch is run to know."""
    estimate = run.estimate(prepared(loaded, plan))
    return "" if estimate is None else estimate.sentence()


def start(ready: run.Prepared, replace: bool = False) -> None:
    """Begin to train; the curve so far is the job's result until it ends.

    Args:
        replace: one of the same name may be trained over; else the job says that there is one.
    """

    def work(job: jobs.BackgroundJob) -> run.Tuned:
        """Trains, and adds the backbone unless it was stopped."""

        def watch(course: Course) -> None:
            job.result = Course(list(course.epochs), course.best)

        run.check_free(ready.plan.name, replace)
        made = run.train(ready, on_epoch=watch, task=job.task)
        if not job.task.cancelled:
            embedding.embed(ready.dataset, [made.backbone.name], task=job.task)
        return made

    name = name_of(ready.dataset.name)
    jobs.forget(name)
    jobs.start(name, text("state.training", name=ready.plan.name), work, action="backbone.add")
    state.set_field(FinetuneSetup, "tuned", f"tuned:{ready.plan.name}")


def draw(dataset: str) -> bool:
    """The job of a dataset: its bar and its curve while it runs; whether it runs."""
    job = jobs.find_mine(name_of(dataset))
    if job is None:
        return False
    jobs.job_panel(job.name)
    if not job.running:
        return False
    _live_curve(job.name)
    return True


@fragment(run_every=0.7)
def _live_curve(name: str) -> None:
    job = jobs.find_mine(name)
    if job is None or not job.running or not isinstance(job.result, Course):
        return
    _curve(job.result, "live")


def _curve(course: Course, key: str) -> None:
    drawn.chart(charts.tuning(course.epochs, course.best), key=f"tuning {key}", config={"displayModeBar": False})


def curve_of(card: dict) -> Course:
    """The course that a card tells of."""
    from core.studies.finetuning.loop import Epoch

    epochs = [Epoch(int(at), *(float("nan") if v is None else float(v) for v in rest)) for at, *rest in card["curve"]]
    return Course(epochs, int(card["best_epoch"]))


def curve(card: dict) -> None:
    """The curve of a training that is over."""
    _curve(curve_of(card), "over")
    st.caption(theme.plain(text("sentence.curve", best=card["best_epoch"], loss=card["plan"]["loss"])))
