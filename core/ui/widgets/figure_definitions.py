"""The contract of the figures on a page, opened over it: the rows of the metrics shown, and the sections behind them."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core import wording
from core.metrics import definitions

shared = wording.page("shared")


def button(keys: Sequence[str], sections: Sequence[int], container: DeltaGenerator | None = None) -> None:
    """A quiet button that opens the definitions of what the page shows.

    Args:
        keys: metrics on the page, as in results ("p@10").
        sections: further numbers of DEFINITIONS.md sections, in the order of reading.
        container: of the button; None for the page itself.
    """
    clicked = (container or st).button(
        shared("heading.figures"),
        key="about these figures",
        icon=":material/menu_book:",
        type="tertiary",
        help=shared("help.figures"),
    )
    if clicked:
        _dialog(tuple(dict.fromkeys(keys)), tuple(sections))


@st.dialog(shared("heading.figures"), width="large", icon=":material/menu_book:")
def _dialog(keys: tuple[str, ...], sections: tuple[int, ...]) -> None:
    if keys:
        st.markdown(definitions.metric_table(keys))
        st.caption(definitions.symbols())
    for number in sections:
        section = definitions.sections()[number]
        with st.expander(section.title):
            st.markdown(section.text)
