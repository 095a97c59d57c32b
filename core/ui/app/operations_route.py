"""The web routes for whoever runs the server: `/healthz` (it answers), `/readyz` (it can work), `/metrics` (Prometheus).

Numbers are for this machine, straight, or for whoever shows the token of FUSIONSCOPE_METRICS_TOKEN.
"""

from __future__ import annotations

import hmac
import os
from typing import TYPE_CHECKING

from core import access, paths, wording
from core.errors import CoreError
from core.ui.app import telemetry
from core.ui.app.host_check import is_loopback

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute

text = wording.page("access")
_NO_STORE = {"Cache-Control": "no-store"}


def routes() -> list[BaseRoute]:
    """The routes to mount beside Streamlit's own."""
    from starlette.routing import Route

    return [Route("/healthz", _health), Route("/readyz", _ready), Route("/metrics", _metrics)]


async def _health(request: Request) -> Response:
    from starlette.responses import PlainTextResponse

    return PlainTextResponse("ok", headers=_NO_STORE)


def _ready(request: Request) -> Response:
    from starlette.responses import PlainTextResponse

    reason = reason_against()
    return PlainTextResponse(reason or "ok", 503 if reason else 200, _NO_STORE)


def reason_against() -> str:
    """Why no work can be done now; "" where it can. No path is named: everybody may ask."""
    try:
        access.settings()
    except CoreError:
        return text("error.settings_unusable")
    home = paths.home()
    nearest = next((folder for folder in (home, *home.parents) if folder.exists()), home)
    return "" if os.access(nearest, os.R_OK | os.W_OK | os.X_OK) else text("error.home_unusable")


def _metrics(request: Request) -> Response:
    from starlette.responses import Response

    made = telemetry.exposed() if _may_read(request) else None
    if made is None:
        return Response(status_code=404, headers=_NO_STORE)
    return Response(made[0], headers={**_NO_STORE, "Content-Type": made[1]})


def _may_read(request: Request) -> bool:
    token = paths.metrics_token()
    shown = request.headers.get("authorization", "").partition(" ")[2]
    if token:
        return hmac.compare_digest(shown.encode(), token.encode())
    peer = request.client.host if request.client else ""
    proxied = any(name in request.headers for name in ("x-forwarded-for", "forwarded", "x-real-ip"))
    return is_loopback(peer) and not proxied
