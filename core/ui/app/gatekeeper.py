"""The door of the server: who asks for what, below which path, how often, and what every answer says to the browser.

Each request is given its visitor (`visitors.identify`), and runs as them. What nobody may see is not there (404). On one's
own machine the door is open to that machine alone: a request from elsewhere, or through a proxy, needs a role to be set.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping, MutableMapping
from typing import Any

from core import access, wording
from core.access import Visitor
from core.ui.app import telemetry, thumbnail_route, visitors
from core.ui.app.host_check import App, Receive, Scope, Send, is_loopback
from core.ui.app.security_headers import with_headers

_log = logging.getLogger("fusionscope")
shared = wording.page("shared")

_OPERATIONS = ("/healthz", "/readyz", "/metrics")
OURS = ("/pictures/", "/layouts/", "/judging/", "/live/", "/present/", "/enter/", *_OPERATIONS)
"""Paths of the routes beside Streamlit's own, below the base path; how the server is can be asked without it too."""
_FOR_VISITORS = ("/pictures/", "/layouts/", "/judging/", "/live/", "/present/", "/media/", "/_stcore/upload_file/")
_FOR_OWNERS = ("/_stcore/metrics", "/_stcore/script-health-check", "/_stcore/agent/")
_ASKED_OFTEN = ("/live/", "/judging/")
"""Where a page asks beside Streamlit, which costs as much as a run of it."""
_UPLOADS = "/_stcore/upload_file/"
_STREAM = "/_stcore/stream"
_LOGOUT = "/auth/logout"
_MESSAGES_OF_OWNERS = frozenset({"clear_cache", "set_run_on_save", "debug_shutdown_runtime", "load_git_info"})
_MOST_KNOWN = 20_000


class Gatekeeper:
    """ASGI middleware that lets each visitor reach what is theirs."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.uploads, self.runs = Rate(), Rate()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on as its visitor, or refuse it."""
        if scope["type"] not in {"http", "websocket"}:
            await self.app(scope, receive, send)
            return
        headers, path, is_below = _headers_of(scope), path_of(scope), path_of(scope) != scope.get("path")
        scope = _below_base(scope)
        send = with_headers(send, scope, headers) if scope["type"] == "http" else send
        if thumbnail_route.base() and not is_below and path.startswith(OURS) and not path.startswith(_OPERATIONS):
            await refuse(scope, receive, send, 404)  # a page that forgets the base path is wrong behind a proxy too
            return
        if access.settings().mode == "local" and not _is_from_here(scope, headers):
            await refuse(scope, receive, send, 403, shared("error.no_role"))
            return
        cookies = cookies_of(headers)
        visitor = visitors.identify(cookies, _address_of(scope, headers))
        scope["visitor"] = visitor
        if path == _LOGOUT:
            visitors.sign_out(cookies)
        send = self._noted(send, scope, path, visitor)
        if not _sees(visitor, path):
            await refuse(scope, receive, send, 404)
        elif path.startswith(_UPLOADS) and scope.get("method") in {"PUT", "POST"}:
            await self._upload(scope, receive, send, visitor, headers)
        elif path == _STREAM:
            await self.app(scope, self._messages(receive, cookies, visitor), send)
        elif scope["type"] == "websocket":
            with access.acting(visitor):
                await self.app(scope, _while_seen(receive, cookies, path), send)
        elif scope.get("method") == "POST" and path.startswith(_ASKED_OFTEN) and not self._may_ask(visitor):
            await refuse(scope, receive, send, 429, shared("error.too_often"))
        else:
            with access.acting(visitor):
                await self.app(scope, receive, send)

    def _may_ask(self, visitor: Visitor) -> bool:
        """Whether a page of theirs may ask for something beside Streamlit: it counts as a message of the page."""
        return visitor.is_owner or self.runs.allows(visitor.key, access.settings().limits.runs)

    def _noted(self, send: Send, scope: Scope, path: str, visitor: Visitor) -> Send:
        """`send`, but the request is counted as its answer begins."""
        began, kind = time.perf_counter(), telemetry.kind_of(path)

        async def sent(message: MutableMapping[str, Any]) -> None:
            if message["type"] in {"http.response.start", "websocket.accept", "websocket.close"}:
                status = message.get("status", 101 if message["type"] == "websocket.accept" else 403)
                telemetry.note(kind, visitor, time.perf_counter() - began, status, str(scope.get("method", "")))
            await send(message)

        return sent

    async def _upload(
        self, scope: Scope, receive: Receive, send: Send, visitor: Visitor, headers: Mapping[str, str]
    ) -> None:
        limits = access.settings().limits
        most = limits.upload_mb * 2**20 + 64 * 1024
        length = headers.get("content-length", "")
        if not visitor.is_owner:
            if not self.uploads.allows(visitor.key, limits.uploads):
                await refuse(scope, receive, send, 429, shared("error.too_often"))
                return
            if not length.isdecimal() or int(length) > most:
                await refuse(scope, receive, send, 413, shared("error.upload", most=limits.upload_mb))
                return
        with access.acting(visitor):
            await self.app(scope, receive, send)

    def _messages(self, receive: Receive, cookies: Mapping[str, str], visitor: Visitor) -> Receive:
        """What a page sends, without what only owners may; somebody who sends too much is slowed down."""

        async def passed() -> Any:
            """The next event that this visitor may send."""
            while True:
                event = await receive()
                role = visitors.identify(cookies).role
                if event["type"] != "websocket.receive" or access.ACTIONS["cache.clear"].allows(role):
                    return event
                kind = _kind_of(event.get("bytes") or b"")
                if kind in _MESSAGES_OF_OWNERS:
                    _log.warning("refused the message %s of %s", kind, visitor.key or "a visitor")
                    continue
                if kind == "rerun_script":
                    await self.runs.wait(visitor.key, access.settings().limits.runs)
                return event

        return passed


class Rate:
    """So many a minute for each key: a bucket that fills steadily."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def allows(self, key: str, per_minute: int, now: float | None = None) -> bool:
        """Take one; False where none is left.

        Args:
            now: seconds of a clock that only rises; by default that of the system.
        """
        return self._owed(key, per_minute, now, take_none=True) <= 0

    async def wait(self, key: str, per_minute: int) -> None:
        """Take one, as soon as there is one."""
        import asyncio

        owed = self._owed(key, per_minute, None)
        if owed > 0:
            await asyncio.sleep(min(owed, 10.0))

    def _owed(self, key: str, per_minute: int, now: float | None, take_none: bool = False) -> float:
        """Seconds until there is one; 0 where there was."""
        now = time.monotonic() if now is None else now
        rate = max(per_minute, 1) / 60
        with self._lock:
            left, then = self._left.pop(key, (float(max(per_minute, 1)), now))
            left = min(float(max(per_minute, 1)), left + (now - then) * rate)
            taken = left >= 1 or not take_none
            self._left[key] = (left - 1 if taken else left, now)
            while len(self._left) > _MOST_KNOWN:
                self._left.popitem(last=False)
        return 0.0 if left >= 1 else (1 - left) / rate


def _sees(visitor: Visitor, path: str) -> bool:
    """Whether there is anything at a path for a visitor."""
    if path.startswith(_FOR_OWNERS):
        return visitor.is_owner
    if path.startswith(_FOR_VISITORS):
        return access.ACTIONS["query.upload" if path.startswith(_UPLOADS) else "look"].allows(visitor.role)
    return True


def _while_seen(receive: Receive, cookies: Mapping[str, str], path: str) -> Receive:
    """What a page sends over a socket of ours, as long as its visitor may look there: a link may end meanwhile."""

    async def passed() -> Any:
        event = await receive()
        if event["type"] == "websocket.receive" and not _sees(visitors.identify(cookies), path):
            return {"type": "websocket.disconnect", "code": 1008}
        return event

    return passed


async def refuse(scope: Scope, receive: Receive, send: Send, status: int, sentence: str = "") -> None:
    """Answer with a status and a sentence; a socket is closed before it opens."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008, "reason": "refused"})
        return
    body = sentence.encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"cache-control", b"no-store")]
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def path_of(scope: Scope) -> str:
    """The path of a request below the base path."""
    path, base = str(scope.get("path", "")), thumbnail_route.base()
    return path[len(base) :] if base and path.startswith(f"{base}/") else path


def _below_base(scope: Scope) -> Scope:
    """The request as our routes know it: without the base path. Streamlit's own expect it."""
    path = path_of(scope)
    return {**scope, "path": path, "raw_path": path.encode()} if path.startswith(OURS) else {**scope}


def _headers_of(scope: Scope) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}


def cookies_of(headers: Mapping[str, str]) -> dict[str, str]:
    """The cookies of a request."""
    from starlette.requests import cookie_parser

    return cookie_parser(headers.get("cookie", ""))


def _address_of(scope: Scope, headers: Mapping[str, str]) -> str:
    peer = str((scope.get("client") or ("", 0))[0] or "")
    return visitors.address_of(peer, headers.get("x-forwarded-for", ""))


def _is_from_here(scope: Scope, headers: Mapping[str, str]) -> bool:
    """Whether a request comes from this machine, and straight: not through a proxy that others reach."""
    served, peer = (str((scope.get(end) or ("", 0))[0] or "") for end in ("server", "client"))
    straight = not headers.keys() & {"forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip"}
    return straight and all(not end or end == "testclient" or is_loopback(end) for end in (served, peer))


def _kind_of(message: bytes) -> str:
    """What a page's message is, "" for what is none."""
    from streamlit.proto.BackMsg_pb2 import BackMsg

    read = BackMsg()
    try:
        read.ParseFromString(message)
    except Exception:  # noqa: BLE001  its own class has no types; Streamlit closes the connection
        return ""
    return str(read.WhichOneof("type") or "")
