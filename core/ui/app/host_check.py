"""Who may speak to the server: pages of the addresses it serves, and no page of a stranger.

A stranger's page that is open in the same browser can send requests to this machine, and its name may be made to point
here (DNS rebinding). So the Host of every request must be an address that is served, and where a page sent it, its
Origin must be that same address. `FUSIONSCOPE_HOSTS` adds names, such as that of a proxy.

Source: RFC 6454 (origins), RFC 6455 section 10.2 (WebSocket), Fetch Metadata (Sec-Fetch-Site).
"""

from __future__ import annotations

import functools
import ipaddress
import logging
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from core import paths, wording

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_log = logging.getLogger("fusionscope")
shared = wording.page("shared")


class HostCheck:
    """ASGI middleware that answers 403 to requests which `reason_against` refuses."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it at once."""
        if scope["type"] not in {"http", "websocket"}:
            await self.app(scope, receive, send)
            return
        reason = reason_against(scope)
        if not reason:
            await self.app(_as_same_origin(scope), receive, send)
            return
        _log.warning("refused a request for %r: %s", scope.get("path"), reason)
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": "refused"})
            return
        body = shared("error.refused", reason=reason).encode()
        headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 403, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def reason_against(scope: Scope) -> str:
    """Why a request is refused; "" for one that may pass.

    Args:
        scope: of ASGI, type "http" or "websocket".
    """
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    served = str((scope.get("server") or ("", 0))[0] or "")
    host, origin = headers.get("host", ""), headers.get("origin")
    if not is_served(_name_of(f"//{host}"), served):
        return shared("phrase.no_address")
    if origin is None:
        if scope["type"] == "websocket":
            return shared("phrase.no_page")
        foreign = headers.get("sec-fetch-site") == "cross-site" and headers.get("sec-fetch-mode") != "navigate"
        return shared("phrase.other_site") if foreign else ""
    if _netloc_of(origin) == host.lower() or _name_of(origin) in paths.served_names():
        return ""
    return shared("phrase.other_site")


def _name_of(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return ""


def _netloc_of(url: str) -> str:
    try:
        return urlsplit(url).netloc.lower()
    except ValueError:
        return ""


def is_served(name: str, address: str) -> bool:
    """Whether a host is one that this server answers to.

    Args:
        name: of the Host header, lower case, without port.
        address: the local address at which the request came in, "" for a Unix socket.
    """
    if name == "localhost" or name.endswith(".localhost") or name in paths.served_names():
        return True
    try:
        literal = ipaddress.ip_address(name)
    except ValueError:
        return not is_loopback(address) and name in _machine_names()
    return literal.is_loopback or literal == _ip(address)


def is_loopback(address: str) -> bool:
    """Whether an address is one of this machine alone."""
    literal = _ip(address)
    return literal is not None and literal.is_loopback


def _ip(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """An address; one of version 4 that came in at a socket of version 6 is one of version 4."""
    try:
        literal = ipaddress.ip_address(address)
    except ValueError:
        return None
    return getattr(literal, "ipv4_mapped", None) or literal


@functools.cache
def _machine_names() -> frozenset[str]:
    """What this machine is called in its own network."""
    name = socket.gethostname().lower()
    return frozenset({name, f"{name.partition('.')[0]}.local"})


def _as_same_origin(scope: Scope) -> Scope:
    """The request as Streamlit takes it: a page behind a proxy, which was checked here, counts as one of the Host's."""
    origin = next((value for name, value in scope["headers"] if name.lower() == b"origin"), None)
    if origin is None:
        return scope
    netloc = _netloc_of(origin.decode("latin-1")).encode("latin-1")
    headers = [(name, netloc if name.lower() == b"host" else value) for name, value in scope["headers"]]
    return {**scope, "headers": headers}


def ask_nobody_for_the_address() -> None:
    """Keep Streamlit from asking a server on the internet for the address of this machine, which takes seconds."""
    from streamlit import net_util

    net_util.get_external_ip = lambda: None
