"""Points: costs, weights and sizes where they belong; undefined ones do no harm."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pandas as pd
import pytest

from core import charts
from tests.charts.conftest import shown_by_plotly


@pytest.mark.parametrize("n", [1, 40])
def test_quality_against_cost(n: int, hostile: str) -> None:
    points = [charts.CostPoint(hostile, 10.0 + i, 0.5, 0.4, 0.6, "#4269d0", i == 0) for i in range(n)]
    figure = charts.quality_cost(points, "ms per image", "mAP")
    assert len(figure.data) == n + 1 and list(figure.data[0].x) == [10.0]
    assert figure.data[1].error_y.array[0] == pytest.approx(0.1)
    assert shown_by_plotly(figure.data[1].name).startswith("<script>")
    low, high = figure.layout.yaxis.range
    assert 0.3 < low < 0.4 and 0.6 < high < 0.7


def test_an_undefined_quality_leaves_the_axis_alone() -> None:
    nan = math.nan
    figure = charts.quality_cost([charts.CostPoint("a", 1, nan, nan, nan, "#4269d0", False)], "MB", "mAP")
    assert all(map(math.isfinite, figure.layout.yaxis.range))


def test_subsets_and_the_one_that_was_chosen(hostile: str) -> None:
    subsets = [
        SimpleNamespace(
            backbones=(name,), shares=(1.0,), value=value, on_front=value > 0.3, cost=SimpleNamespace(megabytes=mb)
        )
        for name, value, mb in (("a", 0.2, 30.0), ("b", 0.4, 10.0))
    ]
    marks, front, ring = charts.subset_costs(subsets, {"b": hostile}, "megabytes", subsets[1]).data
    assert list(marks.x) == [30.0, 10.0] and list(front.y) == [0.4] and list(ring.x) == [10.0]
    assert shown_by_plotly(marks.text[1]).endswith("100%")


def test_costs_of_backbones_by_family() -> None:
    figure = charts.cost_scatter(
        [("a", 3.4, 8.0, "CNN", "x"), ("b", 0, 2.0, "descriptor", "y"), ("c", 90, 40, "CNN", "z")]
    )
    assert {trace.name: list(trace.x) for trace in figure.data} == {"CNN": [3.4, 90], "descriptor": [0.01]}
    assert not charts.cost_scatter([]).data


def test_sizes_count_their_images() -> None:
    sizes = charts.image_sizes(pd.DataFrame({"width": [48, 48, 640], "height": [48, 48, 480]}))
    assert list(sizes.data[0].customdata) == [2, 1] and list(sizes.data[0].x) == [48, 640]
    assert list(sizes.layout.xaxis.tickvals)[0] == 64
