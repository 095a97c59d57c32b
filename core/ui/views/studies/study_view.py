"""What the page Studies shows now: the one record that its parts read."""

from __future__ import annotations

from dataclasses import dataclass

from core.setups import StudiesSetup
from core.studies.study import study_text
from core.studies.study.study_check import StudyCheck
from core.studies.study.study_record import FIRST_SCORE, Study
from core.studies.study.study_result import StudyResult
from core.ui.app import cache, state


@dataclass(frozen=True)
class StudyView:
    """A study and what is kept of it.

    Attributes:
        checked: what is missing; result: None where nothing can be shown yet, and `reason` says why.
        metric: of the charts and the first table.
    """

    study: Study
    setup: StudiesSetup
    checked: StudyCheck
    result: StudyResult | None
    reason: str
    metric: str


def metrics_of(study: Study) -> tuple[str, ...]:
    """What can be shown: the study's metrics, and of catalogues the first score."""
    return (*study.metrics, *((FIRST_SCORE,) if study.catalogue is not None else ()))


def build(study: Study) -> StudyView:
    """The study as far as it is; values of a link that it does not have go back to its own."""
    if state.get(StudiesSetup, "metric") not in metrics_of(study):
        state.set_field(StudiesSetup, "metric", "")
    first = state.get(StudiesSetup, "metric") in ("", study.metrics[0])
    setup = state.read(StudiesSetup, in_link={"metric": ""} if first else None)
    result = cache.study_result(study)
    known = None if isinstance(result, str) else result
    metric = setup.metric or study.metrics[0]
    if known is not None and metric not in study_text.shown_keys(known):
        metric = study.metrics[0]
    return StudyView(study, setup, cache.study_checked(study), known, result if isinstance(result, str) else "", metric)
