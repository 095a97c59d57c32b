"""Bars: the values and names that were given, axes that fit them, nothing undefined drawn as a number."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from core import charts
from tests.charts.conftest import read_svg, shown_by_plotly, svg_texts

NAN = math.nan


def bars(n: int, top: float = 0.9) -> list[charts.Bar]:
    return [
        charts.Bar(f"system {i}", top - i * top / (2 * n), 0.8 * top / 2, top, charts.backbone_colour(i))
        for i in range(n)
    ]


@pytest.mark.parametrize("n", [1, 2, 8, 40])
def test_a_page_and_the_report_draw_the_same_values_names_and_colours(n: int) -> None:
    chart = charts.BarChart(bars(n), "mAP")
    bar, numbers, _ = chart.figure().data
    assert list(bar.x) == [one.mean for one in chart.bars] and list(bar.y) == list(range(n))
    assert list(bar.marker.color) == [one.colour for one in chart.bars]
    np.testing.assert_allclose(bar.error_x.array, [one.high - one.mean for one in chart.bars])
    np.testing.assert_allclose(bar.error_x.arrayminus, [one.mean - one.low for one in chart.bars])
    assert [text.strip() for text in numbers.text] == [f"{one.mean:.3f}" for one in chart.bars]
    root = read_svg(chart.svg())
    texts = svg_texts(root)
    assert all(one.name in texts and f"{one.mean:.3f}" in texts for one in chart.bars) and "mAP" in texts
    drawn = list(root.iter("rect"))
    assert [rect.get("fill") for rect in drawn] == [one.colour for one in chart.bars]
    widths = [float(rect.get("width")) for rect in drawn]
    np.testing.assert_allclose(
        np.array(widths) / widths[0], [b.mean / chart.bars[0].mean for b in chart.bars], atol=1e-3
    )
    assert chart.figure().layout.height >= 30 * n


def test_the_axis_fits_small_values_and_values_beyond_one() -> None:
    small = charts.BarChart(bars(3, top=0.15), "mAP").figure()
    assert small.layout.xaxis.range[0] == 0 and 0.15 < small.layout.xaxis.range[1] < 0.2
    large = charts.BarChart(bars(3, top=7.0), "Davies-Bouldin").figure()
    assert large.layout.xaxis.range[1] > 7.0
    negative = charts.BarChart([charts.Bar("a", -0.1, -0.2, 0.05, "#4269d0")], "Silhouette").figure()
    assert negative.layout.xaxis.range[0] < -0.2 and negative.layout.xaxis.range[1] > 0.05


def test_what_is_undefined_is_a_dash() -> None:
    chart = charts.BarChart(
        [charts.Bar("a", NAN, NAN, NAN, "#4269d0"), charts.Bar("b", 0.5, NAN, NAN, "#4269d0")], "mAP"
    )
    bar, numbers, _ = chart.figure().data
    assert bar.x[0] is None and [text.strip() for text in numbers.text] == ["–", "0.500"]
    assert bar.customdata[1][1] == ""
    text = chart.svg()
    assert "nan" not in text and "–" in svg_texts(read_svg(text)) and "<path" not in text


def test_hostile_and_equal_names_are_shown_apart(hostile: str) -> None:
    chart = charts.BarChart([charts.Bar(hostile, value, NAN, NAN, "#4269d0") for value in (0.2, 0.4)], hostile)
    figure = chart.figure()
    assert list(figure.data[0].y) == [0, 1], "equal names do not share a bar"
    assert shown_by_plotly(figure.layout.yaxis.ticktext[0]).startswith("<script>")
    assert "%{x}</b>" not in figure.data[0].hovertemplate
    root = read_svg(chart.svg())
    assert [title.text for title in root.iter("title")].count(hostile) == 3


def test_without_a_system_nothing_is_drawn() -> None:
    chart = charts.BarChart([], "mAP")
    assert not chart.figure().data[0].x and not list(read_svg(chart.svg()).iter("rect"))


def test_a_waterfall_leads_from_a_random_order_to_the_fusion(hostile: str) -> None:
    shares = SimpleNamespace(
        backbones=("a", "b", "c"),
        nothing=0.1,
        everything=0.5,
        shapley=np.array([0.1, 0.35, -0.05]),
        low=np.array([0.0, 0.3, -0.1]),
        high=np.array([0.2, 0.4, 0.0]),
    )
    (bar,) = charts.attribution(shares, {"b": hostile}, {}).data
    np.testing.assert_allclose(bar.base, [0, 0.1, 0.45, 0.5, 0])
    np.testing.assert_allclose(bar.y, [0.1, 0.35, 0.1, 0.05, 0.5])
    assert list(bar.text) == ["0.100", "+0.350", "+0.100", "-0.050", "0.500"]
    assert shown_by_plotly(bar.hovertext[1]).startswith("<script>")


def test_class_counts_stack_the_parts_of_a_split(hostile: str) -> None:
    table = pd.DataFrame(
        {"label": ["a", "a", hostile, ""], "split": ["query", "gallery", "query", "gallery"], "n_images": [3, 5, 2, 1]}
    )
    figure = charts.class_counts(table, ["a", hostile, ""])
    assert {bar.name: list(bar.x) for bar in figure.data} == {"query": [3, 2, 0], "gallery": [5, 0, 1]}
    assert figure.layout.xaxis.range[1] >= 8 and figure.layout.yaxis.ticktext[2] == "<i>no label</i>"
    assert shown_by_plotly(figure.layout.yaxis.ticktext[1]).startswith("<script>")
