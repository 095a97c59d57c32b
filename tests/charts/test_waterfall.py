"""The waterfall: each bar begins where the one before ended, and the report says what the page says."""

from __future__ import annotations

import re

import pytest

from core.charts import Waterfall, WaterfallStep

STEPS = [
    WaterfallStep("best single", 0.90, 0.85, 0.95, ""),
    WaterfallStep("equal fusion", 0.80, 0.70, 0.88, "−0.100 [−0.150, −0.050]"),
    WaterfallStep("k-reciprocal <b>", 0.97, 0.94, 0.99, "+0.170 [+0.120, +0.220]"),
]


def test_bars_lead_from_one_mean_to_the_next() -> None:
    chart = Waterfall(STEPS, "mAP")
    bars = chart.figure().data[0]
    ends = [start + length for start, length in zip(bars.base, bars.x)]
    assert ends == pytest.approx([step.mean for step in STEPS])
    assert list(bars.base[1:]) == pytest.approx([0.90, 0.80])
    assert bars.marker.color[1] != bars.marker.color[2], "a loss is told from a gain"
    assert max(chart.ticks) <= 1 < chart.limits[1], "there is room for the text, and no share above 1"


def test_the_report_holds_every_number_and_no_markup_of_a_name() -> None:
    svg = Waterfall(STEPS, "mAP").svg()
    for step in STEPS:
        assert f"{step.mean:.3f}" in svg and step.added in svg
    assert "<b>" not in svg and "k-reciprocal &lt;b&gt;" in svg
    assert len(re.findall("<rect", svg)) == 3
