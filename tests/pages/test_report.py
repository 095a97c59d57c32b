"""The report page: it makes the report of its question by itself, plain or playable, and says what it will cost."""

from __future__ import annotations

import pytest

from core.types import Dataset
from core.ui.app import jobs
from core.ui.views.report import report_job
from tests.pages.alone import opened, words

pytestmark = pytest.mark.usefixtures("fresh", "no_jobs_of_others")

PAGE = "report"


def finished(app) -> str:
    """The report of the page once its job has ended."""
    job = jobs.find(report_job.job_name()) or next(iter(jobs._JOBS.values()))
    assert job.ended.wait(120) and job.state == "done", job.sentence
    return job.result[1]


def test_the_report_is_made_without_being_asked_for(tiny: Dataset) -> None:
    app = opened(PAGE, d="tiny")
    assert not app.exception and not app.error
    html = finished(app)
    assert "Comparison on tiny" in html and "live-record" not in html
    app.run()
    assert any("prints well" in caption.value for caption in app.caption)


def test_playable_says_size_and_time_before_and_is_playable(tiny: Dataset) -> None:
    app = opened(PAGE, d="tiny", live="true")
    assert "Playable: all" in words(app) and "MB and" in words(app) and "travel with the file" in words(app)
    assert 'id="live-record"' in finished(app)


def test_another_question_makes_another_report(tiny: Dataset) -> None:
    app = opened(PAGE, d="tiny", ks="5")
    first = finished(app)
    app.toggle(key=next(toggle.key for toggle in app.toggle if "ptimistic" in toggle.label)).set_value(True).run()
    second = finished(app)
    assert "whole classes" in first and "Optimistic" in second and "P@5" in second
