"""Names that want to be markup or templates, and what a figure shows of them."""

from __future__ import annotations

from html import unescape
from xml.etree import ElementTree

import pytest

HOSTILE = "<script>alert(1)</script> & <b>%{x}</b> \"q\" 'a'\nsecond line"
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def hostile() -> str:
    return HOSTILE


def read_svg(text: str) -> ElementTree.Element:
    """The drawing as a tree: it is well formed, and nothing in it runs or is loaded."""
    root = ElementTree.fromstring(text)
    tags = {element.tag.removeprefix(SVG) for element in root.iter()}
    assert tags <= {"svg", "title", "text", "line", "rect", "path", "polyline", "polygon"}, tags
    assert not [name for element in root.iter() for name in element.attrib if name.startswith("on") or "href" in name]
    return root


def svg_texts(root: ElementTree.Element) -> list[str]:
    """Every text that is drawn."""
    return [element.text or "" for element in root.iter("text")]


def shown_by_plotly(text: str) -> str:
    """What Plotly draws: its few tags are gone, its entities are letters."""
    assert "<script" not in text and "%{" not in text
    return unescape(text)
