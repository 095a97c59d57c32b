"""The web route of the thumbnails: `/pictures/SIZE/KEY.webp`, KEY being the hash of the image's content.

What a key shows can never change, so browsers keep each picture for a year and no page ever sends it again.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute

_KEY = re.compile(r"[0-9a-f]{64}")
_FOREVER = {"Cache-Control": "public, max-age=31536000, immutable"}
_PRIVATE = {"Cache-Control": "private, max-age=3600"}
"""Where visitors differ, no proxy keeps what one of them may see."""


def base() -> str:
    """What stands before the address of every route: "" or "/PATH"."""
    from streamlit import config

    path = (config.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{path}" if path else ""


def url(key: str | bytes, size: str = "small") -> str:
    """The address of a thumbnail, below the app's base path; "" for an empty key, of which there is no image."""
    text = key.decode() if isinstance(key, bytes) else str(key)
    if not text:
        return ""
    return f"{base()}/pictures/{size}/{text}.webp"


def pages_are_ours() -> None:
    """Keep Streamlit from listing the folder `pages` by itself.

    It does so until a first run has called `st.navigation`, so that the first link into a fresh server
    (`/fusion_lab?…`) would open the bare file without its frame.
    """
    from streamlit.runtime.pages_manager import PagesManager

    PagesManager.uses_pages_directory = False


def routes() -> list[BaseRoute]:
    """The routes to mount beside Streamlit's own."""
    from starlette.routing import Route

    return [Route("/pictures/{size}/{key}.webp", _thumbnail)]


def _thumbnail(request: Request) -> Response:
    from starlette.responses import Response

    from core import access, data
    from core.errors import CoreError
    from core.store import open_store

    size, key = request.path_params["size"], request.path_params["key"]
    if size not in {"small", "large"} or not _KEY.fullmatch(key):
        return Response(status_code=404)
    try:
        content = open_store().thumbnail(key, size)
    except CoreError:
        content = None
    owner = access.current().is_owner
    if content is None or not (owner or not data.is_hidden(key)):
        return Response(status_code=404, headers={"Cache-Control": "no-store"})
    return Response(
        content, media_type="image/webp", headers=_FOREVER if access.settings().mode == "local" else _PRIVATE
    )
