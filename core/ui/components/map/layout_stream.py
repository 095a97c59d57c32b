"""Layouts on their way from a job to the browser, beside Streamlit: no page runs again for each of them.

The map asks `/layouts/NAME?after=NUMBER` and is answered as soon as there is a newer layout, or when a moment has
passed, so that what is going on can be told all the same. Names are not to be guessed; nothing else can be asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np

from core.projection import framed
from core.ui.app import thumbnail_route

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute

MOST_STREAMS = 64
_LOOK_EVERY, _LOOKS = 0.015, 30
_NO_STORE = {"Cache-Control": "no-store"}


@dataclass
class Stream:
    """The newest layout of one job.

    Attributes:
        turned: (n, dims) → (n, dims), how a layout is laid beside another map before it is shown.
        note: what is going on, for people.
    """

    turned: Callable[[np.ndarray], np.ndarray] = field(default=lambda xy: xy)
    note: str = ""
    _newest: tuple[int, str, int, bytes] = (0, "running", 2, b"")

    def put(self, xy: np.ndarray, *, whole: bool = False) -> None:
        """A newer layout; the last one when it is `whole`. Called from the job's thread."""
        number, state, _, _ = self._newest
        if state == "running":
            shown = framed(self.turned(xy))
            self._newest = (number + 1, "whole" if whole else state, xy.shape[1], shown.astype("<f4").tobytes())

    def end(self) -> None:
        """Nothing more comes, whether or not the layout is whole."""
        number, state, dims, body = self._newest
        self._newest = (number, "ended" if state == "running" else state, dims, body)

    @property
    def running(self) -> bool:
        """True while newer layouts may come."""
        return self._newest[1] == "running"

    def newest(self) -> tuple[int, str, int, bytes]:
        """Number, state ("running", "whole", "ended"), dims, and (n, dims) little-endian float32."""
        return self._newest


_STREAMS: dict[str, Stream] = {}
"""By name. In no cache of Streamlit: any browser may ask for those to be cleared."""


def open_stream(name: str, turned: Callable[[np.ndarray], np.ndarray] | None = None) -> Stream:
    """A stream under a name that nobody can guess; the oldest ended ones go when there are many."""
    for old in [key for key, stream in list(_STREAMS.items()) if not stream.running][: -MOST_STREAMS or None]:
        _STREAMS.pop(old, None)
    made = _STREAMS[name] = Stream() if turned is None else Stream(turned)
    return made


def address(name: str) -> str:
    """Where a browser asks for the layouts of that name; "" where none came to an end or are to be waited for.

    A whole layout is handed out too: it may have come while the page was still being drawn.
    """
    stream = _STREAMS.get(name)
    return f"{thumbnail_route.base()}/layouts/{name}" if stream is not None and stream.newest()[1] != "ended" else ""


def routes() -> list[BaseRoute]:
    """The route to mount beside Streamlit's own."""
    from starlette.routing import Route

    return [Route("/layouts/{name}", _layout)]


async def _layout(request: Request) -> Response:
    from starlette.responses import Response

    stream = _STREAMS.get(request.path_params["name"])
    after_text = request.query_params.get("after", "")
    after = int(after_text) if after_text.isdecimal() and len(after_text) < 10 else 0
    if stream is None:
        return Response(status_code=404, headers=_NO_STORE)
    for _ in range(_LOOKS):
        number, state, _, _ = stream.newest()
        if number > after or state != "running":
            break
        await asyncio.sleep(_LOOK_EVERY)
    number, state, dims, body = stream.newest()
    headers: dict[str, Any] = {
        "X-Number": str(number),
        "X-State": state,
        "X-Dims": str(dims),
        "X-Note": quote(stream.note),
    }
    return Response(
        body if number > after else b"", media_type="application/octet-stream", headers={**_NO_STORE, **headers}
    )
