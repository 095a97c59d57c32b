"""Figures and results under weights that are being dragged, beside Streamlit: no page runs for each of them.

The live lab opens a WebSocket `/live/fuse/NAME`, or posts to it, and sends `{"weights", "names", "query", "metric", "k"}`; an
answer is one binary message (`packed`). NAME is made by a page run, cannot be guessed, and lives as long as the session
that holds its `Fuser`. Of several messages that wait only the newest is answered. Who may speak at all is decided
before, by `core.ui.app.host_check`.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
import secrets
import weakref
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from core import wording
from core.errors import BadInput, CoreError
from core.ui.app import thumbnail_route

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute
    from starlette.websockets import WebSocket

_log = logging.getLogger("fusionscope")
text = wording.page("live_lab")

LONGEST = 65_536
"""Characters of a message; one of twenty backbones has some five hundred."""
MOST_RESULTS = 100
_NO_STORE = {"cache-control": "no-store"}
_POOL = ThreadPoolExecutor(1, thread_name_prefix="live lab")
"""One thread: the kernel shares a ranking among the processors by itself, and holds no lock."""


@dataclass(frozen=True)
class FuseRequest:
    """What a browser asks.

    Attributes:
        shares: backbone → share, none below 0, at least one above.
        query: position of an image in the dataset, −1 for none; k: results wanted.
        metric: the one that the comparison with the best single backbone is in; "" where there are none.
    """

    shares: Mapping[str, float]
    query: int
    metric: str
    k: int


class Fuser(Protocol):
    """What answers requests of one page.

    Attributes:
        names: backbones, in the order of the weights; metrics: keys; n_images: of the dataset.
    """

    names: tuple[str, ...]
    metrics: tuple[str, ...]
    n_images: int

    def answer(self, request: FuseRequest, sent: set[int]) -> dict[str, Any]:
        """The fields of an answer, arrays and plain values; `sent` grows by the images that the browser knows now."""


_FUSERS: weakref.WeakValueDictionary[str, Fuser] = weakref.WeakValueDictionary()
"""By name. Whoever opened one holds it; when the session goes, it goes."""


def open_fuser(fuser: Fuser) -> str:
    """The name under which a fuser is asked from now on, as long as somebody holds it."""
    name = secrets.token_urlsafe(24)
    _FUSERS[name] = fuser
    return name


def address(name: str) -> str:
    """Where a browser asks the fuser of that name."""
    return f"{thumbnail_route.base()}/live/fuse/{name}"


def warm(fuser: Fuser, shares: Mapping[str, float]) -> None:
    """Answer twice beside the page: a first move then meets what is compiled, and it is known how long one takes."""
    metric = fuser.metrics[0] if fuser.metrics else ""

    def work() -> None:
        try:
            for _ in range(2):
                fuser.answer(FuseRequest(shares, -1, metric, 1), set())
        except Exception as error:  # noqa: BLE001  a strategy that cannot be used says so where it is asked
            _log.debug("the live lab could not be warmed: %s", error)

    _POOL.submit(work)


def routes() -> list[BaseRoute]:
    """The routes to mount beside Streamlit's own."""
    from starlette.routing import Route, WebSocketRoute

    path = "/live/fuse/{name}"
    return [WebSocketRoute(path, _socket), Route(path, _post, methods=["POST"])]


# ---------------------------------------------------------------- messages


def read(message: str, fuser: Fuser) -> FuseRequest:
    """A message of a stranger as a request to this fuser.

    Raises:
        BadInput: it is no such message; the sentence says what is wrong with it.
    """
    try:
        fields = json.loads(message) if len(message) <= LONGEST else None
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        raise BadInput(text("error.message"))
    if fields.get("names") != list(fuser.names):
        raise BadInput(text("error.names"))
    shares = _shares(fields.get("weights"), fuser.names)
    metric = _whole(fields.get("metric"), 0, max(len(fuser.metrics), 1) - 1, "metric")
    return FuseRequest(
        shares,
        _whole(fields.get("query"), -1, fuser.n_images - 1, "query"),
        fuser.metrics[metric] if fuser.metrics else "",
        _whole(fields.get("k"), 1, MOST_RESULTS, "k"),
    )


def _shares(weights: object, names: Sequence[str]) -> dict[str, float]:
    if not isinstance(weights, list) or len(weights) != len(names):
        raise BadInput(text("error.length", count=wording.plural(len(names), "backbone")))
    for weight in weights:
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight <= 1:
            raise BadInput(text("error.weight", weight=str(weight)[:40]))
    if not sum(weights) > 0:
        raise BadInput(text("error.nothing"))
    return {name: float(weight) for name, weight in zip(names, weights)}


def _whole(value: object, low: int, high: int, what: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise BadInput(text("error.number", what=what, value=str(value)[:40], low=low, high=high))
    return value


def packed(fields: Mapping[str, Any]) -> bytes:
    """Four bytes, the length of a head in JSON, the head, then the arrays that it names, each at a multiple of 8 bytes.

    Args:
        fields: arrays of float64, float32, int32 or uint8, and values that JSON knows; NaN among them becomes null.
    """
    arrays = {name: np.ascontiguousarray(value) for name, value in fields.items() if isinstance(value, np.ndarray)}
    head = {name: plain(value) for name, value in fields.items() if name not in arrays}
    listed: list[list[Any]] = []
    at = 0
    for name, array in arrays.items():
        listed.append([name, array.dtype.str.lstrip("<|"), at, array.size])
        at += -(-array.nbytes // 8) * 8
    text_of_head = json.dumps({**head, "arrays": listed}, allow_nan=False).encode()
    text_of_head += b" " * (-(4 + len(text_of_head)) % 8)
    parts = [len(text_of_head).to_bytes(4, "little"), text_of_head]
    for array in arrays.values():
        parts += [array.tobytes(), b"\0" * (-array.nbytes % 8)]
    return b"".join(parts)


def plain(value: Any) -> Any:
    """A value as JSON knows it: arrays as lists, null for numbers that are not finite."""
    if isinstance(value, np.ndarray):
        return plain(value.ravel().tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def _answered(name: str, message: str, sent: set[int]) -> bytes:
    """The answer to a message; whatever goes wrong is a sentence in it."""
    fuser = _FUSERS.get(name)
    try:
        if fuser is None:
            raise BadInput(text("error.gone"))
        return packed(fuser.answer(read(message, fuser), sent))
    except CoreError as error:
        problem = str(error)
    except Exception as error:
        _log.exception("the live lab could not answer")
        problem = text("error.unexpected", kind=type(error).__name__)
    return packed({"problem": problem})


# ---------------------------------------------------------------- the two ways


async def _socket(websocket: WebSocket) -> None:
    name, sent = websocket.path_params["name"], set[int]()
    await websocket.accept()
    slot = _Slot()
    reader = asyncio.create_task(slot.fill(websocket))
    try:
        while (message := await slot.take()) is not None:
            body = await asyncio.get_running_loop().run_in_executor(_POOL, _answered, name, message, sent)
            await websocket.send_bytes(body)
    except Exception as error:  # noqa: BLE001  each server has its own for a browser that left in the middle
        _log.debug("a live lab left: %s", type(error).__name__)
    finally:
        reader.cancel()


class _Slot:
    """Holds the newest unanswered message of one browser: a newer one takes its place."""

    def __init__(self) -> None:
        self._message: str | None = None
        self._is_closed = False
        self._news = asyncio.Event()

    async def fill(self, websocket: WebSocket) -> None:
        """Read until the browser leaves."""
        from starlette.websockets import WebSocketDisconnect

        try:
            while True:
                event = await websocket.receive()
                if event["type"] != "websocket.receive":
                    break
                self._message = event.get("text") or ""
                self._news.set()
        except (WebSocketDisconnect, RuntimeError):
            pass
        finally:
            self._is_closed = True
            self._news.set()

    async def take(self) -> str | None:
        """The newest message once there is one; None when the browser has left."""
        await self._news.wait()
        self._news.clear()
        message, self._message = self._message, None
        return None if self._is_closed else message


async def _post(request: Request) -> Response:
    from starlette.responses import Response

    body = b""
    async for part in request.stream():
        body += part
        if len(body) > LONGEST:  # of more nothing is read
            break
    message = body.decode("utf-8", errors="replace")
    loop = asyncio.get_running_loop()
    answer = await loop.run_in_executor(_POOL, _answered, request.path_params["name"], message, set())
    return Response(answer, media_type="application/octet-stream", headers=_NO_STORE)
