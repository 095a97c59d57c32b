"""A study made ready, dataset by dataset: who reports, which systems there are, what their weights are learned on."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from core import data
from core.errors import BadInput, CoreError
from core.fusion import FusionSpec
from core.metrics import mean, parse
from core.studies import fusion, training_split
from core.studies.study import cells, study_data
from core.studies.study.study_record import Study, StudyDataset, StudyFusion
from core.studies.training_split import Training
from core.studies.vector_set import VectorSet
from core.studies.weight_search import Objective, ObjectiveOf, learn
from core.task import NO_TASK, Task
from core.types import Dataset, Relevance

MOST_TRAINING = 1_000
"""Queries of each dataset that weights are learned on at most, drawn with the study's seed."""


@dataclass(frozen=True)
class Part:
    """One dataset of a study.

    Attributes:
        dataset: asked by the queries that report; whole: by all of them.
        training: who trains, without vectors; None where no weights are learned, or `no_training` says why not.
    """

    entry: StudyDataset
    whole: Dataset
    dataset: Dataset
    training: Training | None = None
    no_training: str = ""

    @property
    def name(self) -> str:
        """What the study calls it."""
        return self.entry.name

    @cached_property
    def truth(self) -> Relevance:
        """Of the queries that report."""
        return data.relevance(self.dataset)


def part_of(study: Study, entry: StudyDataset, whole: Dataset) -> Part:
    """The queries that report: all, or where weights are learned the half (of the classes) that none is learned on."""
    if not study.is_tuned:
        return Part(entry, whole, whole)
    try:
        training = _training(study, whole, ())
    except BadInput as error:
        return Part(entry, whole, whole, no_training=str(error))
    return Part(entry, whole, study_data.only_queries(whole, training.split.report), training)


def _training(study: Study, whole: Dataset, names: Sequence[str]) -> Training:
    """Who trains, with the vectors of some backbones."""
    space = fusion.space_of(whole, names) if names else VectorSet({}, whole.split)
    return training_split.training(whole, space, data.relevance(whole), seed=study.seed, most=MOST_TRAINING)


@dataclass
class Systems:
    """The systems of a study on one of its datasets; learned weights are looked up, or learned where that is asked for.

    Attributes:
        left_out: system → why it cannot be evaluated here.
    """

    study: Study
    parts: Sequence[Part]
    left_out: dict[tuple[str, str], str] = field(default_factory=dict)

    def spec(self, part: Part, name: str, *, compute: bool = False, task: Task = NO_TASK) -> FusionSpec | str | None:
        """A backbone's name, or the fusion as it stands on this dataset; None where its weights are not learned yet.

        Args:
            compute: learn weights that are not kept.
        Raises:
            BadInput: weights cannot be learned for this dataset; CoreError: nor can the vectors be read.
        """
        wanted = self.study.fusion(name)
        if wanted is None:
            return name
        if not wanted.tuned:
            return wanted.spec
        teachers = self._teachers(part, wanted)
        key = self._key(wanted, teachers)
        weights = cells.load_weights(key)
        if weights is None and compute:
            weights = self._learn(wanted, teachers, task)
            cells.save_weights(key, weights[0], weights[1])
        if weights is None:
            return None
        shares, trained_on = weights
        return dataclasses.replace(wanted.spec.with_shares(shares), trained_on=trained_on)

    def _teachers(self, part: Part, wanted: StudyFusion) -> list[Part]:
        """The datasets that weights are learned on."""
        if wanted.tuned == "here":
            if part.training is None:
                raise BadInput(part.no_training)
            return [part]
        others = [other for other in self.parts if other is not part and other.training is not None]
        if not others:
            raise BadInput("There is no other dataset whose queries could be learned on. Add one to the study.")
        return others

    def _key(self, wanted: StudyFusion, teachers: Sequence[Part]) -> str:
        spec = wanted.spec
        return cells.key_of(
            {
                "code": cells.CODE,
                "fusion": spec.fingerprint,
                "learned on": [
                    {
                        "dataset": teacher.whole.fingerprint,
                        "queries": cells.key_of(_keys(teacher)),
                        "vectors": {name: cells.vectors_of(teacher.whole, name) for name in spec.backbones},
                        **cells.grouped_by(teacher.whole, spec),
                    }
                    for teacher in teachers
                ],
            }
        )

    def _learn(
        self, wanted: StudyFusion, teachers: Sequence[Part], task: Task
    ) -> tuple[dict[str, float], tuple[str, ...]]:
        """The shares with the best mean AP over the training queries; every dataset has one vote."""
        objectives = []
        for teacher in teachers:
            training = _training(self.study, teacher.whole, wanted.spec.backbones)
            objectives.append(ObjectiveOf(training.space, wanted.spec, training.truth))

        def each(shares: np.ndarray) -> np.ndarray:
            return np.array([mean(objective(shares)) for objective in objectives])

        objective: Objective = objectives[0] if len(objectives) == 1 else each
        learned = learn(objective, wanted.spec.backbones, task=task)
        return learned.by_name, tuple(key for teacher in teachers for key in _keys(teacher))

    def cell(self, part: Part, name: str) -> cells.Cell | None:
        """What a system's evaluation on a dataset rests on; None where its weights are not learned yet.

        Raises:
            CoreError: it cannot be evaluated here.
        """
        spec = self.spec(part, name)
        return None if spec is None else self.cell_of(part, spec)

    def cell_of(self, part: Part, spec: FusionSpec | str) -> cells.Cell:
        """The same of a system that is known."""
        study = self.study
        return cells.rests_on(part.dataset, spec, kept_metrics(study), study.ks, study.seed, not study.by_query)

    def refuse(self, part: Part, name: str, error: CoreError) -> None:
        """Note why a system is left out of a dataset."""
        self.left_out[part.name, name] = str(error)


def _keys(teacher: Part) -> tuple[str, ...]:
    """Content keys of the queries that a dataset trains with."""
    assert teacher.training is not None, "it teaches"
    return teacher.training.keys


def kept_metrics(study: Study) -> tuple[str, ...]:
    """The metrics that are kept query by query, and the clustering ones, which are worked out only if they are named."""
    return tuple(key for key in study.metrics if parse(key)[0].kind in ("list", "clustering"))
