"""The charts of a study: made here once, drawn by the page and by the report."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from core.charts import base
from core.charts.critical_difference import CriticalDifference, RankedSystem
from core.charts.grouped_bars import BarSeries, GroupedBars
from core.charts.lines import Line, LineChart, precision_recall
from core.charts.scatter import CostPoint
from core.metrics import curves
from core.studies import fusion_costs
from core.studies.study import beside, study_text

if TYPE_CHECKING:
    from core.studies.study.study_result import StudyPart, StudyResult


def style(result: StudyResult, name: str) -> tuple[str, str]:
    """Colour and dash of a system: a colour for each backbone, neutral ones with a dash for fusions."""
    if name in result.backbones or result.study.catalogue is not None:
        return base.backbone_colour(result.names.index(name)), "solid"
    return base.fusion_style(result.fusions.index(name))


def ranks(result: StudyResult, key: str) -> CriticalDifference | None:
    """The critical-difference diagram in one metric; None for fewer than two systems or datasets."""
    compared = result.across(key)
    if compared.friedman is None:
        return None
    systems = [
        RankedSystem(result.title(name), rank, style(result, name)[0])
        for name, rank in zip(compared.names, compared.mean_ranks.tolist())
    ]
    groups = [tuple(map(result.title, group)) for group in compared.groups]
    return CriticalDifference(systems, groups, compared.critical_difference)


def bars(result: StudyResult, key: str) -> GroupedBars:
    """Every system on every dataset in one metric, with intervals."""
    series = []
    for name in study_text.ordered(result, key):
        figures = [part.figure(name, key) for part in result.parts]
        series.append(
            BarSeries(
                result.title(name),
                [f.mean for f in figures],
                [f.low for f in figures],
                [f.high for f in figures],
                style(result, name)[0],
            )
        )
    return GroupedBars([part.name for part in result.parts], series, beside.label(key))


def costs(result: StudyResult, key: str, by: str) -> list[CostPoint]:
    """Quality over all datasets against what a system costs here.

    Args:
        by: "milliseconds" or "megabytes".
    """
    rows = []
    for name in result.names:
        cost, mean = getattr(result.cost(name), by), result.mean(name, key)
        if cost is not None and not math.isnan(mean.mean):
            rows.append((name, cost, mean))
    front = fusion_costs.pareto_front([cost for _, cost, _ in rows], [mean.mean for _, _, mean in rows])
    return [
        CostPoint(result.title(name), cost, mean.mean, mean.low, mean.high, style(result, name)[0], bool(on_front))
        for (name, cost, mean), on_front in zip(rows, front)
    ]


def curve(result: StudyResult, part: StudyPart) -> LineChart | None:
    """11-point precision and recall of every system on one dataset; None where no curves are kept (catalogues)."""
    lines = [
        Line(
            result.title(evaluation.name),
            curves.RECALL_LEVELS,
            evaluation.curve.mean,
            *style(result, evaluation.name),
            low=evaluation.curve.low,
            high=evaluation.curve.high,
        )
        for evaluation in part.evaluations
        if evaluation.curve is not None
    ]
    return precision_recall(lines) if lines else None
