"""Charts of studies: what is drawn is what was said, on pages and in reports, whatever a system is called."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ElementTree

from core.charts import BarSeries, CriticalDifference, GroupedBars, RankedSystem

ODD = '<b>a & "b"</b>'


def diagram(n: int = 5) -> CriticalDifference:
    systems = [RankedSystem(ODD if at == 0 else f"system {at}", 1.0 + at, "#4269d0") for at in range(n)]
    return CriticalDifference(systems, [(ODD, "system 1"), ("system 1", "system 2")], 1.5)


def test_a_diagram_places_ranks_on_its_axis() -> None:
    svg = str(diagram().svg())
    root = ElementTree.fromstring(svg)
    texts = ["".join(node.itertext()) for node in root.iter() if node.tag == "text"]
    assert any(text.startswith(f"{ODD} · 1.00") for text in texts) and "critical difference 1.50" in texts
    assert [text for text in texts if text in "12345"] == ["1", "2", "3", "4", "5"]
    thick = [node.get("d") for node in root.iter("path") if node.get("stroke-width") == "5"]
    ends = [tuple(map(float, re.findall(r"[\d.]+", path)[::2])) for path in thick if path]
    assert len(ends) == 2 and ends[0][1] < ends[1][1] and ends[1][0] < ends[0][1], "bars reach over their systems"
    figure = diagram().figure()
    shown = [note.text for note in figure.layout.annotations]
    assert any("&lt;b&gt;a" in text and "<b>1.00</b>" in text for text in shown), "a name is text, not markup"
    assert not any("<b>a" in text for text in shown)


def test_a_long_critical_difference_stays_on_the_drawing() -> None:
    chart = CriticalDifference(
        [RankedSystem("a", 1.5, "#4269d0"), RankedSystem("b", 1.5, "#d97706")], [("a", "b")], 9.0
    )
    length = float(re.search(r"h([\d.]+)", str(chart.svg()))[1])
    assert 300 + length <= 1056 and max(max(trace.x) for trace in chart.figure().data) <= 1056


def test_grouped_bars_leave_out_what_is_not_there() -> None:
    nan = math.nan
    series = [
        BarSeries(ODD, [0.5, nan], [0.4, nan], [0.6, nan], "#4269d0"),
        BarSeries("other", [-0.2, 0.3], [nan, 0.2], [nan, 0.4], "#d97706"),
    ]
    chart = GroupedBars(["one", "two & more"], series, "Silhouette")
    root = ElementTree.fromstring(str(chart.svg()))
    bars = [node for node in root.iter("rect") if node.get("opacity")]
    assert len(bars) == 3 and len([n for n in root.iter("path")]) == 2, "a bar per value, a line per interval"
    titles = ["".join(node.itertext()) for node in root.iter("title")]
    assert any(title.startswith(ODD) for title in titles)
    low, high = chart.limits
    assert low < -0.2 and high > 0.6
    figure = chart.figure()
    assert figure.data[0].y == (0.5, None) and figure.data[0].name.startswith("&lt;b&gt;")
