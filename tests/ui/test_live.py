"""Layouts on their way to the browser, the route that hands them out, and components that are registered once."""

from __future__ import annotations

import asyncio
import importlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from urllib.parse import unquote

import numpy as np
import pytest
import streamlit as st

from core.projection import framed
from core.ui.app import jobs
from core.ui.components import registration
from core.ui.components.map import layout_stream

XY = np.random.default_rng(0).normal(size=(40, 2)).astype(np.float32)


def ask(name: str, after: str = "0") -> tuple[int, dict, bytes]:
    """What the browser gets: status, headers, body."""
    request = SimpleNamespace(path_params={"name": name}, query_params={"after": after})
    with ThreadPoolExecutor(1) as thread:  # a browser test before this one may have left a loop in the main thread
        answer = thread.submit(asyncio.run, layout_stream._layout(request)).result()
    return answer.status_code, dict(answer.headers), answer.body


def test_a_browser_gets_the_newest_layout_once() -> None:
    stream = layout_stream.open_stream("newest")
    stream.put(XY + 5)
    stream.note = "t-SNE · 3 von 7 – Schritte"
    stream.put(XY)
    status, told, body = ask("newest")
    assert (status, told["x-number"], told["x-state"], told["x-dims"]) == (200, "2", "running", "2")
    assert unquote(told["x-note"]) == stream.note and told["cache-control"] == "no-store"
    np.testing.assert_array_equal(np.frombuffer(body, "<f4").reshape(-1, 2), framed(XY))
    assert ask("newest", "2")[2] == b"", "what it has already is not sent again"
    stream.put(XY[:, ::-1], whole=True)
    assert layout_stream.address("newest") == "/layouts/newest", "a page that was drawn meanwhile still gets it"
    stream.put(XY)
    stream.end()
    status, told, body = ask("newest", "2")
    assert told["x-state"] == "whole" and told["x-number"] == "3"
    np.testing.assert_array_equal(np.frombuffer(body, "<f4").reshape(-1, 2), framed(XY[:, ::-1]))


def test_who_waits_is_answered_as_soon_as_there_is_something() -> None:
    stream = layout_stream.open_stream("soon")
    threading.Timer(0.1, stream.put, args=(XY,)).start()
    asked = 1
    while ask("soon")[1]["x-number"] == "0":
        asked += 1
    assert asked <= 10, "an answer waits for the layout, at most for a moment"
    stream.end()
    assert ask("soon", "1")[1]["x-state"] == "ended"
    assert layout_stream.address("soon") == layout_stream.address("nobody") == ""


@pytest.mark.parametrize("after", ["", "-1", "x", "9" * 40, "²", "%00"])
def test_junk_is_answered_too(after: str) -> None:
    stream = layout_stream.open_stream("junk")
    stream.put(XY, whole=True)
    assert ask("junk", after)[0] == 200
    assert ask("nobody", after)[0] == 404


def test_a_layout_is_turned_before_it_is_shown_and_old_streams_go() -> None:
    stream = layout_stream.open_stream("turned", lambda xy: xy[:, ::-1])
    stream.put(XY, whole=True)
    np.testing.assert_array_equal(np.frombuffer(stream.newest()[3], "<f4").reshape(-1, 2), framed(XY[:, ::-1]))
    running = layout_stream.open_stream("still running")
    for number in range(2 * layout_stream.MOST_STREAMS):
        layout_stream.open_stream(f"many {number}").end()
    assert ask("turned")[0] == 404 and running.running
    assert layout_stream.address("still running") == "/layouts/still running"
    assert len(layout_stream._STREAMS) < 2 * layout_stream.MOST_STREAMS
    running.end()


def test_a_component_is_registered_once_even_when_its_module_is_loaded_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    made: list[str] = []
    monkeypatch.setattr(st.components.v2, "component", lambda name, **parts: made.append(name) or (lambda **_: parts))
    js = tmp_path / "one.js"
    js.write_text("export default () => {}")
    threads = [threading.Thread(target=registration.component, args=("once", js)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    again = importlib.reload(registration)
    again.component("once", js)
    assert made == ["once"]
    js.write_text("export default () => { /* changed */ }")
    assert "changed" in again.component("once", js)()["js"]
    assert made == ["once", "once"]


def test_a_job_that_nobody_waits_for_goes_when_it_ends() -> None:
    go_on = threading.Event()
    job = jobs.start("forgotten", "Waiting", lambda running: go_on.wait(10))
    jobs.forget("forgotten")
    assert jobs.find("forgotten") is job
    go_on.set()
    assert job.ended.wait(10)
    end = time.monotonic() + 5
    while jobs.find("forgotten") is not None and time.monotonic() < end:
        time.sleep(0.01)
    assert jobs.find("forgotten") is None
