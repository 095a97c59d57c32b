"""The section of a report that says where to cut the scores: true pairs at 1 false match in 1,000, and elsewhere."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from core import charts, wording
from core.errors import BadInput, NotComputed
from core.export.report.document import Heading, Paragraph, Part, Table, number_cell
from core.metrics.calibration import METHODS
from core.metrics.verification import rate_key
from core.studies import calibration, open_set, threshold_tables, verification
from core.studies.calibration import Calibrated
from core.studies.open_set import FALSE_ALARMS, OpenSet
from core.studies.systems import System
from core.studies.verification import EXACT_PAIRS, RatePoint, Verification
from core.types import Dataset, Relevance

text = wording.page("report_threshold")

ERROR = 1e-3
"""The false match rate of the report."""


@dataclass(frozen=True)
class Thresholds:
    """What the section tells.

    Attributes:
        verified: every system over all pairs; none where nothing can be cut.
        strangers, probabilities: of the system that finds most true pairs at ERROR; None where there are none.
        remarks: what is missing and why, a sentence each.
    """

    verified: Sequence[Verification] = ()
    strangers: OpenSet | None = None
    probabilities: Calibrated | None = None
    remarks: Sequence[str] = ()


def measure(systems: Sequence[System], truth: Relevance, dataset: Dataset, by_class: bool) -> Thresholds:
    """Every system over all pairs; the best one asked by strangers, and its scores as probabilities.

    Beyond `EXACT_PAIRS` pairs a report would wait for minutes: it says so instead.
    """
    n_pairs = truth.n_queries * truth.n_gallery
    if not (truth.n_relevant > 0).any():
        return Thresholds()
    if truth.pooled:
        return Thresholds(remarks=[wording.page("judge")("sentence.no_pairs", dataset=repr(dataset.name))])
    if n_pairs > EXACT_PAIRS:
        return Thresholds(remarks=[text("sentence.too_many", pairs=f"{n_pairs:,}", most=f"{EXACT_PAIRS:,}")])
    try:
        verified = [verification.verify(system, truth, dataset, by_class=by_class) for system in systems]
    except NotComputed:  # every pair matches, or none: nothing to cut
        return Thresholds()
    name = _ordered(verified)[0][0].name
    best = next(system for system in systems if system.name == name)
    strangers: OpenSet | None = None
    probabilities: Calibrated | None = None
    remarks: list[str] = []
    try:
        strangers = open_set.open_set(best, truth, dataset, by_class=by_class)
        probabilities = calibration.calibrate(best, truth, dataset)
    except (NotComputed, BadInput) as error:  # too few classes to part, or results of one kind
        remarks.append(str(error))
    return Thresholds(verified, strangers, probabilities, remarks)


def section(measured: Thresholds, title: Callable[[str], str], style: Callable[[str], tuple[str, str]]) -> list[Part]:
    """The answer, the ROC curves, every system, strangers and probabilities of the best; nothing where nothing can be cut.

    Args:
        title: what people call a system; style: its colour and dash.
    """
    remarks: list[Part] = [Paragraph(remark) for remark in measured.remarks]
    if not measured.verified:
        return [Heading(text("heading.cut")), *remarks] if remarks else []
    ordered = _ordered(measured.verified)
    best, point = ordered[0]
    lines = [charts.rate_line(title(made.name), made.curve, *style(made.name)) for made, _ in ordered]
    parts: list[Part] = [
        Heading(text("heading.cut")),
        Paragraph(threshold_tables.lead(title(best.name), point)),
        charts.RateChart(lines, ERROR, lowest=1 / max(best.n_other, 1)),
        _systems_table(ordered, title),
        *([Paragraph(point.note)] if point.note else []),
        Paragraph(
            text("sentence.pairs", matching=f"{best.n_matching:,}", other=f"{best.n_other:,}", caution=best.caution),
            quiet=True,
        ),
    ]
    if measured.strangers is not None:
        parts += _strangers(measured.strangers, title)
    if measured.probabilities is not None:
        parts += _probabilities(measured.probabilities, title)
    return [*parts, *remarks]


def _ordered(verified: Sequence[Verification]) -> list[tuple[Verification, RatePoint]]:
    """By falling share of true pairs at ERROR, undefined ones last."""
    pairs = [(made, verification.at_rate(made, ERROR)) for made in verified]
    return sorted(pairs, key=lambda pair: 1.0 if math.isnan(pair[1].point.true_rate) else -pair[1].point.true_rate)


def _systems_table(ordered: Sequence[tuple[Verification, RatePoint]], title: Callable[[str], str]) -> Table:
    rows = []
    for made, at in ordered:
        figures = [made.figures[key] for key in (rate_key(ERROR), "roc_auc", "eer")]
        rows.append(
            [
                title(made.name),
                number_cell(at.point.threshold, at.threshold_low, at.threshold_high),
                *(number_cell(figure.mean, figure.low, figure.high) for figure in figures),
                number_cell(*at.transfer.range_of("false_rates"), 4),
            ]
        )
    return Table(["System", "Threshold", "TPR at FPR 1e-3", "ROC AUC", "EER", "FPR on other classes"], rows)


def _strangers(made: OpenSet, title: Callable[[str], str]) -> list[Part]:
    """How well a list tells that nothing in it is right, by every rule."""
    rows = [
        [rule.title, *(number_cell(figure.mean, figure.low, figure.high) for figure in (rule.auc, *rule.rates))]
        for rule in made.by_rule
    ]
    notes = dict.fromkeys(figure.note for rule in made.by_rule for figure in rule.rates if figure.note)
    alarms = [text("column.dir", rate=wording.percent(rate)) for rate in FALSE_ALARMS]
    return [
        Heading(text("heading.strangers", system=title(made.name)), 3),
        Paragraph(
            text(
                "sentence.strangers",
                queries=wording.plural(made.n_queries, "query"),
                right=wording.percent(made.first_right, 1),
            )
        ),
        Table([text("column.rule"), text("column.auroc"), *alarms], rows),
        *(Paragraph(note, quiet=True) for note in notes),
        Paragraph(text("sentence.dir"), quiet=True),
    ]


def _probabilities(made: Calibrated, title: Callable[[str], str]) -> list[Part]:
    """How far scores as probabilities are from what happened to queries that fitted nothing."""
    rows = [
        [METHODS[method], *(number_cell(figure.mean, figure.low, figure.high) for figure in (single.ece, single.brier))]
        for method, single in made.examined.items()
    ]
    return [
        Heading(text("heading.probabilities", system=title(made.name)), 3),
        Table([text("column.method"), text("column.ece"), text("column.brier")], rows),
        Paragraph(
            text(
                "sentence.probabilities",
                depth=made.depth,
                split=made.split.sentence(),
                share=wording.percent(made.share_right),
            ),
            quiet=True,
        ),
    ]
