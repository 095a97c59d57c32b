"""The report page: it makes the report of its question by itself, plain or playable, and says what it will cost."""

from __future__ import annotations

import dataclasses

import pytest

from core import stories
from core.data import saved
from core.stories import Story, StoryStep
from core.studies import embedding
from core.types import Dataset
from core.ui.app import jobs
from core.ui.views.report import report_job
from tests.pages.alone import OWN, opened, words

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
    assert "Comparison on tiny" in html and "live-record" not in html and "What each step adds" not in html
    app.run()
    assert any("prints well" in caption.value for caption in app.caption)
    assert not jobs._JOBS, "its megabytes go with the session"
    app.run()
    assert not jobs._JOBS and any("prints well" in caption.value for caption in app.caption)


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


def test_a_dataset_of_the_same_images_has_a_report_of_its_own(tiny: Dataset) -> None:
    embedding.embed(saved.save(dataclasses.replace(tiny, name="again"), saved.record_of("tiny")), OWN)
    app = opened(PAGE, d="tiny")
    assert "Comparison on tiny" in finished(app)
    next(box for box in app.selectbox if box.label == "Dataset").set_value("again").run()
    assert "Comparison on again" in finished(app)


def test_a_story_stands_in_the_report_and_a_changed_story_makes_another(tiny: Dataset) -> None:
    link = "d=tiny&b=hsv_histogram,hog"
    stories.save(Story("One", (StoryStep("leaderboard", link, title="First step"),)))
    app = opened(PAGE, d="tiny", st="One")
    html = finished(app)
    assert html.index("Chance of being wrong") < html.index("First step") < html.index("<h2>Every system")
    app.run()
    stories.change("One", lambda story: story.with_step(StoryStep("curves", link, title="Second step")))
    app.run()
    assert "Second step" in finished(app)


def test_what_each_step_adds_stands_in_the_report_when_asked_for(tiny: Dataset) -> None:
    app = opened(PAGE, d="tiny", ks="1", steps="true")
    assert next(toggle for toggle in app.toggle if "each step" in toggle.label).value
    html = finished(app)
    section = html[html.index("What each step adds") :]
    assert "best single" in section and "k-reciprocal" in section
    assert "Where to cut the scores" in section and "Scores as probabilities" in section
