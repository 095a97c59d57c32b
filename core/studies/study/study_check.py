"""Before a study starts: what is missing of data, weights and embeddings, how large that is, and how long it will take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core import backbones, text_table
from core.errors import CoreError
from core.studies import costs, embedding
from core.studies.study import study_data, study_run
from core.studies.study.study_record import Study
from core.types import Dataset
from core.wording import number, plural


@dataclass(frozen=True)
class DatasetCheck:
    """One dataset of a study, before it starts.

    Attributes:
        missing: why it is not here; "" where it is.
        n_images: None where nobody knows yet.
        lacking: backbone → images that are not embedded yet.
        megabytes: to download; 0 for nothing, None where nobody knows.
    """

    name: str
    missing: str
    n_images: int | None
    lacking: Mapping[str, int]
    megabytes: float | None = 0.0


@dataclass(frozen=True)
class BackboneCheck:
    """One backbone of a study, before it starts.

    Attributes:
        here: its weights are on this machine, or it has none; why: where they are, or why not.
        megabytes: to download; 0 where they are here.
        seconds: of one image on this machine; measured: that was measured here, not guessed from its size.
    """

    name: str
    title: str
    here: bool
    why: str
    megabytes: float
    seconds: float
    measured: bool


@dataclass(frozen=True)
class StudyCheck:
    """All of it.

    Attributes:
        progress: evaluations that are there already.
    """

    datasets: tuple[DatasetCheck, ...]
    backbones: tuple[BackboneCheck, ...]
    progress: study_run.StudyProgress

    @property
    def megabytes(self) -> float:
        """To download, as far as it is known."""
        weights = sum(backbone.megabytes for backbone in self.backbones)
        return weights + sum(dataset.megabytes or 0.0 for dataset in self.datasets)

    @property
    def n_lacking(self) -> int:
        """Embeddings to compute, as far as it is known."""
        return sum(sum(dataset.lacking.values()) for dataset in self.datasets)

    @property
    def seconds(self) -> float:
        """About what embedding takes; evaluating comes on top, and is short beside it."""
        each = {backbone.name: backbone.seconds for backbone in self.backbones}
        return sum(each.get(name, 0.0) * n for dataset in self.datasets for name, n in dataset.lacking.items())

    @property
    def effort(self) -> tuple[float, float]:
        """MB to download and seconds to embed, as far as they are known."""
        return self.megabytes, self.seconds

    @property
    def in_short(self) -> str:
        """The same for a button: '131 MB, about 5 min'."""
        size = f"{number(self.megabytes / 1000, 1)} GB" if self.megabytes >= 1000 else f"{self.megabytes:.0f} MB"
        time = f"about {duration(self.seconds)}" if self.n_lacking else "a moment"
        return f"{size}, {time}" if self.megabytes else time

    @property
    def guessed(self) -> bool:
        """Whether the time rests on the size of networks that were not measured here."""
        used = {name for dataset in self.datasets for name, n in dataset.lacking.items() if n}
        return any(not backbone.measured for backbone in self.backbones if backbone.name in used)

    @property
    def ready(self) -> bool:
        """Whether it runs without a download."""
        return not any(dataset.missing for dataset in self.datasets) and all(b.here for b in self.backbones)

    @property
    def sentence(self) -> str:
        """All of it in a line."""
        lost = [plural(sum(bool(dataset.missing) for dataset in self.datasets), "dataset")]
        lost.append(plural(sum(not backbone.here for backbone in self.backbones), "set of weights", "sets of weights"))
        absent = " and ".join(part for part in lost if not part.startswith("0 "))
        begin = "Everything is on this machine." if self.ready else f"Missing here: {absent}, {_size(self.megabytes)}."
        if not self.n_lacking and any(dataset.n_images is None for dataset in self.datasets):
            return f"{begin} How many images there are is seen when the study runs."
        if not self.n_lacking:
            return (
                f"{begin} Every image is embedded; {self.progress.done} of {self.progress.total} evaluations are kept."
            )
        how = "a guess from their sizes" if self.guessed else "as measured here"
        left = f"{plural(self.n_lacking, 'embedding')} to compute, about {duration(self.seconds)} ({how})."
        return f"{begin} {left} {self.progress.done} of {self.progress.total} evaluations are kept."


def check(study: Study) -> StudyCheck:
    """Look at what is there; nothing is read, fetched or computed."""
    names = [_checked(name) for name in study.used_backbones]
    return StudyCheck(
        tuple(_dataset(study, at) for at in range(len(study.datasets))), tuple(names), study_run.progress_of(study)
    )


def _dataset(study: Study, at: int) -> DatasetCheck:
    entry = study.datasets[at]
    missing = study_data.missing(entry, study.folder)
    if study_data.saved_name(entry, study.folder) is not None:
        try:
            dataset = study_data.load(study, entry)
        except CoreError as error:
            return DatasetCheck(entry.name, str(error), None, {})
        lacking = {name: len(dataset) - _n_stored(dataset, name) for name in study.used_backbones}
        return DatasetCheck(entry.name, "", len(dataset), lacking)
    expected = study_data.expected_images(entry)
    lacking = dict.fromkeys(study.used_backbones, expected or 0)
    size = study_data.expected_megabytes(entry)
    return DatasetCheck(entry.name, missing, expected, lacking, size if missing else 0.0)


def _n_stored(dataset: Dataset, name: str) -> int:
    try:
        return embedding.stored(dataset, embedding.find(dataset, name)).n_images
    except CoreError:  # damaged, or a name that is resolved when the study runs
        return 0


def _checked(name: str) -> BackboneCheck:
    try:
        record = backbones.get(name)
    except CoreError as error:
        return BackboneCheck(name, name, False, str(error), 0.0, 0.0, False)
    here, why = backbones.available(record)
    size = 0.0 if here else backbones.source_of(record).megabytes(record)
    seconds, is_measured = costs.seconds_per_image(record)
    return BackboneCheck(name, record.title, here, why, size, seconds, is_measured)


# ---------------------------------------------------------------- in words


def duration(seconds: float) -> str:
    """'40 s', '5 min', '2.5 h'.

    >>> duration(40), duration(300), duration(9000)
    ('40 s', '5 min', '2.5 h')
    """
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _size(megabytes: float) -> str:
    return (
        f"about {number(megabytes / 1000, 1)} GB to download"
        if megabytes >= 1000
        else f"about {megabytes:.0f} MB to download"
    )


def rows(checked: StudyCheck) -> tuple[list[list[str]], list[list[str]]]:
    """The two tables: (name, images, to embed, state) of the datasets, (name, weights, MB, seconds, state) of the backbones."""
    datasets = []
    for dataset in checked.datasets:
        n = "–" if dataset.n_images is None else f"{dataset.n_images:,}"
        datasets.append([dataset.name, n, f"{sum(dataset.lacking.values()):,}", dataset.missing or "here"])
    names = []
    for backbone in checked.backbones:
        size = "–" if backbone.here else f"{backbone.megabytes:,.0f}"
        speed = f"{1 / backbone.seconds:,.1f}{'' if backbone.measured else ' guessed'}" if backbone.seconds else "–"
        names.append([backbone.title, "here" if backbone.here else "missing", size, speed])
    return datasets, names


def as_text(checked: StudyCheck) -> str:
    """The tables and the line, for a terminal."""
    datasets, names = rows(checked)
    return "\n".join(
        [
            *text_table.aligned([["dataset", "images", "to embed", ""], *datasets], numbers=(1, 2)),
            "",
            *text_table.aligned([["backbone", "weights", "MB to fetch", "images/s"], *names], numbers=(2, 3)),
            "",
            checked.sentence,
        ]
    )
