"""Single queries of a study: which ones a system answers best and worst on a dataset, and what it returns for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from core.errors import NotComputed
from core.fusion import FusionSpec
from core.studies import fusion, retrieval
from core.studies.ranker import Ranker
from core.studies.retrieval import QueryCase
from core.studies.study import study_run
from core.studies.study.parts import Systems, part_of
from core.studies.study.study_result import StudyPart, StudyResult
from core.studies.systems import System
from core.task import NO_TASK, Task
from core.types import Dataset, Evaluation, Relevance

SHOWN = 10
"""Queries at either end, as the published study shows."""


@dataclass(frozen=True)
class RankedPart:
    """One dataset of a study with the first results of every query, which a study does not keep.

    Attributes:
        dataset, truth: of the queries that report.
        evaluations: one per system, in the order asked for; their average precisions are the study's.
    """

    dataset: Dataset
    truth: Relevance
    evaluations: tuple[Evaluation, ...] = field(repr=False)

    def best_and_worst(self, label: str = "") -> tuple[list[QueryCase], list[QueryCase]]:
        """The best and the worst queries of the first system by average precision.

        Args:
            label: only queries of this class.
        """
        return retrieval.best_and_worst(self.dataset, self.evaluations[0], self.truth, SHOWN, label)


def can_show(result: StudyResult) -> bool:
    """Whether there are queries to look at: catalogues ask with words, and keep lists of their own."""
    return result.study.catalogue is None


def ranked(result: StudyResult, part: StudyPart, names: Sequence[str], task: Task = NO_TASK) -> RankedPart:
    """Rank the queries of one dataset again under some of the study's systems.

    Raises:
        NotComputed: the dataset is not here any more, or weights of a system were not learned.
    """
    study = result.study
    datasets, reasons = study_run.opened(study)
    if reasons:
        raise NotComputed(reasons[0])
    systems = Systems(study, [part_of(study, *pair) for pair in zip(study.datasets, datasets, strict=True)])
    mine = next(other for other in systems.parts if other.name == part.name)
    specs: dict[str, FusionSpec | str] = {}
    for name in names:
        spec = systems.spec(mine, name)
        if spec is None:
            raise NotComputed(f"The weights of {name!r} were not learned on {part.name}; run the study.")
        specs[name] = spec
    used = dict.fromkeys(
        backbone for spec in specs.values() for backbone in ((spec,) if isinstance(spec, str) else spec.backbones)
    )
    space, ranker = fusion.space_of(mine.dataset, tuple(used)), Ranker(mine.truth)
    evaluations = [
        retrieval.evaluate_queries(
            System(name, space, None if isinstance(spec, str) else spec), mine.truth, ranker=ranker, task=task
        )
        for name, spec in specs.items()
    ]
    return RankedPart(mine.dataset, mine.truth, tuple(evaluations))
