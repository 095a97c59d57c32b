"""The report says where to cut the scores, with the figures of the studies, drawn without a script."""

from __future__ import annotations

import re

import numpy as np
import pytest

from core import data
from core.errors import BadInput
from core.export.report import comparison, threshold_section
from core.export.report.document import Heading, Paragraph
from core.export.report.threshold_section import Thresholds
from core.studies import calibration, embedding, fusion, open_set, threshold_tables, verification
from core.studies.systems import System
from tests.studies.test_evaluation import dataset_of, space_for

NAMES = ("hsv_histogram", "hog")


def drawn(measured: Thresholds) -> list:
    """The section with plain titles and one colour."""
    return threshold_section.section(measured, str, lambda name: ("#000000", "solid"))


def test_the_section_has_the_answer_and_every_system(tiny_world) -> None:
    dataset = embedding.embed(tiny_world.dataset, NAMES).dataset
    text = comparison.of_stored(dataset, NAMES, [], ks=(1,))
    section = text[text.index("Where to cut the scores") :]
    truth, space = data.relevance(dataset), fusion.space_of(dataset, NAMES)
    made = {name: verification.verify(System(name, space), truth, dataset) for name in NAMES}
    best = max(made.values(), key=lambda single: single.figures["tpr@fpr1e-3"].mean)
    title = {"hog": "HOG", "hsv_histogram": "HSV histogram"}[best.name]
    assert threshold_tables.lead(title, verification.at_rate(best, 1e-3)) in section
    for single in made.values():
        assert f"{single.figures['roc_auc'].mean:.3f}" in section
    assert re.search(r"<svg.*?true pairs accepted.*?</svg>", section, re.S) and "<script" not in text
    strangers = open_set.open_set(System(best.name, space), truth, dataset)
    assert f"Nothing like it here, {title}" in section and f"{strangers.best.auc.mean:.3f}" in section
    fitted = calibration.calibrate(System(best.name, space), truth, dataset)
    section = section[section.index(f"Scores as probabilities, {title}") :]
    for single in fitted.examined.values():
        assert f"{single.ece.mean:.3f}" in section and f"{single.brier.mean:.3f}" in section


@pytest.mark.parametrize("labels", [[0] * 8, list(range(8))], ids=["one class", "nobody alike"])
def test_nothing_to_cut_is_no_section(labels: list[int]) -> None:
    dataset = dataset_of(np.array(labels))
    measured = threshold_section.measure([System("a", space_for(dataset))], data.relevance(dataset), dataset, True)
    assert measured == Thresholds() and drawn(measured) == []


def test_too_many_pairs_are_said_to_be_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = dataset_of(np.arange(12) % 3)
    systems, truth = [System("a", space_for(dataset))], data.relevance(dataset)
    monkeypatch.setattr(threshold_section, "EXACT_PAIRS", 12 * 12)
    assert threshold_section.measure(systems, truth, dataset, True).verified
    monkeypatch.setattr(threshold_section, "EXACT_PAIRS", 12 * 12 - 1)
    heading, sentence = drawn(threshold_section.measure(systems, truth, dataset, True))
    assert heading == Heading("Where to cut the scores") and isinstance(sentence, Paragraph)
    assert "144 pairs are more than 143" in sentence.text and "Threshold" in sentence.text


def test_what_cannot_be_fitted_is_said_and_the_rest_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise BadInput("Use more labelled images.")

    dataset = dataset_of(np.arange(12) % 2)
    monkeypatch.setattr(calibration, "calibrate", refuse)
    measured = threshold_section.measure([System("a", space_for(dataset))], data.relevance(dataset), dataset, True)
    parts = drawn(measured)
    assert measured.verified and measured.strangers is not None and measured.probabilities is None
    assert Heading("Nothing like it here, a", 3) in parts and parts[-1] == Paragraph("Use more labelled images.")
