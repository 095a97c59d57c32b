"""Lines: curves as they were given, in a page and in the report; gaps, many systems, hostile names."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from core import charts
from core.metrics.curves import RECALL_LEVELS
from tests.charts.conftest import read_svg, svg_texts


def curves(n: int, top: float = 1.0) -> list[charts.Line]:
    falls = [np.linspace(top, top / (2 + i), 11) for i in range(n)]
    return [
        charts.Line(
            f"system {i}", RECALL_LEVELS, y, charts.backbone_colour(i), low=y * 0.9, high=np.minimum(y * 1.1, top)
        )
        for i, y in enumerate(falls)
    ]


@pytest.mark.parametrize("n", [1, 3, 40])
def test_a_page_and_the_report_draw_the_same_curves(n: int) -> None:
    chart = charts.precision_recall(curves(n), 120)
    figure = chart.figure()
    drawn = [trace for trace in figure.data if trace.showlegend is not False]
    assert [trace.name for trace in drawn] == [line.name for line in chart.lines]
    for trace, line in zip(drawn, chart.lines):
        np.testing.assert_array_equal(trace.y, line.y)
        assert trace.line.color == line.colour
    assert "mean of 120 queries" in figure.layout.yaxis.title.text
    root = read_svg(chart.svg())
    assert [line.get("stroke") for line in root.iter("polyline")] == [line.colour for line in chart.lines]
    assert len(list(root.iter("polygon"))) == n
    assert all(f"system {i}" in svg_texts(root) for i in range(n))
    points = [list(map(float, pair.split(","))) for pair in next(root.iter("polyline")).get("points").split()]
    heights = np.array([y for _, y in points])
    np.testing.assert_allclose((heights - heights[0]) / (heights[-1] - heights[0]), np.linspace(0, 1, 11), atol=1e-3)
    assert figure.layout.legend.orientation == ("v" if n > 12 else "h")


def test_the_axis_fits_the_curves() -> None:
    low, high = charts.precision_recall(curves(2, top=0.12), 9).figure().layout.yaxis.range
    assert low == 0 and 0.12 <= high < 0.14
    assert charts.precision_recall(curves(2), 9).figure().layout.yaxis.range == (0, 1.03)


def test_a_curve_that_is_undefined_is_left_out_of_the_report_and_a_gap_on_the_page() -> None:
    nothing = charts.Line("a", RECALL_LEVELS, np.full(11, np.nan), "#4269d0")
    chart = charts.precision_recall([nothing], 0)
    assert not list(read_svg(chart.svg()).iter("polyline")) and "nan" not in chart.svg()
    assert chart.figure().layout.yaxis.range == (0, 1)
    assert charts.LineChart([], "x", "y").figure().layout.yaxis.range == (0, 1)
    read_svg(charts.LineChart([], "x", "y").svg())


def test_the_points_of_one_query_are_dots_under_its_curve() -> None:
    line = charts.Line("a", RECALL_LEVELS, np.linspace(1, 0, 11), "#4269d0", points=(np.array([0.5]), np.array([0.4])))
    figure = charts.precision_recall([line]).figure()
    assert figure.data[1].mode == "markers" and list(figure.data[1].y) == [0.4]
    assert figure.layout.hovermode == "closest" and "mean of" not in figure.layout.yaxis.title.text


def test_hostile_names_stay_names(hostile: str) -> None:
    chart = charts.precision_recall([charts.Line(hostile, RECALL_LEVELS, np.ones(11), "#4269d0")], 3)
    (trace,) = chart.figure().data
    assert "<script" not in trace.name and "<script" not in trace.hovertemplate
    assert trace.hovertemplate.count("%{") == 1, "only the value is a field of the template"
    assert hostile in [title.text for title in read_svg(chart.svg()).iter("title")]


def test_a_training_marks_its_best_epoch() -> None:
    epochs = [SimpleNamespace(epoch=i, loss=1 / (i + 1), validation=0.2 * i) for i in range(3)]
    figure = charts.training(epochs, 2)
    assert list(figure.data[1].y) == [0.0, 0.2, 0.4] and figure.layout.shapes[0].x0 == 2


def test_dimensions_ring_the_proposed_length() -> None:
    curve = SimpleNamespace(
        dims=(8, 16, 20), mean=np.array([0.2, 0.3, 0.31]), low=np.full(3, 0.1), high=np.full(3, 0.4), proposed=16
    )
    figure = charts.dimensions(curve)
    assert list(figure.data[1].x) == [16] and list(figure.data[1].y) == [0.3]
    assert list(figure.layout.xaxis.tickvals) == [8, 20], "16 would touch 20"


def test_a_line_joins_what_two_lists_share(hostile: str) -> None:
    left = [charts.ListedImage(7, hostile, True), charts.ListedImage(8, "b", False), charts.ListedImage(9, "c", None)]
    right = [charts.ListedImage(9, "c", None), charts.ListedImage(7, hostile, True), charts.ListedImage(1, "d", True)]
    first, second, a, b = charts.rank_lines(left, right, ("A", hostile)).data
    assert (list(first.y), list(second.y)) == ([1, 2], [3, 1]), "ranks of 7 and 9"
    assert first.line.color == "#12803f" and second.line.color != first.line.color
    assert list(a.marker.symbol) == ["circle", "circle-open", "circle"] and list(b.marker.symbol)[2] == "circle-open"
    assert all("<script" not in text for text in (*a.text, first.hovertemplate))
    assert not charts.rank_lines([], [], ("A", "B")).data[0].x


def test_hits_and_misses_of_two_lists_differ_by_more_than_colour() -> None:
    left = [charts.ListedImage(1, "a", True), charts.ListedImage(2, "b", False)]
    hit, miss, *_ = charts.rank_lines(left, left, ("A", "B")).data
    assert hit.line.dash != miss.line.dash
