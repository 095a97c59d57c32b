"""The answer in one line, the curves, and the figures of every system."""

from __future__ import annotations

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core import charts, metrics, wording
from core.metrics.verification import KEYS
from core.studies import threshold_tables
from core.ui.app import drawn, theme
from core.ui.views.threshold import controls
from core.ui.views.threshold.threshold_view import ThresholdView
from core.ui.widgets import figure_definitions

text = wording.page("threshold")


def draw(view: ThresholdView, answer: DeltaGenerator) -> None:
    """What a reader wants to know first, then the picture, then every figure.

    Args:
        answer: where the answer stands, above the controls.
    """
    best, point = view.competitors[0], view.chosen[0]
    small = theme.plain(threshold_tables.transfer_sentence(point)) if point.is_measurable else ""
    theme.answer(theme.plain(threshold_tables.lead(best.title, point)), small, answer)
    st.segmented_control(
        text("label.drawing"),
        list(text.group("option.drawing")),
        key=controls.field("drawing"),
        format_func=text.group("option.drawing").__getitem__,
        required=True,
        label_visibility="collapsed",
        help=text("help.drawing"),
    )
    lines = [
        charts.rate_line(chosen.title, checked.curve, chosen.colour, chosen.dash)
        for chosen, checked in zip(view.competitors, view.checked)
    ]
    lowest = 1 / max(checked.n_other for checked in view.checked)
    chart = charts.RateChart(lines, view.error, view.setup.drawing == "det", lowest)
    drawn.chart(chart.figure(), key="rates", config=charts.download_config("threshold-rates"))
    _table(view)


def _table(view: ThresholdView) -> None:
    """A row per system: figures of pairs, and the threshold with what it gives elsewhere."""
    rows = []
    for chosen, point, checked in zip(view.competitors, view.chosen, view.checked):
        row = {"system": chosen.title}
        for key in KEYS:
            figure = checked.figures[key]
            write = wording.figure if key == "roc_auc" else _percent
            row[key] = write(figure.mean, figure.low, figure.high)
        row["threshold"] = wording.figure(point.point.threshold, point.threshold_low, point.threshold_high)
        row["moved"] = _percent(*point.transfer.range_of("false_rates"), 2)
        rows.append(row)
    column = st.column_config.TextColumn
    config = {
        "system": column(text("column.system"), pinned=True, width=150),
        **{key: column(metrics.label(key), help=metrics.sentence(key), width=125) for key in KEYS},
        "threshold": column(text("column.threshold"), help=text("help.error"), width=150),
        "moved": column(text("column.moved"), help=text("help.moved"), width=140),
    }
    drawn.table(pd.DataFrame(rows), hide_index=True, width="stretch", column_config=config, key="threshold table")
    first = view.checked[0]
    footer = st.container(horizontal=True, gap="small", vertical_alignment="center")
    figure_definitions.button(KEYS, (13, 7), footer)
    counts = {"matching": f"{first.n_matching:,}", "other": f"{first.n_other:,}"}
    footer.caption(text("sentence.rests", **counts, caution=first.caution))
    notes = dict.fromkeys(figure.note for checked in view.checked for figure in checked.figures.values() if figure.note)
    for note in notes:
        st.caption(f":material/info: {theme.plain(note)}")


def _percent(mean: float, low: float, high: float, digits: int = 1) -> str:
    """A rate in percent with its ends: "48.7 % [30.8, 75.1]"."""
    ends = wording.interval(100 * low, 100 * high, digits)
    return f"{wording.percent(mean, digits)} {ends if mean == mean else ''}".rstrip()
