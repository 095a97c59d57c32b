"""The house rules: layers, circles, sizes, and who may touch what. `core/ARCHITECTURE.md` draws what is held here.

Each `…_FOR_NOW` names what is not right yet, with the reason; it may only shrink.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests import house
from tests.house import CORE, FILES, ROOT

# Left to right; a part may import what stands in an earlier column, and its own.
GROUND = {
    "access",
    "errors",
    "registry",
    "types",
    "setups",
    "paths",
    "progress",
    "compat",
    "cache_bound",
    "file_lock",
    "files",
    "objects",
    "heap",
    "arrays",
    "task",
    "javascript",
    "wording",
    "templates",
    "text_table",
}
ORDER: list[set[str]] = [
    {"data"},
    {"backbones"},
    {"store", "explain"},
    {"fusion", "search", "metrics", "projection", "judging", "stories"},
    {"studies"},
    {"charts"},
    {"export"},
    {"bench"},
    {"cli", "ui"},
]
UI_ORDER = ["app", "components", "widgets", "views"]
UI_FOR_NOW: set[tuple[str, str]] = set()
HEAVY = {
    "torch",
    "timm",
    "open_clip",
    "faiss",
    "umap",
    "openTSNE",
    "transformers",
    "lance",
    "skimage",
    "sklearn",
    "streamlit",
}
LONGEST_FILE = 400
LONGEST_FUNCTION = 60
LONG_FILES_FOR_NOW: set[str] = set()
LONG_FUNCTIONS_FOR_NOW: set[tuple[str, str]] = set()
MARKUP_FOR_NOW: set[str] = set()
FOREIGN_FIELDS_FOR_NOW: set[str] = set()


def shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def part_of(module: str) -> str:
    """'core.data.images' → 'data'."""
    pieces = module.split(".")
    return pieces[1] if len(pieces) > 1 else ""


def column(part: str) -> int:
    return next((number for number, parts in enumerate(ORDER) if part in parts), -1)


@pytest.mark.parametrize("path", CORE, ids=shown)
def test_imports_point_left(path: Path) -> None:
    part = part_of(".".join(path.relative_to(ROOT).with_suffix("").parts))
    for line, module in house.imports_of(path):
        if not module.startswith("core."):
            continue
        other = part_of(module)
        if other in GROUND or other == part or part in {"", "__main__", "__init__"}:
            continue
        here = f"{shown(path)}:{line} imports {module}"
        assert part not in GROUND, f"{here}: the ground floor stands on nothing"
        assert column(other) >= 0, f"{here}: {other!r} has no place in the order of the house"
        assert column(other) < column(part), f"{here}: imports point left"


def test_in_the_interface_imports_point_left_too() -> None:
    wrong = set()
    for name, others in house.import_graph().items():
        for other in others:
            if not (name.startswith("core.ui.") and other.startswith("core.ui.")):
                continue
            here, there = name.split(".")[2], other.split(".")[2]
            if here in UI_ORDER and (there not in UI_ORDER or UI_ORDER.index(there) > UI_ORDER.index(here)):
                wrong.add((name, other))
    assert not wrong, wrong


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Imports inside functions count: they hide a circle, they do not undo it."""
    circles = house.circles(house.import_graph())
    assert not circles, circles


def test_a_circle_is_found() -> None:
    assert house.circles({"a": ["b"], "b": ["c", "d"], "c": ["a"], "d": []}) == [["a", "b", "c"]]
    assert house.circles({"a": ["b"], "b": [], "c": ["a", "b"]}) == []


@pytest.mark.parametrize("package", [p for p in CORE if p.name == "__init__.py"], ids=shown)
def test_a_package_names_no_function_as_one_of_its_modules(package: Path) -> None:
    """Else what `package.name` is depends on what was imported before."""
    modules = {path.stem for path in package.parent.glob("*.py")} | {
        path.parent.name for path in package.parent.glob("*/__init__.py")
    }
    names = set()
    for node in house.tree_of(package).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.ImportFrom):
            here = ".".join(package.parent.relative_to(ROOT).parts)
            names |= {alias.asname or alias.name for alias in node.names if node.module != here}
    assert not names & modules, f"{shown(package)}: {names & modules}"


@pytest.mark.parametrize("path", CORE, ids=shown)
def test_only_the_doors_know_streamlit(path: Path) -> None:
    if "ui" in path.relative_to(ROOT).parts:
        return
    knows = [line for line, module in house.imports_of(path) if module.split(".")[0] == "streamlit"]
    assert not knows, f"{shown(path)}:{knows} imports streamlit"


def test_the_command_line_opens_at_once() -> None:
    code = f"import sys, core.cli; print(sorted({HEAVY!r} & set(sys.modules)))"
    seen = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert seen.stdout.strip() == "[]", f"`import core.cli` pulls in {seen.stdout.strip()}"


def test_no_object_writes_into_the_private_fields_of_another() -> None:
    wrong = set()
    for path in FILES:
        for node in ast.walk(house.tree_of(path)):
            dictionary = isinstance(node, ast.Attribute) and node.attr == "__dict__"
            foreign = (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "__setattr__"
                and not (isinstance(node.args[0], ast.Name) and node.args[0].id == "self")
            )
            if dictionary or foreign:
                wrong.add(shown(path))
    assert wrong <= FOREIGN_FIELDS_FOR_NOW, wrong - FOREIGN_FIELDS_FOR_NOW


def test_state_alone_touches_the_session_and_the_link() -> None:
    wrong = [
        f"{shown(path)}:{node.lineno}"
        for path in FILES
        for node in ast.walk(house.tree_of(path))
        if isinstance(node, ast.Attribute)
        and node.attr in {"session_state", "query_params"}
        and isinstance(node.value, ast.Name)
        and node.value.id in {"st", "streamlit"}
    ]
    assert wrong and all(place.startswith("core/ui/app/state.py:") for place in wrong), wrong


def test_tables_for_people_hold_no_formulas() -> None:
    """Every CSV that a person opens is written by `files.csv_bytes`; what the store reads back itself is not for people."""
    own = {"core/files.py", "core/types/dataset.py", "core/data/saved.py", "core/data/demo_catalogue.py"}
    writers = {"to_csv", "writer", "DictWriter"}
    wrong = {
        shown(path)
        for path in FILES
        for node in ast.walk(house.tree_of(path))
        if isinstance(node, ast.Attribute)
        and node.attr in writers
        and (node.attr == "to_csv" or (isinstance(node.value, ast.Name) and node.value.id == "csv"))
    }
    assert "core/files.py" in wrong and wrong <= own, wrong - own


def test_files_are_short_enough_to_be_read() -> None:
    scripts = [path for path in (ROOT / "core").rglob("*") if path.suffix in {".js", ".css"}]
    lines = {shown(path): len(path.read_text(encoding="utf-8").splitlines()) for path in [*FILES, *scripts]}
    long = {name: count for name, count in lines.items() if count > LONGEST_FILE and name not in LONG_FILES_FOR_NOW}
    assert not long, f"split: {long}"


def test_functions_are_short_enough_to_be_read() -> None:
    long = {
        (shown(path), name): lines
        for path in FILES
        for name, lines in house.functions_of(path)
        if lines > LONGEST_FUNCTION and (shown(path), name) not in LONG_FUNCTIONS_FOR_NOW
    }
    assert not long, f"split: {long}"


MARKUP = re.compile(
    r"</?(?:div|span|style|svg|table|html|head|body|script|section|button|canvas|rect|line|path|ul|ol|li|img|a|tr|td|th"
    r"|h[1-6]|p|details|summary|footer|header|figure|link|meta|title)(?:\s[^<>]*)?/?>"
    r"|[.#\w\[\]='\"-]+\s*\{\{?\s*[a-z-]+\s*:[^{}]*;"
)


def test_markup_and_styles_are_no_strings_of_python() -> None:
    """Pages, styles and report templates are files of their own in `assets/` or beside their component.

    What a chart library takes as text (`<br>`, `<b>`, `<extra>`) is no markup of ours.
    """
    wrong = {
        shown(path): [line for line, text in house.strings_of(path) if MARKUP.search(text)]
        for path in FILES
        if shown(path) not in MARKUP_FOR_NOW
    }
    wrong = {name: lines for name, lines in wrong.items() if lines}
    assert not wrong, wrong


def test_markup_is_told_from_text() -> None:
    for markup in ("<div class='x'>", "</span>", "a { color: red; }", ".x{{margin: 0; padding: 0;}}", "<img src='x'/>"):
        assert MARKUP.search(markup), markup
    for text in ("a < b and c > d", "%{x}<br><b>%{y}</b><extra></extra>", "{name}: {value}", "<FOLDER>", "k <= 10"):
        assert not MARKUP.search(text), text


def test_every_file_of_the_house_was_looked_at() -> None:
    assert len(FILES) > 100
    assert {"app.py", "cached.py", "jobs.py"} <= {path.name for path in FILES}


def test_journeys_wait_for_what_they_expect() -> None:
    """What is read at once from a page that is still being drawn fails on a slow machine: `expect(...)` tries again."""
    at_once = re.compile(
        r"assert .*\.(count|is_visible|is_checked|is_enabled|is_disabled)\(\)|assert .* in (tab|page)\.url\b"
    )
    hasty = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in sorted((ROOT / "tests").rglob("test_*.py"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if at_once.search(line)
    ]
    assert not hasty, "\n".join(hasty)
