"""Measuring what backbones cost on this machine, beside the pages: the one way in which every page starts it."""

from __future__ import annotations

import time

from core import wording
from core.studies import costs
from core.ui.app import jobs

shared = wording.page("shared")

JOB = "measure"
"""One measurement at a time: two would slow each other down."""


_PAUSE = 0.5
"""Seconds between two looks at what else runs."""


def start(names: tuple[str, ...], yields: bool = False) -> None:
    """Measure latency and size of backbones, one after the other, in the background.

    Args:
        yields: nobody asked for it: no button waits for it, and it waits for all other work.
    """

    def work(job: jobs.BackgroundJob) -> None:
        """Measures one backbone after the other."""
        for name in names:
            while yields and any(not other.yields for other in jobs.running()):
                job.task.check()
                time.sleep(_PAUSE)
            costs.measure(name, task=job.task)
            job.changed()

    jobs.forget(JOB)
    jobs.start(JOB, shared("state.measuring"), work, action="backbone.measure", yields=yields)
