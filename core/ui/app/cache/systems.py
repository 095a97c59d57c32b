"""Systems evaluated with every metric and compared with each other."""

from __future__ import annotations

import pandas as pd

from core import wording
from core.studies import calibration, evaluation, revisited_protocols, verification
from core.studies.calibration import Calibrated
from core.studies.ranker import Ranker
from core.studies.systems import System
from core.studies.verification import Verification
from core.task import NO_TASK, Task
from core.types import Dataset, Evaluation, RelevantRanks
from core.ui.app.cache.vector_sets import engine, relevance_of
from core.ui.app.cached import cached

text = wording.page("shared")


@cached("resource", max_entries=96, ignore=("task",))
def evaluation_of(
    loaded: Dataset,
    system: System,
    ks: tuple[int, ...],
    by_class: bool,
    task: Task = NO_TASK,
    clusters: bool = True,
) -> Evaluation:
    """One system with every metric and its intervals, kept for all sessions."""
    return evaluation.evaluate_one(
        system,
        relevance_of(loaded),
        ks,
        dataset=loaded,
        engine=engine(loaded, system.backbones),
        by_class=by_class,
        clusters=clusters,
        task=task,
    )


@cached("resource", max_entries=32)
def comparison_of(
    loaded: Dataset,
    systems: tuple[System, ...],
    ks: tuple[int, ...],
    metric: str,
    by_class: bool,
    clusters: bool = True,
) -> evaluation.Result:
    """Systems beside each other, every pair tested; kept for all sessions."""
    evaluations = tuple(evaluation_of(loaded, system, ks, by_class, clusters=clusters) for system in systems)
    return evaluation.beside(evaluations, relevance_of(loaded), dataset=loaded, metric=metric, by_class=by_class)


@cached(max_entries=16)
def protocols(loaded: Dataset, systems: tuple[System, ...]) -> pd.DataFrame:
    """Easy, Medium and Hard of a revisited Oxford or Paris set."""
    return revisited_protocols.report(systems, loaded)


@cached("resource", max_entries=48)
def system_ranks(loaded: Dataset, system: System) -> RelevantRanks:
    """Where the relevant images stand in every query's list: what all curves are made of."""
    return Ranker(relevance_of(loaded), engine(loaded, system.backbones)).rank(system, k=1).ranks


# A result keeps counts by pairs of classes, tens of megabytes from a hundred classes on.
@cached("resource", max_entries=6)
def verification_of(loaded: Dataset, system: System, by_class: bool) -> Verification:
    """What every threshold of a system gives over all pairs, kept for all sessions."""
    return verification.verify(system, relevance_of(loaded), loaded, by_class=by_class)


@cached("resource", max_entries=16, spinner=text("state.fitting"))
def calibration_of(loaded: Dataset, system: System, method: str = "logistic", unknown: float = 0.0) -> Calibrated:
    """The scores of a system as probabilities, fitted on training queries."""
    return calibration.calibrate(system, relevance_of(loaded), loaded, method=method, unknown=unknown)
