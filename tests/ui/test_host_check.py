"""A page of a stranger reaches nothing: raw handshakes and requests against a real server."""

from __future__ import annotations

import asyncio
import base64
import os
import socket
import threading
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest

from core.ui.app import host_check
from tests.browser import ROOT, serve

EVIL = "rebound.example:8501"


class Proxy(threading.Thread):
    """Stands where the internet would be, and counts who knocks."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.asked: list[bytes] = []

    def run(self) -> None:
        while True:
            connection, _ = self.listening.accept()
            self.asked.append(connection.recv(200))
            connection.close()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.listening.getsockname()[1]}"


@pytest.fixture(scope="module")
def proxy() -> Proxy:
    proxy = Proxy()
    proxy.start()
    return proxy


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, proxy: Proxy) -> Iterator[str]:
    variables = {name: proxy.address for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")}
    no_proxy = {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
    with serve(
        ROOT / "app.py", tmp_path_factory.mktemp("home"), FUSIONSCOPE_HOSTS="show.example, ", **variables, **no_proxy
    ) as address:
        yield address


def request(server: str, path: str = "/_stcore/stream", upgrade: bool = True, **headers: str) -> int:
    """The status of a raw request; a header that is None is left out."""
    here = urlsplit(server)
    key = base64.b64encode(os.urandom(16)).decode()
    wanted = {"Host": here.netloc, "Origin": server} if upgrade else {"Host": here.netloc}
    if upgrade:
        wanted |= {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": key,
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Protocol": "streamlit",
        }
    wanted |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in wanted.items() if value is not None)]
    with socket.create_connection((here.hostname, here.port), timeout=20) as connection:
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        return int(connection.recv(4000).split(b" ")[1])


def test_a_page_of_the_server_is_answered(server: str) -> None:
    port = urlsplit(server).port
    assert request(server) == 101
    assert request(server, Host=f"localhost:{port}", Origin=f"http://localhost:{port}") == 101
    assert request(server, "/_stcore/health", upgrade=False) == 200
    assert request(server, "/", upgrade=False, Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate") == 200


def test_a_name_that_was_added_is_answered_also_behind_a_proxy(server: str) -> None:
    assert request(server, Host="show.example", Origin="https://show.example") == 101
    assert request(server, Origin="https://show.example") == 101


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": EVIL, "Origin": f"http://{EVIL}"},
        {"Host": EVIL},
        {"Host": "203.0.113.9:8501", "Origin": "http://203.0.113.9:8501"},
        {"Host": "localhost.evil.example", "Origin": "http://localhost.evil.example"},
        {"Origin": "http://evil.example"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "null"},
        {"Origin": None},
        {"Host": None},
        {"Host": "[::1"},
    ],
)
def test_a_page_of_a_stranger_is_refused_on_the_socket(server: str, headers: dict[str, str]) -> None:
    assert request(server, **headers) in {400, 403}


@pytest.mark.parametrize(
    "path", ["/", "/_stcore/health", "/_stcore/host-config", "/pictures/small/" + "0" * 64 + ".webp", "/layouts/x"]
)
def test_a_page_of_a_stranger_is_refused_on_every_route(server: str, path: str) -> None:
    assert request(server, path, upgrade=False, Host=EVIL) == 403
    assert request(server, path, upgrade=False, Origin="http://evil.example") == 403
    assert request(server, path, upgrade=False, Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="no-cors") == 403


def test_a_refused_handshake_holds_nothing_and_nobody_on_the_internet_is_asked(server: str, proxy: Proxy) -> None:
    for _ in range(20):
        assert request(server, Origin="http://evil.example") == 403
    assert request(server, "/_stcore/health", upgrade=False) == 200
    assert not proxy.asked


def test_the_addresses_of_a_machine_are_served_where_it_listens_to_them() -> None:
    assert host_check.is_served("192.168.1.5", "192.168.1.5") and not host_check.is_served("192.168.1.6", "192.168.1.5")
    name = socket.gethostname().lower()
    assert host_check.is_served(name, "192.168.1.5") and host_check.is_served("127.0.0.1", "192.168.1.5")


def test_the_server_is_set_up_for_this_machine_and_needs_no_internet_to_start() -> None:
    """Streamlit asks `checkip.amazonaws.com` when it starts, unless it is told what to print."""
    settings = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))
    assert settings["server"]["address"] == "127.0.0.1" and settings["browser"]["serverAddress"] == "localhost"


def test_a_refused_path_writes_one_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """Nobody adds lines of their own by a line break in an address."""
    sent: list[dict] = []

    async def send(message) -> None:
        sent.append(message)

    scope = {"type": "http", "path": "/x\n2026-01-01 all is well", "headers": [(b"host", EVIL.encode())]}
    with ThreadPoolExecutor(1) as thread, caplog.at_level("WARNING", "fusionscope"):
        thread.submit(asyncio.run, host_check.HostCheck(None)(scope, None, send)).result()
    assert sent[0]["status"] == 403 and len(caplog.messages) == 1 and "\n" not in caplog.messages[0]
