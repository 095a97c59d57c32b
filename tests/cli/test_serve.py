"""`serve` and `invite`: what is run, what is refused, and a server that says how it is and ends whole."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from urllib.request import urlopen

import pytest

from core import access, cli
from core.access import invitations
from core.cli import serve as verb
from core.ui.app import jobs
from tests.browser import ROOT, free_port
from tests.ui.test_gatekeeper import answer


@pytest.fixture(autouse=True)
def environment() -> Iterator[None]:
    """`serve` sets variables for the server that the process becomes; here they go back."""
    before = dict(os.environ)
    for name in ("FUSIONSCOPE_ACCESS", "FUSIONSCOPE_HOSTS", "FUSIONSCOPE_ROOTS", "FUSIONSCOPE_LOG"):
        os.environ.pop(name, None)
    yield
    os.environ.clear()
    os.environ.update(before)


def command(*flags: str) -> list[str]:
    parsed = cli._parser().parse_args(["serve", *flags])
    return verb.command_of(parsed)


def test_flags_become_settings_of_the_server(home: Path, tmp_path: Path) -> None:
    secrets = tmp_path / "secrets.toml"
    secrets.write_text("")
    made = command(
        *("--access", "members", "--address", "0.0.0.0", "--port", "9", "--base-path", "/a/b/", "--log", "json"),
        *("--hosts", "x.example", "--root", "/srv/1", "--root", "/srv/2", "--secrets", str(secrets)),
    )
    assert {"--server.address=0.0.0.0", "--server.port=9", "--server.baseUrlPath=a/b", "--server.maxUploadSize=32"} <= {
        *made
    }
    assert f"--secrets.files={secrets}" in made and access.settings().roots == (Path("/srv/1"), Path("/srv/2"))
    assert (os.environ["FUSIONSCOPE_ACCESS"], os.environ["FUSIONSCOPE_HOSTS"]) == ("members", "x.example")


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--address", "0.0.0.0"], "FUSIONSCOPE_ACCESS=guest"),
        (["--access", "local", "--address", "10.0.0.1"], "FUSIONSCOPE_ACCESS=guest"),
        (["--base-path", "/a/../b"], "base path"),
        (["--secrets", "/not there"], "DEPLOYING"),
    ],
)
def test_what_cannot_be_served_is_one_sentence(
    home: Path, capsys: pytest.CaptureFixture, flags: list[str], words: str
) -> None:
    assert cli.main(["serve", *flags]) == 2
    said = capsys.readouterr().err
    assert words in said and said.count("\n") == 1


def test_an_invitation_is_printed_and_ended(home: Path, capsys: pytest.CaptureFixture) -> None:
    assert cli.main(["invite", "--url", "https://x.example/fusion/", "--days", "1"]) == 0
    link = capsys.readouterr().out.strip()
    start, _, token = link.rpartition("/")
    assert start == "https://x.example/fusion/enter" and invitations.read(token)
    assert cli.main(["invite", "--end-all"]) == 0 and invitations.read(token) is None
    assert cli.main(["invite", "--url", "x.example"]) == 2 and cli.main(["invite", "--url", link, "--days", "0"]) == 2


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """`fusionscope serve` for guests below /fusion, as a person starts it."""
    home, port = tmp_path_factory.mktemp("serve"), free_port()
    flags = ["--access", "guest", "--port", str(port), "--base-path", "/fusion", "--log", "json"]
    surroundings = {**os.environ, "FUSIONSCOPE_HOME": str(home), "HF_HUB_OFFLINE": "1"}
    with open(home / "log", "wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "core", "serve", *flags], stdout=log, stderr=log, env=surroundings, cwd=ROOT
        )
    address = f"http://127.0.0.1:{port}"
    for _ in range(240):
        try:
            urlopen(f"{address}/fusion/healthz", timeout=2)
            break
        except OSError:
            assert process.poll() is None, (home / "log").read_text()
            time.sleep(0.25)
    yield SimpleNamespace(address=address, process=process, home=home)
    process.kill()


def test_the_server_says_how_it_is(server: SimpleNamespace) -> None:
    for base in ("", "/fusion"):
        assert answer(f"{server.address}{base}/healthz", {})[2] == b"ok"
        assert answer(f"{server.address}{base}/readyz", {})[2] == b"ok"
    (server.home / "access.toml").write_text("=")
    os.utime(server.home / "access.toml")
    assert answer(f"{server.address}/readyz", {})[0] == 200  # what held before goes on
    (server.home / "access.toml").unlink()


def test_numbers_are_for_this_machine_alone(server: SimpleNamespace) -> None:
    pytest.importorskip("prometheus_client")
    answer(f"{server.address}/fusion/enter/none", {})
    status, headers, body = answer(f"{server.address}/metrics", {})
    text = body.decode()
    assert status == 200 and "text/plain" in headers["content-type"]
    assert 'fusionscope_requests_total{role="guest",status="403",what="invitation"} 1.0' in text
    assert (
        "fusionscope_jobs 0.0" in text and "fusionscope_sessions 0.0" in text and "fusionscope_seconds_bucket" in text
    )
    for headers in ({"X-Forwarded-For": "203.0.113.9"}, {"Forwarded": "for=x"}, {"X-Real-IP": "203.0.113.9"}):
        assert answer(f"{server.address}/metrics", headers)[0] == 404


def test_visits_are_lines_that_hold_no_token(server: SimpleNamespace) -> None:
    answer(f"{server.address}/fusion/enter/a-token-that-was-typed", {})
    text = (server.home / "log").read_text()
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    assert lines and lines[-1]["what"] == "invitation" and lines[-1]["role"] == "guest" and lines[-1]["status"] == 403
    assert "a-token-that-was-typed" not in text


def test_the_server_ends_when_it_is_told_to(server: SimpleNamespace) -> None:
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(20) in {0, -signal.SIGTERM}
    assert "Traceback" not in (server.home / "log").read_text()


def test_work_that_goes_on_at_the_end_keeps_what_it_finished(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "_JOBS", {})
    finished: list[int] = []

    def work(job: jobs.BackgroundJob) -> None:
        while True:
            job.task.check()
            finished.append(len(finished))
            time.sleep(0.001)

    job = jobs.start("long", "long", work)
    while not finished:
        time.sleep(0.001)
    jobs.end_all()
    assert job.state == "stopped" and finished and not jobs.running()
