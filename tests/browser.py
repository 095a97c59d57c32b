"""A real Chromium on a real server, for the journeys. Import the fixtures where they are needed."""

from __future__ import annotations

import atexit
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
]


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@contextmanager
def serve(
    script: Path, home: Path, health: str = "/_stcore/health", port: int = 0, **environment: str
) -> Iterator[str]:
    """`streamlit run SCRIPT` with a home of its own; yields the address once the server is healthy."""
    port = port or free_port()
    command = [
        sys.executable,
        "-m",
        "streamlit",
        "run",
        str(script),
        "--server.headless=true",
        f"--server.port={port}",
        "--server.address=127.0.0.1",
        "--server.fileWatcherType=none",
        "--browser.gatherUsageStats=false",
    ]
    surroundings = {**os.environ, "FUSIONSCOPE_HOME": str(home), "HF_HUB_OFFLINE": "1", **environment}
    home.mkdir(parents=True, exist_ok=True)
    with open(home / "server.log", "wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, env=surroundings, cwd=ROOT)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            if server.poll() is not None:
                raise RuntimeError((home / "server.log").read_text())
            try:
                if urllib.request.urlopen(f"{address}{health}", timeout=2).read() == b"ok":
                    break
            except OSError:
                time.sleep(0.25)
        yield address
    finally:
        server.terminate()
        try:
            server.wait(15)
        except subprocess.TimeoutExpired:
            server.kill()


def at_rest(page, timeout: float = 90_000) -> None:
    """Waits until what was last done is answered: the script of the page has not run for a third of a second."""
    page.evaluate("() => { window.restsSince = null }")
    page.wait_for_function(
        """() => {
            const state = document.querySelector("[data-testid=stApp]")?.dataset.testScriptState;
            if (state !== "notRunning") window.restsSince = null;
            else window.restsSince ??= performance.now();
            return window.restsSince !== null && performance.now() - window.restsSince > 330;
        }""",
        polling=50,
        timeout=timeout,
    )


_OPEN: list = []


@pytest.fixture(scope="session")
def chromium():
    """One browser for all journeys; skipped without Chromium, unless FUSIONSCOPE_REQUIRE_BROWSER says that it must be there."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not path:
        message = "no Chromium here: install Debian's package chromium to run the journeys"
        if os.environ.get("FUSIONSCOPE_REQUIRE_BROWSER"):
            pytest.fail(message)
        pytest.skip(message)
    # Every module that imports this fixture has one of its own, but a process can run Playwright only once.
    if not _OPEN:
        from playwright.sync_api import sync_playwright

        playwright = sync_playwright().start()
        browser = playwright.chromium.launch(executable_path=path, headless=True, args=FLAGS)
        _OPEN.append(browser)
        atexit.register(playwright.stop)
        atexit.register(browser.close)
    return _OPEN[0]


@pytest.fixture
def tab(chromium):
    """A fresh tab of 1440 × 1000 CSS pixels; what the page's console complains about is in `tab.complaints`."""
    context = chromium.new_context(viewport={"width": 1440, "height": 1000}, accept_downloads=True)
    page = context.new_page()
    page.complaints = []
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.set_default_timeout(30_000)
    yield page
    context.close()
