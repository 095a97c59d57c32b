"""Embedding a dataset: what the store has is found, what is missing is computed, what cannot be read is set aside.

Vectors go to the store batch by batch, so a stop at any moment keeps what was done. Thumbnails are made while an
image is decoded. Which fingerprint a dataset's embeddings belong to is decided in one place, `stored`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack

from core import backbones, paths
from core.access import gated
from core.store import Store, open_store
from core.studies.embedding import derived
from core.studies.embedding.report import EmbeddingReport
from core.studies.embedding.run import EmbeddingRun
from core.studies.embedding.stored_vectors import Stored, damage_report, embeddings, find, remove, status, stored
from core.task import NO_TASK, Task
from core.types import Dataset

__all__ = [
    "EmbeddingReport",
    "Stored",
    "damage_report",
    "derive",
    "embed",
    "embeddings",
    "find",
    "remove",
    "status",
    "stored",
]


@gated("embed")
def embed(
    dataset: Dataset,
    names: Sequence[str],
    *,
    device: str | None = None,
    task: Task = NO_TASK,
    on_backbone_done: Callable[[str], None] | None = None,
    store: Store | None = None,
    workers: int | None = None,
) -> EmbeddingReport:
    """Compute what is missing of a dataset's embeddings.

    Args:
        dataset: loaded; its images are read again, each once for all backbones.
        names: backbones; those that are complete are only counted.
        device: "cpu", "cuda", "mps"; the best by default.
        task: told several times a second, with the rate and the time left for all of the work; cancelled after each
            chunk, what was finished is kept.
        on_backbone_done: told the name of each backbone as its last vector is in the store.
    Raises:
        UnknownName, WeightsMissing, StoreUnusable, BadInput, Cancelled: one sentence each.
    """
    run = EmbeddingRun(dataset, store or open_store(), task, on_backbone_done)
    with ExitStack() as stack:
        run.open_writers(stack, names, device)
        if not run.lacking:
            return run.report()
        run.load_engines(device, workers or paths.cpu_count())
        run.compute(workers)
    return run.report()


def derive(dataset: Dataset, name: str, store: Store | None = None) -> int:
    """Vectors of a tuned head from the stored ones of its base, in a moment; how many images that were, 0 for any other."""
    return derived.fill(dataset, backbones.get(name), store or open_store())
