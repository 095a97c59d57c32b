"""The web route of invitations: `/enter/TOKEN` keeps the token as a cookie of the browser and leads to the first page."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from core import wording
from core.access import invitations

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute

text = wording.page("access")


def routes() -> list[BaseRoute]:
    """The route to mount beside Streamlit's own."""
    from starlette.routing import Route

    return [Route("/enter/{token}", _enter)]


def _enter(request: Request) -> Response:
    from starlette.responses import PlainTextResponse, RedirectResponse

    from core.ui.app import thumbnail_route, visitors

    token = request.path_params["token"]
    invitation = invitations.read(token)
    if invitation is None:
        return PlainTextResponse(text("error.invitation"), 403, {"Cache-Control": "no-store"})
    base = thumbnail_route.base() or "/"
    answer = RedirectResponse(base, 303, {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})
    lasts = max(1, invitation[1] - int(time.time()))
    answer.set_cookie(visitors.INVITATION, token, max_age=lasts, path=base, httponly=True, samesite="lax")
    return answer
