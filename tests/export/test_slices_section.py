"""The report says where the best system is weak, with the figures of the studies; what is not there is left out."""

from __future__ import annotations

import re

import numpy as np
import pytest
from markupsafe import escape

from core import data
from core.export.report import comparison, slices_section
from core.export.report import story as story_report
from core.stories import Story, StoryStep
from core.studies import domain_tables, domains, fusion, slices
from core.studies.comparison import ResamplingUnit
from core.studies.slices import per_query, slice_search, slice_sentences
from core.studies.stress import corrupted_queries, stress_result, stress_tables
from core.studies.systems import System
from tests.pages.alone import OWN
from tests.pages.test_slices import TITLES, shops
from tests.studies.test_evaluation import dataset_of, space_for


def test_the_sections_have_the_figures_of_the_studies(tmp_path, home) -> None:
    dataset = shops(tmp_path)
    truth, space = data.relevance(dataset), fusion.space_of(dataset, OWN)
    plain = comparison.of_stored(dataset, OWN, [], ks=(1,))
    assert "Corrupted queries" not in plain, "a report embeds nothing"
    plan = corrupted_queries.plan(truth)
    corrupted_queries.embed(dataset, plan, OWN)
    html = comparison.of_stored(dataset, OWN, [], ks=(1,))
    built = [System(name, space) for name in OWN]
    values = per_query.per_query(built, truth)
    best = max(values, key=lambda name: np.nanmean(values[name]))
    title = TITLES[best]
    assert f"Where it is weak, {title}" in html and f"From domain to domain, {title}" in html
    made = slice_search.search(values[best], slices.columns(dataset), ResamplingUnit.of(truth))
    assert str(escape(slice_sentences.weak_lead(title, made, "map"))) in html
    matrix = domains.matrices([System(best, space)], truth, dataset, domains.domain_column(dataset, "place"))[0]
    assert domain_tables.lead(title, matrix) in html
    result = stress_result.evaluate(built, truth, plan, corrupted_queries.vectors(dataset, plan, OWN))
    assert stress_tables.lead(result, TITLES.get) in html and "step (0 is clean)" in html and "<script" not in html


def test_a_step_of_a_story_shows_each_section_as_table_and_picture(tmp_path, home) -> None:
    dataset = shops(tmp_path)
    link = "d=shops&b=hog,hsv_histogram&sys=hog|hsv_histogram"
    few = corrupted_queries.chosen(data.relevance(dataset), ("dark", "gone"), ("5", "9"), 20)
    assert few.conditions == (("dark", 5),)
    steps = {
        "columns": (f"{link}&col=place", ["for images with place", "<svg", "<table", "<img", "Queries of it with the"]),
        "weak": (f"{link}&see=weak", ["<table", "<img", "were tested"]),
        "losses": (f"{link}&see=weak&a=hog&vs=hsv_histogram", ["lose"]),
        "domains": (f"{link}&see=domains&dom=place", [" → ", "<svg", "<table"]),
        "robustness": (f"{link}&see=robustness&cors=dark&st=5&nq=20", ["<svg", "<table", "Kept at step 5"]),
    }
    story = Story("s", tuple(StoryStep("slices", link, title=name) for name, (link, _) in steps.items()))
    before = story_report.html(story)
    assert "are not embedded by" in before and "cannot be shown here" in before, "a story embeds nothing"
    corrupted_queries.embed(dataset, few, OWN)
    sheets = re.findall(r'<section class="sheet">(.*?)</section>', story_report.html(story), re.S)
    for sheet, (name, (_, expected)) in zip(sheets, steps.items(), strict=True):
        for words in expected:
            assert words in sheet, f"{name}: {words!r} is missing"
        assert "cannot be shown here" not in sheet, name


@pytest.mark.parametrize("labels", [[0] * 8, list(range(8))], ids=["one class", "nobody alike"])
def test_nothing_to_tell_is_no_section(labels: list[int]) -> None:
    dataset = dataset_of(np.array(labels))
    values = np.full(8, np.nan) if len(set(labels)) > 1 else np.ones(8)
    made = slices_section.measure(
        [System("a", space_for(dataset))], values, "a", data.relevance(dataset), dataset, True
    )
    assert slices_section.section(made, str, lambda name: ("#000000", "solid")) == []
