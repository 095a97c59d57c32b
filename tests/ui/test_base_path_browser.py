"""Everything below a base path, straight and behind nginx and Caddy as `assets/deploy` sets them up, in Chromium."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest

from core import data
from core.studies import embedding
from tests.browser import ROOT, at_rest, chromium, free_port, serve, tab  # noqa: F401  (fixtures)
from tests.conftest import draw_tiny, write_tiny

DEPLOY = ROOT / "assets" / "deploy"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server for guests below /fusion; its address without the path."""
    folder = tmp_path_factory.mktemp("base")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FUSIONSCOPE_HOME", str(folder / "home"))
        embedding.embed(data.add("tiny", write_tiny(folder / "tiny", 4)), ("hsv_histogram", "hog"))
    with serve(
        ROOT / "app.py",
        folder / "home",
        health="/fusion/_stcore/health",
        FUSIONSCOPE_ACCESS="guest",
        STREAMLIT_SERVER_BASE_URL_PATH="fusion",
    ) as address:
        yield address


@contextmanager
def running(command: list[str], address: str, folder: Path, **environment: str) -> Iterator[str]:
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment or None, cwd=folder)
    try:
        for _ in range(80):
            try:
                urlopen(f"{address}/fusion/healthz", timeout=2)
                break
            except OSError:
                assert process.poll() is None, (folder / "log").read_text()
                time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait(15)


def behind_nginx(server: str, folder: Path):  # noqa: ANN201
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if not nginx:
        pytest.skip("no nginx here: install Debian's package nginx-light")
    port, config = free_port(), (DEPLOY / "nginx.conf").read_text()
    config = config.replace("listen 80;", f"listen 127.0.0.1:{port};").replace("http://127.0.0.1:8501", server)
    config = config.replace("server_name fusion.example.org;", "server_name localhost;")
    kinds = "\n".join(f"{kind}_temp_path {folder}/{kind};" for kind in ("proxy", "fastcgi", "uwsgi", "scgi"))
    whole = (
        f"pid {folder}/pid;\nerror_log {folder}/error.log;\ndaemon off;\nevents {{}}\nhttp {{\naccess_log off;\n{kinds}"
    )
    (folder / "nginx.conf").write_text(f"{whole}\nclient_body_temp_path {folder}/body;\n{config}\n}}\n")
    command = [nginx, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", f"{folder}/error.log"]
    return running(command, f"http://localhost:{port}", folder)


def behind_caddy(server: str, folder: Path):  # noqa: ANN201
    caddy = shutil.which("caddy")
    if not caddy:
        pytest.skip("no Caddy here: install Debian's package caddy")
    port = free_port()
    environment = {
        "FUSIONSCOPE_SITE": f"http://localhost:{port}",
        "FUSIONSCOPE_UPSTREAM": server.removeprefix("http://"),
        "HOME": str(folder),
        "XDG_DATA_HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder),
    }
    command = [caddy, "run", "--config", str(DEPLOY / "Caddyfile"), "--adapter", "caddyfile"]
    return running(command, f"http://localhost:{port}", folder, **environment)


@contextmanager
def straight(server: str, folder: Path) -> Iterator[str]:
    yield server


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize("through", [straight, behind_nginx, behind_caddy])
def test_pages_thumbnails_layouts_the_live_lab_and_uploads_are_there(server, tmp_path, tab, through) -> None:  # noqa: F811
    from playwright.sync_api import expect

    answers: dict[str, set[int]] = {}
    sockets: list[str] = []
    wrong: list[str] = []

    def note(response) -> None:
        kind = re.sub(r"^https?://[^/]+|\?.*$", "", response.url).split("/")
        answers.setdefault("/".join(kind[:3]), set()).add(response.status)
        # Streamlit asks below every part of the address where its server may be.
        if response.status >= 400 and "/_stcore/" not in response.url:
            wrong.append(f"{response.status} {response.url}")

    tab.on("response", note)
    tab.on("websocket", lambda socket: sockets.append(socket.url))
    tab.on("console", lambda said: wrong.append(said.text) if "Security Policy" in said.text else None)
    with through(server, tmp_path) as address:
        tab.goto(f"{address}/fusion/fusion_lab?d=tiny")
        value = tab.locator(".fs-lab .tile .value").first
        expect(value).to_have_text(re.compile(r"0\.\d{3}|1\.000"), timeout=90_000)
        at_rest(tab)
        slider = tab.get_by_role("slider").first
        slider.focus()
        slider.press("PageDown")
        expect(tab).to_have_url(re.compile("w="))
        tab.goto(f"{address}/fusion/map?d=tiny&p=tsne")
        expect(tab.locator(".fs-map .stage canvas").first).to_be_visible(timeout=90_000)
        tab.goto(f"{address}/fusion/retrieval?d=tiny")
        expect(tab.locator("input[type=file]")).to_have_count(1, timeout=60_000)
        image = io.BytesIO()
        draw_tiny("cross", 9).save(image, "PNG")
        tab.locator("input[type=file]").set_input_files(
            [{"name": "own.png", "mimeType": "image/png", "buffer": image.getvalue()}]
        )
        expect(tab.get_by_text("own.png").first).to_be_visible(timeout=60_000)
        at_rest(tab)
        tab.goto(f"{address}/fusion/?d=tiny")
        expect(tab.get_by_role("heading", name="Overview")).to_be_visible(timeout=60_000)
    assert answers["/fusion/pictures"] == {200} and not wrong
    assert all("/fusion/" in url for url in sockets)
    assert any("/fusion/live/fuse/" in url for url in sockets) and any(
        "/fusion/_stcore/stream" in url for url in sockets
    )
    assert not tab.complaints
