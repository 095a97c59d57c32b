"""What all sessions share in memory: worked out once for those who ask together, bounded, and pages that take turns."""

from __future__ import annotations

import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from core import paths
from core.errors import BadInput
from core.ui.app import memory_size, turns
from core.ui.app.shared_results import SharedResults

MB = 2**20


def block(n_bytes: int) -> np.ndarray:
    return np.zeros(n_bytes, np.uint8)


def test_who_asks_while_another_works_it_out_waits_and_gets_the_same() -> None:
    results, calls, begun, go = SharedResults(lambda: MB), [], threading.Event(), threading.Event()

    def work() -> list:
        calls.append(1)
        begun.set()
        assert go.wait(20)
        return [1]

    with ThreadPoolExecutor(6) as threads:
        waiting = [threads.submit(results.work_out, ("f", "k"), work, "resource") for _ in range(6)]
        assert begun.wait(20)
        go.set()
        values = [one.result(20) for one in waiting]
    assert len(calls) == 1 and all(value is values[0] for value in values)


def test_what_failed_for_one_is_tried_by_the_next() -> None:
    results, calls, begun = SharedResults(lambda: MB), [], threading.Event()

    def work() -> int:
        calls.append(1)
        begun.set()
        if len(calls) == 1:
            raise SystemExit  # as a page that was left: no Exception
        return 7

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(results.work_out, ("f", "k"), work)
        assert begun.wait(20)
        assert threads.submit(results.work_out, ("f", "k"), work).result(20) == 7
        assert isinstance(first.exception(20), SystemExit)


def test_results_used_longest_ago_go_when_there_are_too_many_bytes() -> None:
    results = SharedResults(lambda: 4 * MB)
    for name in "abc":
        results.work_out(("f", name), lambda: block(MB), "resource")
    results.find(("f", "a"))
    results.work_out(("f", "large"), lambda: block(2 * MB), "resource")
    there = [name for name in ("a", "b", "c", "large") if results.find(("f", name))]
    assert there == ["a", "large"] or there == ["a", "c", "large"]
    assert sum(n_bytes for _, n_bytes in results.sizes().values()) <= 4 * MB
    results.work_out(("f", "larger than all"), lambda: block(9 * MB), "resource")
    assert results.find(("f", "larger than all")) and results.sizes()["f"][0] == 1


def test_data_counts_too_and_an_engine_that_grew_is_seen() -> None:
    results, engine = SharedResults(lambda: 2 * MB), SimpleNamespace(blocks=[])
    for number in range(10):
        results.work_out(("data", str(number)), lambda: bytes(MB // 2))
    assert results.sizes()["data"][0] <= 4
    results.work_out(("resource", "engine"), lambda: engine, "resource")
    engine.blocks.append(block(2 * MB - 100_000))
    results.fit()
    assert results.sizes().keys() == {"resource"}


def test_what_two_results_hold_together_counts_once() -> None:
    shared = block(MB)
    assert memory_size.of([shared, shared, {"view": shared[:10]}]) < MB + 2000
    assert memory_size.of(SimpleNamespace(inner=SimpleNamespace(array=block(MB)))) >= MB
    assert memory_size.of(memoryview) < 1000


def test_what_cannot_be_looked_into_counts_as_nothing() -> None:
    gone = weakref.proxy(type("Gone", (), {})())
    assert MB <= memory_size.of([gone, block(MB)]) < MB + 2000


def test_who_waits_gets_what_had_to_go_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    results, calls, begun, go = SharedResults(lambda: MB), [], threading.Event(), threading.Event()
    keep = results._keep

    def keep_and_forget(*args: Any) -> Any:
        kept = keep(*args)
        results.forget()
        return kept

    def work() -> int:
        calls.append(1)
        begun.set()
        assert go.wait(20)
        return 7

    monkeypatch.setattr(results, "_keep", keep_and_forget)
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(results.work_out, ("f", "k"), work)
        assert begun.wait(20)
        second = threads.submit(results.work_out, ("f", "k"), work)
        while not results._flights["f", "k"].landed._cond._waiters:
            time.sleep(0.001)
        go.set()
        assert first.result(20) == second.result(20) == 7
    assert len(calls) == 1


def test_what_landed_since_the_last_look_is_not_worked_out_again() -> None:
    results = SharedResults(lambda: MB)
    values = [1, 2]
    for _ in range(2):
        assert results.work_out(("f", "k"), values.pop) == 2
    assert not results._flights


@pytest.mark.parametrize(("said", "bytes_"), [("512", 512 * MB), ("16", 16 * MB)])
def test_one_variable_bounds_it(monkeypatch: pytest.MonkeyPatch, said: str, bytes_: int) -> None:
    monkeypatch.setenv("FUSIONSCOPE_MEMORY_MB", said)
    assert paths.shared_results_bytes() == bytes_


@pytest.mark.parametrize("said", ["few", "-1", "15", "1.5"])
def test_a_bound_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    monkeypatch.setenv("FUSIONSCOPE_MEMORY_MB", said)
    with pytest.raises(BadInput, match="FUSIONSCOPE_MEMORY_MB"):
        paths.shared_results_bytes()


# ---------------------------------------------------------------- turns


def test_runs_of_pages_go_in_the_order_in_which_they_came_and_one_that_returns_goes_first() -> None:
    order: list[str] = []
    begun, go = threading.Event(), threading.Event()
    taking = turns.Turns(1, lambda: 0.0)

    def run(name: str) -> None:
        taking.begin()
        order.append(name)
        if name == "a":
            begun.set()
            assert go.wait(20)
            assert taking.end()
            taking.begin(again=True)
            order.append("a again")
        taking.end()

    with ThreadPoolExecutor(3) as threads:
        runs = [threads.submit(run, "a")]
        assert begun.wait(20)
        for at, name in enumerate("bc", 1):
            runs.append(threads.submit(run, name))
            while len(taking._waiting) < at:
                time.sleep(0.001)
        go.set()
        for one in runs:
            one.result(20)
    assert order in (["a", "b", "a again", "c"], ["a", "a again", "b", "c"])


def test_one_that_takes_long_holds_up_nobody() -> None:
    clock = [0.0]
    taking = turns.Turns(1, lambda: clock[0])
    with ThreadPoolExecutor(1) as thread:
        thread.submit(taking.begin).result(20)
        clock[0] = turns.PATIENCE + 1
        taking.begin()
    assert taking.end() and not taking.end()


def test_one_that_fails_as_it_waits_stands_before_nobody() -> None:
    broken = [True]

    def clock() -> float:
        if broken:
            raise MemoryError
        return 0.0

    taking = turns.Turns(1, clock)
    with pytest.raises(MemoryError):
        taking.begin()
    broken.clear()
    assert not taking._waiting
    taking.begin()
    assert taking.end()
