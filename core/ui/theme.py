"""How the pages look: page width, type, the colours that mean something, and how a number is written."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.charts import BACKBONE_COLOURS

_CSS = """
<style>
.block-container { padding-top: 3.2rem; padding-bottom: 4rem; max-width: 1500px; }
h1 { font-size: 2rem !important; letter-spacing: -0.02em; padding-bottom: 0.2rem !important; }
h2 { font-size: 1.35rem !important; letter-spacing: -0.01em; }
h3 { font-size: 1.08rem !important; }
[data-testid="stMetricValue"] { font-variant-numeric: tabular-nums; font-size: 1.55rem; }
[data-testid="stSidebarHeader"] { padding-bottom: 0; }
@media (max-width: 1100px) {
  .block-container { padding-left: 1.6rem; padding-right: 1.6rem; }
  section[data-testid="stSidebar"][aria-expanded="true"] { width: 232px !important; min-width: 232px !important; }
}
@media (max-width: 1150px) {
  [class*=st-key-side-by-side] > * > [data-testid=stHorizontalBlock],
  [class*=st-key-side-by-side] > [data-testid=stHorizontalBlock] { flex-wrap: wrap; }
  [class*=st-key-side-by-side] > * > [data-testid=stHorizontalBlock] > [data-testid=stColumn],
  [class*=st-key-side-by-side] > [data-testid=stHorizontalBlock] > [data-testid=stColumn] { flex: 1 1 100%; min-width: 100%; }
}
.fs-lead { font-size: 1.02rem; opacity: 0.78; max-width: 62rem; margin: -0.3rem 0 0.6rem 0; }
</style>
"""


def apply() -> None:
    """The style of every page; once per run, by the frame."""
    st.html(_CSS)


def title(text: str, lead: str = "") -> None:
    """A page's heading and the one sentence that says what the page answers."""
    st.title(text, anchor=False)
    if lead:
        st.markdown(f"<p class='fs-lead'>{lead}</p>", unsafe_allow_html=True)


def side_by_side(name: str) -> DeltaGenerator:
    """A container whose columns stand below one another on a narrow window; `name` is unique on the page."""
    return st.container(key=f"side-by-side {name}")


def plain(text: str) -> str:
    """Somebody else's words for Streamlit's Markdown: shown as they are, no picture, link, colour or HTML in them."""
    return re.sub(r"([\\*_{}\[\]()#+!|<>~$&])", r"\\\1", str(text)).replace("://", ":\u200b//")


def colours(names: Sequence[str]) -> dict[str, str]:
    """One colour per backbone, by its place in the list, the same on every page."""
    return {name: BACKBONE_COLOURS[i % len(BACKBONE_COLOURS)] for i, name in enumerate(names)}


def number(value: float | None, digits: int = 3) -> str:
    """A figure for people; '–' where the contract leaves it undefined."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    return f"{value:.{digits}f}"


def interval(low: float | None, high: float | None, digits: int = 3) -> str:
    """An interval for people: '[0.871, 0.903]', '' where it is undefined."""
    if low is None or high is None or math.isnan(low) or math.isnan(high):
        return ""
    return f"[{low:.{digits}f}, {high:.{digits}f}]"
