"""The door of a server: every route as every role, limits, headers, a base path, and starts that are refused."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest
from streamlit.web.server.starlette.starlette_app_utils import create_signed_value

from core import access, data
from core.access import invitations
from core.errors import BadInput
from core.store import open_store
from core.ui.app import gatekeeper, jobs, visitors
from tests import house
from tests.browser import ROOT, serve
from tests.conftest import write_tiny
from tests.ui.test_host_check import request

SECRET = "a secret of the tests that is long enough"
AUTH = f"""[auth]
redirect_uri = "http://127.0.0.1:1/oauth2callback"
cookie_secret = "{SECRET}"
client_id = "fusionscope"
client_secret = "x"
server_metadata_url = "http://127.0.0.1:1/.well-known/openid-configuration"
"""
ACCESS = """
owners = ["owner@example.org"]
members = ["member@example.org"]
[limits]
upload_mb = 1
uploads = 5
"""


def signed_in(who: str, **claims: object) -> str:
    """The cookie of an account, as Streamlit makes it after signing in."""
    content = {"is_logged_in": True, "provider": "default", "origin": "http://127.0.0.1:1", "iss": "test", "sub": who}
    content |= {"email": f"{who}@example.org", "email_verified": True, "aud": "fusionscope", **claims}
    return f"_streamlit_user={create_signed_value(SECRET, '_streamlit_user', json.dumps(content)).decode()}"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """A server for members below /fusion with a public and a private dataset; cookies of every role."""
    folder = tmp_path_factory.mktemp("door")
    home = folder / "home"
    (folder / "secrets.toml").write_text(AUTH)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FUSIONSCOPE_HOME", str(home))
        shown, secret = (data.add(name, write_tiny(folder / name, n)) for name, n in (("shown", 1), ("secret", 2)))
        for dataset in (shown, secret):
            open_store().ensure_thumbnails(dataset, range(len(dataset)))
        data.set_private("secret", True)
        invitation = invitations.make(1)
    (home / "access.toml").write_text(ACCESS)
    hidden = next(key.decode() for key in secret.keys if key not in set(shown.keys))
    with serve(
        ROOT / "app.py",
        home,
        FUSIONSCOPE_ACCESS="members",
        STREAMLIT_SERVER_BASE_URL_PATH="fusion",
        STREAMLIT_SECRETS_FILES=str(folder / "secrets.toml"),
        health="/fusion/_stcore/health",
    ) as address:
        yield SimpleNamespace(
            address=address,
            home=home,
            shown=shown.keys[0].decode(),
            hidden=hidden,
            invitation=invitation,
            cookies={
                "nobody": "",
                "guest": f"{visitors.INVITATION}={invitation}",
                "member": signed_in("member"),
                "owner": signed_in("owner"),
            },
        )


def status(world: SimpleNamespace, path: str, role: str = "nobody", method: str = "GET", **more) -> int:
    headers = {"Cookie": world.cookies[role]} if world.cookies.get(role) else {}
    return answer(world.address + path, headers | more.pop("headers", {}), method, **more)[0]


def answer(url: str, headers: dict[str, str], method: str = "GET", body: bytes | None = None):
    try:
        with urlopen(Request(url, body, headers, method=method), timeout=20) as got:
            return got.status, dict(got.headers), got.read()
    except HTTPError as error:
        return error.code, dict(error.headers), error.read()


ROUTES: dict[str, tuple[int, int, int, int]] = {
    # route: what nobody, a guest, a member and an owner get
    "/pictures/small/{shown}.webp": (404, 200, 200, 200),
    "/pictures/large/{shown}.webp": (404, 200, 200, 200),
    "/pictures/small/{hidden}.webp": (404, 404, 404, 200),
    "/present/none": (404, 404, 404, 404),
    "/layouts/none": (404, 404, 404, 404),
    "POST /judging/none": (404, 404, 404, 404),
    "POST /live/fuse/none": (404, 200, 200, 200),
    "POST /live/cards/none": (404, 404, 404, 404),
    "/media/none.png": (404, 404, 404, 404),
    "PUT /_stcore/upload_file/none/none": (404, 400, 400, 400),
    "/_stcore/metrics": (404, 404, 404, 200),
    "/_stcore/health": (200, 200, 200, 200),
    "/_stcore/host-config": (200, 200, 200, 200),
    "/": (200, 200, 200, 200),
    "/enter/none": (403, 403, 403, 403),
}


@pytest.mark.parametrize("route", ROUTES)
def test_every_route_as_every_role(world: SimpleNamespace, route: str) -> None:
    method, _, path = route.rpartition(" ")
    path = "/fusion" + path.format(shown=world.shown, hidden=world.hidden)
    got = tuple(status(world, path, role, method or "GET", body=b"{}" if method else None) for role in access.ROLES)
    expected = ROUTES[route]
    if method == "PUT":  # Streamlit refuses one that belongs to no page, after the door has let it pass
        assert got[0] == 404 and all(400 <= code < 500 and code not in {413, 429} for code in got[1:])
    else:
        assert got == expected


def test_the_table_of_routes_holds_each_that_the_app_adds(world: SimpleNamespace) -> None:
    from core.ui.app import invitation_route, thumbnail_route
    from core.ui.components import presenter
    from core.ui.components.judging import judging_route
    from core.ui.components.live_lab import fuse_route
    from core.ui.components.map import layout_stream

    added = (presenter, thumbnail_route, invitation_route, judging_route, fuse_route, layout_stream)
    paths = {route.path.split("{")[0] for module in added for route in module.routes()}
    assert all(any(path in row for row in ROUTES) and path.startswith(gatekeeper.OURS) for path in paths)


@pytest.mark.parametrize(
    "cookie",
    [
        signed_in("owner", aud="another application"),
        signed_in("owner", aud=None),
        signed_in("owner", is_logged_in=False),
        signed_in("owner", email_verified=False),
        signed_in("stranger"),
        signed_in("owner")[:-3] + "AAA",
        f"{visitors.INVITATION}=x",
        "_streamlit_user=; " + visitors.INVITATION + "=",
        "\x00=;;;=,",
    ],
    ids=range(9),
)
def test_no_other_cookie_opens_the_door(world: SimpleNamespace, cookie: str) -> None:
    world.cookies["tried"] = cookie
    assert status(world, f"/fusion/pictures/small/{world.shown}.webp", "tried") in {400, 404}


def test_an_account_that_signed_out_is_out_in_every_tab_and_a_role_can_change(world: SimpleNamespace) -> None:
    path = f"/fusion/pictures/small/{world.hidden}.webp"
    world.cookies["again"] = signed_in("owner", n=1)
    assert status(world, path, "again") == 200
    (world.home / "access.toml").write_text(ACCESS.replace("owner@", "nobody@").replace("member@", "owner@"))
    assert status(world, path, "again") == 404
    (world.home / "access.toml").write_text(ACCESS + "\n")
    assert status(world, path, "again") == 200
    status(world, "/fusion/auth/logout", "again")
    assert status(world, path, "again") == 404 and status(world, path, "owner") == 200


def test_an_invitation_becomes_a_cookie(world: SimpleNamespace) -> None:
    here = urlsplit(world.address)
    import http.client

    connection = http.client.HTTPConnection(here.netloc, timeout=20)
    connection.request("GET", f"/fusion/enter/{world.invitation}", headers={"X-Forwarded-Proto": "https"})
    got = connection.getresponse()
    assert got.status == 303 and got.headers["Location"] == "/fusion"
    cookie = got.headers["Set-Cookie"]
    assert all(part in cookie for part in ("HttpOnly", "Secure", "SameSite=lax", "Path=/fusion"))
    assert got.headers["Referrer-Policy"] == "no-referrer" and "max-age" in got.headers["Strict-Transport-Security"]


def test_uploads_of_visitors_are_few_and_small(world: SimpleNamespace) -> None:
    path = "/fusion/_stcore/upload_file/none/none"
    large = b"0" * (2 * 2**20)
    assert status(world, path, "member", "PUT", body=b"0", headers={"Content-Length": str(len(large))}) == 413
    codes = [status(world, path, "member", "PUT", body=b"0") for _ in range(12)]
    assert codes[-1] == 429
    for _ in range(5):  # Streamlit answers a session it does not know before it has read, and may hang up at once
        with suppress(URLError):
            assert status(world, path, "owner", "PUT", body=large) not in {413, 429}
            break
    else:
        pytest.fail("no answer to an owner's upload in five tries")


def test_every_answer_carries_the_headers_and_no_stranger_reaches_a_route(world: SimpleNamespace) -> None:
    for path in ("/fusion/", "/fusion/_stcore/health", f"/fusion/pictures/small/{world.shown}.webp", "/nothing"):
        _, headers, _ = answer(world.address + path, {})
        lower = {name.lower(): value for name, value in headers.items()}
        assert "frame-ancestors 'self'" in lower["content-security-policy"]
        assert lower["x-content-type-options"] == "nosniff" and lower["referrer-policy"] == "same-origin"
        assert request(world.address, path, upgrade=False, Host="rebound.example") == 403
        assert request(world.address, path, upgrade=False, Origin="http://evil.example") == 403
    assert request(world.address, "/fusion/live/fuse/x", Origin="http://evil.example") == 403
    assert request(world.address, "/fusion/live/fuse/x") == 403  # nobody, though of this page
    assert request(world.address, "/fusion/live/fuse/x", Cookie=world.cookies["guest"]) == 101
    assert request(world.address, "/fusion/_stcore/stream", Origin="http://evil.example") == 403
    assert request(world.address, "/fusion/_stcore/stream") == 101  # the page there asks to sign in


def test_no_page_writes_the_address_of_a_route_by_itself() -> None:
    """Each module of a route has a function that puts the base path before it."""
    routes = {"thumbnail_route", "gatekeeper", "telemetry", "layout_stream", "judging_route", "fuse_route"}
    routes |= {"pick_route", "presenter"}
    wrong = [
        f"{path}: {text}"
        for path in house.FILES
        if path.stem not in routes and path.parent.name not in routes and path.stem != "invitation_route"
        for _, text in house.strings_of(path)
        if text.startswith(gatekeeper.OURS[:6])
    ]
    scripts = [path for path in (ROOT / "core" / "ui").rglob("*.js") if '"/pictures' in path.read_text()]
    assert not wrong and not scripts


# ---------------------------------------------------------------- without a server


def run_alone(work: Coroutine):
    """In a thread of its own: a browser test before this one may have left a loop in the main one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


def test_only_owners_clear_the_caches_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    from streamlit.proto.BackMsg_pb2 import BackMsg

    def passed(role: str) -> list[str]:
        monkeypatch.setattr(visitors, "identify", lambda cookies, address="": access.Visitor(role, "", role))
        messages = [BackMsg(clear_cache=True), BackMsg(set_run_on_save=True), BackMsg(stop_script=True), b"\xff\xff"]
        events = [
            {"type": "websocket.receive", "bytes": m if isinstance(m, bytes) else m.SerializeToString()}
            for m in messages
        ]
        events.append({"type": "websocket.disconnect"})

        async def run() -> list[str]:
            async def receive():
                return events.pop(0)

            door = gatekeeper.Gatekeeper(None)
            take, kinds = door._messages(receive, {}, access.Visitor(role, "", role)), []
            while (event := await take())["type"] != "websocket.disconnect":
                kinds.append(gatekeeper._kind_of(event["bytes"]))
            return kinds

        return run_alone(run())

    assert passed("owner") == ["clear_cache", "set_run_on_save", "stop_script", ""]
    for role in ("nobody", "guest", "member"):
        assert passed(role) == ["stop_script", ""]


def test_a_socket_of_ours_ends_with_the_link_of_its_visitor(monkeypatch: pytest.MonkeyPatch) -> None:
    roles = ["guest", "nobody"]
    monkeypatch.setattr(visitors, "identify", lambda cookies, address="": access.Visitor(roles.pop(0)))
    message = {"type": "websocket.receive", "text": "{}"}

    async def receive():
        return message

    async def run() -> list[str]:
        take = gatekeeper._while_seen(receive, {}, "/live/fuse/x")
        return [(await take())["type"] for _ in range(2)]

    assert run_alone(run()) == ["websocket.receive", "websocket.disconnect"]


def test_what_a_page_asks_beside_streamlit_counts_as_its_messages(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home.mkdir(exist_ok=True)
    (home / "access.toml").write_text("[limits]\nruns = 3\n")
    monkeypatch.setenv("FUSIONSCOPE_ACCESS", "guest")
    passed: list[str] = []

    async def app(scope, receive, send) -> None:
        passed.append(scope["path"])
        await gatekeeper.refuse(scope, receive, send, 200)

    async def run(role: str, path: str) -> list[int]:
        monkeypatch.setattr(visitors, "identify", lambda cookies, address="": access.Visitor(role, "", role))
        codes: list[int] = []

        async def send(message) -> None:
            codes.extend([message["status"]] if "status" in message else [])

        for _ in range(5):
            await door({"type": "http", "method": "POST", "path": path, "headers": []}, None, send)
        return codes

    door = gatekeeper.Gatekeeper(app)
    assert run_alone(run("guest", "/live/cards/x")) == [200, 200, 200, 429, 429]
    assert run_alone(run("guest", "/judging/x")) == [429] * 5 and len(passed) == 3
    assert run_alone(run("owner", "/live/cards/x")) == [200] * 5


def test_a_rate_is_a_bucket_for_each_visitor() -> None:
    rate = gatekeeper.Rate()
    assert [rate.allows("a", 3, 0.0) for _ in range(4)] == [True, True, True, False]
    assert rate.allows("b", 3, 0.0) and not rate.allows("a", 3, 19.0) and rate.allows("a", 3, 41.0)


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("127.0.0.1", "203.0.113.5"),
        ("::ffff:127.0.0.1", "203.0.113.5"),
        ("10.1.2.3", "203.0.113.5"),
        ("192.168.1.7", "192.168.1.7"),
        ("203.0.113.9", "203.0.113.9"),
        ("", ""),
    ],
)
def test_who_a_visitor_is_is_believed_of_named_proxies_alone(
    home: Path, monkeypatch: pytest.MonkeyPatch, peer: str, address: str
) -> None:
    monkeypatch.setenv("FUSIONSCOPE_PROXIES", "10.0.0.0/8, 2001:db8::/32")
    assert visitors.address_of(peer, "198.51.100.1, 203.0.113.5") == address
    assert visitors.address_of(peer, "") == peer


def test_a_proxy_that_is_no_address_is_refused(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUSIONSCOPE_PROXIES", "caddy")
    with pytest.raises(BadInput, match="proxies"):
        access.settings()


@pytest.mark.parametrize(
    ("peer", "headers", "allowed"),
    [
        ("127.0.0.1", {}, True),
        ("::1", {}, True),
        ("192.168.1.7", {}, False),
        ("127.0.0.1", {b"x-forwarded-for": b"203.0.113.5"}, False),
        ("127.0.0.1", {b"forwarded": b"for=1"}, False),
    ],
)
def test_without_a_role_only_this_machine_is_answered(
    monkeypatch: pytest.MonkeyPatch, peer: str, headers: dict[bytes, bytes], allowed: bool
) -> None:
    monkeypatch.delenv("FUSIONSCOPE_ACCESS", raising=False)
    sent: list[dict] = []

    async def app(scope, receive, send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def send(message) -> None:
        sent.append(message)

    scope = {"type": "http", "path": "/", "headers": list(headers.items()), "client": (peer, 1), "server": (peer, 80)}
    run_alone(gatekeeper.Gatekeeper(app)(scope, None, send))
    assert (sent[0]["status"] == 200) is allowed


@pytest.mark.parametrize(
    ("mode", "address", "words"),
    [
        ("", "0.0.0.0", "FUSIONSCOPE_ACCESS=guest"),
        ("local", "", "FUSIONSCOPE_ACCESS=guest"),
        ("open", "127.0.0.1", "trusted"),
        ("guest", "0.0.0.0", ""),
        ("trusted", "0.0.0.0", ""),
        ("", "127.0.0.1", ""),
        ("", "::1", ""),
        ("", "localhost", ""),
    ],
)
def test_a_server_starts_beyond_this_machine_with_a_role_alone(
    monkeypatch: pytest.MonkeyPatch, mode: str, address: str, words: str
) -> None:
    from streamlit import config

    from core.ui.app import start_check

    monkeypatch.setenv("FUSIONSCOPE_ACCESS", mode)
    monkeypatch.setattr(config, "get_option", lambda name: address)
    if not words:
        start_check.may_listen()
        return
    with pytest.raises(SystemExit) as stopped:
        start_check.may_listen()
    assert words in str(stopped.value) and "\n" not in str(stopped.value)


@pytest.mark.slow
def test_the_server_itself_refuses_to_start(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "streamlit", "run", str(ROOT / "app.py"), "--server.address=0.0.0.0"]
    surroundings = {**os.environ, "FUSIONSCOPE_HOME": str(tmp_path)}
    surroundings.pop("FUSIONSCOPE_ACCESS", None)
    made = subprocess.run(command, capture_output=True, text=True, timeout=60, env=surroundings, cwd=ROOT)
    assert made.returncode and "FUSIONSCOPE_ACCESS=guest" in made.stderr and "Traceback" not in made.stderr


def test_a_visitor_has_few_jobs_at_once(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    import threading

    home.mkdir()
    (home / "access.toml").write_text("[limits]\njobs = 1\nall_jobs = 2\n")
    monkeypatch.setenv("FUSIONSCOPE_ACCESS", "guest")
    end, seen = threading.Event(), []
    monkeypatch.setattr(jobs, "_JOBS", {})

    def work(job: jobs.BackgroundJob) -> None:
        seen.append(access.current().key)
        end.wait(20)

    def start(name: str, key: str) -> str:
        with access.acting(access.Visitor("guest", "", key)):
            return jobs.start(name, name, work).state

    assert [start("1", "a"), start("2", "a"), start("3", "b"), start("4", "c")] == ["running", "failed"] * 2
    with access.acting(access.Visitor("guest", "", "a")), pytest.raises(access.visitor.NotAllowed):
        jobs.start("5", "5", work, action="embed")
    with access.acting(access.OWNER):
        assert jobs.start("6", "6", work).state == "running"
    end.set()
    for job in jobs._JOBS.values():
        job.ended.wait(20)
    assert sorted(seen) == ["", "a", "b"]  # each goes on as whoever began it
