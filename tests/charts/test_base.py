"""Texts stay texts, axes fit their values, colours can be read."""

from __future__ import annotations

import math

import pytest

from core import charts
from core.charts import base
from tests.charts.conftest import shown_by_plotly


def test_a_hostile_name_is_shown_letter_by_letter(hostile: str) -> None:
    assert shown_by_plotly(charts.plain_text(hostile)) == " ".join(hostile.split())
    assert shown_by_plotly(charts.plain_text(hostile, 10)) == "<script>a…"


@pytest.mark.parametrize(
    ("values", "low", "high"),
    [
        ([0.02, 0.11], 0.0, 0.15),
        ([0.9, 1.0], 0.0, 1.2),
        ([-0.2, 0.1], -0.3, 0.15),
        ([12.0, 3.0], 0.0, 14.0),
        ([math.nan, math.inf], 0.0, 1.0),
        ([], 0.0, 1.0),
        ([0.0], 0.0, 1.0),
    ],
)
def test_an_axis_holds_its_values_and_little_more(values: list[float], low: float, high: float) -> None:
    ends = base.from_zero(values)
    finite = [value for value in values if math.isfinite(value)]
    assert all(ends[0] <= value <= ends[1] for value in [0.0, *finite])
    assert ends[0] >= low - 1e-9 and ends[1] <= high + 1e-9


@pytest.mark.parametrize("ends", [(0, 1), (0, 0.013), (-0.4, 0.2), (0, 740), (1, 1000)])
def test_ticks_are_few_round_and_inside(ends: tuple[float, float]) -> None:
    marks = base.ticks(*ends)
    assert 3 <= len(marks) <= 9 and all(ends[0] - 1e-9 <= mark <= ends[1] + 1e-9 for mark in marks)
    steps = {round(b - a, 9) for a, b in zip(marks, marks[1:])}
    assert len(steps) == 1 and all(len(f"{mark:g}") <= 6 for mark in marks)


def test_texts_on_squares_have_the_better_contrast_of_dark_and_white() -> None:
    def contrast(a: str, b: str) -> float:
        """WCAG 2."""
        low, high = sorted(base._luminance(one) + 0.05 for one in (a, b))
        return high / low

    squares = [base.shade(value / 20, (0, 1), charts.LIGHT.two_sided) for value in range(21)]
    for colour in (*charts.LIGHT.rising, *charts.DARK.rising, *charts.DARK.two_sided, *squares):
        ink = base.contrasting_text(colour)
        assert contrast(colour, ink) == max(contrast(colour, one) for one in (base._DARK_TEXT, "#ffffff")) >= 4.3, (
            colour
        )


def test_a_scale_reaches_from_edge_to_edge_and_long_names_are_cut() -> None:
    scale = base.SvgScale(-0.5, 1.5, left=100, right=300)
    assert [scale.across(value) for value in (-0.5, 0.5, 1.5)] == [100, 200, 300]
    assert scale.marks([0.5]) == [(200, "0.5")]
    assert base.short_name("a" * 41) == "a" * 39 + "…" and base.short_name("a" * 40) == "a" * 40


def test_colours_and_dashes_go_round() -> None:
    assert charts.backbone_colour(8) == charts.backbone_colour(0)
    assert len({charts.fusion_style(number) for number in range(30)}) == 30
