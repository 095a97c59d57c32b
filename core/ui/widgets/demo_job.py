"""The demo on an installation that holds nothing: built and embedded, with its concepts and costs, beside the pages."""

from __future__ import annotations

from core import access, backbones, data
from core.types import Dataset
from core.ui.app import cache, jobs, state
from core.ui.widgets import cost_job, embedding_job

CONCEPTS = "concepts_lite0"
"""Reads text and images, and needs no download."""
_STARTED = "demo started"


def start(names: tuple[str, ...], gives_way: bool = False) -> None:
    """Build the demo and embed it; concepts follow, so that Text search works, then what each backbone costs here.

    Args:
        names: backbones of the catalog.
        gives_way: nobody asked for it.
    """

    def then(loaded: Dataset, job: jobs.BackgroundJob) -> None:
        """Concepts and costs, in the same job."""
        readers = tuple(name for name in (CONCEPTS,) if backbones.available(backbones.get(name))[0])
        embedding_job.embed(loaded, readers, job)
        cost_job.start((*names, *readers), yields=True)

    embedding_job.start_embedding(data.OPENING, names, then=then, gives_way=gives_way)


def start_unasked(names: tuple[str, ...]) -> bool:
    """Start it where nothing is ready, once per session; whether it started."""
    is_wanted = access.may("embed") and not cache.ready_datasets() and not jobs.find(embedding_job.JOB)
    if not is_wanted or state.session_get(_STARTED):
        return False
    state.session_set(_STARTED, True)
    start(names, gives_way=True)
    return True
