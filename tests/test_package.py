"""What `pip install -e .` and licence scanners read is true of this repository."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

import core

ROOT = Path(__file__).resolve().parent.parent
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = SETTINGS["project"]


def test_the_licence_is_where_tools_look_for_it() -> None:
    assert PROJECT["license"] == "Apache-2.0"
    for name in PROJECT["license-files"]:
        text = (ROOT / name).read_text(encoding="utf-8")
        assert "Version 2.0, January 2004" in text and "END OF TERMS AND CONDITIONS" in text


def test_the_console_script_is_the_command_line(capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    module, _, function = PROJECT["scripts"]["fusionscope"].partition(":")
    main = getattr(importlib.import_module(module), function)
    monkeypatch.setattr(sys, "argv", ["/somewhere/bin/fusionscope", "list", "metrics"])
    assert main() == 0
    assert "map_cut@k" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["--help"])
    assert capsys.readouterr().out.startswith("usage: fusionscope ")


def test_module_and_script_name_themselves() -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "core", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert shown.stdout.startswith("usage: python -m core ")


def test_version_and_requirements_come_from_one_place() -> None:
    dynamic = SETTINGS["tool"]["setuptools"]["dynamic"]
    assert set(PROJECT["dynamic"]) <= set(dynamic)
    assert dynamic["version"]["attr"] == "core.__version__" and core.__version__.count(".") == 2
    assert (ROOT / dynamic["dependencies"]["file"]).is_file()


def test_every_file_that_code_reads_is_in_the_package() -> None:
    patterns = SETTINGS["tool"]["setuptools"]["package-data"]["*"]
    for folder in ("core", "pages", "assets"):
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and path.suffix not in {".py", ".pyc", ".nbi", ".nbc"}:
                assert any(fnmatch(path.name, pattern) for pattern in patterns), f"{path.relative_to(ROOT)} is left out"


def test_the_changelog_ends_at_this_version() -> None:
    text = (ROOT / "core" / "CHANGELOG.md").read_text(encoding="utf-8")
    titles = re.findall(r"^## \[([^\]]+)\](?: - (\d{4}-\d\d-\d\d))?$", text, re.MULTILINE)
    assert titles[0] == ("Unreleased", "") and titles[1][0] == core.__version__
    assert all(date for _, date in titles[1:])
    groups = set(re.findall(r"^### (.+)$", text, re.MULTILINE))
    assert groups <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
