"""Measuring what backbones cost on this machine, beside the pages: the one way in which every page starts it."""

from __future__ import annotations

from core import wording
from core.studies import costs
from core.ui.app import jobs

shared = wording.page("shared")

JOB = "measure"
"""One measurement at a time: two would slow each other down."""


def start(names: tuple[str, ...]) -> None:
    """Measure latency and size of backbones, one after the other, in the background."""

    def work(job: jobs.BackgroundJob) -> None:
        for name in names:
            costs.measure(name, task=job.task)
            job.changed()

    jobs.forget(JOB)
    jobs.start(JOB, shared("state.measuring"), work)
