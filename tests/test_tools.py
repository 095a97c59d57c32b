"""The formatter and the linter find nothing to say; their versions are pinned in requirements-dev.txt."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.house import FILES, ROOT


@pytest.mark.parametrize("arguments", [["check", "."], ["format", "--check", "."]], ids=" ".join)
def test_ruff_is_content(arguments: list[str]) -> None:
    seen = subprocess.run([sys.executable, "-m", "ruff", *arguments], cwd=ROOT, capture_output=True, text=True)
    assert seen.returncode == 0, seen.stdout + seen.stderr


@pytest.mark.slow
def test_every_type_is_true() -> None:
    seen = subprocess.run([sys.executable, "-m", "mypy"], cwd=ROOT, capture_output=True, text=True)
    assert seen.returncode == 0, seen.stdout + seen.stderr


def test_no_type_is_taken_on_trust_without_saying_which() -> None:
    """`type: ignore` names the error it silences, and there are few of them."""
    ignored = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in FILES
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if "type: ignore" in line
    ]
    assert len(ignored) <= 12 and all("type: ignore[" in line for line in ignored), ignored


def test_the_tools_are_those_that_are_pinned() -> None:
    pins = dict(re.findall(r"^(ruff|mypy)==(\S+)$", (ROOT / "requirements-dev.txt").read_text(encoding="utf-8"), re.M))
    for tool in ("ruff", "mypy"):
        seen = subprocess.run([sys.executable, "-m", tool, "--version"], capture_output=True, text=True, check=True)
        assert seen.stdout.split()[1] == pins[tool]


def test_the_formatter_is_switched_off_only_where_a_table_reads_better() -> None:
    skips = [
        path.relative_to(ROOT).as_posix()
        for folder in ("core", "pages", "tests")
        for path in (ROOT / folder).rglob("*.py")
        if re.search(r"#\s*fmt:\s*(skip|off)", path.read_text(encoding="utf-8")) and path.name != "test_tools.py"
    ]
    assert len(skips) <= 12, skips
