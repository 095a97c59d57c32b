"""Charts and tables as every page draws them: each has a name that screen readers say, made of what it shows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from html import unescape
from typing import TYPE_CHECKING, Any

import streamlit as st

from core import wording
from core.ui.app import theme

if TYPE_CHECKING:
    import plotly.graph_objects as go

shared = wording.page("shared")
_KINDS = shared.group("option.chart")
_MOST_NAMED = 8
_SMALL = re.compile(r"[a-z]{2,}(?![A-Za-z@])")
"""How a plain word begins: "mAP" and "p@1" do not."""
_MARKUP = re.compile(r"<[^>]*>")


def chart(figure: go.Figure, **options: Any) -> Any:
    """`st.plotly_chart` with a name: what is drawn over what, of whom, and what the page answers.

    Args:
        options: of `st.plotly_chart`.
    """
    name = " ".join(filter(None, [chart_name(figure), theme.last_answer()]))
    return st.plotly_chart(figure, alt=name, **options)


def table(frame: Any, **options: Any) -> Any:
    """`st.dataframe` with headings in sentence case and a name: its own, else its columns.

    Args:
        options: of `st.dataframe`.
    """
    headings = _headings(frame, options.get("column_config") or {})
    options["column_config"] = headings
    options.setdefault("alt", table_name(headings))
    return st.dataframe(frame, **options)


def chart_name(figure: go.Figure) -> str:
    """What a figure shows in one line.

    >>> import plotly.graph_objects as go
    >>> chart_name(go.Figure(go.Bar(x=["HOG", "LBP"], y=[0.25, 0.5]), layout_yaxis_title_text="mAP"))
    'Bar chart: mAP; HOG 0.25, LBP 0.5.'
    """
    kind = _KINDS.get(figure.data[0].type if figure.data else "", _KINDS["scatter"])
    axes = [_line(figure.layout[axis].title.text) for axis in ("yaxis", "xaxis")]
    over = shared("phrase.chart_axes", y=axes[0], x=axes[1]) if all(axes) else "".join(axes)
    return f"{kind}: {'; '.join(filter(None, [over, _few(_shown(figure))]))}."


def table_name(headings: Mapping[str, Any]) -> str:
    """A table by the headings of its columns, as they are read."""
    labels = [each["label"] for each in headings.values() if each is not None]
    return shared("phrase.table", columns=_few(labels))


def sentence_case(heading: str) -> str:
    """A heading with a capital; metrics stay as the field writes them.

    >>> sentence_case("adds to the mix"), sentence_case("mAP"), sentence_case("k")
    ('Adds to the mix', 'mAP', 'k')
    """
    return heading[0].upper() + heading[1:] if _SMALL.match(heading) else heading


def _headings(frame: Any, configured: Mapping[str, Any]) -> dict[str, Any]:
    """Column → its configuration with a label; None for one that is hidden."""
    source = getattr(frame, "data", frame) if hasattr(frame, "set_caption") else frame  # a frame with colours
    columns = source[0] if isinstance(source, list) and source else getattr(source, "columns", ())
    labelled: dict[str, Any] = {}
    for column in columns:
        config = configured.get(column, {})
        if config is None:
            labelled[column] = None
            continue
        config = {"label": config} if isinstance(config, str) else dict(config)
        labelled[column] = config | {"label": sentence_case(str(config.get("label") or column))}
    return labelled


def _shown(figure: go.Figure) -> list[str]:
    """Each bar with its value, else who has a line."""
    bars = [trace for trace in figure.data if trace.type == "bar"]
    if len(bars) == 1:
        is_flat = bars[0].orientation == "h"
        axis, values = (figure.layout.yaxis, bars[0].x) if is_flat else (figure.layout.xaxis, bars[0].y)
        at = _all(bars[0].y if is_flat else bars[0].x)
        labels = dict(zip(_all(axis.tickvals), _all(axis.ticktext)))
        pairs = zip((labels.get(position, position) for position in at), _all(values))
        return [f"{_line(label)} {value:.3g}" for label, value in pairs if _is_number(value)]
    return [name for trace in figure.data if (name := _line(trace.name)) and trace.showlegend is not False]


def _all(values: Any) -> Iterable[Any]:
    return () if values is None else values


def _is_number(value: Any) -> bool:
    return hasattr(value, "__float__") and not isinstance(value, str)


def _line(text: Any) -> str:
    """A text of Plotly on one line, without its markup."""
    return " ".join(unescape(_MARKUP.sub(" ", "" if text is None else str(text))).split())


def _few(names: list[str]) -> str:
    """The first of them, and how many more."""
    rest = len(names) - _MOST_NAMED
    more = [shared("phrase.more", count=f"{rest:,}")] if rest > 0 else []
    return ", ".join([*names[:_MOST_NAMED], *more])
