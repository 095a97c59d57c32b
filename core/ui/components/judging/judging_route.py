"""Clicks on their way from the browser to the disk, beside Streamlit: no page runs again for any of them.

A browser posts `{"id", "click"}`, `{"undo": true}` or `{}` to `/judging/NAME`, and gets the next questions and what is
known now. Names are not to be guessed; nothing else can be asked for.
"""

from __future__ import annotations

import hashlib
import json
import threading
import weakref
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from core.errors import CoreError
from core.studies import judging_sentences
from core.studies.judging_lists import TEXT
from core.studies.judging_session import JudgingSession, Shown
from core.ui.app import session_memory, thumbnail_route

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute

LONGEST_BODY = 1000
LONGEST_WISH = 60
PREFETCHED = 6
_NO_STORE = {"cache-control": "no-store"}


@dataclass(eq=False)
class OpenSession:
    """A session that may be answered; one click at a time.

    Attributes:
        name: under which it is asked.
        prepare: makes the thumbnails of content keys that are shown soon, where there are none yet.
        browser: Streamlit's session, which is in use while it is answered.
    """

    name: str
    session: JudgingSession
    prepare: Callable[[Sequence[str]], None]
    browser: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)


_OPEN: weakref.WeakValueDictionary[str, OpenSession] = weakref.WeakValueDictionary()
"""By name. The browser's session holds its own; when that goes, it goes."""


def opened(
    session: JudgingSession, visitor: str, prepare: Callable[[Sequence[str]], None] = lambda keys: None
) -> OpenSession:
    """A session under a name that nobody else can guess, as long as somebody holds what is returned.

    Args:
        visitor: a secret of the browser's session.
        prepare: called with the content keys of the images that are shown soon.
    """
    secret = repr((visitor, session.name, session.judge, session.everyone))
    name = hashlib.sha256(secret.encode()).hexdigest()[:32]
    _OPEN[name] = entry = OpenSession(name, session, prepare, session_memory.session_id())
    return entry


def address(name: str) -> str:
    """Where a browser sends the clicks of that name."""
    return f"{thumbnail_route.base()}/judging/{name}"


def routes() -> list[BaseRoute]:
    """The route to mount beside Streamlit's own."""
    from starlette.routing import Route

    return [Route("/judging/{name}", _click, methods=["POST"])]


async def _click(request: Request) -> Response:
    from starlette.concurrency import run_in_threadpool
    from starlette.responses import JSONResponse, Response

    entry = _OPEN.get(request.path_params["name"])
    if entry is None:
        return Response(status_code=404, headers=_NO_STORE)
    length = request.headers.get("content-length", "")
    message = None
    if length.isdecimal() and int(length) <= LONGEST_BODY:  # else nothing of it is read
        with suppress(ValueError, RecursionError):
            message = json.loads(await request.body())
    if not isinstance(message, dict):
        return Response(status_code=400, headers=_NO_STORE)
    try:
        content = await run_in_threadpool(_take, entry, message)
    except CoreError as error:
        return JSONResponse({"error": str(error)}, status_code=409, headers=_NO_STORE)
    return JSONResponse(content, headers=_NO_STORE)


def _take(entry: OpenSession, message: dict[str, Any]) -> dict[str, Any]:
    if entry.browser:
        session_memory.note_active(entry.browser)
    with entry.lock:
        if message.get("undo"):
            wish = message["undo"]
            entry.session.undo(wish[:LONGEST_WISH] if isinstance(wish, str) else "")
        elif "id" in message:
            entry.session.answer(str(message["id"]), str(message.get("click", "")))
        return reply(entry.session, entry.prepare)


def reply(session: JudgingSession, prepare: Callable[[Sequence[str]], None] = lambda keys: None) -> dict[str, Any]:
    """What a browser gets: the next questions, and what is known."""
    upcoming = session.questions(PREFETCHED)
    with suppress(CoreError):  # an image that cannot be shown says so in its place
        prepare([key for shown in upcoming for key in (shown.query, *shown.left, *shown.right)])
    questions = [_as_data(shown) for shown in upcoming]
    return {"questions": questions, "state": judging_sentences.live(session)}


def _as_data(shown: Shown) -> dict[str, Any]:
    is_text = shown.query.startswith(TEXT)
    return {
        "id": shown.id,
        "text": shown.query.removeprefix(TEXT) if is_text else "",
        "query": "" if is_text else thumbnail_route.url(shown.query, "large"),
        "left": [thumbnail_route.url(key, "large") for key in shown.left],
        "right": [thumbnail_route.url(key, "large") for key in shown.right],
    }
