"""Files at https addresses: whole, a part, or only their size and time."""

from __future__ import annotations

import hashlib
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from typing import Any

from core.errors import StoreUnusable

_SECONDS = 30
_AGENT = "fusionscope"


@contextmanager
def _answer(address: str, method: str, headers: dict[str, str]) -> Iterator[Any]:
    """The answer of a server.

    Raises:
        FileNotFoundError: there is no such file. StoreUnusable: it refuses or does not answer.
    """
    request = urllib.request.Request(address, method=method, headers={"User-Agent": _AGENT, **headers})
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:
            yield answer
    except urllib.error.HTTPError as error:
        if error.code in (404, 410):
            raise FileNotFoundError(address) from error
        raise StoreUnusable(f"{address} cannot be read: the server answers {error.code} {error.reason}.") from error
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        reason = getattr(error, "reason", error)
        raise StoreUnusable(f"{address} cannot be read ({reason}); check the address and the network.") from error


def get(address: str, offset: int = 0, size: int = -1) -> bytes:
    """The bytes of a file, or at most `size` of them from `offset` on, whether or not the server knows ranges."""
    wanted = {"Range": f"bytes={offset}-{offset + size - 1 if size >= 0 else ''}"} if offset or size >= 0 else {}
    try:
        with _answer(address, "GET", wanted) as answer:
            if wanted and answer.status == 200:  # no ranges here: what comes before is passed over
                answer.read(offset)
            return answer.read(size) if size >= 0 else answer.read()
    except StoreUnusable as error:
        if "answers 416" in str(error):
            return b""
        raise


def head(address: str) -> tuple[int, int] | None:
    """Size, and a time in nanoseconds that changes with the content; None where there is no such file.

    The time is the server's; where it tells none, it is made of the ETag.
    """
    try:
        with _answer(address, "HEAD", {}) as answer:
            headers = answer.headers
    except FileNotFoundError:
        return None
    size = int(headers.get("Content-Length") or 0)
    try:
        return size, int(parsedate_to_datetime(headers["Last-Modified"]).timestamp()) * 10**9
    except (TypeError, ValueError):
        digest = hashlib.sha256(str(headers.get("ETag", "")).encode()).digest()
        return size, int.from_bytes(digest[:6], "big")
