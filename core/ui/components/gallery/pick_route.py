"""The cards that a click leads to, beside Streamlit: they stand in the grid before the page has run.

A grid posts `{"id"}` to `/live/cards/NAME` when a card of that id was clicked and gets `{"cards"}`; the page runs as well and
has the last word. NAME cannot be guessed and lives as long as the session that holds its `NextCards`. Who may speak at
all is decided before, by `core.ui.app.host_check` and `core.ui.app.gatekeeper`.
"""

from __future__ import annotations

import json
import logging
import secrets
import weakref
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from core.errors import CoreError
from core.ui.app import thumbnail_route

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute

_log = logging.getLogger("fusionscope")
LONGEST = 8_192
"""Bytes of a message."""
_NO_STORE = {"cache-control": "no-store"}


@dataclass(eq=False)
class NextCards:
    """What a click on a card of one grid leads to.

    Attributes:
        cards: id of a card → the next ones, as the browser gets them.
        name: under which it is asked.
    """

    cards: Callable[[str], list[dict[str, Any]]]
    name: str = field(default_factory=lambda: secrets.token_urlsafe(24))

    def __post_init__(self) -> None:
        _OPEN[self.name] = self

    @property
    def address(self) -> str:
        """Where a browser asks."""
        return f"{thumbnail_route.base()}/live/cards/{self.name}"


_OPEN: weakref.WeakValueDictionary[str, NextCards] = weakref.WeakValueDictionary()
"""By name. The browser's session holds its own; when that goes, it goes."""


def routes() -> list[BaseRoute]:
    """The route to mount beside Streamlit's own."""
    from starlette.routing import Route

    return [Route("/live/cards/{name}", _post, methods=["POST"])]


async def _post(request: Request) -> Response:
    from starlette.concurrency import run_in_threadpool
    from starlette.responses import JSONResponse, Response

    entry, body = _OPEN.get(request.path_params["name"]), b""
    if entry is None:
        return Response(status_code=404, headers=_NO_STORE)
    async for part in request.stream():
        body += part
        if len(body) > LONGEST:  # of more nothing is read
            break
    message = None
    with suppress(ValueError, RecursionError):
        message = json.loads(body) if len(body) <= LONGEST else None
    if not isinstance(message, dict) or not isinstance(message.get("id"), str):
        return Response(status_code=400, headers=_NO_STORE)
    try:
        cards = await run_in_threadpool(entry.cards, message["id"])
    except CoreError:
        cards = []  # the page says why
    except Exception:  # noqa: BLE001  the page answers as well, and says what went wrong
        _log.debug("no cards beside the page", exc_info=True)
        cards = []
    return JSONResponse({"cards": cards}, headers=_NO_STORE)
