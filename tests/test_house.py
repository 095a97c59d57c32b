"""The layers: imports point left only, and only the doors know Streamlit."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Left to right; a part may import what stands in an earlier column, and its own.
GROUND = {"errors", "registry", "types", "setups", "paths", "progress", "compat", "files", "arrays", "task"}
ORDER: list[set[str]] = [
    {"data"},
    {"backbones"},
    {"store"},
    {"fusion", "search", "metrics", "projection"},
    {"studies"},
    {"charts"},
    {"export"},
    {"bench"},
    {"cli", "ui"},
]
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


def part_of(module: str) -> str:
    """'core.data.images' → 'data'."""
    pieces = module.split(".")
    return pieces[1] if len(pieces) > 1 else ""


def column(part: str) -> int:
    return next((number for number, parts in enumerate(ORDER) if part in parts), -1)


def imports_of(path: Path) -> list[tuple[int, str]]:
    """Every import of a file, with its line; those for type checkers only are left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            node.body = []
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            if node.module == "core":
                found += [(node.lineno, f"core.{alias.name}") for alias in node.names]
            else:
                found.append((node.lineno, node.module))
    return found


CORE = sorted((ROOT / "core").rglob("*.py"))
FILES = CORE + sorted((ROOT / "pages").glob("*.py")) + [ROOT / "app.py"]


@pytest.mark.parametrize("path", CORE, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_left(path: Path) -> None:
    part = part_of(".".join(path.relative_to(ROOT).with_suffix("").parts))
    for line, module in imports_of(path):
        if not module.startswith("core."):
            continue
        other = part_of(module)
        if other in GROUND or other == part or part in {"", "__main__", "__init__"}:
            continue
        here = f"{path.relative_to(ROOT)}:{line} imports {module}"
        assert part not in GROUND, f"{here}: the ground floor stands on nothing"
        assert column(other) >= 0, f"{here}: {other!r} has no place in the order of the house"
        assert column(other) < column(part), f"{here}: imports point left"


@pytest.mark.parametrize("path", CORE, ids=lambda p: str(p.relative_to(ROOT)))
def test_only_the_doors_know_streamlit(path: Path) -> None:
    if "ui" in path.relative_to(ROOT).parts:
        return
    knows = [line for line, module in imports_of(path) if module.split(".")[0] == "streamlit"]
    assert not knows, f"{path.relative_to(ROOT)}:{knows} imports streamlit"


def test_the_command_line_opens_at_once() -> None:
    code = f"import sys, core.cli; print(sorted({HEAVY!r} & set(sys.modules)))"
    seen = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert seen.stdout.strip() == "[]", f"`import core.cli` pulls in {seen.stdout.strip()}"


def test_every_file_of_the_house_was_looked_at() -> None:
    assert len(FILES) > 20
    assert any(path.name == "cli.py" for path in FILES)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_class_reaches_into_the_state_of_another(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    lines = [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr == "__dict__"]
    assert not lines, f"{path.relative_to(ROOT)}:{lines} reads or writes __dict__"
