"""Memory of visitors who have left is given back, also while nobody else comes.

Streamlit keeps a closed session for `server.disconnectedSessionTTL` seconds, so that a lost connection finds its page
again, but it looks for those whose time is over only when the next one closes; and what a session holds (uploads,
images) hangs in reference circles that wait for a full collection of garbage.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import logging
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.uploaded_file_manager import UploadedFile

from core import access
from core.errors import CoreError
from core.ui.app.shared_results import RESULTS

_log = logging.getLogger("fusionscope")
EVERY = 20.0
"""Seconds between two looks."""
_ACTIVE: dict[str, float] = {}
"""Session → when a page of it ran last."""


@asynccontextmanager
async def swept(app: Any) -> AsyncIterator[None]:
    """A lifespan of the app: while it runs, sessions whose time is over are let go."""
    sweeper = asyncio.create_task(_sweep_for_ever())
    try:
        yield
    finally:
        sweeper.cancel()


async def _sweep_for_ever() -> None:
    known = 0
    while True:
        await asyncio.sleep(EVERY)
        try:
            await end_idle()
            await asyncio.to_thread(RESULTS.fit)
        except CoreError as error:  # settings that broke meanwhile
            _log.error("%s", error)
        except Exception:  # of one look; without the next ones nothing would be let go any more
            _log.exception("memory was not looked at")
        n_closed = count_closed()
        if n_closed < known:
            await asyncio.to_thread(collect)
        known = n_closed


def session_id() -> str:
    """The session whose page runs now, "" beside pages."""
    context = get_script_run_ctx(suppress_warning=True)
    return context.session_id if context is not None else ""


def note_active(session: str = "") -> None:
    """A page, or a part of one, runs for somebody; or they work beside it.

    Args:
        session: whose; "" for that of the page that runs now.
    """
    session = session or session_id()
    if session:
        _ACTIVE[session] = time.monotonic()


async def end_idle(now: float | None = None) -> list[str]:
    """End sessions of which no page ran for longer than the settings allow; never on one's own machine.

    What they held is let go at once. A tab that is still open connects anew, and shows what its link says.

    Args:
        now: seconds of `time.monotonic`.
    Returns:
        The sessions that were ended.
    """
    settings, now = access.settings(), time.monotonic() if now is None else now
    if settings.mode == "local" or settings.limits.idle_minutes <= 0 or not runtime.exists():
        return []
    serving: Any = runtime.get_instance()  # what it says of its sessions is no part of its protocol
    active = {info.session.id: info for info in serving._session_mgr.list_active_sessions()}
    for gone in _ACTIVE.keys() - active.keys():
        _ACTIVE.pop(gone, None)
    idle = [name for name in active if now - _ACTIVE.setdefault(name, now) > 60 * settings.limits.idle_minutes]
    for name in idle:
        _ACTIVE.pop(name, None)
        serving.close_session(name)
        with suppress(Exception):  # of whatever lies below: it may have gone by itself
            await active[name].client._websocket.close(1001)
    if idle:
        await asyncio.to_thread(collect)
    return idle


def count_closed() -> int:
    """How many closed sessions may come back; those whose time is over are let go by being counted."""
    manager = getattr(runtime.get_instance(), "_session_mgr", None) if runtime.exists() else None
    return len(getattr(getattr(manager, "_session_storage", None), "_cache", ()))


def collect() -> None:
    """Free what only circles of references keep, and hand free pages back to the system where its C library can."""
    gc.collect()
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL("libc.so.6").malloc_trim(0)


def forget_upload(file: UploadedFile) -> None:
    """Let go of the bytes of a file that was read: the widget that took it would keep them until the session ends."""
    context = get_script_run_ctx(suppress_warning=True)
    if context is not None:
        manager: Any = context.uploaded_file_mgr  # its protocol names only what widgets need
        manager.remove_file(session_id=context.session_id, file_id=file.file_id)
