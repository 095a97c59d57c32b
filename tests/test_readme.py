"""The README says what is so: its tables are those of the registries, its pages those of the app."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from core.studies import registry_entries
from tests.browser import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def between(name: str) -> str:
    return re.search(rf"<!-- {name} -->\n(.*?)\n?<!-- /{name} -->", README, re.S).group(1).strip()


@pytest.mark.parametrize("kind", ["backbones", "readers", "fusions", "metrics"])
def test_tables_are_those_of_the_registries(kind: str, home: Path) -> None:
    said = f"`python -m core list {kind} --markdown` prints another table than the README shows; paste it there"
    assert between(kind) == registry_entries.markdown(registry_entries.table(kind)), said


def test_every_page_is_named() -> None:
    tree = ast.parse((ROOT / "app.py").read_text(encoding="utf-8"))
    pages = next(ast.literal_eval(node.value) for node in tree.body if isinstance(node, ast.Assign))
    for file, title, _, _, _ in pages:
        assert (ROOT / file).is_file()
        assert f"| {title} |" in between("pages"), f"the README does not name the page {title!r}"


def test_its_pictures_are_there() -> None:
    for path in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", README):
        assert (ROOT / path).is_file(), path


def test_the_two_commands_are_the_ones_that_ci_runs() -> None:
    assert "pip install -r requirements.txt && streamlit run app.py" in README
    assert "pip install -r requirements-dev.txt && pytest" in README
    assert "pip install -q -r requirements-dev.txt && pytest" in (ROOT / ".ci" / "run").read_text()
