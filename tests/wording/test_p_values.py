"""A p-value is written by `core.wording` alone: rounded by hand it would be 0.0000 somewhere."""

from __future__ import annotations

import ast
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.wording import p_cell, p_value
from tests.house import FILES, ROOT, tree_of

P_VALUES = {"p", "p_holm", "p_f", "wilcoxon", "p_value"}
"""Attributes that hold one."""
HINT = re.compile(rf"\.({'|'.join(P_VALUES)})(\[[^]]*\])?:")
"""What such an f-string looks like; only files with one are parsed."""


@given(st.floats(0, 1), st.integers(2, 6))
def test_no_p_is_ever_nothing(value: float, digits: int) -> None:
    written = p_cell(value, digits)
    assert any(digit in written for digit in "123456789") and "e" not in written
    assert written.startswith("< ") == (value < 10.0**-digits)
    assert p_value(value).startswith(("p = 0.", "p = 1.", "p < 0.001"))


def rounded_by_hand(tree: ast.AST) -> list[int]:
    """Lines of f-strings that give an attribute of `P_VALUES` a format of their own."""
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.FormattedValue) and node.format_spec is not None
        for value in [node.value.value if isinstance(node.value, ast.Subscript) else node.value]
        if isinstance(value, ast.Attribute) and value.attr in P_VALUES
    ]


def test_the_rule_sees_what_it_forbids() -> None:
    assert rounded_by_hand(ast.parse('f"{pair.p:.4f} {pair.p_holm:.2g} {table.p[0]:.3f}"')) == [1, 1, 1]
    assert not rounded_by_hand(ast.parse('f"{p_cell(pair.p)} {pair.mean:.3f} {pair.p}"'))


@pytest.mark.parametrize("part", ["core", "pages"])
def test_no_p_is_rounded_by_hand(part: str) -> None:
    found = {
        str(path): lines
        for path in FILES
        if path.relative_to(ROOT).parts[0] == part and HINT.search(path.read_text(encoding="utf-8"))
        if (lines := rounded_by_hand(tree_of(path)))
    }
    assert not found, "write it with core.wording.p_value or p_cell"
