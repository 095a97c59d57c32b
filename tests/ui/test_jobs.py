"""What the panel of a job says: while it stops, after it was stopped, and on a button that waits for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from streamlit.testing.v1 import AppTest

from core.errors import BadInput
from core.ui.app import jobs


@pytest.fixture(autouse=True)
def alone() -> Iterator[None]:
    jobs._JOBS.clear()
    yield
    for job in jobs.running():
        job.task.cancel()
    jobs._JOBS.clear()


def page() -> None:
    import streamlit as st

    from core.ui.app import jobs

    jobs.job_panel("work")
    st.button("Begin", **jobs.waits("Some seconds."))


def bar(app: AppTest) -> str:
    return next(one.proto.text for one in app.get("progress"))


def test_a_job_that_is_stopped_says_so_once_and_buttons_say_what_they_wait_for() -> None:
    goes_on = threading.Event()

    def work(job: jobs.BackgroundJob) -> None:
        goes_on.wait(20)
        job.task.check()

    job = jobs.start("work", "Tuning *the* weights", work)
    app = AppTest.from_function(page).run()
    begin = next(one for one in app.button if one.label == "Begin")
    assert begin.disabled and begin.help == r"Waits for: Tuning \*the\* weights"
    app.button("stop work").click().run()
    assert bar(app).endswith(jobs.STOPPING) and app.button("stop work").disabled and job.running
    goes_on.set()
    assert job.ended.wait(20)
    app.run()
    assert app.info[0].value.startswith(r"Tuning \*the\* weights: stopped. What was finished is kept")
    begin = next(one for one in app.button if one.label == "Begin")
    assert not begin.disabled and begin.help == "Some seconds."


def test_what_else_ended_a_stopped_job_is_said_after_it() -> None:
    def work(job: jobs.BackgroundJob) -> None:
        job.task.cancel()
        raise BadInput("The line is gone.")

    assert jobs.start("work", "Fetching", work).ended.wait(20)
    time.sleep(0.01)
    assert AppTest.from_function(page).run().info[0].value == "Fetching: stopped. The line is gone."


def test_how_a_job_failed_is_for_the_session_that_started_it() -> None:
    def starting() -> None:
        import streamlit as st

        from core.errors import BadInput
        from core.ui.app import jobs

        def work(job: jobs.BackgroundJob) -> None:
            raise BadInput("/home/anna/secret.parquet cannot be read.")

        st.button("Go", on_click=jobs.start, args=("work", "Adding", work))
        jobs.job_panel("work")

    anna, ben = AppTest.from_function(starting).run(), AppTest.from_function(page).run()
    anna.button[0].click().run()
    assert jobs.find("work").ended.wait(20)
    assert "secret.parquet" in anna.run().error[0].value
    ben.run()
    assert not ben.error and not ben.info and not ben.exception
    assert not [button for button in ben.button if button.key == "dismiss work"]


def test_no_button_waits_for_work_that_yields() -> None:
    gate = threading.Event()
    job = jobs.start("quiet work", "Quiet work", lambda running: gate.wait(10), yields=True)
    try:
        assert job in jobs.running() and not jobs.waits()["disabled"]
    finally:
        gate.set()
        job.ended.wait(10)
        jobs.forget("quiet work")


def test_what_nobody_asked_for_gives_way_to_what_somebody_does() -> None:
    def until_cancelled(job: jobs.BackgroundJob) -> None:
        while not job.task.cancelled:
            time.sleep(0.005)

    unasked = jobs.start("builds", "The demo", until_cancelled, gives_way=True)
    try:
        assert jobs.waits()["disabled"] and not jobs.waits(beside_unasked=True)["disabled"]
        assert jobs.start("builds", "Again", until_cancelled, gives_way=True) is unasked
        asked = jobs.start("builds", "A folder", lambda job: "folder")
        assert asked is not unasked and unasked.state == "stopped"
        asked.ended.wait(10)
        assert asked.result == "folder"
    finally:
        unasked.task.cancel()
        jobs.forget("builds")


def test_whatever_ends_a_job_it_does_not_run_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    class PanicException(BaseException):  # as libraries in Rust raise it
        pass

    def work(job: jobs.BackgroundJob) -> None:
        raise PanicException("overflow")

    job = jobs.start("work", "Embedding", work)
    assert job.ended.wait(20) and job.state == "failed" and "overflow" in job.sentence

    def refuse(job: jobs.BackgroundJob) -> None:
        raise BadInput("The settings cannot be read.")

    monkeypatch.setattr(jobs, "_take_lease", refuse)
    with pytest.raises(BadInput):
        jobs.start("other", "Embedding", lambda job: None, action="embed")
    assert not jobs.is_running("other")
