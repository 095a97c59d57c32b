"""Long work reports where it is, and stops when it is asked to."""

from __future__ import annotations

import pytest

from core.errors import Cancelled
from core.progress import Progress
from core.task import NO_TASK, Task


def test_chunks_and_items_are_counted_after_they_are_done() -> None:
    seen: list[Progress] = []
    for rows in Task(seen.append).chunks("Ranking", 5, 2, "queries"):
        assert rows.stop - rows.start <= 2 and (not seen or seen[-1].done <= rows.start)
    assert (seen[-1].stage, seen[-1].done, seen[-1].total, seen[-1].unit) == ("Ranking", 5, 5, "queries")
    seen.clear()
    assert list(Task(seen.append).each("Trying", "abc", "weights")) == list("abc")
    assert (seen[-1].done, seen[-1].total, seen[-1].unit) == (3, 3, "weights")


def test_it_stops_before_the_next_piece_and_what_was_done_is_kept() -> None:
    task, done = Task(), []
    with pytest.raises(Cancelled, match="kept"):
        for item in task.each("Trying", range(10)):
            done.append(item)
            if item == 3:
                task.cancel()
    assert done == [0, 1, 2, 3] and task.cancelled


def test_a_part_that_reports_elsewhere_is_cancelled_with_the_whole() -> None:
    whole, seen = Task(), []
    part = whole.reporting(seen.append)
    part.meter("Reading", 1).add()
    assert seen[-1].done == 1
    whole.cancel()
    with pytest.raises(Cancelled):
        part.check()


def test_a_meter_reports_seldom_but_always_the_end_and_knows_the_time_left() -> None:
    seen: list[Progress] = []
    meter = Task(seen.append).meter("Reading", 1000)
    for _ in range(1000):
        meter.add()
    assert len(seen) < 100 and seen[-1].done == 1000
    meter = NO_TASK.meter("Reading", 10)
    meter._marks, meter.done = [(0.0, 0), (2.0, 4)], 4
    assert (meter.now().rate, meter.now().seconds_left) == (2.0, 3.0)


def test_nobody_can_stop_the_task_that_all_share() -> None:
    NO_TASK.check()
    NO_TASK.report(Progress("x", 1))
    with pytest.raises(RuntimeError):
        NO_TASK.cancel()
    assert not NO_TASK.cancelled
