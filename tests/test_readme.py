"""The README says what is so: its tables are those of the registries, its pages those of the app."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from core import cli
from core.studies import registry_entries
from tests.browser import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def between(name: str) -> str:
    return re.search(rf"<!-- {name} -->\n(.*?)\n?<!-- /{name} -->", README, re.S).group(1).strip()


@pytest.mark.parametrize("kind", registry_entries.CATALOGS)
def test_catalogs_are_those_of_the_registries(kind: str, home: Path, capsys) -> None:
    path, _ = registry_entries.CATALOGS[kind]
    assert cli.main(["list", kind, "--markdown"]) == 0
    stale = f"write it anew: python -m core list {kind} --markdown > {path.relative_to(ROOT)}"
    assert path.read_text(encoding="utf-8") == capsys.readouterr().out, stale


def test_it_reads_in_five_minutes() -> None:
    prose = re.sub(r"```.*?```", "", README, flags=re.S)
    assert len(prose.split()) < 5 * 260


def test_every_file_it_leads_to_is_there() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert len(links) > 6 and all((ROOT / link).is_file() for link in links), links


def test_its_speeds_are_those_of_the_long_table() -> None:
    section = README[README.index("## How fast") : README.index("## For those who carry it on")]
    speeds = re.findall(r"[0-9]+\.[0-9]+", section)
    table = (ROOT / "core" / "bench" / "RESULTS.md").read_text(encoding="utf-8")
    assert len(speeds) >= 5 and all(speed in table for speed in speeds), speeds


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
