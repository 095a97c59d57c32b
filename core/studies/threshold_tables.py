"""Verification, strangers and probabilities as tables for the terminal and as one JSON record."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from core import metrics, text_table, wording
from core.metrics.calibration import METHODS
from core.metrics.verification import KEYS
from core.studies.calibration import Calibrated
from core.studies.open_set import FALSE_ALARMS, OpenSet
from core.studies.verification import RatePoint, Verification
from core.types import Figure


@dataclass(frozen=True)
class ThresholdAnswers:
    """What was asked of one system; None where it was not asked.

    Attributes:
        title: what people call it.
        verification: thresholds; chosen: at the false match rate that was chosen.
        strangers: queries without an answer; probabilities: of its scores.
    """

    title: str
    verification: Verification
    chosen: RatePoint
    strangers: OpenSet | None = None
    probabilities: Calibrated | None = None


def one_in(rate: float) -> str:
    """A rate as people say it: '1 in 1,000'.

    >>> one_in(0.001), one_in(0.03)
    ('1 in 1,000', '3 in 100')
    """
    for count in (1, 2, 3, 5):
        of = count / rate
        if abs(of - round(of)) < 1e-6 * of:
            return f"{count} in {round(of):,}"
    return f"1 in {1 / rate:,.1f}"


def lead(title: str, chosen: RatePoint) -> str:
    """The answer in one line: how many matching pairs a system finds at the false match rate that was chosen."""
    if not chosen.is_measurable:
        return f"{title}: {one_in(chosen.rate)} cannot be measured here. {chosen.note}"
    point = chosen.point
    count, _, of = one_in(chosen.rate).partition(" in ")
    return (
        f"At {count} false {'match' if count == '1' else 'matches'} in {of}, {title} finds {wording.percent(point.true_rate)} "
        f"[{100 * chosen.low:.0f}, {100 * chosen.high:.0f}] of the true pairs."
    )


def transfer_sentence(chosen: RatePoint) -> str:
    """What the threshold gives on classes that did not choose it."""
    middle, low, high = chosen.transfer.range_of("false_rates")
    true_middle, true_low, true_high = chosen.transfer.range_of("true_rates")
    if math.isnan(middle):
        return "There are too few classes to choose a threshold on one half and to look at the other."
    return (
        f"Chosen on half of the classes, it accepts {100 * low:.3g} to {100 * high:.3g} % false matches on the others "
        f"(median {100 * middle:.3g} %), and {100 * true_low:.0f} to {100 * true_high:.0f} % of the true pairs "
        f"(median {100 * true_middle:.0f} %)."
    )


def printed(answers: Sequence[ThresholdAnswers]) -> str:
    """The answer of the best system first, then a table of each question."""
    ordered = sorted(answers, key=lambda made: -_known(made.chosen.point.true_rate))
    first = ordered[0]
    parts = [f"{lead(first.title, first.chosen)}\n{transfer_sentence(first.chosen)}", _pairs_table(ordered)]
    parts.append(_thresholds_table(ordered))
    if any(made.strangers for made in ordered):
        parts.append(_strangers_table(ordered))
    if any(made.probabilities for made in ordered):
        parts.append(_probabilities_table(ordered))
    return "\n\n".join(parts)


def _known(value: float) -> float:
    return -1.0 if math.isnan(value) else value


def _cell(figure: Figure) -> str:
    """ "0.487 [0.334, 0.821]"; "–" where it is undefined."""
    return wording.figure(figure.mean, figure.low, figure.high)


def _pairs_table(answers: Sequence[ThresholdAnswers]) -> str:
    rows = [["same or not", *map(metrics.label, KEYS)]]
    rows += [[made.title, *(_cell(made.verification.figures[key]) for key in KEYS)] for made in answers]
    first = answers[0].verification
    notes = dict.fromkeys(
        figure.note for made in answers for figure in made.verification.figures.values() if figure.note
    )
    sums = f"{first.n_matching:,} matching and {first.n_other:,} other pairs of {first.n_queries:,} queries. {first.caution}"
    return "\n".join([*text_table.aligned(rows), sums, *notes])


def _thresholds_table(answers: Sequence[ThresholdAnswers]) -> str:
    rate = one_in(answers[0].chosen.rate)
    rows = [[f"threshold at {rate}", "from score", "95 %", "true pairs", "precision", "on other classes, FPR", "TPR"]]
    for made in answers:
        chosen, point = made.chosen, made.chosen.point
        ends = (chosen.threshold_low, chosen.threshold_high)
        cells = [wording.number(point.threshold, 4), wording.interval(*ends), wording.percent(point.true_rate, 1)]
        moved = [chosen.transfer.range_of(name) for name in ("false_rates", "true_rates")]
        rows.append(
            [made.title, *cells, wording.percent(point.precision, 1), *(wording.figure(*ends, 4) for ends in moved)]
        )
    return "\n".join(text_table.aligned(rows))


def _strangers_table(answers: Sequence[ThresholdAnswers]) -> str:
    alarms = [f"right and accepted at {100 * rate:.0f} % false alarms" for rate in FALSE_ALARMS]
    rows = [["nothing like it here", "by", "AUROC", *alarms]]
    notes: dict[str, None] = {}
    for made in answers:
        if made.strangers is None:
            continue
        for by in made.strangers.by_rule:
            rows.append([made.title, by.title, _cell(by.auc), *map(_cell, by.rates)])
            notes |= dict.fromkeys(figure.note for figure in by.rates if figure.note)
    return "\n".join([*text_table.aligned(rows), *notes])


def _probabilities_table(answers: Sequence[ThresholdAnswers]) -> str:
    rows = [["scores as probabilities", "by", "calibration error", "Brier score", ""]]
    sentences: dict[str, None] = {}
    for made in answers:
        if made.probabilities is None:
            continue
        for method, single in made.probabilities.examined.items():
            used = "used" if method == made.probabilities.method else ""
            rows.append([made.title, METHODS[method], _cell(single.ece), _cell(single.brier), used])
        sentences[made.probabilities.split.sentence()] = None
    return "\n".join([*text_table.aligned(rows), *sentences])


# ---------------------------------------------------------------- JSON


def as_json(answers: Sequence[ThresholdAnswers]) -> dict[str, Any]:
    """Everything that is printed, and the curve's points: numbers that are undefined are null."""
    return {"systems": [_record(made) for made in answers]}


def _record(made: ThresholdAnswers) -> dict[str, Any]:
    checked = made.verification
    record: dict[str, Any] = {
        "name": checked.name,
        "title": made.title,
        "matching_pairs": checked.n_matching,
        "other_pairs": checked.n_other,
        "queries": checked.n_queries,
        "resampled": checked.unit,
        "units": checked.n_units,
        "figures": {key: _figure(figure) for key, figure in checked.figures.items()},
        "thresholds": [_rate(at) for at in {at.rate: at for at in (*checked.rates, made.chosen)}.values()],
    }
    if made.strangers is not None:
        record["open_set"] = {
            "queries": made.strangers.n_queries,
            "first_hit_right": made.strangers.first_right,
            "rules": {
                by.rule: {
                    "auroc": _figure(by.auc),
                    "dir_at_far": {f"{rate:g}": _figure(figure) for rate, figure in zip(FALSE_ALARMS, by.rates)},
                    "thresholds": {f"{rate:g}": _number(at.threshold) for rate, at in zip(FALSE_ALARMS, by.points)},
                }
                for by in made.strangers.by_rule
            },
        }
    if made.probabilities is not None:
        fitted = made.probabilities
        record["calibration"] = {
            "used": fitted.method,
            "unknown": fitted.unknown,
            "depth": fitted.depth,
            "training_queries": len(fitted.split.train),
            "methods": {
                method: {
                    "ece": _figure(single.ece),
                    "brier": _figure(single.brier),
                    "fit": fitted.fits[method].to_json(),
                }
                for method, single in fitted.examined.items()
            },
        }
    return record


def _rate(at: RatePoint) -> dict[str, Any]:
    point = at.point
    moved = {
        name: dict(zip(("median", "low", "high"), map(_number, at.transfer.range_of(name))))
        for name in ("false_rates", "true_rates")
    }
    return {
        "false_match_rate": at.rate,
        "threshold": {
            "value": _number(point.threshold),
            "low": _number(at.threshold_low),
            "high": _number(at.threshold_high),
        },
        "true_match_rate": {"mean": _number(point.true_rate), "low": _number(at.low), "high": _number(at.high)},
        "precision": _number(point.precision),
        "on_other_classes": moved,
        "note": at.note,
    }


def _figure(figure: Figure) -> dict[str, Any]:
    return {
        "mean": _number(figure.mean),
        "low": _number(figure.low),
        "high": _number(figure.high),
        "n_queries": figure.n_valid,
        "note": figure.note,
    }


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
