"""The playable part of a comparison's report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from core import wording
from core.errors import BadInput
from core.export.report.live.contents import LiveScores
from core.export.report.live.extent import Extent
from core.export.report.live.extent import of as extent_of
from core.export.report.live.page import LivePart, LiveSystem, live_part, tile_metrics
from core.fusion import FusionSpec
from core.store import open_store
from core.studies.evaluation import Result
from core.studies.vector_set import VectorSet
from core.task import NO_TASK, Task
from core.types import Dataset, Relevance

text = wording.page("judge")

SECONDS_PER_IMAGE, SECONDS_PER_SCORE = 0.004, 4e-7
"""What writing takes beyond the static report, on one of two shared cores."""


def expected(dataset: Dataset, truth: Relevance, n_backbones: int) -> tuple[Extent, float]:
    """What a playable report of this dataset would hold, and about how many seconds writing it takes.

    Raises:
        BadInput: it cannot be written; why.
    """
    if truth.pooled:
        raise BadInput(text("sentence.not_playable", dataset=repr(dataset.name)))
    extent = extent_of(dataset.split, truth, n_backbones)
    n_scores = len(extent.queries) * extent.n_gallery * n_backbones
    return extent, 3 + SECONDS_PER_IMAGE * extent.n_gallery + SECONDS_PER_SCORE * n_scores * 2


def of_result(
    dataset: Dataset,
    space: VectorSet,
    truth: Relevance,
    result: Result,
    fusions: Sequence[FusionSpec],
    titles: Mapping[str, str],
    ks: Sequence[int],
    *,
    by_class: bool = True,
    task: Task = NO_TASK,
) -> LivePart:
    """What makes the report of a result playable: scores of all its backbones, its systems, how near the file is.

    Args:
        space: the vectors of all backbones that a system uses.
        titles: backbone or fusion → what people call it.
        ks: cut-offs of the report, rising.
    Raises:
        BadInput: the file cannot hold it, or there is one backbone alone.
    """
    if len(space.names) < 2:
        raise BadInput("A playable report moves the weights of two backbones or more. Name another one.")
    scores = LiveScores.of(space, truth, by_class)
    keys = tile_metrics(ks)
    near = scores.nearness(keys, task)
    specs = {spec.name: spec for spec in fusions}
    ordered = sorted(result.evaluations, key=lambda system: -system.mean("map"))
    rows = [
        LiveSystem(system, titles.get(system.name, system.name), _weights(system.name, specs, space.names))
        for system in ordered
    ]
    return live_part(dataset, scores, rows, near, keys, titles, open_store())


def _weights(name: str, specs: Mapping[str, FusionSpec], backbones: Sequence[str]) -> tuple[float, ...] | None:
    """A system's shares of all backbones, where its score is a weighted sum of cosines."""
    if name in backbones and name not in specs:
        return tuple(float(name == other) for other in backbones)
    spec = specs.get(name)
    if spec is None or spec.steps or not spec.is_linear:
        return None
    return tuple(spec.shares.get(other, 0.0) for other in backbones)
