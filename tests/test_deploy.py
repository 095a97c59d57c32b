"""What `assets/deploy` says is what the server takes: flags, variables, users; a linter's rules for the Dockerfile."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from core import access, cli
from tests.browser import ROOT

DEPLOY = ROOT / "assets" / "deploy"
GUIDE = (ROOT / "core" / "DEPLOYING.md").read_text(encoding="utf-8")


def text(name: str) -> str:
    return (DEPLOY / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["Dockerfile", "compose.yaml", "fusionscope.service", "../../core/DEPLOYING.md"])
def test_every_variable_is_one_that_the_server_reads(name: str) -> None:
    known = set(re.findall(r"FUSIONSCOPE_[A-Z_]+", (ROOT / "core" / "paths.py").read_text()))
    known |= set(re.findall(r"FUSIONSCOPE_[A-Z_]+", text("Caddyfile")))
    assert set(re.findall(r"FUSIONSCOPE_[A-Z_]+", text(name))) <= known


@pytest.mark.parametrize("name", ["Dockerfile", "fusionscope.service", "../../core/DEPLOYING.md"])
def test_every_command_is_one_that_the_command_line_takes(name: str) -> None:
    content = text(name).replace('", "', " ").replace('"', " ")
    commands = re.findall(r"python -m core ((?:serve|invite|list)(?: [^\n#`]+)?)", content)
    assert commands
    for words in commands:
        words = re.sub(r"\]\s*$", "", words.replace("the other lab", "x")).split()
        cli._parser().parse_args(words)


def test_the_settings_that_the_guide_shows_can_be_used(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home.mkdir()
    (home / "access.toml").write_text(re.search(r"```toml\n(owners.*?)```", GUIDE, re.S)[1])
    monkeypatch.setenv("FUSIONSCOPE_ACCESS", "members")
    made = access.settings()
    assert made.limits == access.Limits() and made.session_hours == access.Settings().session_hours
    assert made.role_of({"groups": ["retrieval-admins"]}) == "owner" and made.roots == (Path("/srv/images"),)


def test_every_link_of_the_guide_leads_somewhere() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", GUIDE)
    assert len(links) >= 6 and all((ROOT / "core" / link).resolve().is_file() for link in links)


def test_the_image_runs_without_rights_and_with_what_it_copies() -> None:
    lines = [line for line in text("Dockerfile").splitlines() if line and not line.startswith("#")]
    last = lines[max(at for at, line in enumerate(lines) if line.startswith("FROM")) :]
    assert any(line.startswith("USER ") and line.split()[1] not in {"root", "0"} for line in last)
    assert not [line for line in lines if "latest" in line or "sudo" in line or line.startswith("ADD ")]
    assert all(":" in line.split()[1] for line in lines if line.startswith("FROM"))  # a version is named
    assert not [line for line in lines if "apt-get" in line or "cd " in line]
    assert all("[" in line for line in lines if line.startswith(("ENTRYPOINT", "CMD")))  # no shell stands between
    kept = [line[1:] for line in text("Dockerfile.dockerignore").splitlines() if line.startswith("!")]
    assert all((ROOT / name).exists() for name in kept) and text("Dockerfile.dockerignore").startswith("*\n")


def test_compose_gives_the_container_nothing_it_does_not_need() -> None:
    yaml = pytest.importorskip("yaml")
    services = yaml.safe_load(text("compose.yaml"))["services"]
    app = services["app"]
    assert app["read_only"] and app["cap_drop"] == ["ALL"] and "ports" not in app
    assert any(volume.endswith(":ro") for volume in app["volumes"]) and "no-new-privileges:true" in app["security_opt"]
    assert services["caddy"]["depends_on"] == ["app"]


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    tool = shutil.which("systemd-analyze")
    if not tool:
        pytest.skip("no systemd here")
    unit = text("fusionscope.service")
    unit = re.sub(r"/opt/fusionscope/\.venv/bin/python", "/usr/bin/env", unit).replace("/opt/fusionscope", "/tmp")
    file = tmp_path / "fusionscope.service"
    file.write_text(unit.replace("User=fusionscope\n", ""))
    made = subprocess.run([tool, "verify", str(file)], capture_output=True, text=True, timeout=60)
    assert "fusionscope.service" not in made.stderr.replace(str(file), ""), made.stderr
