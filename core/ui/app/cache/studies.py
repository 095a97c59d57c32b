"""Studies over several datasets: what is missing of one, and what is kept of it."""

from __future__ import annotations

from core import paths, wording
from core.errors import NotComputed
from core.studies.study import study_check, study_data, study_run
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


@cached("resource", max_entries=16, also=_changed)
def study_checked(study: Study) -> StudyCheck:
    """What is missing of a study, how large, how long."""
    return study_check.check(study)


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
