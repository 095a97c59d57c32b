"""The section of a report that says where to cut the scores: true pairs at 1 false match in 1,000, and elsewhere."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from core import charts
from core.errors import NotComputed
from core.export.report.document import Heading, Paragraph, Part, Table, number_cell
from core.metrics.verification import rate_key
from core.studies import threshold_tables, verification
from core.studies.systems import System
from core.studies.verification import EXACT_PAIRS, Verification
from core.types import Dataset, Relevance

ERROR = 1e-3
"""The false match rate of the report."""


def verify_all(systems: Sequence[System], truth: Relevance, dataset: Dataset, by_class: bool) -> list[Verification]:
    """Every system over all pairs; none where there are so many that the report would wait for minutes."""
    if truth.n_queries * truth.n_gallery > EXACT_PAIRS or not (truth.n_relevant > 0).any():
        return []
    try:
        return [verification.verify(system, truth, dataset, by_class=by_class) for system in systems]
    except NotComputed:  # every pair matches, or none: nothing to cut
        return []


def section(
    verified: Sequence[Verification], title: Callable[[str], str], style: Callable[[str], tuple[str, str]]
) -> list[Part]:
    """The answer, the ROC curves, and a table of every system; nothing where nothing was looked at.

    Args:
        title: what people call a system; style: its colour and dash.
    """
    points = {made.name: verification.at_rate(made, ERROR) for made in verified}
    ordered = sorted(verified, key=lambda made: -_known(points[made.name].point.true_rate))
    if not ordered:
        return []
    best = ordered[0]
    lines = [charts.rate_line(title(made.name), made.curve, *style(made.name)) for made in ordered]
    rows = []
    for made in ordered:
        at = points[made.name]
        figures = [made.figures[key] for key in (rate_key(ERROR), "roc_auc", "eer")]
        rows.append(
            [
                title(made.name),
                number_cell(at.point.threshold, at.threshold_low, at.threshold_high),
                *(number_cell(figure.mean, figure.low, figure.high) for figure in figures),
                number_cell(*at.transfer.range_of("false_rates"), 4),
            ]
        )
    columns = ["System", "Threshold", "TPR at FPR 1e-3", "ROC AUC", "EER", "FPR on other classes"]
    notes = [points[best.name].note] if points[best.name].note else []
    return [
        Heading("Where to cut the scores"),
        Paragraph(threshold_tables.lead(title(best.name), points[best.name])),
        charts.RateChart(lines, ERROR, lowest=1 / max(best.n_other, 1)),
        Table(columns, rows),
        *map(Paragraph, notes),
        Paragraph(
            f"Over {best.n_matching:,} matching and {best.n_other:,} other pairs. {best.caution} The last column: the "
            "threshold is chosen on half of the classes, the rate is that of the others (median, middle 95 %).",
            quiet=True,
        ),
    ]


def _known(value: float) -> float:
    return -1.0 if math.isnan(value) else value
