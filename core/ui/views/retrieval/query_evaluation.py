"""The average precision of every query of a system; of a large set, of a seeded sample of its queries."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from core import metrics, wording
from core.errors import NotComputed
from core.metrics import resampling
from core.studies import retrieval
from core.studies.comparison import ResamplingUnit
from core.studies.ranker import Ranker
from core.studies.system_spec_text import SystemRef
from core.studies.systems import System
from core.task import NO_TASK
from core.types import Dataset, Evaluation
from core.ui.app import cache, jobs
from core.ui.app.cached import cached, digest
from core.ui.widgets import system_options
from core.wording import plural

text = wording.page("retrieval")

if TYPE_CHECKING:
    from core.ui.views.retrieval.retrieval_view import RetrievalView


MOST_SCORES = 400_000_000
"""Queries times gallery up to which every query is evaluated; beyond, a seeded sample of queries stands for all."""
SAMPLE_SIZE = 2_000


def evaluated(loaded: Dataset, named: SystemRef) -> Evaluation:
    """The average precision of every query of a system and its best 100 results; kept for all sessions.

    Raises:
        NotComputed: the dataset has no labels, or so many queries that a sample of them must be evaluated first.
    """
    cache.engine(loaded, ())
    if not is_sampled(loaded):
        return _evaluated(loaded, named)
    job = jobs.find(_sample_job(loaded, named))
    if job is None or job.result is None:
        raise NotComputed(text("error.too_many_queries", queries=plural(len(loaded.split.queries), "query")))
    return job.result


def is_sampled(loaded: Dataset) -> bool:
    """Whether a seeded sample of queries stands for all of them."""
    return len(loaded.split.queries) * len(loaded.split.gallery) > MOST_SCORES


@cached("resource", max_entries=24, spinner=text("state.evaluating_every_query"))
def _evaluated(loaded: Dataset, named: SystemRef) -> Evaluation:
    return _evaluate(loaded, named)


def _evaluate(loaded: Dataset, named: SystemRef, job: jobs.BackgroundJob | None = None) -> Evaluation:
    """Rank every query, or the sample; a job is told how far it is, and may be stopped."""
    names, truth = tuple(named.backbones), cache.relevance_of(loaded)
    space, engine = cache.vector_set(loaded, tuple(sorted(names))), cache.engine(loaded, names)
    system = System(system_options.system_name(named), space, named.spec)
    sample = engine.query_sample(SAMPLE_SIZE) if is_sampled(loaded) else None
    task = NO_TASK if job is None else job.task
    return retrieval.evaluate_queries(system, truth, queries=sample, ranker=Ranker(truth, engine), task=task)


def _sample_job(loaded: Dataset, named: SystemRef) -> str:
    return f"panel {digest(loaded, named)}"


def _evaluate_sample(loaded: Dataset, systems: Sequence[SystemRef]) -> None:
    """Begin to evaluate the sample by every system that did not yet."""
    for named in systems:
        name = _sample_job(loaded, named)
        jobs.forget(name)
        jobs.start(
            name,
            text("option.evaluating", queries=plural(SAMPLE_SIZE, "query"), title=named.title),
            partial(_evaluate, loaded, named),
        )


def ready(view: RetrievalView) -> bool:
    """Whether the tables can be drawn; while they cannot, the button that makes them stands there."""
    if not is_sampled(view.loaded):
        return True
    jobs_by_name = {
        _sample_job(view.loaded, named): jobs.find(_sample_job(view.loaded, named)) for named in view.systems
    }
    if all(job is not None and job.result is not None for job in jobs_by_name.values()):
        return True
    jobs.job_panel(*jobs_by_name)
    waiting = [
        n
        for n in view.systems
        if (job := jobs_by_name[_sample_job(view.loaded, n)]) is None or not (job.running or job.result)
    ]
    if waiting:
        n_queries, n_gallery = len(view.loaded.split.queries), len(view.loaded.split.gallery)
        st.caption(
            text(
                "sentence.sample_stands_for_all",
                queries=plural(n_queries, "query"),
                images=plural(n_gallery, "image"),
                queries_2=plural(SAMPLE_SIZE, "query"),
            )
        )
        st.button(
            text("button.evaluate_sample"),
            icon=":material/groups:",
            key="evaluate a sample",
            on_click=_evaluate_sample,
            args=(view.loaded, waiting),
        )
    return False


def groups_of(loaded: Dataset, evaluation: Evaluation, shown: np.ndarray) -> np.ndarray | None:
    """The classes of the queries shown, which are drawn as a whole; None where they are of one class, or share none."""
    unit = ResamplingUnit.of(cache.relevance_of(loaded))
    return unit.groups_of(
        np.arange(evaluation.n_queries)[shown] if evaluation.queries is None else evaluation.queries[shown]
    )


def mean_sentence(loaded: Dataset, evaluation: Evaluation, shown: np.ndarray) -> str:
    """The mean of the queries shown, its interval and how many they are."""
    values, groups = evaluation.per_query["map"][shown], groups_of(loaded, evaluation, shown)
    if not np.isfinite(values).any():
        return text("sentence.nothing_relevant")
    low, high = resampling.interval(values, classes=groups)
    values = values[np.isfinite(values)]
    sampled = "" if evaluation.queries is None else text("option.sample", n_queries=f"{evaluation.n_queries:,}")
    return (
        f"{metrics.label('map', loaded.is_judged)} **{values.mean():.3f}** {wording.interval(low, high)} over {len(values):,} valid queries{sampled} "
        "(95 % bootstrap interval)."
    )
