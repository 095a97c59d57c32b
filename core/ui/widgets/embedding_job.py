"""Embedding beside the pages: the one way in which every page starts it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from core import backbones, data, wording
from core.errors import CoreError, NotComputed
from core.setups import FrameSetup
from core.studies import embedding
from core.types import Dataset
from core.ui.app import jobs

shared = wording.page("shared")

JOB = "embed"
"""One job reads or embeds at a time, on every page."""


def start_embedding(
    name: str,
    chosen: Sequence[str],
    *,
    title: str = "",
    device: str | None = None,
    then: Callable[[Dataset, jobs.BackgroundJob], Any] | None = None,
    gives_way: bool = False,
) -> None:
    """Embed a dataset with the chosen backbones in the background; one that is not built yet is built first.

    Args:
        title: what the panel says; by default "Embedding" and the name.
        device: where to compute; None lets it be picked.
        then: what is done with the dataset afterwards, in the same job.
        gives_way: nobody asked for it; a dataset that somebody adds or embeds comes first.
    """

    def work(job: jobs.BackgroundJob) -> str:
        """Build or read the dataset, embed it, then do what follows."""
        loaded = data.get(name, task=job.task)
        job.changed()
        embed(loaded, chosen, job, device)
        if then is not None:
            then(loaded, job)
            job.changed()
        return name

    jobs.start(JOB, title or shared("state.embedding", dataset=name), work, action="embed", gives_way=gives_way)


def in_catalog(chosen: Sequence[str]) -> tuple[str, ...]:
    """Those of the chosen backbones that any images can be embedded with; the usual ones where a link names none."""
    known = []
    for name in chosen:
        with suppress(CoreError):
            known.append(backbones.get(name).name)
    return tuple(known) or FrameSetup.backbones


def embed(loaded: Dataset, chosen: Sequence[str], job: jobs.BackgroundJob, device: str | None = None) -> None:
    """Embed with those whose weights are here together, then with each of the others, inside a job.

    Raises:
        NotComputed: what could not be fetched or computed; all the rest is done.
    """
    here = [name for name in chosen if _is_here(loaded, name)]
    refused = []
    for part in filter(None, [here, *([name] for name in chosen if name not in here)]):
        try:
            embedding.embed(
                loaded,
                part,
                device=device,
                task=job.task,
                on_backbone_done=lambda _: job.changed(),
            )
        except CoreError as error:
            if job.task.cancelled or part is here:
                raise
            refused.append(str(error))
    if refused:
        raise NotComputed(" ".join(refused))


def _is_here(loaded: Dataset, name: str) -> bool:
    backbone = embedding.find(loaded, name)
    return not backbones.source_of(backbone).embeds or backbones.available(backbone)[0]
