"""How the pages look: page width, type, and the colours that mean something."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core import paths
from core.charts import BACKBONE_COLOURS
from core.setups import ShownSetup
from core.ui.app import state

_ANSWER = "page answer"


def apply(projector: bool = False, shown: ShownSetup | None = None) -> None:
    """The style of every page; once per run, by the frame.

    Args:
        projector: with the larger type that a room can read.
        shown: what of the page is presented; None for all of it.
    """
    state.session_set(_ANSWER, "")
    st.html(paths.ASSETS / "app.css")
    if shown is not None and shown.is_presented:
        st.html(paths.ASSETS / "presented.css")
        style = paths.ASSETS / f"presented_{shown.part}.css"
        if style.is_file():
            st.html(style)
    elif projector:
        st.html(paths.ASSETS / "projector.css")


def title(text: str, lead: str = "") -> None:
    """A page's heading and the one sentence that says what the page answers."""
    st.title(text, anchor=False)
    if lead:
        with st.container(key="page lead"):
            st.markdown(lead)


def answer(text: str, small: str = "", container: DeltaGenerator | None = None) -> None:
    """The answer of a page, in one line under its title: what is read first, and from the last row of a room.

    Args:
        text: Markdown; names that people gave go through `plain` first.
        small: what it rests on, in small letters behind it.
        container: where it stands; None for here.
    """
    state.session_set(_ANSWER, unmarked(text))
    with (container or st).container(key="answer"):
        st.markdown(text)
        if small:
            st.caption(small)


def last_answer() -> str:
    """What the answer of the page says, without marks; "" for a page that has none."""
    return state.session_get(_ANSWER, "")


def main_part(name: str = "") -> DeltaGenerator:
    """A container for what a page is about: a story shows it beside the answer, without the rest.

    Args:
        name: where a page has several, unique on it.
    """
    return st.container(key=f"part-main {name}".strip())


class Stage(NamedTuple):
    """Where the parts of a page stand: its answer, then its picture beside its controls."""

    answer: DeltaGenerator
    chart: DeltaGenerator
    controls: DeltaGenerator


def stage(name: str) -> Stage:
    """Three containers, so that a page may read its controls first and still open with its answer.

    Args:
        name: unique on the page.
    """
    answer_slot = st.container()
    with side_by_side(name):
        chart, controls = st.columns([9, 3], gap="large")
    main = chart.container(key=f"part-main {name}")
    return Stage(answer_slot, main, controls.container(key=f"stage-controls {name}"))


def side_by_side(name: str) -> DeltaGenerator:
    """A container whose columns stand below one another on a narrow window; `name` is unique on the page."""
    return st.container(key=f"side-by-side {name}")


_COMMAND = re.compile(r"(?<!`)(`(?:python -m core|pip install|hf auth|streamlit run)[^`\n]*`)(?!`)")
"""A command to type, as our own sentences write it: code stays code, and nothing in code is drawn or followed."""
_MARKS = re.compile(r"([\\`*_{}\[\]()#+!|<>~$&])")
_PARTED = re.compile(r":(?=[^\W\d]|[+/-]|\d+:)|www(?=\.)|@(?=\S)|-(?=[->])|[<>~](?=[-=])", re.IGNORECASE)
"""What becomes an icon, a colour, a link or an arrow without a mark to escape: a space of no width goes behind it."""
_INDENT = re.compile(r"^[ \t]+", re.MULTILINE)
_AT_START = re.compile(r"^(\xa0*)(?:([-=])|(\d+)\.)", re.MULTILINE)


def plain(text: str) -> str:
    """Somebody else's words for Streamlit's Markdown: shown as they are; nothing in them is drawn, linked or coloured.

    Only a command between backticks (`python -m core …`) stays code.
    """
    parts = _COMMAND.split(str(text))
    return "".join(part if number % 2 else _as_it_is(part) for number, part in enumerate(parts))


def _as_it_is(text: str) -> str:
    text = _MARKS.sub(r"\\\1", _PARTED.sub("\\g<0>\u200b", text))
    text = _INDENT.sub(lambda match: "\xa0" if len(match[0].expandtabs(4)) > 3 else match[0], text)
    return _AT_START.sub(lambda match: f"{match[1]}\\{match[2]}" if match[2] else f"{match[1]}{match[3]}\\.", text)


def unmarked(text: str) -> str:
    """Our own Markdown as a line of plain text: what `plain` escaped is as it was, and nothing is bold.

    >>> unmarked("**HOG \\\\+ a\u200b** finds most  \\n*of* all")
    'HOG + a finds most of all'
    """
    bare = re.sub(r"(?<!\\)[*`]+", "", text).replace("\u200b", "")
    return " ".join(re.sub(r"\\(.)", r"\1", bare).split())


def colours(names: Sequence[str]) -> dict[str, str]:
    """One colour per backbone, by its place in the list, the same on every page."""
    return {name: BACKBONE_COLOURS[i % len(BACKBONE_COLOURS)] for i, name in enumerate(names)}
