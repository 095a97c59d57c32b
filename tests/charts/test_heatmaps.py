"""Heat maps: every square where it belongs, blanks for what is undefined, names that stay names."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from core import charts
from tests.charts.conftest import shown_by_plotly


@pytest.mark.parametrize("n", [1, 2, 40])
def test_differences_of_any_number_of_systems(n: int) -> None:
    means = np.linspace(0.9, 0.1, n)
    values = (means[:, None] - means[None, :]).tolist()
    figure = charts.differences_map([f"s{i}" for i in range(n)], values, [[False] * n] * n, [[""] * n] * n, charts.DARK)
    assert all(figure.data[0].z[i][i] is None for i in range(n))
    if n == 2:
        assert figure.data[0].z[0][1] == pytest.approx(0.8) and figure.data[1].text == ("≈ +0.800", "≈ −0.800")
        assert figure.data[0].zmax == pytest.approx(0.8)
    assert len(figure.data) == (2 if n <= 14 else 1), "forty systems show colours, not numbers"
    assert len(figure.layout.yaxis.ticktext) == n


def test_an_undefined_difference_is_blank() -> None:
    figure = charts.differences_map(
        ["a", "b"], [[0, float("nan")], [float("nan"), 0]], [[True] * 2] * 2, [[""] * 2] * 2
    )
    assert figure.data[0].z[0][1] is None and figure.data[1].text == ()


def test_a_square_of_the_class_map_gives_its_row_and_column(hostile: str) -> None:
    values = np.array([[0.25, np.nan], [0.5, 0.75], [0.1, 0.2]])
    figure = charts.class_map([hostile, "b", "b"], ["x", "y"], values, [["h"] * 2] * 3, hostile, chosen=(1, 0))
    heat, numbers, marks = figure.data
    assert heat.z[0][1] is None and list(numbers.text) == ["0.25", "0.50", "0.75", "0.10", "0.20"]
    assert [list(pair) for pair in marks.customdata] == [[r, c] for r in range(3) for c in range(2)]
    assert (figure.layout.shapes[0].y0, figure.layout.shapes[0].x1) == (0.5, 0.5)
    assert shown_by_plotly(figure.layout.yaxis.ticktext[0]).startswith("<script>")
    assert list(figure.layout.yaxis.tickvals) == [0, 1, 2], "equal names stay apart"


def test_the_diagonal_of_a_similarity_says_nothing(hostile: str) -> None:
    figure = charts.similarity_map(np.array([[1, 0.4], [0.4, 1]]), [hostile, "b"], "CKA")
    assert [list(row) for row in figure.data[0].z] == [[None, 0.4], [0.4, None]]
    assert figure.data[0].customdata[0][1].endswith("<br>b") and "<script" not in figure.data[0].customdata[0][1]
    assert len(charts.similarity_map(np.eye(40), [f"s{i}" for i in range(40)], "CKA").layout.xaxis.ticktext) == 40


def test_confusions_stand_at_their_classes(hostile: str) -> None:
    table = pd.DataFrame(
        [["a", hostile, 4, 0.5], [hostile, "a", 1, 0.1], ["a", "elsewhere", 9, 0.9]],
        columns=["query class", "result class", "results", "share"],
    )
    (marks,) = charts.confusion_map(table, ["a", hostile]).data
    assert list(marks.x) == [1, 0] and list(marks.y) == [0, 1] and list(marks.customdata) == [0, 1]
    assert marks.marker.cmax == 0.5 and "<script" not in "".join(marks.text)


def test_labels_against_what_images_were_called() -> None:
    counts = pd.DataFrame([[3, 1], [0, 0]], index=["cat", "dog"], columns=["cat", "dog"])
    (heat,) = charts.label_confusion(counts).data
    np.testing.assert_allclose(heat.z, [[0.75, 0.25], [0, 0]])
    assert heat.customdata[0][1] == "cat was called dog: 1 images"
