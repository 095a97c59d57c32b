"""What each step adds: from the best single backbone over fusion, weights and preparation to the re-ranked list.

Everything is chosen on training queries (whole classes) and reported on the others, step by step on the same queries.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core import text_table, wording
from core.fusion import FusionSpec, Step
from core.fusion.spec import with_steps
from core.fusion.spec_checks import LONGEST_NAME
from core.metrics import average_precision, mean
from core.metrics.significance import Difference
from core.studies import reranking, step_tuning
from core.studies.comparison import Estimate, ResamplingUnit, compare
from core.studies.ranker import Ranker
from core.studies.systems import System
from core.studies.training_split import Training, TrainingSplit
from core.studies.vector_set import VectorSet
from core.studies.weight_search import ObjectiveOf, learn
from core.task import NO_TASK, Task
from core.types import Relevance

DEFAULT_RERANK = "k_reciprocal"


@dataclass(frozen=True)
class PipelineStage:
    """One bar of the waterfall.

    Attributes:
        name: what was done: "best single", "equal fusion", "tuned weights", ...
        spec: the system after it; its name is for people.
        map: mean AP over the reporting queries with its interval; first: the same of precision at 1.
        added: against the stage before, on the same queries; None for the first.
        milliseconds: of one query, ranking alone, in this run; megabytes: kept for it beside the vectors.
    """

    name: str
    spec: FusionSpec
    map: Estimate
    first: Estimate
    added: Difference | None
    milliseconds: float
    megabytes: float


@dataclass(frozen=True)
class Pipeline:
    """All stages on the same reporting queries.

    Attributes:
        stages: in the order of building.
        split: who trained and who reports.
        n_valid: reporting queries with at least one relevant image.
        tried: what was tried for the preparation and the re-ranking, on training queries.
    """

    stages: tuple[PipelineStage, ...]
    split: TrainingSplit
    n_valid: int
    unit: ResamplingUnit
    tried: tuple[step_tuning.TunedStep, ...]

    @property
    def final(self) -> FusionSpec:
        """The whole pipeline as a fusion to save, which remembers the queries that it was tuned on."""
        return self.stages[-1].spec


def build(
    training: Training,
    space: VectorSet,
    truth: Relevance,
    backbones: Sequence[str],
    *,
    prepare: Step | None = None,
    rerank: Step | None = None,
    seed: int = 0,
    task: Task = NO_TASK,
) -> Pipeline:
    """Stage by stage, each with what was chosen before.

    Args:
        training: who trains (see `training_split.training`); space, truth: of all queries.
        prepare: this preparation instead of the best on the training queries.
        rerank: this re-ranking, its parameters tuned unless they are set; None is k-reciprocal.
    """
    rerank = rerank or Step("re-ranking", DEFAULT_RERANK)
    report, report_truth = space.only(training.split.report), truth.take(training.split.report)
    report.keep(1 << 30)
    training.space.keep(1 << 30)
    ranker = Ranker(training.truth)

    def on_training(spec: FusionSpec) -> float:
        return mean(average_precision(ranker.rank(System(spec.name, training.space, spec)).ranks))

    singles = {name: FusionSpec(name, "concat", (name,)) for name in backbones}
    values = {name: on_training(spec) for name, spec in singles.items()}
    best = max(values, key=lambda name: values[name] if np.isfinite(values[name]) else -1)
    stages = [("best single", singles[best])]
    mix = singles[best]
    if len(backbones) > 1:
        even = FusionSpec("equal fusion", "concat", tuple(backbones))
        learned = learn(ObjectiveOf(training.space, even, training.truth), even.backbones, task=task)
        mix = dataclasses.replace(even.with_shares(learned.by_name), name="tuned weights")
        stages += [("equal fusion", even), ("tuned weights", mix)]
    tuned = (
        [] if prepare is not None else [step_tuning.tune_preparation(training.space, mix, training.truth, task=task)]
    )
    chosen = prepare if prepare is not None else tuned[0].step
    if chosen is not None:
        mix = dataclasses.replace(mix, prepare=chosen)
        stages.append((chosen.title, mix))
    tuned.append(step_tuning.tune_rerank(training.space, mix, training.truth, rerank, task=task))
    stages.append((f"{rerank.method.noun}, untuned", dataclasses.replace(mix, rerank=tuned[-1].untuned)))
    if tuned[-1].step != tuned[-1].untuned:
        stages.append((f"{rerank.method.noun}, tuned", dataclasses.replace(mix, rerank=tuned[-1].step)))
    fitted = tuple(training.keys)
    named = [(name, _named(dataclasses.replace(spec, trained_on=fitted))) for name, spec in stages]
    return _reported(named, training.split, report, report_truth, tuple(tuned), seed, task)


def _named(spec: FusionSpec) -> FusionSpec:
    """Called by what it joins and does: "a 47 + b 53, centred, k-reciprocal"."""
    parts = [f"{name} {100 * share:.0f}" for name, share in spec.shares.items() if share > 0]
    joined = spec.active[0] if len(parts) == 1 else " + ".join(parts)
    return with_steps(dataclasses.replace(spec, name=joined[:LONGEST_NAME]), spec.prepare, spec.rerank)


def _reported(
    stages: Sequence[tuple[str, FusionSpec]],
    split: TrainingSplit,
    report: VectorSet,
    truth: Relevance,
    tried: tuple[step_tuning.TunedStep, ...],
    seed: int,
    task: Task,
) -> Pipeline:
    """Every stage on the reporting queries, each against the one before."""
    ranker, unit = Ranker(truth), ResamplingUnit.of(truth)
    values, firsts, costs = {}, {}, {}
    for name, spec in task.each("Reporting", stages, "steps"):
        system = System(spec.name, report, spec)
        if spec.rerank is not None:
            system.block(0, 1)  # what is worked out once a gallery is no query's cost
        began = time.perf_counter()
        ranks = ranker.rank(system, task=task.reporting(lambda progress: None)).ranks
        taken = 1000 * (time.perf_counter() - began) / max(1, truth.n_queries)
        values[name] = average_precision(ranks)
        best = np.full(truth.n_queries, np.nan)
        valid = ranks.valid
        best[valid] = ranks.ranks[ranks.indptr[:-1][valid]] == 1
        firsts[name] = best
        n_bytes = 0 if spec.rerank is None else reranking.graph_of(system.prepared, spec).n_bytes
        costs[name] = taken, n_bytes / 1e6
    names = [name for name, _ in stages]
    pairs = list(zip(names[1:], names))
    comparison = compare(values, unit, pairs=pairs, seed=seed, choose=False)
    first = compare(firsts, unit, pairs=[], metric="p@1", seed=seed, choose=False)
    made = tuple(
        PipelineStage(
            name,
            spec,
            comparison.estimates[name],
            first.estimates[name],
            comparison.differences.get((name, names[at - 1])) if at else None,
            *costs[name],
        )
        for at, (name, spec) in enumerate(stages)
    )
    return Pipeline(made, split, int((truth.n_relevant > 0).sum()), unit, tried)


def text(pipeline: Pipeline) -> str:
    """A row per stage in plain text, and what it rests on."""
    rows = [("step", "mAP", "95 %", "added", "95 %", "Holm p", "P@1", "ms", "MB", "system")]
    for stage in pipeline.stages:
        added = stage.added
        rows.append(
            (
                stage.name,
                wording.number(stage.map.mean),
                wording.interval(stage.map.low, stage.map.high),
                "" if added is None else wording.signed(added.mean),
                "" if added is None else wording.interval(added.low, added.high, sign=True),
                "" if added is None else wording.p_cell(added.p_holm),
                wording.number(stage.first.mean),
                f"{stage.milliseconds:.2f}",
                f"{stage.megabytes:.1f}",
                stage.spec.name,
            )
        )
    tried = [
        f"Tried on training queries: {', '.join(f'{name} {value:.3f}' for name, value in tuned.tried)}."
        for tuned in pipeline.tried
    ]
    return "\n".join(
        [
            *text_table.aligned([list(row) for row in rows]),
            f"{pipeline.split.sentence()} {pipeline.n_valid:,} of them have a relevant image; whole {pipeline.unit.name} are drawn.",
            *tried,
        ]
    )
