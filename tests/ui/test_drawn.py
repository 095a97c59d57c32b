"""Charts and tables are drawn in one place, where each gets a name for screen readers and headings in sentence case."""

from __future__ import annotations

import ast

import pandas as pd
import plotly.graph_objects as go
import pytest
from streamlit.testing.v1 import AppTest

from core import charts
from core.ui.app import drawn
from tests import house

DRAWN = [path for path in house.FILES if house.name_of(path).startswith(("core.ui", "pages"))]


@pytest.mark.parametrize("path", DRAWN, ids=house.name_of)
def test_nothing_else_draws_charts_and_tables(path) -> None:
    if house.name_of(path) == "core.ui.app.drawn":
        return
    calls = [node for node in ast.walk(house.tree_of(path)) if isinstance(node, ast.Call)]
    wrong = [
        node.lineno
        for node in calls
        if isinstance(node.func, ast.Attribute) and node.func.attr in {"plotly_chart", "dataframe", "altair_chart"}
    ]
    assert not wrong, f"{path}: lines {wrong} draw without a name; use core.ui.app.drawn"


def test_bars_say_who_has_what() -> None:
    bars = [charts.Bar("a & b", 0.5, 0.4, 0.6, "#4269d0"), charts.Bar("hog", 0.25, 0.2, 0.3, "#d97706")]
    name = drawn.chart_name(charts.BarChart(bars, "mAP").figure())
    assert name.startswith("Bar chart: mAP; ") and "a & b 0.5" in name and "hog 0.25" in name


def test_lines_say_what_over_what_and_whose() -> None:
    figure = go.Figure([go.Scatter(y=[1, 2], name="hog"), go.Scatter(y=[1, 2], name="<b>mix</b>")])
    figure.update_layout(xaxis_title_text="k", yaxis_title_text="precision")
    assert drawn.chart_name(figure) == "Chart: precision by k; hog, mix."
    many = go.Figure([go.Scatter(y=[1], name=f"n{number}") for number in range(12)])
    assert drawn.chart_name(many).endswith("n7, 4 more.")


def table_of(frame, **options) -> AppTest:
    def page(frame, options) -> None:
        from core.ui.app import drawn

        drawn.table(frame, **options)

    app = AppTest.from_function(page, kwargs={"frame": frame, "options": options}).run()
    assert not app.exception
    return app


def test_headings_have_a_capital_and_hidden_columns_stay_hidden() -> None:
    frame = pd.DataFrame({"backbone": ["hog"], "mAP": [0.5], "p@1": [1.0], "secret": [1]})
    app = table_of(frame, column_config={"secret": None, "backbone": "each backbone"})
    config = app.dataframe[0].proto.columns
    assert '"Each backbone"' in config and '"mAP"' in config and '"p@1"' in config and '"hidden": true' in config
    assert app.dataframe[0].proto.alt == "Table: Each backbone, mAP, p@1"


def test_rows_of_records_are_a_table_too() -> None:
    app = table_of([{"adds": 0.5, "alone": 0.25}])
    assert app.dataframe[0].proto.alt == "Table: Adds, Alone"
