"""A study as records: several datasets, the systems to compare on all of them, and published tables beside."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core import metrics
from core.fusion import FusionSpec

METRICS = ("map", "p@1", "hit@5")
"""Of a study that names none; the first one is compared."""
ROPE = 0.01
"""Half-width of the region in which two systems are the same for practice, where a study says nothing."""
TUNED = {"here": "tuned here", "elsewhere": "tuned elsewhere"}
"""On which images weights are learned: the training half of the dataset itself, or those of all others."""
SPECIAL = ("best", "best backbone", "best fusion", "best of all", "gain")
"""What a published row may stand beside instead of a system: the best in the compared metric, the best in each column's own
("best of all"), or the best fusion less the best backbone ("gain")."""
COSTS = ("seconds", "megabytes")
"""What a published column may stand beside instead of a metric: what a system costs on this machine."""
RELATIVE = "relative"
FIRST_SCORE = "first_score"
"""Similarity of the first hit: of catalogue studies, and no measure of quality."""


@dataclass(frozen=True)
class StudyDataset:
    """One dataset of a study.

    Attributes:
        data: a name, a path, or torchvision:NAME; name: what it is called in the study.
        split: shares of query and train images, drawn with the study's seed; () keeps the dataset's own.
        why: why it stands in for another one; "" where it is the one that is meant.
    """

    data: str
    name: str
    split: tuple[float, ...] = ()
    reader: str = ""
    options: tuple[tuple[str, str], ...] = ()
    why: str = ""


@dataclass(frozen=True)
class StudyFusion:
    """A fusion, and on what its weights are learned: a key of TUNED, or "" for those that it has."""

    spec: FusionSpec
    tuned: str = ""

    @property
    def name(self) -> str:
        """A row of every table."""
        return self.spec.name


@dataclass(frozen=True)
class StudyCatalogue:
    """Where the datasets are catalogues: the space, and the ways of weighing that are compared.

    Attributes:
        queries: a table of labelled queries; "" for what the catalogue can be asked by itself.
        weights: component → share, for the strategy of fixed weights.
    """

    space: str
    strategies: tuple[str, ...]
    components: tuple[str, ...] = ()
    queries: str = ""
    weights: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class PublishedColumn:
    """A column as its authors define it.

    Attributes:
        ours: a metric, one of COSTS or RELATIVE that stands beside it; "" for nothing.
        same: both are defined alike.
        why: why the two may differ.
    """

    label: str
    ours: str = ""
    same: bool = False
    why: str = ""


@dataclass(frozen=True)
class PublishedRow:
    """A row as it was published: numbers, or texts where a number would say too much.

    Attributes:
        ours: a system of the study, or one of SPECIAL; "" for nothing.
    """

    system: str
    values: tuple[float | str, ...]
    ours: str = ""


@dataclass(frozen=True)
class Published:
    """A published table: what it is, where it stands, why it may differ from ours."""

    title: str
    source: str
    columns: tuple[PublishedColumn, ...]
    rows: tuple[PublishedRow, ...]
    why: str = ""


@dataclass(frozen=True)
class Study:
    """A whole study.

    Attributes:
        metrics: keys of METRICS of core.metrics; the first is a list metric, and is what is compared.
        by_query: intervals and tests take single queries as independent.
        rope: differences within it are none for practice.
        baseline: what "relative" is relative to; "" for the best system.
        folder: of the file: what relative paths start from; None for a text.
    """

    title: str
    datasets: tuple[StudyDataset, ...]
    backbones: tuple[str, ...] = ()
    fusions: tuple[StudyFusion, ...] = ()
    metrics: tuple[str, ...] = METRICS
    text: str = ""
    seed: int = 0
    by_query: bool = False
    rope: float = ROPE
    baseline: str = ""
    catalogue: StudyCatalogue | None = None
    published: tuple[Published, ...] = ()
    folder: Path | None = field(default=None, compare=False)

    @property
    def systems(self) -> tuple[str, ...]:
        """Names of the rows, in order."""
        if self.catalogue is not None:
            return self.catalogue.strategies
        return (*self.backbones, *(fusion.name for fusion in self.fusions))

    @property
    def used_backbones(self) -> tuple[str, ...]:
        """Every backbone that must be embedded, each once."""
        if self.catalogue is not None:
            return (self.catalogue.space,)
        mixed = (name for fusion in self.fusions for name in fusion.spec.backbones)
        return tuple(dict.fromkeys([*self.backbones, *mixed]))

    @property
    def ks(self) -> tuple[int, ...]:
        """The cut-offs that its metrics name; 10 where they name none."""
        cuts = {cut for _, cut in map(metrics.parse, self.metrics) if cut is not None}
        return tuple(sorted(cuts)) or (10,)

    @property
    def is_tuned(self) -> bool:
        """Whether weights are learned, so that every system reports on the other half of the queries."""
        return any(fusion.tuned for fusion in self.fusions)

    def fusion(self, name: str) -> StudyFusion | None:
        """The fusion of that name; None for a backbone."""
        return next((fusion for fusion in self.fusions if fusion.name == name), None)


def plain(pairs: Any) -> tuple[tuple[str, Any], ...]:
    """A table as a tuple that can be compared and hashed."""
    return tuple((str(name), part) for name, part in dict(pairs or {}).items())
