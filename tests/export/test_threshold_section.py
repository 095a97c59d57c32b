"""The report says where to cut the scores, with the figures of the study, drawn without a script."""

from __future__ import annotations

import re

import numpy as np
import pytest

from core import data
from core.export.report import comparison, threshold_section
from core.studies import embedding, fusion, threshold_tables, verification
from core.studies.systems import System
from tests.studies.test_evaluation import dataset_of, space_for

NAMES = ("hsv_histogram", "hog")


def test_the_section_has_the_answer_and_every_system(tiny_world) -> None:
    dataset = embedding.embed(tiny_world.dataset, NAMES).dataset
    text = comparison.of_stored(dataset, NAMES, [], ks=(1,))
    section = text[text.index("Where to cut the scores") :]
    truth, space = data.relevance(dataset), fusion.space_of(dataset, NAMES)
    made = {name: verification.verify(System(name, space), truth, dataset) for name in NAMES}
    best = max(made.values(), key=lambda one: one.figures["tpr@fpr1e-3"].mean)
    title = {"hog": "HOG", "hsv_histogram": "HSV histogram"}[best.name]
    assert threshold_tables.lead(title, verification.at_rate(best, 1e-3)) in section
    for one in made.values():
        assert f"{one.figures['roc_auc'].mean:.3f}" in section
    assert re.search(r"<svg.*?true pairs accepted.*?</svg>", section, re.S) and "<script" not in text


@pytest.mark.parametrize("labels", [[0] * 8, list(range(8))], ids=["one class", "nobody alike"])
def test_nothing_to_cut_is_no_section(labels: list[int]) -> None:
    dataset = dataset_of(np.array(labels))
    verified = threshold_section.verify_all([System("a", space_for(dataset))], data.relevance(dataset), dataset, True)
    assert verified == [] and threshold_section.section(verified, str, lambda name: ("#000000", "solid")) == []
