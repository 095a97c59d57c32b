"""Studies over several datasets: what is missing of one, and what is kept of it."""

from __future__ import annotations

from core import paths, wording
from core.errors import CoreError, NotComputed
from core.studies.study import study_cases, study_check, study_data, study_library, study_run
from core.studies.study.study_cases import RankedPart
from core.studies.study.study_check import StudyCheck
from core.studies.study.study_record import Study
from core.studies.study.study_result import StudyResult
from core.ui.app import stamps
from core.ui.app.cached import cached

text = wording.page("studies")


def _changed(study: Study) -> tuple[object, ...]:
    """When anything that a study rests on changed last."""
    names = [study_data.saved_name(entry, study.folder) or "" for entry in study.datasets]
    folder = paths.study_results()
    times = [entry.stat().st_mtime_ns for entry in folder.iterdir()] if folder.is_dir() else []
    return (
        *((name, stamps.record(name), stamps.vectors(name)) for name in names),
        stamps.store(),
        max(times, default=0),
    )


@cached("resource", max_entries=64, also=_changed)
def study_checked(study: Study) -> StudyCheck:
    """What is missing of a study, how large, how long."""
    return study_check.check(study)


def usual_study(names: tuple[str, ...]) -> str:
    """What the page opens on: the study that was finished last, else the one that takes least to run.

    Args:
        names: of the studies that whoever looks may see.
    """
    checked = {}
    for name in names:
        try:
            checked[name] = study_checked(study_library.open_study(name))
        except CoreError:
            continue
    finished = [name for name in checked if checked[name].progress.complete]
    if finished:
        return max(finished, key=lambda name: checked[name].progress.newest)
    return min(checked, key=lambda name: (not checked[name].ready, *checked[name].effort), default=names[0])


@cached("resource", max_entries=8, also=_changed, spinner=text("state.together"))
def study_result(study: Study) -> StudyResult | str:
    """What is kept of a study; a sentence where nothing can be shown yet."""
    datasets, reasons = study_run.opened(study)
    if len(datasets) < len(study.datasets):
        return reasons[0]
    try:
        return study_run.result(study, datasets)
    except NotComputed as error:
        return str(error)


@cached("resource", max_entries=6, also=lambda study, dataset, system: _changed(study), spinner=text("state.ranking"))
def study_ranked(study: Study, dataset: str, system: str) -> RankedPart:
    """The first results of every query of one dataset of a study that has run, under one of its systems.

    Raises:
        CoreError: it cannot be ranked again; one sentence.
    """
    result = study_result(study)
    if isinstance(result, str):
        raise NotComputed(result)
    return study_cases.ranked(result, next(part for part in result.parts if part.name == dataset), (system,))
