"""Running a study: embed what is missing, learn weights, evaluate what is not kept; stopped anywhere, it goes on from there."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core import backbones, metrics
from core.access import gated
from core.errors import CoreError, NotComputed, StoreUnusable, WeightsMissing
from core.studies import embedding, evaluation, fusion, training_split
from core.studies.ranker import Ranker
from core.studies.study import catalogue_cells, cells, study_data
from core.studies.study.parts import Part, Systems, kept_metrics, part_of
from core.studies.study.study_record import Study
from core.studies.study.study_result import StudyPart, StudyResult
from core.studies.systems import System
from core.task import NO_TASK, ProgressMeter, Task
from core.types import Dataset, Evaluation

NOT_YET = "It was not evaluated yet; run the study."


@dataclass(frozen=True)
class StudyProgress:
    """How far a study is: evaluations that are on the disk, of all.

    Attributes:
        reasons: why nothing more can be said: datasets or vectors that are not here.
        newest: when the last of them was made (seconds since 1970); 0 for none.
    """

    done: int
    total: int
    reasons: tuple[str, ...] = ()
    newest: float = 0.0

    @property
    def complete(self) -> bool:
        """Whether the results can be shown at once."""
        return self.total > 0 and self.done == self.total and not self.reasons


@gated("study.run")
def run(study: Study, task: Task = NO_TASK, device: str | None = None) -> StudyResult:
    """Everything that the study asks for; what is kept is not worked out again.

    Raises:
        CoreError: a dataset cannot be opened, or no system can be evaluated on any of them.
    """
    _resolve(study)
    datasets: list[Dataset] = []
    unusable: dict[str, str] = {}
    for entry in study.datasets:
        task.check()
        loaded = study_data.load(study, entry, task)
        unusable |= _embed(study, loaded, task, device)
        datasets.append(study_data.load(study, entry, task))
    if study.catalogue is not None:
        for entry, dataset in zip(study.datasets, datasets, strict=True):
            catalogue_cells.evaluate(study, entry, dataset, task)
        return result(study, datasets)
    parts = [part_of(study, entry, dataset) for entry, dataset in zip(study.datasets, datasets, strict=True)]
    systems = Systems(study, parts)
    meter = task.meter("Evaluating", len(parts) * len(study.systems), "systems")
    for part in parts:
        _evaluate(systems, part, unusable, task, meter)
    return result(study, datasets, systems.left_out)


def _resolve(study: Study) -> None:
    """Backbones that are named by their source (timm:NAME) join the catalog.

    Raises:
        UnknownName, WeightsMissing: one cannot.
    """
    for name in study.used_backbones:
        if ":" in name:
            backbones.get(name)


def _embed(study: Study, dataset: Dataset, task: Task, device: str | None) -> dict[str, str]:
    """Embed what is missing; backbone → why it cannot be used."""
    usable = [name for name in study.used_backbones if _is_here(dataset, name)]
    if usable:
        embedding.embed(dataset, usable, device=device, task=task)
    unusable = {}
    for name in study.used_backbones:
        if name not in usable:
            try:
                embedding.embed(dataset, [name], device=device, task=task)
            except WeightsMissing as error:
                unusable[name] = str(error)
    return unusable


def _is_here(dataset: Dataset, name: str) -> bool:
    backbone = embedding.find(dataset, name)
    return not backbones.source_of(backbone).embeds or backbones.available(backbone)[0]


def _evaluate(systems: Systems, part: Part, unusable: dict[str, str], task: Task, meter: ProgressMeter) -> None:
    """Every system on one dataset that is not kept yet."""
    study = systems.study
    ranker: Ranker | None = None
    space = None
    for name in study.systems:
        task.check()
        try:
            wanted = study.fusion(name)
            needs = (name,) if wanted is None else wanted.spec.backbones
            lacking = next((unusable[backbone] for backbone in needs if backbone in unusable), "")
            if lacking:
                raise NotComputed(lacking)
            spec = systems.spec(part, name, compute=True, task=task)
            assert spec is not None, "weights are learned by now"
            cell = systems.cell_of(part, spec)
            if cells.load(cell, name) is None:
                if space is None:
                    used = [backbone for backbone in study.used_backbones if backbone not in unusable]
                    space, ranker = fusion.space_of(part.dataset, used), Ranker(part.truth)
                if not isinstance(spec, str):
                    training_split.refuse_trained(spec, training_split.query_keys(part.dataset))
                system = System(name, space, None if isinstance(spec, str) else spec)
                cells.save(cell, _evaluation(study, system, part, ranker, task))
        except StoreUnusable:
            raise
        except CoreError as error:
            task.check()
            systems.refuse(part, name, error)
        meter.add()


def _evaluation(study: Study, system: System, part: Part, ranker: Ranker | None, task: Task) -> Evaluation:
    clusters = any(metrics.parse(key)[0].kind == "clustering" for key in study.metrics)
    made = evaluation.evaluate_one(
        system,
        part.truth,
        study.ks,
        dataset=part.dataset,
        ranker=ranker,
        seed=study.seed,
        by_class=not study.by_query,
        clusters=clusters,
        task=task,
    )
    per_query = {key: values for key, values in made.per_query.items() if key in kept_metrics(study)}
    return dataclasses.replace(made, per_query=per_query, ranking=None)


# ---------------------------------------------------------------- what is kept


def opened(study: Study) -> tuple[list[Dataset], tuple[str, ...]]:
    """The datasets that are on this machine, and why each of the others is not; nothing is read or fetched."""
    datasets, reasons = [], []
    for entry in study.datasets:
        if study_data.saved_name(entry, study.folder) is None:
            reasons.append(study_data.missing(entry, study.folder) or f"{entry.name} was not read yet.")
            continue
        try:
            datasets.append(study_data.load(study, entry))
        except CoreError as error:
            reasons.append(str(error))
    return datasets, tuple(reasons)


def progress_of(study: Study) -> StudyProgress:
    """How many evaluations are kept; nothing is computed."""
    datasets, reasons = opened(study)
    total = len(study.datasets) * len(study.systems)
    if len(datasets) < len(study.datasets):
        return StudyProgress(0, total, reasons)
    made = _cells(study, datasets)
    lost = [key for key in made if isinstance(key, str)]
    times = [cells.kept_at(key) for key in made if isinstance(key, cells.Cell)]
    reasons = tuple(dict.fromkeys(lost)) if len(lost) == total else ()
    return StudyProgress(sum(map(bool, times)), total - len(lost), reasons, max(times, default=0.0))


def _cells(study: Study, datasets: Sequence[Dataset]) -> list[cells.Cell | str | None]:
    """What every evaluation rests on; None before weights are learned, a sentence where it cannot be."""
    pairs = list(zip(study.datasets, datasets, strict=True))
    if study.catalogue is not None:
        return [catalogue_cells.cell(study, dataset, name) for _, dataset in pairs for name in study.systems]
    parts = [part_of(study, entry, dataset) for entry, dataset in pairs]
    systems = Systems(study, parts)
    made: list[cells.Cell | str | None] = []
    for part in parts:
        for name in study.systems:
            try:
                made.append(systems.cell(part, name))
            except CoreError as error:
                made.append(str(error))
    return made


def result(
    study: Study, datasets: Sequence[Dataset], left_out: Mapping[tuple[str, str], str] | None = None
) -> StudyResult:
    """What is kept of a study, put together.

    Args:
        datasets: opened, in the study's order.
        left_out: (dataset, system) → why it could not be evaluated, as far as a run has told.
    Raises:
        NotComputed: nothing is kept of some dataset; the sentence says why, or what to run.
    """
    pairs = list(zip(study.datasets, datasets, strict=True))
    if study.catalogue is not None:
        return StudyResult(study, tuple(catalogue_cells.part(study, entry, dataset) for entry, dataset in pairs))
    systems = Systems(study, [part_of(study, entry, dataset) for entry, dataset in pairs])
    return StudyResult(study, tuple(_part(systems, part, left_out or {}) for part in systems.parts))


def _why_not(study: Study, part: Part, name: str) -> str:
    """Why a system has no evaluation that is kept: weights that are not here, else that nobody ran the study."""
    wanted = study.fusion(name)
    for backbone in (name,) if wanted is None else wanted.spec.backbones:
        try:
            record = embedding.find(part.whole, backbone)
            here, why = backbones.available(record) if backbones.source_of(record).embeds else (True, "")
            if not here and embedding.stored(part.whole, record).n_images < len(part.whole):
                return why
        except CoreError as error:
            return str(error)
    return NOT_YET


def _part(systems: Systems, part: Part, reasons: Mapping[tuple[str, str], str]) -> StudyPart:
    """What is kept of one dataset."""
    study = systems.study
    evaluations: list[Evaluation] = []
    missing: dict[str, str] = {}
    rests: dict[str, str] = {}
    shares: dict[str, Mapping[str, float]] = {}
    for name in study.systems:
        missing[name] = reasons.get((part.name, name)) or _why_not(study, part, name)
        try:
            spec = systems.spec(part, name)
            cell = None if spec is None else systems.cell_of(part, spec)
        except CoreError as error:
            missing[name] = str(error)
            continue
        evaluated = None if cell is None else cells.load(cell, name)
        if spec is None or cell is None or evaluated is None:
            continue
        del missing[name]
        evaluations.append(evaluated)
        rests[name] = cell.key
        if not isinstance(spec, str):
            shares[name] = spec.shares
    if not evaluations:
        raise NotComputed(f"No system was evaluated on {part.name}: {next(iter(missing.values()))}")
    compared = evaluation.beside(
        evaluations,
        part.truth,
        dataset=part.dataset,
        metric=study.metrics[0],
        seed=study.seed,
        by_class=not study.by_query,
    )
    return StudyPart(part.name, part.whole.name, tuple(evaluations), compared.comparison, missing, rests, shares)
