"""Published figures beside ours: never merged, with the difference, and a sentence on why the two can differ."""

from __future__ import annotations

import math
from dataclasses import dataclass

from core import metrics, wording
from core.studies.study import paired_figures
from core.studies.study.study_record import COSTS, FIRST_SCORE, RELATIVE, Published, PublishedColumn
from core.studies.study.study_result import StudyResult
from core.types import Figure

NOT_MEASURED = "It was not measured on this machine; the page Backbones does it."
NO_FIGURE = "Nothing in this study is such a figure."
NO_SYSTEM = "No system of this study is that one."
MACHINE = "Measured on this machine; theirs on another."
DATASETS = "Other images than theirs."
ANOTHER = "Another definition."
NO_INTERVAL = "[–]"
"""Behind a published number, whose interval nobody printed; the sentence under the table says so."""


@dataclass(frozen=True)
class PublishedCell:
    """One published value, and what stands beside it.

    Attributes:
        published: as it was printed.
        ours: NaN where nothing of this study is such a figure.
        difference: ours less theirs; NaN where theirs is no number. It compares nothing where `same` is False.
        same: both are defined alike.
        why: why the two can differ.
        is_gain: ours is a difference of two systems.
    """

    system: str
    column: str
    published: float | str
    ours: Figure
    difference: float
    same: bool
    why: str
    is_gain: bool = False

    @property
    def digits(self) -> int:
        """Of our figure: as many as the published one is printed with, between 3 and 4 for shares."""
        if isinstance(self.published, str):
            return 3
        text = f"{self.published!r}"
        return min(4, max(1 if float_of(self.published) >= 10 else 3, len(text.partition(".")[2])))


def cells(result: StudyResult, table: Published) -> list[PublishedCell]:
    """Row by row, column by column."""
    made, chosen = [], _gain_sentence(result)
    for row in table.rows:
        for column, published in zip(table.columns, row.values, strict=True):
            ours = _figure(result, row.ours, column.ours)
            theirs = float_of(published)
            made.append(
                PublishedCell(
                    row.system,
                    column.label,
                    published,
                    ours,
                    ours.mean - theirs,
                    column.same,
                    _why(row.ours, column, ours, chosen),
                    row.ours == "gain",
                )
            )
    return made


def float_of(value: float | str) -> float:
    """A published value as a number; NaN for a text."""
    return math.nan if isinstance(value, str) else float(value)


def _why(system: str, column: PublishedColumn, ours: Figure, chosen: str) -> str:
    """The sentence about one cell."""
    if not column.ours:
        return column.why or NO_FIGURE
    if not system:
        return NO_SYSTEM
    if column.ours in COSTS and math.isnan(ours.mean):
        return NOT_MEASURED
    begin = "" if column.same else ANOTHER
    if system == "gain":
        begin = f"{begin} {chosen}".strip()
    usual = MACHINE if column.ours in COSTS else DATASETS
    return " ".join(filter(None, [begin, column.why or usual]))


def _figure(result: StudyResult, system: str, key: str) -> Figure:
    """Our figure, the mean over the datasets; NaN where there is none."""
    nothing = Figure(math.nan, math.nan, math.nan, 0, 0)
    if not system or not key:
        return nothing
    if system == "gain":
        mix, alone = _best(result, result.fusions), _best(result, result.backbones)
        if mix is None or alone is None or key in (*COSTS, RELATIVE):
            return nothing
        return paired_figures.difference(result, mix, alone, key)
    if system == "best of all":
        figures = [figure for name in result.names if not math.isnan((figure := _of(result, name, key)).mean)]
        lowest = key in COSTS or (key in metrics_of(result) and not metrics.parse(key)[0].higher_is_better)
        return min(figures, key=lambda figure: figure.mean if lowest else -figure.mean, default=nothing)
    among = {"best": result.names, "best backbone": result.backbones, "best fusion": result.fusions}
    name = _best(result, among[system]) if system in among else system
    return nothing if name is None or name not in result.names else _of(result, name, key)


def _gain_sentence(result: StudyResult) -> str:
    """Which two systems a gain of ours is between."""
    mix, alone = _best(result, result.fusions), _best(result, result.backbones)
    if mix is None or alone is None:
        return ""
    return f"Ours: {result.title(mix)} less {result.title(alone)}, both chosen on these queries."


def metrics_of(result: StudyResult) -> tuple[str, ...]:
    """The metrics of the study."""
    return result.study.metrics


def _best(result: StudyResult, names: tuple[str, ...]) -> str | None:
    """The one of these with the best mean over the datasets."""
    usable = [name for name in names if name in result.complete]
    return max(usable, key=lambda name: result.mean(name, result.metric).mean, default=None)


def _of(result: StudyResult, name: str, key: str) -> Figure:
    """One of our figures of a system."""
    nan = math.nan
    if key == RELATIVE:
        return paired_figures.relative(result, name, result.metric)
    if key in COSTS:
        cost = result.cost(name)
        value = cost.milliseconds if key == "seconds" else cost.megabytes
        return Figure(nan if value is None else value / (1000 if key == "seconds" else 1), nan, nan, 0, 0)
    return result.mean(name, key)


def label(key: str) -> str:
    """What people read for what stands beside a published column."""
    special = {
        "seconds": "seconds per image, here",
        "megabytes": "MB of weights, here",
        RELATIVE: "percent of the baseline",
        FIRST_SCORE: "similarity of the first hit",
    }
    return special[key] if key in special else metrics.label(key)


def shown(value: float | str) -> str:
    """A value as it was published, to the last digit."""
    return value if isinstance(value, str) else f"{value!r}".replace("-", "−")


def as_published(cell: PublishedCell) -> str:
    """The same, and that a number was published without an interval."""
    return shown(cell.published) if isinstance(cell.published, str) else f"{shown(cell.published)} {NO_INTERVAL}"


def ours(cell: PublishedCell) -> str:
    """Our figure with its interval."""
    mean, low, high = cell.ours.mean, cell.ours.low, cell.ours.high
    if cell.is_gain and not math.isnan(mean):
        return f"{wording.signed(mean, cell.digits)} {wording.interval(low, high, cell.digits, sign=True)}".rstrip()
    return wording.figure(mean, low, high, cell.digits)


def difference(cell: PublishedCell) -> str:
    """Ours less theirs, with its sign."""
    return wording.signed(cell.difference, cell.digits)
